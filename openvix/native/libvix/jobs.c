/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Jobs (docs/vix-semantics.md, section 7).
 */

#include "jobs.h"

#include "cells.h"

#include <pthread.h>
#include <string.h>

/* Not _Thread_local: the leak check of sanitizers fails on that of a library that was loaded by dlopen(). */
static pthread_key_t calls_back;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool has_key;

static void make_key(void)
{
    has_key = pthread_key_create(&calls_back, NULL) == 0;
}

static bool calls_back_here(void)
{
    pthread_once(&once, make_key);
    return has_key && pthread_getspecific(calls_back) != NULL;
}

static void dispose(struct object *object)
{
    struct job *job = (struct job *)object;
    if (job->outcome.result != NULL) {
        object_drop(job->outcome.result);
    }
    frame_free(job->frame);
    pthread_cond_destroy(&job->request.changed);
}

static void wake(struct object *object)
{
    pthread_cond_broadcast(&((struct job *)object)->request.changed);
}

struct job *job_new(const char *function, struct object *host, VixEventProc *callback, void *data)
{
    struct job *job = (struct job *)object_new(sizeof *job, VIX_HANDLETYPE_JOB, host, dispose);
    job->function = function;
    job->callback = callback;
    job->data = data;
    job->request.job = &job->object;
    job->request.inside = true;
    job->object.wake = wake;
    pthread_cond_init(&job->request.changed, NULL);
    return job;
}

/* Return the type of the object in the result of a function. */
static VixHandleType result_type(const char *function)
{
    static const struct {
        const char *function;
        VixHandleType type;
    } known[] = {
        {"VixHost_Connect", VIX_HANDLETYPE_HOST},
        {"VixHost_OpenVM", VIX_HANDLETYPE_VM},
        {"VixVM_Open", VIX_HANDLETYPE_VM},
        {"VixVM_CreateSnapshot", VIX_HANDLETYPE_SNAPSHOT},
        {"VixVM_Clone", VIX_HANDLETYPE_VM},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(known[i].function, function) == 0) {
            return known[i].type;
        }
    }
    return VIX_HANDLETYPE_NONE;
}

static void keep_result(struct job *job)
{
    const struct value *reference = item_property(job_item(job, 0), VIX_PROPERTY_JOB_RESULT_HANDLE);
    VixHandleType type = result_type(job->function);
    if (reference == NULL || reference->tag != 's' || type == VIX_HANDLETYPE_NONE || job->object.closed) {
        return;
    }
    job->outcome.result = object_named(type, job->object.host, reference->bytes, reference->count);
    object_hold(job->outcome.result);
}

/* Before VMware's wrapper has loaded a product, it answers itself, without a job. */
static bool is_the_wrappers(const struct job *job)
{
    VixError code = VIX_ERROR_CODE(job->outcome.error);
    return strcmp(job->function, "VixHost_Connect") == 0 && code >= VIX_E_WRAPPER_WORKSTATION_NOT_INSTALLED && code <= VIX_E_WRAPPER_RUNTIME_NOT_INSTALLED
           && job->request.inside && !job->request.accepted;
}

void job_settle(struct job *job, VixError error, struct frame *frame, const struct value *items)
{
    job->outcome.error = error;
    job->object.refusal = is_the_wrappers(job) ? error : VIX_OK;
    job->frame = frame;
    job->items = items;
    if (error == VIX_OK) {
        keep_result(job);
    }
}

void job_finish(struct job *job)
{
    job->finished = true;
    wake(&job->object);
}

void job_notified(struct job *job)
{
    job->notified = true;
    wake(&job->object);
}

void job_calls_back_here(void)
{
    pthread_once(&once, make_key);
    if (has_key) {
        pthread_setspecific(calls_back, &calls_back);
    }
}

/* Return whether the client may know that the job is over. A fault can let it know before the callback does (openvix/docs/faults.md). */
static bool is_over(const struct job *job)
{
    return job->finished && (job->notified || calls_back_here() || job->request.late);
}

bool job_finds_items(const struct job *job)
{
    return strcmp(job->function, "VixHost_FindItems") == 0;
}

