/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Properties are read into cells of their size, by every variadic function and its va_list variant.
 */

#include "check.h"

enum {
    GUARD = 0xA5,
    MARGIN = 16,
};

/* A cell between guard bytes. */
struct guarded {
    unsigned char bytes[MARGIN + 8 + MARGIN];
};

static struct guarded guarded(void)
{
    struct guarded guarded;
    memset(guarded.bytes, GUARD, sizeof guarded.bytes);
    return guarded;
}

static void *cell(struct guarded *guarded)
{
    return guarded->bytes + MARGIN;
}

static bool kept(const struct guarded *guarded, size_t size)
{
    for (size_t i = 0; i < sizeof guarded->bytes; i++) {
        if ((i < MARGIN || i >= MARGIN + size) && guarded->bytes[i] != GUARD) {
            return false;
        }
    }
    return true;
}

static VixError get_properties(VixHandle handle, VixPropertyID first, ...)
{
    va_list arguments;
    va_start(arguments, first);
    VixError error = Vix_GetPropertiesVargs(handle, first, arguments);
    va_end(arguments);
    return error;
}

static VixError wait_for(VixHandle job, VixPropertyID first, ...)
{
    va_list arguments;
    va_start(arguments, first);
    VixError error = VixJob_WaitVargs(job, first, arguments);
    va_end(arguments);
    return error;
}

static VixError get_nth(VixHandle job, int index, int first, ...)
{
    va_list arguments;
    va_start(arguments, first);
    VixError error = VixJob_GetNthPropertiesVargs(job, index, first, arguments);
    va_end(arguments);
    return error;
}

static VixError alloc_list(VixHandle host, VixHandle *list, int first, ...)
{
    va_list arguments;
    va_start(arguments, first);
    VixError error = VixPropertyList_AllocPropertyListVargs(host, list, first, arguments);
    va_end(arguments);
    return error;
}

typedef VixError Reader(VixHandle handle, VixPropertyID first, ...);

static void cells_have_the_size_of_their_type(VixHandle vm, Reader *read)
{
    struct guarded bit = guarded();
    struct guarded number = guarded();
    struct guarded text = guarded();
    CODE(VIX_OK, read(vm, VIX_PROPERTY_VM_READ_ONLY, cell(&bit), VIX_PROPERTY_VM_NUM_VCPUS, cell(&number),
                      VIX_PROPERTY_VM_NAME, cell(&text), VIX_PROPERTY_NONE));
    CHECK(kept(&bit, 1) && *(Bool *)cell(&bit) == 1);
    CHECK(kept(&number, 4) && *(int *)cell(&number) == 4);
    CHECK(kept(&text, 8) && strcmp(*(char **)cell(&text), "n\xC3\xA4me") == 0);
    Vix_FreeBuffer(*(char **)cell(&text));

    /* A text may be NULL, and a negative number keeps its sign. */
    CODE(VIX_OK, read(vm, VIX_PROPERTY_VM_VMTEAM_PATHNAME, cell(&text), VIX_PROPERTY_VM_MEMORY_SIZE, cell(&number), VIX_PROPERTY_NONE));
    CHECK(*(char **)cell(&text) == NULL && *(int *)cell(&number) == -7);
    CODE(VIX_OK, read(vm, VIX_PROPERTY_NONE));
}

static void errors_spoil_every_cell_and_nothing_else(VixHandle vm, Reader *read)
{
    struct guarded bit = guarded();
    struct guarded text = guarded();
    /* The daemon does not know the second one. */
    CODE(VIX_E_UNRECOGNIZED_PROPERTY,
         read(vm, VIX_PROPERTY_VM_READ_ONLY, cell(&bit), VIX_PROPERTY_SNAPSHOT_DISPLAYNAME, cell(&text), VIX_PROPERTY_NONE));
    CHECK(kept(&bit, 1) && *(unsigned char *)cell(&bit) == 0x5A);
    CHECK(kept(&text, 8) && *(uint64_t *)cell(&text) == 0x5A5A5A5A5A5A5A5A);

    /* Nobody knows 999, so its cell cannot be touched. */
    struct guarded unknown = guarded();
    bit = guarded();
    CODE(VIX_E_UNRECOGNIZED_PROPERTY, read(vm, VIX_PROPERTY_VM_READ_ONLY, cell(&bit), 999, cell(&unknown), VIX_PROPERTY_NONE));
    CHECK(kept(&bit, 1) && *(unsigned char *)cell(&bit) == 0x5A && kept(&unknown, 0));

    /* The daemon answers with a value of another type than the property has. */
    CODE(VIX_E_PROPERTY_TYPE_MISMATCH, read(vm, VIX_PROPERTY_VM_GUESTOS, cell(&text), VIX_PROPERTY_NONE));
    CODE(VIX_E_INVALID_ARG, read(vm, VIX_PROPERTY_VM_NAME, NULL, VIX_PROPERTY_NONE));
}

