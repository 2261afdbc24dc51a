/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Calls every function of vix.h at least once: tour VMX DIRECTORY, with a VM that is off and an empty directory of the host.
 */

#include "check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

enum {
    LENGTH = 4096,
};

static const char *vmx;
static const char *folder;
static VixHandle host;
static VixHandle vm;

static const char *in_folder(const char *name)
{
    static char path[4][LENGTH];
    static int last;
    last = (last + 1) % 4;
    snprintf(path[last], LENGTH, "%s/%s", folder, name);
    return path[last];
}

static int number_of(VixHandle handle, VixPropertyID id)
{
    int number = -1;
    CODE(VIX_OK, Vix_GetProperties(handle, id, &number, VIX_PROPERTY_NONE));
    return number;
}

static bool has_text(VixHandle handle, VixPropertyID id, const char *wanted)
{
    char *text = NULL;
    CODE(VIX_OK, Vix_GetProperties(handle, id, &text, VIX_PROPERTY_NONE));
    bool same = text != NULL && strcmp(text, wanted) == 0;
    Vix_FreeBuffer(text);
    return same;
}

struct heard {
    atomic_int found;
    atomic_int completed;
};

static void hear(VixHandle job, VixEventType type, VixHandle info, void *data)
{
    struct heard *heard = data;
    CHECK(Vix_GetHandleType(job) == VIX_HANDLETYPE_JOB);
    if (type == VIX_EVENTTYPE_FIND_ITEM) {
        CHECK(Vix_GetHandleType(info) == VIX_HANDLETYPE_PROPERTY_LIST && has_text(info, VIX_PROPERTY_FOUND_ITEM_LOCATION, vmx));
        heard->found++;
    } else if (type == VIX_EVENTTYPE_JOB_COMPLETED) {
        heard->completed++;
    }
}

/* Return the job after its callback has received its end. */
static VixHandle after_callback(VixHandle job, const struct heard *heard)
{
    while (heard->completed == 0) {
        sched_yield();
    }
    return job;
}

static void the_host_is_asked(void)
{
    char *version = NULL;
    int type = 0;
    int api = 0;
    CODE(VIX_OK, Vix_GetProperties(host, VIX_PROPERTY_HOST_HOSTTYPE, &type, VIX_PROPERTY_HOST_API_VERSION, &api, VIX_PROPERTY_HOST_SOFTWARE_VERSION, &version,
                                   VIX_PROPERTY_NONE));
    CHECK(type == VIX_SERVICEPROVIDER_VMWARE_WORKSTATION && api == 19 && version != NULL);
    Vix_FreeBuffer(version);
    CODE(VIX_OK, outcome(VixHost_RegisterVM(host, vmx, NULL, NULL)));
    CODE(VIX_OK, outcome(VixHost_UnregisterVM(host, vmx, NULL, NULL)));
    struct heard heard = {.found = 0};
    CODE(VIX_OK, outcome(after_callback(VixHost_FindItems(host, VIX_FIND_RUNNING_VMS, VIX_INVALID_HANDLE, -1, hear, &heard), &heard)));
    CHECK(heard.found == 0);
    VixPropertyType kind = 0;
    CODE(VIX_OK, Vix_GetPropertyType(host, VIX_PROPERTY_HOST_SOFTWARE_VERSION, &kind));
    CHECK(kind == VIX_PROPERTYTYPE_STRING);
    CHECK(strlen(Vix_GetErrorText(VIX_E_VM_NOT_FOUND, NULL)) > 0);
}

static void vm_is_opened_by_both_functions(void)
{
    VixHandle list = VIX_INVALID_HANDLE;
    CODE(VIX_OK, VixPropertyList_AllocPropertyList(host, &list, VIX_PROPERTY_VM_ENCRYPTION_PASSWORD, "not needed", VIX_PROPERTY_NONE));
    vm = result(VixHost_OpenVM(host, vmx, VIX_VMOPEN_NORMAL, list, NULL, NULL));
    Vix_ReleaseHandle(list);
    struct heard heard = {.found = 0};
    VixHandle again = result(after_callback(VixVM_Open(host, vmx, hear, &heard), &heard));
    CHECK(vm == again && vm != VIX_INVALID_HANDLE);
    Vix_ReleaseHandle(again);
    Vix_AddRefHandle(vm);
    Vix_ReleaseHandle(vm);
    CHECK(Vix_GetHandleType(vm) == VIX_HANDLETYPE_VM);
    CHECK(has_text(vm, VIX_PROPERTY_VM_VMX_PATHNAME, vmx));
}

