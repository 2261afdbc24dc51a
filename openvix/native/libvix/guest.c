/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Guests: tools, login, programs, files, variables, screen (docs/vix-semantics.md, sections 16 to 21 and 23).
 */

#include "calls.h"

VixHandle VixVM_WaitForToolsInGuest(VixHandle vmHandle, int timeoutInSeconds, VixEventProc *callbackProc, void *clientData)
{
    struct call call = begin(__func__);
    put_handle(&call, VIX_HANDLETYPE_VM, vmHandle);
    put_number(&call, timeoutInSeconds);
    return start(&call, callbackProc, clientData);
}

VixHandle VixVM_LoginInGuest(VixHandle vmHandle, const char *userName, const char *password, int options, VixEventProc *callbackProc, void *clientData)
{
    struct call call = begin(__func__);
    put_handle(&call, VIX_HANDLETYPE_VM, vmHandle);
    put_text(&call, userName);
    put_text(&call, password);
    put_number(&call, options);
    return start(&call, callbackProc, clientData);
}

VixHandle VixVM_LogoutFromGuest(VixHandle vmHandle, VixEventProc *callbackProc, void *clientData)
{
    struct call call = begin(__func__);
    put_handle(&call, VIX_HANDLETYPE_VM, vmHandle);
    return start(&call, callbackProc, clientData);
}

VixHandle VixVM_RunProgramInGuest(VixHandle vmHandle, const char *guestProgramName, const char *commandLineArgs, VixRunProgramOptions options,
                                  VixHandle propertyListHandle, VixEventProc *callbackProc, void *clientData)
{
    struct call call = begin(__func__);
    put_handle(&call, VIX_HANDLETYPE_VM, vmHandle);
    put_text(&call, guestProgramName);
    put_text_or_null(&call, commandLineArgs);
    put_number(&call, options);
    put_no_list(&call, propertyListHandle);
    return start(&call, callbackProc, clientData);
}

VixHandle VixVM_ListProcessesInGuest(VixHandle vmHandle, int options, VixEventProc *callbackProc, void *clientData)
{
    struct call call = begin(__func__);
    put_handle(&call, VIX_HANDLETYPE_VM, vmHandle);
    put_fixed(&call, options, 0);
    return start(&call, callbackProc, clientData);
}

VixHandle VixVM_KillProcessInGuest(VixHandle vmHandle, uint64 pid, int options, VixEventProc *callbackProc, void *clientData)
{
    struct call call = begin(__func__);
    put_handle(&call, VIX_HANDLETYPE_VM, vmHandle);
    put_number(&call, (int64_t)pid);
    put_fixed(&call, options, 0);
    return start(&call, callbackProc, clientData);
}

VixHandle VixVM_RunScriptInGuest(VixHandle vmHandle, const char *interpreter, const char *scriptText, VixRunProgramOptions options,
                                 VixHandle propertyListHandle, VixEventProc *callbackProc, void *clientData)
{
    struct call call = begin(__func__);
    put_handle(&call, VIX_HANDLETYPE_VM, vmHandle);
    put_text_or_null(&call, interpreter);
    put_text(&call, scriptText);
    put_number(&call, options);
    put_no_list(&call, propertyListHandle);
    return start(&call, callbackProc, clientData);
}

VixHandle VixVM_CopyFileFromHostToGuest(VixHandle vmHandle, const char *hostPathName, const char *guestPathName, int options, VixHandle propertyListHandle,
                                        VixEventProc *callbackProc, void *clientData)
{
    struct call call = begin(__func__);
    put_handle(&call, VIX_HANDLETYPE_VM, vmHandle);
    put_text(&call, hostPathName);
    put_text(&call, guestPathName);
    put_fixed(&call, options, 0);
    put_no_list(&call, propertyListHandle);
    return start(&call, callbackProc, clientData);
}

VixHandle VixVM_CopyFileFromGuestToHost(VixHandle vmHandle, const char *guestPathName, const char *hostPathName, int options, VixHandle propertyListHandle,
                                        VixEventProc *callbackProc, void *clientData)
{
    struct call call = begin(__func__);
    put_handle(&call, VIX_HANDLETYPE_VM, vmHandle);
    put_text(&call, guestPathName);
    put_text(&call, hostPathName);
    put_fixed(&call, options, 0);
    put_no_list(&call, propertyListHandle);
    return start(&call, callbackProc, clientData);
}

VixHandle VixVM_DeleteFileInGuest(VixHandle vmHandle, const char *guestPathName, VixEventProc *callbackProc, void *clientData)
{
    struct call call = begin(__func__);
    put_handle(&call, VIX_HANDLETYPE_VM, vmHandle);
    put_text(&call, guestPathName);
    return start(&call, callbackProc, clientData);
}