uint32_t job_items(const struct job *job)
{
    return job->outcome.error == VIX_OK && job->items != NULL ? job->items->count : 0;
}

const struct value *job_item(const struct job *job, int index)
{
    return index >= 0 && (uint32_t)index < job_items(job) ? &job->items->items[index] : NULL;
}

static struct job *find_job(VixHandle handle, VixError *error)
{
    return (struct job *)object_find(handle, VIX_HANDLETYPE_JOB, error);
}

static struct job *find_finished(VixHandle handle, VixError *error)
{
    struct job *job = find_job(handle, error);
    if (job != NULL && !job->finished) {
        *error = VIX_E_UNFINISHED_JOB;
        return NULL;
    }
    return job;
}

VixError VixJob_WaitVargs(VixHandle jobHandle, VixPropertyID firstPropertyID, va_list arguments)
{
    struct cells cells = cells_of(firstPropertyID, arguments);
    VixError error = VIX_OK;
    library_lock();
    bool pseudo = handle_is_pseudo(jobHandle);
    struct job *job = find_job(jobHandle, &error);
    if (job != NULL) {
        object_hold(&job->object);
        while (!is_over(job) && !job->object.closed) {
            library_wait(&job->request.changed);
        }
        error = job->object.closed ? VIX_E_INVALID_HANDLE : job->outcome.error;
        if (error == VIX_OK) {
            error = cells_fill(&cells, job_item(job, 0), &job->outcome);
        }
        object_drop(&job->object);
    }
    library_leave();
    if (pseudo) {
        cells_leave(&cells);
        return error;
    }
    return cells_done(&cells, error);
}

VixError VixJob_Wait(VixHandle jobHandle, VixPropertyID firstPropertyID, ...)
{
    va_list arguments;
    va_start(arguments, firstPropertyID);
    VixError error = VixJob_WaitVargs(jobHandle, firstPropertyID, arguments);
    va_end(arguments);
    return error;
}

VixError VixJob_CheckCompletion(VixHandle jobHandle, Bool *complete)
{
    VixError error = complete == NULL ? VIX_E_INVALID_ARG : VIX_OK;
    library_lock();
    bool pseudo = handle_is_pseudo(jobHandle);
    struct job *job = find_job(jobHandle, &error);
    bool finished = job != NULL && is_over(job);
    library_leave();
    if (complete != NULL && !pseudo) {
        *complete = error == VIX_OK ? finished : JUNK_BYTE;
    }
    return error;
}

VixError VixJob_GetError(VixHandle jobHandle)
{
    VixError error = VIX_OK;
    library_lock();
    struct job *job = find_finished(jobHandle, &error);
    if (job != NULL) {
        error = job->outcome.error;
    }
    library_leave();
    return error;
}

int VixJob_GetNumProperties(VixHandle jobHandle, int resultPropertyID)
{
    VixError error = VIX_OK;
    int count = 0;
    library_lock();
    struct job *job = find_finished(jobHandle, &error);
    if (job != NULL && resultPropertyID == VIX_PROPERTY_JOB_RESULT_ERROR_CODE) {
        count = 1;
    } else if (job != NULL) {
        for (uint32_t i = 0; i < job_items(job); i++) {
            count += item_property(job_item(job, (int)i), resultPropertyID) != NULL;
        }
    }
    library_leave();
    return count;
}

VixError VixJob_GetNthPropertiesVargs(VixHandle jobHandle, int index, int propertyID, va_list arguments)
{
    struct cells cells = cells_of(propertyID, arguments);
    VixError error = VIX_OK;
    library_lock();
    struct job *job = find_finished(jobHandle, &error);
    if (job != NULL && job_item(job, index) == NULL) {
        error = VIX_E_BAD_VM_INDEX;
    } else if (job != NULL) {
        error = cells_fill(&cells, job_item(job, index), &job->outcome);
    }
    library_leave();
    return cells_done(&cells, error);
}

VixError VixJob_GetNthProperties(VixHandle jobHandle, int index, int propertyID, ...)
{
    va_list arguments;
    va_start(arguments, propertyID);
    VixError error = VixJob_GetNthPropertiesVargs(jobHandle, index, propertyID, arguments);
    va_end(arguments);
    return error;
}
