/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Handles: numbers, counts, kinds, and what is left of them after a release and after a disconnect.
 */

#include "check.h"

static VixError name_of(VixHandle vm)
{
    char *name;
    VixError error = Vix_GetProperties(vm, VIX_PROPERTY_VM_NAME, &name, VIX_PROPERTY_NONE);
    if (error == VIX_OK) {
        Vix_FreeBuffer(name);
    }
    return error;
}

static void one_vm_is_one_number_however_often_it_is_opened(VixHandle host)
{
    VixHandle first = opened(host, "/vm.vmx");
    VixHandle second = opened(host, "/vm.vmx");
    VixHandle other = opened(host, "/other.vmx");
    CHECK(first == second && other != first);
    Vix_ReleaseHandle(first);
    CODE(VIX_OK, name_of(second));
    Vix_AddRefHandle(second);
    Vix_ReleaseHandle(second);
    CODE(VIX_OK, name_of(second));
    Vix_ReleaseHandle(second);
    CODE(VIX_E_INVALID_HANDLE, name_of(second));
    CODE(VIX_OK, name_of(other));
    /* Released once too often, and nothing happens; not to the others either. */
    Vix_ReleaseHandle(second);
    Vix_AddRefHandle(second);
    CHECK(Vix_GetHandleType(second) == VIX_HANDLETYPE_NONE);
    Vix_ReleaseHandle(other);
}

static void each_read_of_a_result_is_a_reference(VixHandle host)
{
    VixHandle job = VixHost_OpenVM(host, "/vm.vmx", VIX_VMOPEN_NORMAL, VIX_INVALID_HANDLE, NULL, NULL);
    VixHandle vm = VIX_INVALID_HANDLE;
    VixHandle again = VIX_INVALID_HANDLE;
    CODE(VIX_OK, VixJob_Wait(job, VIX_PROPERTY_JOB_RESULT_HANDLE, &vm, VIX_PROPERTY_NONE));
    CODE(VIX_OK, Vix_GetProperties(job, VIX_PROPERTY_JOB_RESULT_HANDLE, &again, VIX_PROPERTY_NONE));
    CHECK(vm == again && Vix_GetHandleType(vm) == VIX_HANDLETYPE_VM);
    Vix_ReleaseHandle(vm);
    CODE(VIX_OK, name_of(vm));
    Vix_ReleaseHandle(vm);
    /* The job still knows the VM, but the client owns no reference. */
    CODE(VIX_E_INVALID_HANDLE, name_of(vm));
    CODE(VIX_OK, VixJob_GetNthProperties(job, 0, VIX_PROPERTY_JOB_RESULT_HANDLE, &again, VIX_PROPERTY_NONE));
    CHECK(again == vm);
    CODE(VIX_OK, name_of(vm));
    Vix_ReleaseHandle(job);
    CODE(VIX_OK, name_of(vm));
    Vix_ReleaseHandle(vm);
    VixError error;
    CODE(VIX_E_INVALID_HANDLE, Vix_GetProperties(job, VIX_PROPERTY_JOB_RESULT_ERROR_CODE, &error, VIX_PROPERTY_NONE));
    CODE(VIX_E_INVALID_HANDLE, VixJob_Wait(job, VIX_PROPERTY_NONE));
    CODE(VIX_E_INVALID_HANDLE, VixJob_GetError(job));
    CHECK(VixJob_GetNumProperties(job, VIX_PROPERTY_JOB_RESULT_ERROR_CODE) == 0);
}

