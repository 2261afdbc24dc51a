/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Snapshots (docs/vix-semantics.md, section 15).
 */

#include "calls.h"

VixError VixVM_GetNumRootSnapshots(VixHandle vmHandle, int *result)
{
    struct call call = begin(__func__);
    put_handle(&call, VIX_HANDLETYPE_VM, vmHandle);
    return answer_number(&call, result);
}

VixError VixVM_GetRootSnapshot(VixHandle vmHandle, int index, VixHandle *snapshotHandle)
{
    struct call call = begin(__func__);
    put_handle(&call, VIX_HANDLETYPE_VM, vmHandle);
    put_number(&call, index);
    return answer_snapshot(&call, snapshotHandle);
}

VixError VixVM_GetCurrentSnapshot(VixHandle vmHandle, VixHandle *snapshotHandle)
{
    struct call call = begin(__func__);
    put_handle(&call, VIX_HANDLETYPE_VM, vmHandle);
    return answer_snapshot(&call, snapshotHandle);
}

VixError VixVM_GetNamedSnapshot(VixHandle vmHandle, const char *name, VixHandle *snapshotHandle)
{
    struct call call = begin(__func__);
    put_handle(&call, VIX_HANDLETYPE_VM, vmHandle);
    put_text(&call, name);
    return answer_snapshot(&call, snapshotHandle);
}

VixHandle VixVM_RemoveSnapshot(VixHandle vmHandle, VixHandle snapshotHandle, VixRemoveSnapshotOptions options, VixEventProc *callbackProc, void *clientData)
{
    struct call call = begin(__func__);
    put_handle(&call, VIX_HANDLETYPE_VM, vmHandle);
    put_handle(&call, VIX_HANDLETYPE_SNAPSHOT, snapshotHandle);
    put_number(&call, options);
    return start(&call, callbackProc, clientData);
}

VixHandle VixVM_RevertToSnapshot(VixHandle vmHandle, VixHandle snapshotHandle, VixVMPowerOpOptions options, VixHandle propertyListHandle,
                                 VixEventProc *callbackProc, void *clientData)
{
    struct call call = begin(__func__);
    put_handle(&call, VIX_HANDLETYPE_VM, vmHandle);
    put_handle(&call, VIX_HANDLETYPE_SNAPSHOT, snapshotHandle);
    put_number(&call, options);
    put_no_list(&call, propertyListHandle);
    return start(&call, callbackProc, clientData);
}

VixHandle VixVM_CreateSnapshot(VixHandle vmHandle, const char *name, const char *description, VixCreateSnapshotOptions options, VixHandle propertyListHandle,
                               VixEventProc *callbackProc, void *clientData)
{
    struct call call = begin(__func__);
    put_handle(&call, VIX_HANDLETYPE_VM, vmHandle);
    put_text_or_null(&call, name);
    put_text_or_null(&call, description);
    put_number(&call, options);
    put_no_list(&call, propertyListHandle);
    return start(&call, callbackProc, clientData);
}

VixError VixSnapshot_GetNumChildren(VixHandle parentSnapshotHandle, int *numChildSnapshots)
{
    struct call call = begin(__func__);
    put_handle(&call, VIX_HANDLETYPE_SNAPSHOT, parentSnapshotHandle);
    return answer_number(&call, numChildSnapshots);
}

VixError VixSnapshot_GetChild(VixHandle parentSnapshotHandle, int index, VixHandle *childSnapshotHandle)
{
    struct call call = begin(__func__);
    put_handle(&call, VIX_HANDLETYPE_SNAPSHOT, parentSnapshotHandle);
    put_number(&call, index);
    return answer_snapshot(&call, childSnapshotHandle);
}

VixError VixSnapshot_GetParent(VixHandle snapshotHandle, VixHandle *parentSnapshotHandle)
{
    struct call call = begin(__func__);
    put_handle(&call, VIX_HANDLETYPE_SNAPSHOT, snapshotHandle);
    return answer_snapshot(&call, parentSnapshotHandle);
}
