/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The thread that calls the callbacks (docs/vix-semantics.md, section 7).
 */

#include "callbacks.h"

#include "handles.h"
#include "jobs.h"
#include "property_lists.h"
#include "releases.h"
#include "threads.h"

#include <pthread.h>
#include <stdlib.h>

struct event {
    struct job *job;
    VixEventType type;
    struct frame *frame;
    const struct value *item;
    struct event *next;
};

static struct event *events;
static bool running;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

/* Call the client without the lock. The job stays valid meanwhile, even if the client has released it. */
static void call_client(struct job *job, VixEventType type, const struct value *item)
{
    if (job->object.closed) {
        return;
    }
    struct object *list = item != NULL ? property_list_lend(job->object.host, item) : NULL;
    job->object.lent = true;
    library_unlock();
    job->callback(job->object.handle, type, list != NULL ? list->handle : VIX_INVALID_HANDLE, job->data);
    library_lock();
    job->object.lent = false;
    if (list != NULL) {
        list->lent = false;
        object_drop(list);
    }
}

static void deliver(const struct event *event)
{
    struct job *job = event->job;
    if (event->type != VIX_EVENTTYPE_JOB_COMPLETED) {
        call_client(job, event->type, event->item);
        return;
    }
    for (uint32_t i = 0; job_finds_items(job) && i < job_items(job); i++) {
        call_client(job, VIX_EVENTTYPE_FIND_ITEM, job_item(job, (int)i));
    }
    /* The job is finished only now, after the callback has received all its items. It is so for this callback, too. */
    job_finish(job);
    call_client(job, VIX_EVENTTYPE_JOB_COMPLETED, NULL);
    job_notified(job);
}

static void *make_callbacks(void *nothing)
{
    (void)nothing;
    job_calls_back_here();
    library_lock();
    for (;;) {
        if (releases_waiting()) {
            library_leave();
            library_lock();
        } else if (events != NULL) {
            /* It stays in the queue until it is delivered, so that a forked child knows of it. */
            struct event *event = events;
            deliver(event);
            events = event->next;
            object_drop(&event->job->object);
            frame_free(event->frame);
            free(event);
        } else {
            library_wait(&changed);
        }
    }
    return NULL;
}

/* In a forked child, the thread and the events belong to the parent. */
static void forget(void)
{
    running = false;
    pthread_cond_init(&changed, NULL);
    while (events != NULL) {
        struct event *event = events;
        events = event->next;
        pthread_cond_init(&event->job->request.changed, NULL);
        event->job->callback = NULL;
        event->job->object.lent = false;
        if (event->type == VIX_EVENTTYPE_JOB_COMPLETED) {
            job_finish(event->job);
            job_notified(event->job);
        }
        object_drop(&event->job->object);
        frame_free(event->frame);
        free(event);
    }
}

static void wake(void)
{
    if (!running) {
        running = true;
        thread_start(make_callbacks, forget);
    }
    pthread_cond_signal(&changed);
}

static void add(struct job *job, VixEventType type, struct frame *frame, const struct value *item)
{
    struct event **at = &events;
    while (*at != NULL) {
        at = &(*at)->next;
    }
    *at = allocate(sizeof **at);
    **at = (struct event){.job = job, .type = type, .frame = frame, .item = item};
    object_hold(&job->object);
    wake();
}

void callbacks_end(struct job *job, VixError error, struct frame *frame, const struct value *items)
{
    job_settle(job, error, frame, items);
    if (job->callback != NULL && !job->object.closed && job->object.refusal == VIX_OK) {
        add(job, VIX_EVENTTYPE_JOB_COMPLETED, NULL, NULL);
    } else {
        job_finish(job);
        job_notified(job);
    }
}

void callbacks_event(struct job *job, VixEventType type, struct frame *frame, const struct value *item)
{
    if (job->callback != NULL) {
        add(job, type, frame, item);
    } else {
        frame_free(frame);
    }
}

__attribute__((constructor)) static void offer_to_send(void)
{
    releases_sent_later_by(wake);
}