static void its_power_goes_through_every_state(void)
{
    CODE(VIX_OK, outcome(VixVM_UpgradeVirtualHardware(vm, 0, NULL, NULL)));
    CODE(VIX_OK, outcome(VixVM_PowerOn(vm, VIX_VMPOWEROP_NORMAL, VIX_INVALID_HANDLE, NULL, NULL)));
    CODE(VIX_OK, outcome(VixVM_WaitForToolsInGuest(vm, 60, NULL, NULL)));
    CHECK(number_of(vm, VIX_PROPERTY_VM_POWER_STATE) == (VIX_POWERSTATE_POWERED_ON | VIX_POWERSTATE_TOOLS_RUNNING));
    CODE(VIX_OK, outcome(VixVM_Pause(vm, 0, VIX_INVALID_HANDLE, NULL, NULL)));
    CODE(VIX_OK, outcome(VixVM_Unpause(vm, 0, VIX_INVALID_HANDLE, NULL, NULL)));
    CODE(VIX_OK, outcome(VixVM_Suspend(vm, 0, NULL, NULL)));
    CODE(VIX_OK, outcome(VixVM_PowerOn(vm, VIX_VMPOWEROP_NORMAL, VIX_INVALID_HANDLE, NULL, NULL)));
    CODE(VIX_OK, outcome(VixVM_Reset(vm, VIX_VMPOWEROP_NORMAL, NULL, NULL)));
    CODE(VIX_OK, outcome(VixVM_WaitForToolsInGuest(vm, 60, NULL, NULL)));
    CODE(VIX_OK, outcome(VixVM_InstallTools(vm, VIX_INSTALLTOOLS_RETURN_IMMEDIATELY, NULL, NULL, NULL)));
    struct heard heard = {.found = 0};
    CODE(VIX_OK, outcome(after_callback(VixHost_FindItems(host, VIX_FIND_RUNNING_VMS, VIX_INVALID_HANDLE, -1, hear, &heard), &heard)));
    CHECK(heard.found == 1);
}

static bool exists(VixHandle job)
{
    Bool there = 2;
    CODE(VIX_OK, VixJob_Wait(job, VIX_PROPERTY_JOB_RESULT_GUEST_OBJECT_EXISTS, &there, VIX_PROPERTY_NONE));
    Vix_ReleaseHandle(job);
    CHECK(there == 0 || there == 1);
    return there;
}