VixHandle VixVM_FileExistsInGuest(VixHandle vmHandle, const char *guestPathName, VixEventProc *callbackProc, void *clientData)
{
    struct call call = begin(__func__);
    put_handle(&call, VIX_HANDLETYPE_VM, vmHandle);
    put_text(&call, guestPathName);
    return start(&call, callbackProc, clientData);
}

VixHandle VixVM_RenameFileInGuest(VixHandle vmHandle, const char *oldName, const char *newName, int options, VixHandle propertyListHandle,
                                  VixEventProc *callbackProc, void *clientData)
{
    struct call call = begin(__func__);
    put_handle(&call, VIX_HANDLETYPE_VM, vmHandle);
    put_text(&call, oldName);
    put_text(&call, newName);
    put_fixed(&call, options, 0);
    put_no_list(&call, propertyListHandle);
    return start(&call, callbackProc, clientData);
}

VixHandle VixVM_CreateTempFileInGuest(VixHandle vmHandle, int options, VixHandle propertyListHandle, VixEventProc *callbackProc, void *clientData)
{
    struct call call = begin(__func__);
    put_handle(&call, VIX_HANDLETYPE_VM, vmHandle);
    put_fixed(&call, options, 0);
    put_no_list(&call, propertyListHandle);
    return start(&call, callbackProc, clientData);
}

VixHandle VixVM_GetFileInfoInGuest(VixHandle vmHandle, const char *pathName, VixEventProc *callbackProc, void *clientData)
{
    struct call call = begin(__func__);
    put_handle(&call, VIX_HANDLETYPE_VM, vmHandle);
    put_text(&call, pathName);
    return start(&call, callbackProc, clientData);
}

VixHandle VixVM_ListDirectoryInGuest(VixHandle vmHandle, const char *pathName, int options, VixEventProc *callbackProc, void *clientData)
{
    struct call call = begin(__func__);
    put_handle(&call, VIX_HANDLETYPE_VM, vmHandle);
    put_text(&call, pathName);
    put_fixed(&call, options, 0);
    return start(&call, callbackProc, clientData);
}

VixHandle VixVM_CreateDirectoryInGuest(VixHandle vmHandle, const char *pathName, VixHandle propertyListHandle, VixEventProc *callbackProc, void *clientData)
{
    struct call call = begin(__func__);
    put_handle(&call, VIX_HANDLETYPE_VM, vmHandle);
    put_text(&call, pathName);
    put_no_list(&call, propertyListHandle);
    return start(&call, callbackProc, clientData);
}

VixHandle VixVM_DeleteDirectoryInGuest(VixHandle vmHandle, const char *pathName, int options, VixEventProc *callbackProc, void *clientData)
{
    struct call call = begin(__func__);
    put_handle(&call, VIX_HANDLETYPE_VM, vmHandle);
    put_text(&call, pathName);
    put_fixed(&call, options, 0);
    return start(&call, callbackProc, clientData);
}

VixHandle VixVM_DirectoryExistsInGuest(VixHandle vmHandle, const char *pathName, VixEventProc *callbackProc, void *clientData)
{
    struct call call = begin(__func__);
    put_handle(&call, VIX_HANDLETYPE_VM, vmHandle);
    put_text(&call, pathName);
    return start(&call, callbackProc, clientData);
}

VixHandle VixVM_ReadVariable(VixHandle vmHandle, int variableType, const char *name, int options, VixEventProc *callbackProc, void *clientData)
{
    struct call call = begin(__func__);
    put_handle(&call, VIX_HANDLETYPE_VM, vmHandle);
    put_number(&call, variableType);
    put_text(&call, name);
    put_fixed(&call, options, 0);
    return start(&call, callbackProc, clientData);
}

VixHandle VixVM_WriteVariable(VixHandle vmHandle, int variableType, const char *valueName, const char *value, int options, VixEventProc *callbackProc,
                              void *clientData)
{
    struct call call = begin(__func__);
    put_handle(&call, VIX_HANDLETYPE_VM, vmHandle);
    put_number(&call, variableType);
    put_text(&call, valueName);
    put_text(&call, value);
    put_fixed(&call, options, 0);
    return start(&call, callbackProc, clientData);
}

VixHandle VixVM_CaptureScreenImage(VixHandle vmHandle, int captureType, VixHandle additionalProperties, VixEventProc *callbackProc, void *clientdata)
{
    struct call call = begin(__func__);
    put_handle(&call, VIX_HANDLETYPE_VM, vmHandle);
    put_number(&call, captureType);
    put_no_list(&call, additionalProperties);
    return start(&call, callbackProc, clientdata);
}