static void types_are_distinct(VixHandle host)
{
    VixHandle vm = opened(host, "/vm.vmx");
    VixHandle snapshot = VIX_INVALID_HANDLE;
    CODE(VIX_OK, VixVM_GetRootSnapshot(vm, 0, &snapshot));
    VixHandle job = VixVM_PowerOff(vm, VIX_VMPOWEROP_NORMAL, NULL, NULL);
    const VixHandle all[] = {host, vm, snapshot, job};
    const VixHandleType types[] = {VIX_HANDLETYPE_HOST, VIX_HANDLETYPE_VM, VIX_HANDLETYPE_SNAPSHOT, VIX_HANDLETYPE_JOB};
    for (int i = 0; i < 4; i++) {
        CHECK(all[i] > 0);
        CHECK(Vix_GetHandleType(all[i]) == types[i]);
        for (int k = 0; k < i; k++) {
            CHECK(all[i] != all[k]);
        }
        CODE(types[i] == VIX_HANDLETYPE_JOB ? VIX_OK : VIX_E_NOT_SUPPORTED_ON_HANDLE_TYPE, VixJob_Wait(all[i], VIX_PROPERTY_NONE));
        CODE(types[i] == VIX_HANDLETYPE_VM ? VIX_OK : VIX_E_NOT_SUPPORTED_ON_HANDLE_TYPE, outcome(VixVM_PowerOff(all[i], VIX_VMPOWEROP_NORMAL, NULL, NULL)));
    }
    CHECK(Vix_GetHandleType(VIX_INVALID_HANDLE) == VIX_HANDLETYPE_NONE);
    CODE(VIX_E_INVALID_HANDLE, outcome(VixVM_PowerOff(VIX_INVALID_HANDLE, VIX_VMPOWEROP_NORMAL, NULL, NULL)));
    /* Not connecting to a VM: only VixHost_Disconnect of a host does something. */
    VixHost_Disconnect(vm);
    CODE(VIX_OK, name_of(vm));
    Vix_ReleaseHandle(job);
    Vix_ReleaseHandle(snapshot);
    Vix_ReleaseHandle(vm);
}

static void a_disconnect_ends_what_came_from_the_host_and_nothing_else(VixHandle host, VixHandle other)
{
    VixHandle here = opened(host, "/vm.vmx");
    VixHandle there = opened(other, "/vm.vmx");
    VixHandle snapshot = VIX_INVALID_HANDLE;
    VixHandle list = VIX_INVALID_HANDLE;
    CODE(VIX_OK, VixVM_GetRootSnapshot(here, 0, &snapshot));
    CODE(VIX_OK, VixPropertyList_AllocPropertyList(host, &list, VIX_PROPERTY_NONE));
    VixHandle job = VixVM_PowerOff(here, VIX_VMPOWEROP_NORMAL, NULL, NULL);
    CHECK(here != there);
    VixHost_Disconnect(host);
    const VixHandle gone[] = {host, here, snapshot, list, job};
    for (int i = 0; i < 5; i++) {
        CHECK(Vix_GetHandleType(gone[i]) == VIX_HANDLETYPE_NONE);
        Vix_ReleaseHandle(gone[i]);
    }
    CODE(VIX_E_INVALID_HANDLE, name_of(here));
    CODE(VIX_E_INVALID_HANDLE, VixJob_Wait(job, VIX_PROPERTY_NONE));
    CODE(VIX_OK, name_of(there));
    Vix_ReleaseHandle(there);
    VixHost_Disconnect(host);
}

static void ids_of_a_wrapper_are_in_the_top_byte(void)
{
    CODE(VIX_E_INVALID_ARG, FoundryInitializeHandleDllID(2));
    CODE(VIX_E_INVALID_ARG, FoundryInitializeHandleDllID((int)0x82000000));
    CODE(VIX_OK, FoundryInitializeHandleDllID(0x02000000));
}

int main(int count, char **arguments)
{
    int top = 0;
    if (count > 1 && strcmp(arguments[1], "wrapped") == 0) {
        ids_of_a_wrapper_are_in_the_top_byte();
        top = 2;
    }
    VixHandle host = connected();
    VixHandle other = connected();
    CHECK(host >> 24 == top && host != other);
    one_vm_is_one_number_however_often_it_is_opened(host);
    each_read_of_a_result_is_a_reference(host);
    types_are_distinct(host);
    a_disconnect_ends_what_came_from_the_host_and_nothing_else(host, other);
    VixHandle vm = opened(other, "/vm.vmx");
    CHECK(vm >> 24 == top);
    printf("%d %d\n", host, vm);
    Vix_ReleaseHandle(vm);
    VixHost_Disconnect(other);
    return failures();
}