static void files_go_to_the_guest_and_back(void)
{
    FILE *file = fopen(in_folder("there"), "w");
    fputs("whole", file);
    fclose(file);
    CODE(VIX_OK, outcome(VixVM_CreateDirectoryInGuest(vm, "/srv/a/b", VIX_INVALID_HANDLE, NULL, NULL)));
    CODE(VIX_OK, outcome(VixVM_CopyFileFromHostToGuest(vm, in_folder("there"), "/srv/a/one", 0, VIX_INVALID_HANDLE, NULL, NULL)));
    CODE(VIX_OK, outcome(VixVM_RenameFileInGuest(vm, "/srv/a/one", "/srv/a/two", 0, VIX_INVALID_HANDLE, NULL, NULL)));
    CODE(VIX_OK, outcome(VixVM_CopyFileFromGuestToHost(vm, "/srv/a/two", in_folder("back"), 0, VIX_INVALID_HANDLE, NULL, NULL)));
    struct stat status = {.st_size = 0};
    CHECK(stat(in_folder("back"), &status) == 0 && status.st_size == 5);
    CHECK(exists(VixVM_FileExistsInGuest(vm, "/srv/a/two", NULL, NULL)) && !exists(VixVM_FileExistsInGuest(vm, "/srv/a/b", NULL, NULL)));
    CHECK(exists(VixVM_DirectoryExistsInGuest(vm, "/srv/a/b", NULL, NULL)) && !exists(VixVM_DirectoryExistsInGuest(vm, "/srv/a/two", NULL, NULL)));

    int64_t size = -1;
    int64_t modified = -1;
    int flags = -1;
    VixHandle job = VixVM_GetFileInfoInGuest(vm, "/srv/a/two", NULL, NULL);
    CODE(VIX_OK, VixJob_Wait(job, VIX_PROPERTY_JOB_RESULT_FILE_SIZE, &size, VIX_PROPERTY_JOB_RESULT_FILE_FLAGS, &flags, VIX_PROPERTY_JOB_RESULT_FILE_MOD_TIME,
                             &modified, VIX_PROPERTY_NONE));
    CHECK(size == 5 && flags == 0 && modified > 1000000000);
    Vix_ReleaseHandle(job);

    job = VixVM_ListDirectoryInGuest(vm, "/srv/a", 0, NULL, NULL);
    CODE(VIX_OK, VixJob_Wait(job, VIX_PROPERTY_NONE));
    int count = VixJob_GetNumProperties(job, VIX_PROPERTY_JOB_RESULT_ITEM_NAME);
    CHECK(count == 2);
    for (int i = 0; i < count; i++) {
        char *name = NULL;
        CODE(VIX_OK, VixJob_GetNthProperties(job, i, VIX_PROPERTY_JOB_RESULT_ITEM_NAME, &name, VIX_PROPERTY_JOB_RESULT_FILE_FLAGS, &flags, VIX_PROPERTY_NONE));
        CHECK(strcmp(name, flags == VIX_FILE_ATTRIBUTES_DIRECTORY ? "b" : "two") == 0);
        Vix_FreeBuffer(name);
    }
    Vix_ReleaseHandle(job);

    char *name = NULL;
    job = VixVM_CreateTempFileInGuest(vm, 0, VIX_INVALID_HANDLE, NULL, NULL);
    CODE(VIX_OK, VixJob_Wait(job, VIX_PROPERTY_JOB_RESULT_ITEM_NAME, &name, VIX_PROPERTY_NONE));
    Vix_ReleaseHandle(job);
    CODE(VIX_OK, outcome(VixVM_DeleteFileInGuest(vm, name, NULL, NULL)));
    Vix_FreeBuffer(name);
    CODE(VIX_OK, outcome(VixVM_DeleteDirectoryInGuest(vm, "/srv/a", 0, NULL, NULL)));
}

static void programs_run_and_are_killed(void)
{
    int64_t pid = 0;
    int code = -1;
    int elapsed = -1;
    VixHandle job = VixVM_RunProgramInGuest(vm, "/bin/sh", "-c 'exit 7'", 0, VIX_INVALID_HANDLE, NULL, NULL);
    CODE(VIX_OK, VixJob_Wait(job, VIX_PROPERTY_JOB_RESULT_PROCESS_ID, &pid, VIX_PROPERTY_JOB_RESULT_GUEST_PROGRAM_ELAPSED_TIME, &elapsed,
                             VIX_PROPERTY_JOB_RESULT_GUEST_PROGRAM_EXIT_CODE, &code, VIX_PROPERTY_NONE));
    CHECK(pid > 0 && code == 7 && elapsed >= 0);
    Vix_ReleaseHandle(job);
    job = VixVM_RunScriptInGuest(vm, NULL, "exit 8\n", 0, VIX_INVALID_HANDLE, NULL, NULL);
    CODE(VIX_OK, VixJob_Wait(job, VIX_PROPERTY_JOB_RESULT_GUEST_PROGRAM_EXIT_CODE, &code, VIX_PROPERTY_NONE));
    CHECK(code == 8);
    Vix_ReleaseHandle(job);

    job = VixVM_RunProgramInGuest(vm, "/bin/sleep", "1000", VIX_RUNPROGRAM_RETURN_IMMEDIATELY, VIX_INVALID_HANDLE, NULL, NULL);
    CODE(VIX_OK, VixJob_Wait(job, VIX_PROPERTY_JOB_RESULT_PROCESS_ID, &pid, VIX_PROPERTY_NONE));
    Vix_ReleaseHandle(job);
    job = VixVM_ListProcessesInGuest(vm, 0, NULL, NULL);
    CODE(VIX_OK, VixJob_Wait(job, VIX_PROPERTY_NONE));
    int found = 0;
    for (int i = 0; i < VixJob_GetNumProperties(job, VIX_PROPERTY_JOB_RESULT_ITEM_NAME); i++) {
        int64_t listed = 0;
        char *owner = NULL;
        Bool debugged = 2;
        CODE(VIX_OK, VixJob_GetNthProperties(job, i, VIX_PROPERTY_JOB_RESULT_PROCESS_ID, &listed, VIX_PROPERTY_JOB_RESULT_PROCESS_OWNER, &owner,
                                             VIX_PROPERTY_JOB_RESULT_PROCESS_BEING_DEBUGGED, &debugged, VIX_PROPERTY_NONE));
        found += listed == pid && strcmp(owner, "lab") == 0 && debugged == 0;
        Vix_FreeBuffer(owner);
    }
    CHECK(found == 1);
    Vix_ReleaseHandle(job);
    CODE(VIX_OK, outcome(VixVM_KillProcessInGuest(vm, (uint64)pid, 0, NULL, NULL)));
}