static void jobs_answer_with_int64_blob_and_handle(VixHandle vm, Reader *read, bool waits)
{
    VixHandle job = VixVM_CaptureScreenImage(vm, VIX_CAPTURESCREENFORMAT_PNG, VIX_INVALID_HANDLE, NULL, NULL);
    CODE(VIX_OK, VixJob_Wait(job, VIX_PROPERTY_NONE));
    struct guarded size = guarded();
    struct guarded data = guarded();
    struct guarded error = guarded();
    CODE(VIX_OK, read(job, VIX_PROPERTY_JOB_RESULT_SCREEN_IMAGE_DATA, cell(&size), cell(&data),
                      VIX_PROPERTY_JOB_RESULT_ERROR_CODE, cell(&error), VIX_PROPERTY_NONE));
    CHECK(kept(&size, 4) && *(int *)cell(&size) == 5);
    CHECK(kept(&data, 8) && memcmp(*(char **)cell(&data), "P\0NG\0", 5) == 0);
    CHECK(kept(&error, 8) && *(int64_t *)cell(&error) == 0);
    Vix_FreeBuffer(*(char **)cell(&data));
    /* What this job lacks spoils both cells of the blob. */
    CODE(VIX_E_UNRECOGNIZED_PROPERTY, read(job, VIX_PROPERTY_JOB_RESULT_SCREEN_IMAGE_DATA, cell(&size), cell(&data),
                                           VIX_PROPERTY_JOB_RESULT_PROCESS_ID, cell(&error), VIX_PROPERTY_NONE));
    CHECK(*(int *)cell(&size) == 0x5A5A5A5A && *(uint64_t *)cell(&data) == 0x5A5A5A5A5A5A5A5A);
    CODE(VIX_E_INVALID_ARG, read(job, VIX_PROPERTY_JOB_RESULT_SCREEN_IMAGE_DATA, cell(&size), NULL, VIX_PROPERTY_NONE));
    Vix_ReleaseHandle(job);

    /* A failed job: its whole error, bits above the code included, and the cells of a wait spoilt. */
    job = VixVM_PowerOn(vm, VIX_VMPOWEROP_NORMAL, VIX_INVALID_HANDLE, NULL, NULL);
    CODE(0xF123456789AB0BBFull, VixJob_Wait(job, VIX_PROPERTY_NONE));
    error = guarded();
    if (waits) {
        CODE(0xF123456789AB0BBFull, read(job, VIX_PROPERTY_JOB_RESULT_ERROR_CODE, cell(&error), VIX_PROPERTY_NONE));
        CHECK(kept(&error, 8) && *(uint64_t *)cell(&error) == 0x5A5A5A5A5A5A5A5A);
    } else {
        CODE(VIX_OK, read(job, VIX_PROPERTY_JOB_RESULT_ERROR_CODE, cell(&error), VIX_PROPERTY_NONE));
        CHECK(kept(&error, 8) && *(uint64_t *)cell(&error) == 0xF123456789AB0BBFull);
    }
    CODE(0xF123456789AB0BBFull, VixJob_GetError(job));
    Vix_ReleaseHandle(job);
}

typedef VixError NthReader(VixHandle handle, int index, int first, ...);

static void nth_properties_come_from_their_item(VixHandle vm, NthReader *read)
{
    VixHandle job = VixVM_ListProcessesInGuest(vm, 0, NULL, NULL);
    CODE(VIX_OK, VixJob_Wait(job, VIX_PROPERTY_NONE));
    CHECK(VixJob_GetNumProperties(job, VIX_PROPERTY_JOB_RESULT_ITEM_NAME) == 2);
    CHECK(VixJob_GetNumProperties(job, VIX_PROPERTY_JOB_RESULT_PROCESS_OWNER) == 1);
    CHECK(VixJob_GetNumProperties(job, VIX_PROPERTY_JOB_RESULT_FILE_SIZE) == 0);
    CHECK(VixJob_GetNumProperties(job, VIX_PROPERTY_JOB_RESULT_ERROR_CODE) == 1);
    struct guarded pid = guarded();
    struct guarded name = guarded();
    CODE(VIX_OK, read(job, 1, VIX_PROPERTY_JOB_RESULT_PROCESS_ID, cell(&pid), VIX_PROPERTY_JOB_RESULT_ITEM_NAME, cell(&name), VIX_PROPERTY_NONE));
    CHECK(kept(&pid, 8) && *(int64_t *)cell(&pid) == 0x1122334455667788);
    CHECK(kept(&name, 8) && strcmp(*(char **)cell(&name), "second") == 0);
    Vix_FreeBuffer(*(char **)cell(&name));
    CODE(VIX_E_UNRECOGNIZED_PROPERTY, read(job, 1, VIX_PROPERTY_JOB_RESULT_PROCESS_OWNER, cell(&name), VIX_PROPERTY_NONE));
    CHECK(*(uint64_t *)cell(&name) == 0x5A5A5A5A5A5A5A5A);
    CODE(VIX_E_BAD_VM_INDEX, read(job, 2, VIX_PROPERTY_JOB_RESULT_ITEM_NAME, cell(&name), VIX_PROPERTY_NONE));
    CODE(VIX_E_BAD_VM_INDEX, read(job, -1, VIX_PROPERTY_JOB_RESULT_ITEM_NAME, cell(&name), VIX_PROPERTY_NONE));
    Vix_ReleaseHandle(job);
}

