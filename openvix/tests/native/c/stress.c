/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Many threads on one handle, all at once: stress VMX THREADS ROUNDS. Where several processes do this to one VM, they get in each other's way
 * in the ways that VIX knows, and in no other.
 */

#include "check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

static const char *vmx;
static int rounds;
static VixHandle host;
static VixHandle vm;
static atomic_int begun;
static atomic_int heard;

static void hear(VixHandle job, VixEventType type, VixHandle info, void *data)
{
    char *path = NULL;
    if (type == VIX_EVENTTYPE_FIND_ITEM && Vix_GetProperties(info, VIX_PROPERTY_FOUND_ITEM_LOCATION, &path, VIX_PROPERTY_NONE) == VIX_OK) {
        Vix_FreeBuffer(path);
    } else if (type == VIX_EVENTTYPE_JOB_COMPLETED) {
        CHECK(VixJob_GetError(job) != VIX_E_UNFINISHED_JOB);
        ++*(atomic_int *)data;
    }
}

static void read_properties(void)
{
    char *path = NULL;
    int power = 0;
    Bool running = 2;
    CODE(VIX_OK, Vix_GetProperties(vm, VIX_PROPERTY_VM_VMX_PATHNAME, &path, VIX_PROPERTY_VM_POWER_STATE, &power, VIX_PROPERTY_VM_IS_RUNNING, &running,
                                   VIX_PROPERTY_NONE));
    CHECK(strcmp(path, vmx) == 0 && power != 0 && (running == 0 || running == 1));
    Vix_FreeBuffer(path);
}

/* The handle of the VM is opened, copied and given back again and again while others use it. */
static void count_references(void)
{
    VixHandle again = opened(host, vmx);
    CHECK(again == vm);
    Vix_AddRefHandle(again);
    Vix_ReleaseHandle(again);
    Vix_ReleaseHandle(again);
    VixHandle list = VIX_INVALID_HANDLE;
    int number = 0;
    CODE(VIX_OK, VixPropertyList_AllocPropertyList(host, &list, VIX_PROPERTY_VM_NUM_VCPUS, 7, VIX_PROPERTY_NONE));
    CODE(VIX_OK, Vix_GetProperties(list, VIX_PROPERTY_VM_NUM_VCPUS, &number, VIX_PROPERTY_NONE));
    CHECK(number == 7);
    Vix_ReleaseHandle(list);
}

/* Jobs that are waited for, polled, heard of, and left behind. */
static void run_jobs(int number)
{
    char text[64];
    snprintf(text, sizeof text, "value %d", number);
    VixError error = outcome(VixVM_WriteVariable(vm, VIX_VM_GUEST_VARIABLE, text, text, 0, NULL, NULL));
    CHECK(error == VIX_OK || error == VIX_E_VM_NOT_RUNNING);
    atomic_fetch_add(&begun, 1);
    Vix_ReleaseHandle(VixHost_FindItems(host, VIX_FIND_RUNNING_VMS, VIX_INVALID_HANDLE, -1, hear, &heard));
    VixHandle job = VixVM_ReadVariable(vm, VIX_VM_GUEST_VARIABLE, text, 0, NULL, NULL);
    Bool complete = 0;
    while (complete == 0) {
        CODE(VIX_OK, VixJob_CheckCompletion(job, &complete));
    }
    char *value = NULL;
    error = VixJob_Wait(job, VIX_PROPERTY_JOB_RESULT_VM_VARIABLE_STRING, &value, VIX_PROPERTY_NONE);
    if (error == VIX_OK) {
        /* Another process may have powered the VM off in between, which forgets it. */
        CHECK(strcmp(value, text) == 0 || value[0] == '\0');
        Vix_FreeBuffer(value);
    }
    CHECK(error == VIX_OK || error == VIX_E_VM_NOT_RUNNING);
    Vix_ReleaseHandle(job);
}

static void switch_power(int number)
{
    VixHandle job = number % 3 == 0   ? VixVM_PowerOn(vm, VIX_VMPOWEROP_NORMAL, VIX_INVALID_HANDLE, NULL, NULL)
                    : number % 3 == 1 ? VixVM_Suspend(vm, 0, NULL, NULL)
                                      : VixVM_PowerOff(vm, VIX_VMPOWEROP_NORMAL, NULL, NULL);
    VixError error = outcome(job);
    CHECK(error == VIX_OK || error == VIX_E_OBJECT_IS_BUSY || error == VIX_E_VM_NOT_RUNNING || error == VIX_E_VM_IS_RUNNING);
}

static void *work(void *data)
{
    int thread = *(int *)data;
    for (int i = 0; i < rounds; i++) {
        read_properties();
        count_references();
        run_jobs((int)getpid() * 1000 + thread);
        switch_power(thread + i);
        int roots = -1;
        CODE(VIX_OK, VixVM_GetNumRootSnapshots(vm, &roots));
        CHECK(roots == 0);
    }
    return NULL;
}

int main(int count, char **arguments)
{
    enum {
        MOST = 64,
    };
    pthread_t threads[MOST];
    int numbers[MOST];
    if (count != 4) {
        return 2;
    }
    vmx = arguments[1];
    int wanted = atoi(arguments[2]) < MOST ? atoi(arguments[2]) : MOST;
    rounds = atoi(arguments[3]);
    host = connected();
    vm = opened(host, vmx);
    for (int i = 0; i < wanted; i++) {
        numbers[i] = i;
        pthread_create(&threads[i], NULL, work, &numbers[i]);
    }
    for (int i = 0; i < wanted; i++) {
        pthread_join(threads[i], NULL);
    }
    while (heard < begun) {
        sched_yield();
    }
    Vix_ReleaseHandle(vm);
    VixHost_Disconnect(host);
    return failures();
}
