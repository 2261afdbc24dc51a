/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * VMs: power, shared folders, clones, upgrades (docs/vix-semantics.md, sections 11 to 14, 22 and 24).
 */

#include "calls.h"

VixHandle VixVM_Open(VixHandle hostHandle, const char *vmxFilePathName, VixEventProc *callbackProc, void *clientData)
{
    struct call call = begin(__func__);
    put_handle(&call, VIX_HANDLETYPE_HOST, hostHandle);
    put_text(&call, vmxFilePathName);
    return start(&call, callbackProc, clientData);
}

VixHandle VixVM_PowerOn(VixHandle vmHandle, VixVMPowerOpOptions powerOnOptions, VixHandle propertyListHandle, VixEventProc *callbackProc, void *clientData)
{
    struct call call = begin(__func__);
    put_handle(&call, VIX_HANDLETYPE_VM, vmHandle);
    put_number(&call, powerOnOptions);
    put_no_list(&call, propertyListHandle);
    return start(&call, callbackProc, clientData);
}

VixHandle VixVM_PowerOff(VixHandle vmHandle, VixVMPowerOpOptions powerOffOptions, VixEventProc *callbackProc, void *clientData)
{
    struct call call = begin(__func__);
    put_handle(&call, VIX_HANDLETYPE_VM, vmHandle);
    put_number(&call, powerOffOptions);
    return start(&call, callbackProc, clientData);
}

VixHandle VixVM_Reset(VixHandle vmHandle, VixVMPowerOpOptions resetOptions, VixEventProc *callbackProc, void *clientData)
{
    struct call call = begin(__func__);
    put_handle(&call, VIX_HANDLETYPE_VM, vmHandle);
    put_number(&call, resetOptions);
    return start(&call, callbackProc, clientData);
}

VixHandle VixVM_Suspend(VixHandle vmHandle, VixVMPowerOpOptions suspendOptions, VixEventProc *callbackProc, void *clientData)
{
    struct call call = begin(__func__);
    put_handle(&call, VIX_HANDLETYPE_VM, vmHandle);
    put_fixed(&call, suspendOptions, 0);
    return start(&call, callbackProc, clientData);
}

VixHandle VixVM_Pause(VixHandle vmHandle, int options, VixHandle propertyList, VixEventProc *callbackProc, void *clientData)
{
    struct call call = begin(__func__);
    put_handle(&call, VIX_HANDLETYPE_VM, vmHandle);
    put_fixed(&call, options, 0);
    put_no_list(&call, propertyList);
    return start(&call, callbackProc, clientData);
}

VixHandle VixVM_Unpause(VixHandle vmHandle, int options, VixHandle propertyList, VixEventProc *callbackProc, void *clientData)
{
    struct call call = begin(__func__);
    put_handle(&call, VIX_HANDLETYPE_VM, vmHandle);
    put_fixed(&call, options, 0);
    put_no_list(&call, propertyList);
    return start(&call, callbackProc, clientData);
}

VixHandle VixVM_Delete(VixHandle vmHandle, VixVMDeleteOptions deleteOptions, VixEventProc *callbackProc, void *clientData)
{
    struct call call = begin(__func__);
    put_handle(&call, VIX_HANDLETYPE_VM, vmHandle);
    put_number(&call, deleteOptions);
    return start(&call, callbackProc, clientData);
}

VixHandle VixVM_EnableSharedFolders(VixHandle vmHandle, Bool enabled, int options, VixEventProc *callbackProc, void *clientData)
{
    struct call call = begin(__func__);
    put_handle(&call, VIX_HANDLETYPE_VM, vmHandle);
    put_number(&call, enabled != 0);
    put_fixed(&call, options, 0);
    return start(&call, callbackProc, clientData);
}

VixHandle VixVM_GetNumSharedFolders(VixHandle vmHandle, VixEventProc *callbackProc, void *clientData)
{
    struct call call = begin(__func__);
    put_handle(&call, VIX_HANDLETYPE_VM, vmHandle);
    return start(&call, callbackProc, clientData);
}

VixHandle VixVM_GetSharedFolderState(VixHandle vmHandle, int index, VixEventProc *callbackProc, void *clientData)
{
    struct call call = begin(__func__);
    put_handle(&call, VIX_HANDLETYPE_VM, vmHandle);
    put_number(&call, index);
    return start(&call, callbackProc, clientData);
}

VixHandle VixVM_SetSharedFolderState(VixHandle vmHandle, const char *shareName, const char *hostPathName, VixMsgSharedFolderOptions flags,
                                     VixEventProc *callbackProc, void *clientData)
{
    struct call call = begin(__func__);
    put_handle(&call, VIX_HANDLETYPE_VM, vmHandle);
    put_text(&call, shareName);
    put_text(&call, hostPathName);
    put_number(&call, flags);
    return start(&call, callbackProc, clientData);
}