typedef VixError Allocator(VixHandle host, VixHandle *list, int first, ...);

static void property_lists_keep_what_they_are_given(VixHandle host, VixHandle vm, Allocator *allocate, Reader *read)
{
    struct guarded handle = guarded();
    char password[] = "secret";
    CODE(VIX_OK, allocate(host, cell(&handle), VIX_PROPERTY_VM_ENCRYPTION_PASSWORD, password, VIX_PROPERTY_VM_NUM_VCPUS, 3, VIX_PROPERTY_VM_READ_ONLY, 1,
                          VIX_PROPERTY_JOB_RESULT_FILE_SIZE, (int64_t)1 << 40, VIX_PROPERTY_JOB_RESULT_SCREEN_IMAGE_DATA, 3, "a\0b", VIX_PROPERTY_NONE));
    VixHandle list = *(VixHandle *)cell(&handle);
    CHECK(kept(&handle, 4) && Vix_GetHandleType(list) == VIX_HANDLETYPE_PROPERTY_LIST);
    memset(password, 'x', sizeof password - 1);
    char *text;
    int number;
    Bool bit;
    int64_t large;
    int size;
    unsigned char *data;
    CODE(VIX_OK, read(list, VIX_PROPERTY_VM_ENCRYPTION_PASSWORD, &text, VIX_PROPERTY_VM_NUM_VCPUS, &number, VIX_PROPERTY_VM_READ_ONLY, &bit,
                      VIX_PROPERTY_JOB_RESULT_FILE_SIZE, &large, VIX_PROPERTY_JOB_RESULT_SCREEN_IMAGE_DATA, &size, &data, VIX_PROPERTY_NONE));
    CHECK(strcmp(text, "secret") == 0 && number == 3 && bit == 1 && large == (int64_t)1 << 40 && size == 3 && memcmp(data, "a\0b", 3) == 0);
    Vix_FreeBuffer(text);
    Vix_FreeBuffer(data);
    CODE(VIX_E_UNRECOGNIZED_PROPERTY, read(list, VIX_PROPERTY_VM_NAME, &text, VIX_PROPERTY_NONE));
    Vix_ReleaseHandle(list);
    CODE(VIX_E_INVALID_HANDLE, read(list, VIX_PROPERTY_VM_NUM_VCPUS, &number, VIX_PROPERTY_NONE));

    CODE(VIX_OK, allocate(host, &list, VIX_PROPERTY_NONE));
    Vix_ReleaseHandle(list);
    handle = guarded();
    CODE(VIX_E_UNRECOGNIZED_PROPERTY, allocate(host, cell(&handle), 999, 1, VIX_PROPERTY_NONE));
    CHECK(kept(&handle, 4) && *(int *)cell(&handle) == 0x5A5A5A5A);
    CODE(VIX_E_INVALID_UTF8_STRING, allocate(host, &list, VIX_PROPERTY_VM_NAME, "\xC0\xAF", VIX_PROPERTY_NONE));
    CODE(VIX_E_INVALID_ARG, allocate(host, NULL, VIX_PROPERTY_NONE));
    CODE(VIX_E_NOT_SUPPORTED_ON_HANDLE_TYPE, allocate(vm, &list, VIX_PROPERTY_NONE));
    CODE(VIX_E_INVALID_HANDLE, allocate(12345, &list, VIX_PROPERTY_NONE));
}

