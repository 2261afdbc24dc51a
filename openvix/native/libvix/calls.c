/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A call of the client: its arguments, and the request to the daemon.
 */

#include "calls.h"

#include "callbacks.h"
#include "cells.h"
#include "jobs.h"
#include "property_lists.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Letters of a signature (docs/protocol.md). */
enum {
    HOST = 'h',
    VM = 'v',
    SNAPSHOT = 'p',
    SNAPSHOT_OR_NONE = 'o',
    ANY_OBJECT = 'r',
    TEXT = 's',
    NUMBER = 'i',
    LIST = 'l',
};

struct signature {
    const char *function;
    const char *letters;
};

static const struct signature signatures[] = {
#include "signatures.inc"
};

static int compare_name(const void *function, const void *signature)
{
    return strcmp(function, ((const struct signature *)signature)->function);
}

/* The daemon would misinterpret the argument or close the connection. This is a bug of the library, no input of the client leads here. */
_Noreturn static void end_for_bug(const struct call *call, const char *put)
{
    fprintf(stderr, "libvix: %s puts '%s' where its signature has '%s'\n", call->function, put, call->expected);
    abort();
}

static const char *signature_of(const char *function)
{
    const struct signature *found = bsearch(function, signatures, sizeof signatures / sizeof *signatures, sizeof *signatures, compare_name);
    return found != NULL ? found->letters : "";
}

/* Check that the next argument has the type of this letter. */
static void expect(struct call *call, char letter)
{
    char next = *call->expected;
    if (next != letter && (next != ANY_OBJECT || (letter != HOST && letter != VM && letter != SNAPSHOT))) {
        end_for_bug(call, (const char[]){letter, '\0'});
    }
    call->expected++;
}

static void expect_no_more(const struct call *call)
{
    if (*call->expected != '\0') {
        end_for_bug(call, "");
    }
}

struct call begin(const char *function)
{
    struct call call = {.function = function, .expected = signature_of(function)};
    message_begin(&call.message);
    message_text(&call.message, function);
    return call;
}

static void fail(struct call *call, VixError error)
{
    if (call->error == VIX_OK) {
        call->error = error;
    }
}

static void put_reference(struct call *call, VixHandleType type, VixHandle handle)
{
    VixError error = VIX_OK;
    library_lock();
    struct object *object = object_find(handle, type, &error);
    call->foreign |= !handle_is_ours(handle);
    if (object != NULL) {
        struct object *host = object->host != NULL ? object->host : object;
        if (call->host == NULL) {
            object_hold(host);
            call->host = host;
        } else if (call->host != host) {
            error = VIX_E_INVALID_ARG;
        }
        message_text(&call->message, object->reference);
    }
    library_leave();
    fail(call, error);
}

void put_handle(struct call *call, VixHandleType type, VixHandle handle)
{
    expect(call, type == VIX_HANDLETYPE_HOST ? HOST : type == VIX_HANDLETYPE_VM ? VM : SNAPSHOT);
    put_reference(call, type, handle);
}

void put_snapshot_or_none(struct call *call, VixHandle handle)
{
    expect(call, SNAPSHOT_OR_NONE);
    if (handle == VIX_INVALID_HANDLE) {
        message_text(&call->message, NULL);
    } else {
        put_reference(call, VIX_HANDLETYPE_SNAPSHOT, handle);
    }
}

void put_number(struct call *call, int64_t number)
{
    expect(call, NUMBER);
    message_number(&call->message, number);
}

void put_fixed(struct call *call, int64_t number, int64_t allowed)
{
    fail(call, number == allowed ? VIX_OK : VIX_E_INVALID_ARG);
    put_number(call, number);
}

void put_text(struct call *call, const char *text)
{
    fail(call, text != NULL ? VIX_OK : VIX_E_INVALID_ARG);
    put_text_or_null(call, text);
}

void put_text_or_null(struct call *call, const char *text)
{
    expect(call, TEXT);
    fail(call, text == NULL || is_utf8(text, strlen(text)) ? VIX_OK : VIX_E_INVALID_UTF8_STRING);
    message_text(&call->message, text);
}

void put_null(struct call *call, const char *text)
{
    fail(call, text == NULL ? VIX_OK : VIX_E_INVALID_ARG);
    put_text_or_null(call, NULL);
}

void put_list(struct call *call, VixHandle list)
{
    if (list == VIX_INVALID_HANDLE) {
        put_numbers(call, 0, NULL);
        return;
    }
    expect(call, LIST);
    VixError error = VIX_OK;
    library_lock();
    struct object *object = object_find(list, VIX_HANDLETYPE_PROPERTY_LIST, &error);
    if (object != NULL) {
        message_value(&call->message, &((struct property_list *)object)->frame->all);
    }
    library_leave();
    fail(call, error);
}

void put_no_list(struct call *call, VixHandle list)
{
    fail(call, list == VIX_INVALID_HANDLE ? VIX_OK : VIX_E_INVALID_ARG);
    put_numbers(call, 0, NULL);
}

void put_numbers(struct call *call, uint32_t count, const int *numbers)
{
    expect(call, LIST);
    message_list(&call->message, count);
    for (uint32_t i = 0; i < count; i++) {
        message_number(&call->message, numbers[i]);
    }
}

/* Return the error that prevents the call from being sent, if any. The library must be locked. */
static VixError obstacle(const struct call *call)
{
    if (call->error != VIX_OK) {
        return call->error;
    }
    if (call->host != NULL && call->host->closed) {
        return VIX_E_INVALID_HANDLE;
    }
    if (call->host != NULL && call->host->lost) {
        return VIX_E_HOST_CONNECTION_LOST;
    }
    return message_fits(&call->message) ? VIX_OK : VIX_E_ARGUMENT_TOO_BIG;
}

