/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Does what its arguments say, one after another, and prints what each came to: a small client to be watched from outside.
 */

#include "check.h"

#include <signal.h>
#include <unistd.h>

static VixHandle host;
static VixHandle vm;

static VixError last;

static void say(const char *verb, VixError error)
{
    last = error;
    printf("%s %d\n", verb, (int)VIX_ERROR_CODE(error));
    fflush(stdout);
}

static VixError take_result(VixHandle job, VixHandle *handle)
{
    VixError error = VixJob_Wait(job, VIX_PROPERTY_JOB_RESULT_HANDLE, handle, VIX_PROPERTY_NONE);
    Vix_ReleaseHandle(job);
    return error;
}

static void found(VixHandle job, VixEventType type, VixHandle info, void *data)
{
    char *path;
    (void)job;
    (void)data;
    if (type == VIX_EVENTTYPE_FIND_ITEM && Vix_GetProperties(info, VIX_PROPERTY_FOUND_ITEM_LOCATION, &path, VIX_PROPERTY_NONE) == VIX_OK) {
        printf("found %s\n", path);
        Vix_FreeBuffer(path);
    }
}

static VixError print_properties(void)
{
    char *name;
    char *path;
    char *guest;
    int power;
    int memory;
    int cpus;
    Bool running;
    VixError error = Vix_GetProperties(vm, VIX_PROPERTY_VM_NAME, &name, VIX_PROPERTY_VM_VMX_PATHNAME, &path, VIX_PROPERTY_VM_GUESTOS, &guest,
                                       VIX_PROPERTY_VM_POWER_STATE, &power, VIX_PROPERTY_VM_MEMORY_SIZE, &memory, VIX_PROPERTY_VM_NUM_VCPUS, &cpus,
                                       VIX_PROPERTY_VM_IS_RUNNING, &running, VIX_PROPERTY_NONE);
    if (error == VIX_OK) {
        printf("vm %s|%s|%s|%d|%d|%d\n", name, path, guest, memory, cpus, running);
        Vix_FreeBuffer(name);
        Vix_FreeBuffer(path);
        Vix_FreeBuffer(guest);
    }
    return error;
}

static VixError print_snapshots(void)
{
    int count;
    VixError error = VixVM_GetNumRootSnapshots(vm, &count);
    for (int i = 0; error == VIX_OK && i < count; i++) {
        VixHandle snapshot;
        char *name;
        error = VixVM_GetRootSnapshot(vm, i, &snapshot);
        if (error == VIX_OK && (error = Vix_GetProperties(snapshot, VIX_PROPERTY_SNAPSHOT_DISPLAYNAME, &name, VIX_PROPERTY_NONE)) == VIX_OK) {
            printf("root %s\n", name);
            Vix_FreeBuffer(name);
        }
        Vix_ReleaseHandle(snapshot);
    }
    return error;
}

static VixError remove_snapshot(const char *name)
{
    VixHandle snapshot;
    VixError error = VixVM_GetNamedSnapshot(vm, name, &snapshot);
    if (error == VIX_OK) {
        error = outcome(VixVM_RemoveSnapshot(vm, snapshot, 0, NULL, NULL));
        Vix_ReleaseHandle(snapshot);
    }
    return error;
}

static VixError take_snapshot(const char *name)
{
    VixHandle snapshot;
    VixError error = take_result(VixVM_CreateSnapshot(vm, name, NULL, 0, VIX_INVALID_HANDLE, NULL, NULL), &snapshot);
    if (error == VIX_OK) {
        Vix_ReleaseHandle(snapshot);
    }
    return error;
}

static void act(const char *verb, const char *object)
{
    char *text;
    if (strcmp(verb, "connect") == 0) {
        say(verb, take_result(start_connecting(), &host));
    } else if (strcmp(verb, "text") == 0) {
        printf("%s\n", Vix_GetErrorText(last, NULL));
    } else if (strcmp(verb, "find") == 0) {
        say(verb, outcome(VixHost_FindItems(host, VIX_FIND_RUNNING_VMS, VIX_INVALID_HANDLE, -1, found, NULL)));
    } else if (strcmp(verb, "open") == 0) {
        say(verb, take_result(VixHost_OpenVM(host, object, VIX_VMOPEN_NORMAL, VIX_INVALID_HANDLE, NULL, NULL), &vm));
    } else if (strcmp(verb, "properties") == 0) {
        say(verb, print_properties());
    } else if (strcmp(verb, "on") == 0) {
        say(verb, outcome(VixVM_PowerOn(vm, VIX_VMPOWEROP_NORMAL, VIX_INVALID_HANDLE, NULL, NULL)));
    } else if (strcmp(verb, "off") == 0) {
        say(verb, outcome(VixVM_PowerOff(vm, VIX_VMPOWEROP_NORMAL, NULL, NULL)));
    } else if (strcmp(verb, "clone") == 0) {
        say(verb, outcome(VixVM_Clone(vm, VIX_INVALID_HANDLE, VIX_CLONETYPE_FULL, object, 0, VIX_INVALID_HANDLE, NULL, NULL)));
    } else if (strcmp(verb, "snapshot") == 0) {
        say(verb, take_snapshot(object));
    } else if (strcmp(verb, "snapshots") == 0) {
        say(verb, print_snapshots());
    } else if (strcmp(verb, "remove") == 0) {
        say(verb, remove_snapshot(object));
    } else if (strcmp(verb, "start") == 0) {
        say(verb, VixVM_PowerOn(vm, VIX_VMPOWEROP_NORMAL, VIX_INVALID_HANDLE, NULL, NULL) == VIX_INVALID_HANDLE);
    } else if (strcmp(verb, "keep-text") == 0) {
        say(verb, Vix_GetProperties(vm, VIX_PROPERTY_VM_NAME, &text, VIX_PROPERTY_NONE));
    } else if (strcmp(verb, "login") == 0) {
        say(verb, outcome(VixVM_LoginInGuest(vm, object, object, 0, NULL, NULL)));
    } else if (strcmp(verb, "list") == 0) {
        say(verb, outcome(VixVM_ListProcessesInGuest(vm, 0, NULL, NULL)));
    } else if (strcmp(verb, "release") == 0) {
        Vix_ReleaseHandle(vm);
    } else if (strcmp(verb, "disconnect") == 0) {
        VixHost_Disconnect(host);
    } else if (strcmp(verb, "pause") == 0) {
        say(verb, 0);
        check(getchar() == '\n', "a line was given", __FILE__, __LINE__);
    } else if (strcmp(verb, "leave") == 0) {
        _exit(0);
    } else if (strcmp(verb, "killed") == 0) {
        raise(SIGKILL);
    } else {
        say(verb, VIX_E_UNRECOGNIZED_COMMAND);
    }
}

/* Arguments: verbs, one with an object as verb=object. */
int main(int count, char **arguments)
{
    for (int i = 1; i < count; i++) {
        char *object = strchr(arguments[i], '=');
        if (object != NULL) {
            *object++ = '\0';
        }
        act(arguments[i], object);
    }
    return failures();
}