VixHandle VixVM_AddSharedFolder(VixHandle vmHandle, const char *shareName, const char *hostPathName, VixMsgSharedFolderOptions flags,
                                VixEventProc *callbackProc, void *clientData)
{
    struct call call = begin(__func__);
    put_handle(&call, VIX_HANDLETYPE_VM, vmHandle);
    put_text(&call, shareName);
    put_text(&call, hostPathName);
    put_number(&call, flags);
    return start(&call, callbackProc, clientData);
}

VixHandle VixVM_RemoveSharedFolder(VixHandle vmHandle, const char *shareName, int flags, VixEventProc *callbackProc, void *clientData)
{
    struct call call = begin(__func__);
    put_handle(&call, VIX_HANDLETYPE_VM, vmHandle);
    put_text(&call, shareName);
    put_fixed(&call, flags, 0);
    return start(&call, callbackProc, clientData);
}

VixHandle VixVM_Clone(VixHandle vmHandle, VixHandle snapshotHandle, VixCloneType cloneType, const char *destConfigPathName, int options,
                      VixHandle propertyListHandle, VixEventProc *callbackProc, void *clientData)
{
    struct call call = begin(__func__);
    put_handle(&call, VIX_HANDLETYPE_VM, vmHandle);
    put_snapshot_or_none(&call, snapshotHandle);
    put_number(&call, cloneType);
    put_text(&call, destConfigPathName);
    put_fixed(&call, options, 0);
    put_no_list(&call, propertyListHandle);
    return start(&call, callbackProc, clientData);
}

VixHandle VixVM_UpgradeVirtualHardware(VixHandle vmHandle, int options, VixEventProc *callbackProc, void *clientData)
{
    struct call call = begin(__func__);
    put_handle(&call, VIX_HANDLETYPE_VM, vmHandle);
    put_fixed(&call, options, 0);
    return start(&call, callbackProc, clientData);
}

VixHandle VixVM_InstallTools(VixHandle vmHandle, int options, const char *commandLineArgs, VixEventProc *callbackProc, void *clientData)
{
    struct call call = begin(__func__);
    put_handle(&call, VIX_HANDLETYPE_VM, vmHandle);
    put_number(&call, options);
    put_null(&call, commandLineArgs);
    return start(&call, callbackProc, clientData);
}

/*
 * Removed from the header in version 1.11, and still exported by VMware's library: older clients bind them when they load
 * (docs/vix-semantics.md, section 2.6). Clients that call them declare them themselves.
 */

VixHandle VixVM_BeginRecording(VixHandle vmHandle, const char *displayName, const char *description, int options, VixHandle propertyListHandle,
                               VixEventProc *callbackProc, void *clientData);
VixHandle VixVM_EndRecording(VixHandle vmHandle, int options, VixHandle propertyListHandle, VixEventProc *callbackProc, void *clientData);
VixHandle VixVM_BeginReplay(VixHandle vmHandle, VixHandle snapshotHandle, int options, VixHandle propertyListHandle, VixEventProc *callbackProc,
                            void *clientData);
VixHandle VixVM_EndReplay(VixHandle vmHandle, int options, VixHandle propertyListHandle, VixEventProc *callbackProc, void *clientData);
VixHandle VixVM_OpenUrlInGuest(VixHandle vmHandle, const char *url, int windowState, VixHandle propertyListHandle, VixEventProc *callbackProc,
                               void *clientData);
void Vix_PumpEvents(VixHandle hostHandle, int options);

VixHandle VixVM_BeginRecording(VixHandle vmHandle, const char *displayName, const char *description, int options, VixHandle propertyListHandle,
                               VixEventProc *callbackProc, void *clientData)
{
    (void)displayName, (void)description, (void)options, (void)propertyListHandle;
    return start_unsupported(__func__, vmHandle, callbackProc, clientData);
}

VixHandle VixVM_EndRecording(VixHandle vmHandle, int options, VixHandle propertyListHandle, VixEventProc *callbackProc, void *clientData)
{
    (void)options, (void)propertyListHandle;
    return start_unsupported(__func__, vmHandle, callbackProc, clientData);
}

VixHandle VixVM_BeginReplay(VixHandle vmHandle, VixHandle snapshotHandle, int options, VixHandle propertyListHandle, VixEventProc *callbackProc,
                            void *clientData)
{
    (void)snapshotHandle, (void)options, (void)propertyListHandle;
    return start_unsupported(__func__, vmHandle, callbackProc, clientData);
}

VixHandle VixVM_EndReplay(VixHandle vmHandle, int options, VixHandle propertyListHandle, VixEventProc *callbackProc, void *clientData)
{
    (void)options, (void)propertyListHandle;
    return start_unsupported(__func__, vmHandle, callbackProc, clientData);
}

VixHandle VixVM_OpenUrlInGuest(VixHandle vmHandle, const char *url, int windowState, VixHandle propertyListHandle, VixEventProc *callbackProc,
                               void *clientData)
{
    (void)url, (void)windowState, (void)propertyListHandle;
    return start_unsupported(__func__, vmHandle, callbackProc, clientData);
}

void Vix_PumpEvents(VixHandle hostHandle, int options)
{
    /* Only clients that had asked for a pump received their events here. OpenVIX always calls callbacks on a thread of the library. */
    (void)hostHandle, (void)options;
}