static void variables_folders_and_the_screen(void)
{
    CODE(VIX_OK, outcome(VixVM_WriteVariable(vm, VIX_VM_GUEST_VARIABLE, "role", "w\xC3\xA4rter", 0, NULL, NULL)));
    char *value = NULL;
    VixHandle job = VixVM_ReadVariable(vm, VIX_VM_GUEST_VARIABLE, "role", 0, NULL, NULL);
    CODE(VIX_OK, VixJob_Wait(job, VIX_PROPERTY_JOB_RESULT_VM_VARIABLE_STRING, &value, VIX_PROPERTY_NONE));
    CHECK(strcmp(value, "w\xC3\xA4rter") == 0);
    Vix_FreeBuffer(value);
    Vix_ReleaseHandle(job);

    CODE(VIX_OK, outcome(VixVM_EnableSharedFolders(vm, 1, 0, NULL, NULL)));
    CODE(VIX_OK, outcome(VixVM_AddSharedFolder(vm, "work", folder, 0, NULL, NULL)));
    CODE(VIX_OK, outcome(VixVM_SetSharedFolderState(vm, "work", folder, VIX_SHAREDFOLDER_WRITE_ACCESS, NULL, NULL)));
    int count = -1;
    job = VixVM_GetNumSharedFolders(vm, NULL, NULL);
    CODE(VIX_OK, VixJob_Wait(job, VIX_PROPERTY_JOB_RESULT_SHARED_FOLDER_COUNT, &count, VIX_PROPERTY_NONE));
    CHECK(count == 1);
    Vix_ReleaseHandle(job);
    char *path = NULL;
    int flags = -1;
    job = VixVM_GetSharedFolderState(vm, 0, NULL, NULL);
    CODE(VIX_OK, VixJob_Wait(job, VIX_PROPERTY_JOB_RESULT_ITEM_NAME, &value, VIX_PROPERTY_JOB_RESULT_SHARED_FOLDER_HOST, &path,
                             VIX_PROPERTY_JOB_RESULT_SHARED_FOLDER_FLAGS, &flags, VIX_PROPERTY_NONE));
    CHECK(strcmp(value, "work") == 0 && strcmp(path, folder) == 0 && flags == VIX_SHAREDFOLDER_WRITE_ACCESS);
    Vix_FreeBuffer(value);
    Vix_FreeBuffer(path);
    Vix_ReleaseHandle(job);
    CODE(VIX_OK, outcome(VixVM_RemoveSharedFolder(vm, "work", 0, NULL, NULL)));

    int size = 0;
    unsigned char *image = NULL;
    job = VixVM_CaptureScreenImage(vm, VIX_CAPTURESCREENFORMAT_PNG, VIX_INVALID_HANDLE, NULL, NULL);
    CODE(VIX_OK, VixJob_Wait(job, VIX_PROPERTY_JOB_RESULT_SCREEN_IMAGE_DATA, &size, &image, VIX_PROPERTY_NONE));
    CHECK(size > 100 && memcmp(image, "\x89PNG", 4) == 0);
    Vix_FreeBuffer(image);
    Vix_ReleaseHandle(job);
}