static void types_are_reported(VixHandle vm)
{
    struct guarded type = guarded();
    CODE(VIX_OK, Vix_GetPropertyType(vm, VIX_PROPERTY_JOB_RESULT_SCREEN_IMAGE_DATA, cell(&type)));
    CHECK(kept(&type, 4) && *(int *)cell(&type) == VIX_PROPERTYTYPE_BLOB);
    CODE(VIX_OK, Vix_GetPropertyType(vm, VIX_PROPERTY_VM_NAME, cell(&type)));
    CHECK(*(int *)cell(&type) == VIX_PROPERTYTYPE_STRING);
    CODE(VIX_E_UNRECOGNIZED_PROPERTY, Vix_GetPropertyType(vm, 999, cell(&type)));
    CHECK(*(int *)cell(&type) == 0x5A5A5A5A);
    CODE(VIX_E_INVALID_HANDLE, Vix_GetPropertyType(12345, VIX_PROPERTY_VM_NAME, cell(&type)));
    CODE(VIX_E_INVALID_ARG, Vix_GetPropertyType(vm, VIX_PROPERTY_VM_NAME, NULL));
}

static void snapshot_outputs_are_cells_too(VixHandle vm)
{
    struct guarded number = guarded();
    CODE(VIX_OK, VixVM_GetNumRootSnapshots(vm, cell(&number)));
    CHECK(kept(&number, 4) && *(int *)cell(&number) == 1);
    struct guarded root = guarded();
    CODE(VIX_OK, VixVM_GetRootSnapshot(vm, 0, cell(&root)));
    VixHandle snapshot = *(VixHandle *)cell(&root);
    CHECK(kept(&root, 4) && Vix_GetHandleType(snapshot) == VIX_HANDLETYPE_SNAPSHOT);
    struct guarded parent = guarded();
    CODE(VIX_OK, VixSnapshot_GetParent(snapshot, cell(&parent)));
    CHECK(kept(&parent, 4) && *(VixHandle *)cell(&parent) == VIX_INVALID_HANDLE);
    CODE(VIX_E_SNAPSHOT_NOTFOUND, VixVM_GetNamedSnapshot(vm, "none", cell(&parent)));
    CHECK(kept(&parent, 4) && *(VixHandle *)cell(&parent) == 0x5A5A5A5A);
    CODE(VIX_E_INVALID_ARG, VixVM_GetNamedSnapshot(vm, NULL, cell(&parent)));
    CODE(VIX_E_INVALID_ARG, VixVM_GetRootSnapshot(vm, 0, NULL));
    CODE(VIX_E_NOT_SUPPORTED_ON_HANDLE_TYPE, VixVM_GetNumRootSnapshots(snapshot, cell(&number)));
    CHECK(kept(&number, 4) && *(int *)cell(&number) == 0x5A5A5A5A);
    Vix_ReleaseHandle(snapshot);
}

static void completion_is_one_byte(VixHandle vm)
{
    VixHandle job = VixVM_ListProcessesInGuest(vm, 0, NULL, NULL);
    VixJob_Wait(job, VIX_PROPERTY_NONE);
    struct guarded complete = guarded();
    CODE(VIX_OK, VixJob_CheckCompletion(job, cell(&complete)));
    CHECK(kept(&complete, 1) && *(Bool *)cell(&complete) == 1);
    CODE(VIX_E_INVALID_ARG, VixJob_CheckCompletion(job, NULL));
    Vix_ReleaseHandle(job);
    CODE(VIX_E_INVALID_HANDLE, VixJob_CheckCompletion(job, cell(&complete)));
    CHECK(kept(&complete, 1) && *(unsigned char *)cell(&complete) == 0x5A);
}

int main(void)
{
    VixHandle host = connected();
    VixHandle vm = opened(host, "/vm.vmx");
    Reader *const readers[] = {Vix_GetProperties, get_properties};
    Reader *const waiters[] = {VixJob_Wait, wait_for};
    NthReader *const nth_readers[] = {VixJob_GetNthProperties, get_nth};
    Allocator *const allocators[] = {VixPropertyList_AllocPropertyList, alloc_list};
    for (int i = 0; i < 2; i++) {
        cells_have_the_size_of_their_type(vm, readers[i]);
        errors_spoil_every_cell_and_nothing_else(vm, readers[i]);
        jobs_answer_with_int64_blob_and_handle(vm, readers[i], false);
        jobs_answer_with_int64_blob_and_handle(vm, waiters[i], true);
        nth_properties_come_from_their_item(vm, nth_readers[i]);
        property_lists_keep_what_they_are_given(host, vm, allocators[i], readers[i]);
    }
    types_are_reported(vm);
    snapshot_outputs_are_cells_too(vm);
    completion_is_one_byte(vm);
    Vix_ReleaseHandle(vm);
    VixHost_Disconnect(host);
    return failures();
}
