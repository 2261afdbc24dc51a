/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Callbacks: from which thread, in which order, with what, and that they may call VIX.
 */

#include "check.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    EVENTS = 16,
};

/* The events that a callback received, and their items. */
struct record {
    pthread_t thread;
    atomic_int count;
    VixHandle jobs[EVENTS];
    VixEventType types[EVENTS];
    VixHandle infos[EVENTS];
    char found[EVENTS][32];
    VixError errors[EVENTS];
    VixHandle vm; /* for a callback that calls VIX */
    VixHandle kept;
};

static void take_down(VixHandle job, VixEventType type, VixHandle info, void *data)
{
    struct record *record = data;
    int now = record->count;
    record->thread = pthread_self();
    record->jobs[now] = job;
    record->types[now] = type;
    record->infos[now] = info;
    if (type == VIX_EVENTTYPE_FIND_ITEM) {
        char *path = NULL;
        record->errors[now] = Vix_GetProperties(info, VIX_PROPERTY_FOUND_ITEM_LOCATION, &path, VIX_PROPERTY_NONE);
        snprintf(record->found[now], sizeof record->found[now], "%s", path);
        Vix_FreeBuffer(path);
        CHECK(Vix_GetHandleType(info) == VIX_HANDLETYPE_PROPERTY_LIST);
    } else if (type == VIX_EVENTTYPE_JOB_COMPLETED) {
        CODE(VIX_OK, Vix_GetProperties(job, VIX_PROPERTY_JOB_RESULT_ERROR_CODE, &record->errors[now], VIX_PROPERTY_NONE));
        CODE(record->errors[now], VixJob_GetError(job));
        CODE(record->errors[now], VixJob_Wait(job, VIX_PROPERTY_NONE));
    }
    if (record->vm != VIX_INVALID_HANDLE) {
        int cpus = 0;
        CODE(VIX_OK, Vix_GetProperties(record->vm, VIX_PROPERTY_VM_NUM_VCPUS, &cpus, VIX_PROPERTY_NONE));
        CHECK(cpus == 4);
    }
    record->count++;
}

/* Not a sleep: the main thread gives the other one its turn until something is so, and the test has a time limit. */
static void until(const atomic_int *count, int wanted)
{
    while (*count < wanted) {
        sched_yield();
    }
}

static void found_items_come_before_the_completion(VixHandle host)
{
    struct record record = {.vm = VIX_INVALID_HANDLE};
    VixHandle job = VixHost_FindItems(host, VIX_FIND_RUNNING_VMS, VIX_INVALID_HANDLE, -1, take_down, &record);
    CODE(VIX_OK, VixJob_Wait(job, VIX_PROPERTY_NONE));
    /* Clients look at what was found as soon as Wait returns. */
    CHECK(record.count >= 3);
    until(&record.count, 4);
    for (int i = 0; i < 3; i++) {
        char path[32];
        snprintf(path, sizeof path, "/vm%d.vmx", i);
        CHECK(record.types[i] == VIX_EVENTTYPE_FIND_ITEM && record.errors[i] == VIX_OK && strcmp(record.found[i], path) == 0);
        CHECK(record.jobs[i] == job);
        CHECK(Vix_GetHandleType(record.infos[i]) == VIX_HANDLETYPE_NONE);
    }
    CHECK(record.types[3] == VIX_EVENTTYPE_JOB_COMPLETED && record.infos[3] == VIX_INVALID_HANDLE);
    CHECK(!pthread_equal(record.thread, pthread_self()));
    CHECK(VixJob_GetNumProperties(job, VIX_PROPERTY_FOUND_ITEM_LOCATION) == 3);
    Vix_ReleaseHandle(job);
    CHECK(record.count == 4);
}

static void callbacks_may_call_vix_and_come_before_the_start_returns(VixHandle vm)
{
    struct record record = {.vm = vm};
    /* The daemon accepts this job only after the callback has asked it for a property. */
    VixHandle job = VixVM_PowerOff(vm, VIX_VMPOWEROP_NORMAL, take_down, &record);
    until(&record.count, 1);
    CHECK(record.jobs[0] == job && record.types[0] == VIX_EVENTTYPE_JOB_COMPLETED && record.errors[0] == VIX_OK);
    Vix_ReleaseHandle(job);
}

static void released_job_is_still_reported(VixHandle vm)
{
    struct record record = {.vm = VIX_INVALID_HANDLE};
    VixHandle job = VixVM_ListProcessesInGuest(vm, 0, take_down, &record);
    Vix_ReleaseHandle(job);
    CODE(VIX_E_INVALID_HANDLE, VixJob_GetError(job));
    /* The daemon ends the job only when it is asked for this. */
    int number;
    CODE(VIX_OK, VixVM_GetNumRootSnapshots(vm, &number));
    until(&record.count, 1);
    CHECK(record.jobs[0] == job && record.types[0] == VIX_EVENTTYPE_JOB_COMPLETED && record.errors[0] == VIX_OK);
}