static void snapshots_make_a_tree(void)
{
    VixHandle root = result(VixVM_CreateSnapshot(vm, "root", "first", 0, VIX_INVALID_HANDLE, NULL, NULL));
    VixHandle leaf = result(VixVM_CreateSnapshot(vm, "leaf", NULL, 0, VIX_INVALID_HANDLE, NULL, NULL));
    VixHandle other = VIX_INVALID_HANDLE;
    int count = -1;
    CODE(VIX_OK, VixVM_GetNumRootSnapshots(vm, &count));
    CHECK(count == 1);
    CODE(VIX_OK, VixVM_GetRootSnapshot(vm, 0, &other));
    CHECK(other == root && has_text(root, VIX_PROPERTY_SNAPSHOT_DISPLAYNAME, "root") && has_text(root, VIX_PROPERTY_SNAPSHOT_DESCRIPTION, "first"));
    Vix_ReleaseHandle(other);
    CODE(VIX_OK, VixVM_GetCurrentSnapshot(vm, &other));
    CHECK(other == leaf);
    Vix_ReleaseHandle(other);
    CODE(VIX_OK, VixVM_GetNamedSnapshot(vm, "root/leaf", &other));
    CHECK(other == leaf);
    Vix_ReleaseHandle(other);
    CODE(VIX_OK, VixSnapshot_GetNumChildren(root, &count));
    CHECK(count == 1);
    CODE(VIX_OK, VixSnapshot_GetChild(root, 0, &other));
    CHECK(other == leaf);
    Vix_ReleaseHandle(other);
    CODE(VIX_OK, VixSnapshot_GetParent(leaf, &other));
    CHECK(other == root);
    Vix_ReleaseHandle(other);
    CODE(VIX_OK, VixSnapshot_GetParent(root, &other));
    CHECK(other == VIX_INVALID_HANDLE);
    CODE(VIX_OK, outcome(VixVM_RevertToSnapshot(vm, root, VIX_VMPOWEROP_SUPPRESS_SNAPSHOT_POWERON, VIX_INVALID_HANDLE, NULL, NULL)));
    VixHandle clone = result(VixVM_Clone(vm, root, VIX_CLONETYPE_LINKED, in_folder("clone/clone.vmx"), 0, VIX_INVALID_HANDLE, NULL, NULL));
    CHECK(clone != vm && Vix_GetHandleType(clone) == VIX_HANDLETYPE_VM);
    CODE(VIX_OK, outcome(VixVM_Delete(clone, VIX_VMDELETE_DISK_FILES, NULL, NULL)));
    Vix_ReleaseHandle(clone);
    CODE(VIX_OK, outcome(VixVM_RemoveSnapshot(vm, root, VIX_SNAPSHOT_REMOVE_CHILDREN, NULL, NULL)));
    Vix_ReleaseHandle(leaf);
    Vix_ReleaseHandle(root);
}

static void jobs_are_polled_and_asked(void)
{
    VixHandle job = VixVM_PowerOff(vm, VIX_VMPOWEROP_NORMAL, NULL, NULL);
    Bool complete = 0;
    while (complete == 0) {
        CODE(VIX_OK, VixJob_CheckCompletion(job, &complete));
    }
    CODE(VIX_OK, VixJob_GetError(job));
    VixError error = 1;
    CODE(VIX_OK, Vix_GetProperties(job, VIX_PROPERTY_JOB_RESULT_ERROR_CODE, &error, VIX_PROPERTY_NONE));
    CODE(VIX_OK, error);
    Vix_ReleaseHandle(job);
}

int main(int count, char **arguments)
{
    if (count != 3) {
        return 2;
    }
    vmx = arguments[1];
    folder = arguments[2];
    host = connected();
    the_host_is_asked();
    vm_is_opened_by_both_functions();
    its_power_goes_through_every_state();
    CODE(VIX_OK, outcome(VixVM_LoginInGuest(vm, "lab", "lab", 0, NULL, NULL)));
    files_go_to_the_guest_and_back();
    programs_run_and_are_killed();
    variables_folders_and_the_screen();
    CODE(VIX_OK, outcome(VixVM_LogoutFromGuest(vm, NULL, NULL)));
    jobs_are_polled_and_asked();
    snapshots_make_a_tree();
    Vix_ReleaseHandle(vm);
    VixHost_Disconnect(host);
    return failures();
}
