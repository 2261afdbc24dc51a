/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The limits of the library: more handles than the ledger has slots, texts longer than a frame.
 */

#include "check.h"

enum {
    HANDLES = 65536,
    FRAME = 64 << 20,
};

static VixHandle lists[HANDLES];

static void handles_come_to_an_end_and_all_are_in_the_books(VixHandle host, VixHandle vm)
{
    int count = 0;
    VixHandle job = VixHost_OpenVM(host, "/other.vmx", VIX_VMOPEN_NORMAL, VIX_INVALID_HANDLE, NULL, NULL);
    CODE(VIX_OK, VixJob_Wait(job, VIX_PROPERTY_NONE));
    VixError error;
    while ((error = VixPropertyList_AllocPropertyList(host, &lists[count], VIX_PROPERTY_NONE)) == VIX_OK) {
        count++;
    }
    CODE(VIX_E_TOO_MANY_HANDLES, error);
    CHECK(lists[count] == 0x5A5A5A5A);
    /* The host, the VM and the job. */
    CHECK(count == HANDLES - 3);
    VixHandle other = VIX_INVALID_HANDLE;
    CHECK(VixVM_PowerOff(vm, VIX_VMPOWEROP_NORMAL, NULL, NULL) == VIX_INVALID_HANDLE);
    CODE(VIX_E_TOO_MANY_HANDLES, VixVM_GetRootSnapshot(vm, 0, &other));
    CODE(VIX_E_TOO_MANY_HANDLES, VixJob_Wait(job, VIX_PROPERTY_JOB_RESULT_HANDLE, &other, VIX_PROPERTY_NONE));
    CHECK(other == 0x5A5A5A5A);
    /* What is owned already can be owned once more. */
    Vix_AddRefHandle(vm);
    Vix_ReleaseHandle(vm);

    Vix_ReleaseHandle(lists[--count]);
    CODE(VIX_OK, VixVM_GetRootSnapshot(vm, 0, &other));
    Vix_ReleaseHandle(other);
    CODE(VIX_OK, VixJob_Wait(job, VIX_PROPERTY_JOB_RESULT_HANDLE, &other, VIX_PROPERTY_NONE));
    Vix_ReleaseHandle(other);
    Vix_ReleaseHandle(job);
    CODE(VIX_OK, outcome(VixVM_PowerOff(vm, VIX_VMPOWEROP_NORMAL, NULL, NULL)));
    while (count > 0) {
        Vix_ReleaseHandle(lists[--count]);
    }
}

static char *long_text(size_t size)
{
    char *text = malloc(size + 1);
    memset(text, 'x', size);
    text[size] = '\0';
    return text;
}

static void texts_are_as_long_as_a_frame_and_no_longer(VixHandle host, VixHandle vm)
{
    VixHandle list;
    char *text = long_text((size_t)2 * FRAME);
    const size_t too_long[] = {(size_t)2 * FRAME, FRAME + 1, FRAME, FRAME - 30};
    for (size_t i = 0; i < sizeof too_long / sizeof *too_long; i++) {
        text[too_long[i]] = '\0';
        CODE(VIX_E_ARGUMENT_TOO_BIG, outcome(VixVM_WriteVariable(vm, VIX_VM_GUEST_VARIABLE, "long", text, 0, NULL, NULL)));
        int number = 0;
        CODE(VIX_E_ARGUMENT_TOO_BIG, VixVM_GetNamedSnapshot(vm, text, &number));
        CHECK(number == 0x5A5A5A5A);
        CODE(i < 3 ? VIX_E_ARGUMENT_TOO_BIG : VIX_OK, VixPropertyList_AllocPropertyList(host, &list, VIX_PROPERTY_VM_NAME, text, VIX_PROPERTY_NONE));
    }
    Vix_ReleaseHandle(list);
    /* As much shorter as the rest of the frame is long: id, function, VM, type, name, options. */
    text[FRAME - 200] = '\0';
    CODE(VIX_OK, outcome(VixVM_WriteVariable(vm, VIX_VM_GUEST_VARIABLE, "long", text, 0, NULL, NULL)));
    free(text);
}

int main(void)
{
    VixHandle host = connected();
    VixHandle vm = opened(host, "/vm.vmx");
    handles_come_to_an_end_and_all_are_in_the_books(host, vm);
    texts_are_as_long_as_a_frame_and_no_longer(host, vm);
    Vix_ReleaseHandle(vm);
    VixHost_Disconnect(host);
    return failures();
}