static struct job *job_of(struct request *request)
{
    return (struct job *)request->job;
}

static void end_job(struct request *request, VixError error, struct frame *frame, const struct value *items)
{
    callbacks_end(job_of(request), error, frame, items);
}

static void notify_callback(struct request *request, VixEventType type, struct frame *frame, const struct value *item)
{
    callbacks_event(job_of(request), type, frame, item);
}

static void forget_callback(struct request *request)
{
    job_of(request)->callback = NULL;
}

static void keep_answer(struct request *request, VixError error, struct frame *frame, const struct value *items)
{
    request->error = error;
    request->frame = frame;
    request->items = items;
}

static const struct receiver of_jobs = {.done = end_job, .event = notify_callback, .orphaned = forget_callback};
static const struct receiver of_questions = {.done = keep_answer};

/* Send the request of the job. The function may return once the daemon has accepted it. */
static void send_job(struct call *call, struct job *job)
{
    struct request *request = &job->request;
    request->receiver = &of_jobs;
    bool sent = connection_send(&call->message, request);
    library_lock();
    if (!sent) {
        callbacks_end(job, VIX_E_HOST_CONNECTION_LOST, NULL, NULL);
    }
    while (sent && !request->accepted && request->directive == NULL) {
        library_wait(&request->changed);
    }
    const char *directive = request->directive;
    request->inside = false;
    library_leave();
    if (directive != NULL) {
        obey(directive);
    }
}

VixHandle start(struct call *call, VixEventProc *callback, void *data)
{
    expect_no_more(call);
    if (call->foreign) {
        end(call);
        return VIX_INVALID_HANDLE;
    }
    /* VixHost_Connect is the only call without a handle as its first argument. */
    if (call->error == VIX_OK && call->host == NULL) {
        fail(call, connection_open());
    }
    library_lock();
    if (!handles_left()) {
        library_leave();
        end(call);
        return VIX_INVALID_HANDLE;
    }
    VixError error = obstacle(call);
    bool orphan = call->host != NULL && call->host->closed;
    struct job *job = job_new(call->function, orphan ? NULL : call->host, callback, data);
    VixHandle handle = job->object.handle;
    object_refer(&job->object);
    object_hold(&job->object);
    if (error != VIX_OK) {
        job->finished = true;
        callbacks_end(job, error, NULL, NULL);
    }
    library_leave();
    if (error == VIX_OK) {
        send_job(call, job);
    }
    library_lock();
    object_drop(&job->object);
    library_leave();
    end(call);
    return handle;
}

VixHandle start_unsupported(const char *function, VixHandle vm, VixEventProc *callback, void *data)
{
    struct call call = begin(function);
    put_reference(&call, VIX_HANDLETYPE_VM, vm);
    fail(&call, VIX_E_NOT_SUPPORTED);
    return start(&call, callback, data);
}

VixError ask_daemon(struct call *call)
{
    expect_no_more(call);
    struct request *request = &call->request;
    library_lock();
    VixError error = obstacle(call);
    library_leave();
    if (error != VIX_OK) {
        return error;
    }
    request->receiver = &of_questions;
    request->inside = true;
    pthread_cond_init(&request->changed, NULL);
    bool sent = connection_send(&call->message, request);
    library_lock();
    while (sent && !request->answered) {
        library_wait(&request->changed);
    }
    library_leave();
    pthread_cond_destroy(&request->changed);
    if (!sent) {
        return VIX_E_HOST_CONNECTION_LOST;
    }
    if (request->directive != NULL) {
        obey(request->directive);
    }
    return request->error;
}

const struct value *call_item(const struct call *call)
{
    const struct value *items = call->request.items;
    return items != NULL && items->count > 0 ? &items->items[0] : NULL;
}

void end(struct call *call)
{
    frame_free(call->request.frame);
    message_wipe(&call->message);
    if (call->host != NULL) {
        library_lock();
        object_drop(call->host);
        library_leave();
    }
}

VixError answer_number(struct call *call, int *number)
{
    if (number == NULL) {
        fail(call, VIX_E_INVALID_ARG);
    }
    VixError error = ask_daemon(call);
    const struct value *value = item_property(call_item(call), 0);
    if (error == VIX_OK && (value == NULL || value->tag != 'i' || value->number < 0 || value->number > INT_MAX)) {
        error = VIX_E_INVALID_MESSAGE_BODY;
    }
    if (number != NULL) {
        *number = error == VIX_OK ? (int)value->number : JUNK_INT;
    }
    end(call);
    return error;
}

VixError answer_snapshot(struct call *call, VixHandle *snapshot)
{
    if (snapshot == NULL) {
        fail(call, VIX_E_INVALID_ARG);
    }
    VixError error = ask_daemon(call);
    const struct value *value = item_property(call_item(call), 0);
    if (error == VIX_OK && (value == NULL || (value->tag != 's' && value->tag != 'n'))) {
        error = VIX_E_INVALID_MESSAGE_BODY;
    }
    VixHandle handle = JUNK_INT;
    library_lock();
    if (error == VIX_OK && call->host->closed) {
        error = VIX_E_INVALID_HANDLE;
    } else if (error == VIX_OK && value->tag == 'n') {
        handle = VIX_INVALID_HANDLE;
    } else if (error == VIX_OK) {
        struct object *object = object_named(VIX_HANDLETYPE_SNAPSHOT, call->host, value->bytes, value->count);
        object_hold(object);
        if (object_can_refer(object)) {
            object_refer(object);
            handle = object->handle;
        } else {
            error = VIX_E_TOO_MANY_HANDLES;
        }
        object_drop(object);
    }
    library_leave();
    if (snapshot != NULL) {
        *snapshot = handle;
    }
    end(call);
    return error;
}