static void progress_precedes_completion(VixHandle vm)
{
    struct record record = {.vm = VIX_INVALID_HANDLE};
    VixHandle job = VixVM_PowerOn(vm, VIX_VMPOWEROP_NORMAL, VIX_INVALID_HANDLE, take_down, &record);
    CHECK(VIX_ERROR_CODE(VixJob_Wait(job, VIX_PROPERTY_NONE)) == 0x0BBF);
    until(&record.count, 3);
    CHECK(record.types[0] == VIX_EVENTTYPE_JOB_PROGRESS && record.types[1] == VIX_EVENTTYPE_JOB_PROGRESS);
    CHECK(record.infos[0] != VIX_INVALID_HANDLE && record.types[2] == VIX_EVENTTYPE_JOB_COMPLETED);
    CODE(0xF123456789AB0BBFull, record.errors[2]);
    Vix_ReleaseHandle(job);
}

static void wrong_arguments_come_through_a_finished_job(VixHandle vm)
{
    struct record record = {.vm = VIX_INVALID_HANDLE};
    VixHandle job = VixVM_DeleteFileInGuest(vm, NULL, take_down, &record);
    Bool finished = 0;
    /* Whoever asks knows of its end once its callback does. */
    while (finished == 0) {
        CODE(VIX_OK, VixJob_CheckCompletion(job, &finished));
    }
    CHECK(finished == 1);
    CODE(VIX_E_INVALID_ARG, VixJob_GetError(job));
    until(&record.count, 1);
    CHECK(record.jobs[0] == job && record.types[0] == VIX_EVENTTYPE_JOB_COMPLETED);
    CODE(VIX_E_INVALID_ARG, record.errors[0]);
    CHECK(!pthread_equal(record.thread, pthread_self()));
    Vix_ReleaseHandle(job);
}

static void keep_and_release(VixHandle job, VixEventType type, VixHandle info, void *data)
{
    struct record *record = data;
    (void)job;
    if (type == VIX_EVENTTYPE_FIND_ITEM && record->kept == VIX_INVALID_HANDLE) {
        Vix_AddRefHandle(info);
        record->kept = info;
    } else if (type == VIX_EVENTTYPE_FIND_ITEM) {
        /* It was not the client's to release; but now it is gone. */
        Vix_ReleaseHandle(info);
        char *path;
        CODE(VIX_E_INVALID_HANDLE, Vix_GetProperties(info, VIX_PROPERTY_FOUND_ITEM_LOCATION, &path, VIX_PROPERTY_NONE));
    }
    record->count++;
}

static void an_item_can_be_kept_by_a_reference(VixHandle host)
{
    struct record record = {.kept = VIX_INVALID_HANDLE};
    VixHandle job = VixHost_FindItems(host, VIX_FIND_RUNNING_VMS, VIX_INVALID_HANDLE, -1, keep_and_release, &record);
    until(&record.count, 4);
    Vix_ReleaseHandle(job);
    char *path = NULL;
    CODE(VIX_OK, Vix_GetProperties(record.kept, VIX_PROPERTY_FOUND_ITEM_LOCATION, &path, VIX_PROPERTY_NONE));
    CHECK(path != NULL && strcmp(path, "/vm0.vmx") == 0);
    Vix_FreeBuffer(path);
    Vix_ReleaseHandle(record.kept);
}

static void release_inside(VixHandle job, VixEventType type, VixHandle info, void *data)
{
    (void)type;
    (void)info;
    Vix_ReleaseHandle(job);
    ++*(atomic_int *)data;
}

static void a_callback_may_release_its_job(VixHandle vm)
{
    atomic_int count = 0;
    VixHandle job = VixVM_DeleteFileInGuest(vm, NULL, release_inside, &count);
    until(&count, 1);
    CODE(VIX_E_INVALID_HANDLE, VixJob_GetError(job));
}

static void disconnect_inside(VixHandle job, VixEventType type, VixHandle info, void *data)
{
    struct record *record = data;
    (void)type;
    (void)info;
    VixHost_Disconnect(record->kept);
    CODE(VIX_E_INVALID_HANDLE, VixJob_GetError(job));
    record->count++;
}

static void no_callback_comes_after_the_disconnect(void)
{
    struct record record = {.kept = connected()};
    VixHandle job = VixHost_FindItems(record.kept, VIX_FIND_RUNNING_VMS, VIX_INVALID_HANDLE, -1, disconnect_inside, &record);
    CODE(VIX_E_INVALID_HANDLE, VixJob_Wait(job, VIX_PROPERTY_NONE));
    /* A later callback of the same thread shows that the one that was due has been left out. */
    VixHandle host = connected();
    struct record later = {.vm = VIX_INVALID_HANDLE};
    VixHandle after = VixHost_RegisterVM(host, NULL, take_down, &later);
    until(&later.count, 1);
    CHECK(record.count == 1);
    Vix_ReleaseHandle(after);
    VixHost_Disconnect(host);
}

int main(void)
{
    VixHandle host = connected();
    VixHandle vm = opened(host, "/vm.vmx");
    found_items_come_before_the_completion(host);
    callbacks_may_call_vix_and_come_before_the_start_returns(vm);
    released_job_is_still_reported(vm);
    progress_precedes_completion(vm);
    wrong_arguments_come_through_a_finished_job(vm);
    an_item_can_be_kept_by_a_reference(host);
    a_callback_may_release_its_job(vm);
    Vix_ReleaseHandle(vm);
    VixHost_Disconnect(host);
    no_callback_comes_after_the_disconnect();
    return failures();
}
