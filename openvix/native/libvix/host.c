/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Hosts: connect, and find and open VMs (docs/vix-semantics.md, sections 9 to 11).
 */

#include "calls.h"
#include "handles.h"

VixHandle VixHost_Connect(int apiVersion, VixServiceProvider hostType, const char *hostName, int hostPort, const char *userName, const char *password,
                          VixHostOptions options, VixHandle propertyListHandle, VixEventProc *callbackProc, void *clientData)
{
    struct call call = begin(__func__);
    put_fixed(&call, apiVersion, VIX_API_VERSION);
    put_number(&call, hostType);
    put_text_or_null(&call, hostName);
    put_number(&call, hostPort);
    put_text_or_null(&call, userName);
    put_text_or_null(&call, password);
    put_number(&call, options);
    put_no_list(&call, propertyListHandle);
    return start(&call, callbackProc, clientData);
}

void VixHost_Disconnect(VixHandle hostHandle)
{
    struct call call = begin(__func__);
    put_handle(&call, VIX_HANDLETYPE_HOST, hostHandle);
    struct object *host = call.host;
    if (host != NULL) {
        library_lock();
        bool asks = !host->lost && !host->closed;
        /* First: threads that wait for its jobs need not wait for the daemon as well. */
        host_close(host);
        library_leave();
        /* The host is closed, and no obstacle to this call. */
        call.host = NULL;
        if (asks) {
            ask_daemon(&call);
        }
        library_lock();
        object_drop(host);
        library_leave();
    }
    end(&call);
}

VixHandle VixHost_RegisterVM(VixHandle hostHandle, const char *vmxFilePath, VixEventProc *callbackProc, void *clientData)
{
    struct call call = begin(__func__);
    put_handle(&call, VIX_HANDLETYPE_HOST, hostHandle);
    put_text(&call, vmxFilePath);
    return start(&call, callbackProc, clientData);
}

VixHandle VixHost_UnregisterVM(VixHandle hostHandle, const char *vmxFilePath, VixEventProc *callbackProc, void *clientData)
{
    struct call call = begin(__func__);
    put_handle(&call, VIX_HANDLETYPE_HOST, hostHandle);
    put_text(&call, vmxFilePath);
    return start(&call, callbackProc, clientData);
}

VixHandle VixHost_FindItems(VixHandle hostHandle, VixFindItemType searchType, VixHandle searchCriteria, int32 timeout, VixEventProc *callbackProc,
                            void *clientData)
{
    struct call call = begin(__func__);
    put_handle(&call, VIX_HANDLETYPE_HOST, hostHandle);
    put_number(&call, searchType);
    put_no_list(&call, searchCriteria);
    put_fixed(&call, timeout, -1);
    return start(&call, callbackProc, clientData);
}

VixHandle VixHost_OpenVM(VixHandle hostHandle, const char *vmxFilePathName, VixVMOpenOptions options, VixHandle propertyListHandle,
                         VixEventProc *callbackProc, void *clientData)
{
    struct call call = begin(__func__);
    put_handle(&call, VIX_HANDLETYPE_HOST, hostHandle);
    put_text(&call, vmxFilePathName);
    put_fixed(&call, options, VIX_VMOPEN_NORMAL);
    put_list(&call, propertyListHandle);
    return start(&call, callbackProc, clientData);
}
