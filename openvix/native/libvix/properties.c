/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Properties: reading them by a handle of any type, and creating lists (docs/vix-semantics.md, section 5).
 */

#include "calls.h"
#include "cells.h"
#include "jobs.h"
#include "property_lists.h"

#include <stdlib.h>
#include <string.h>

/* For a host, VM or snapshot, one request asks the daemon for all ids. */
static VixError ask(struct cells *cells, VixHandle handle, VixHandleType type)
{
    struct call call = begin("Vix_GetProperties");
    put_number(&call, type);
    put_handle(&call, type, handle);
    int *ids = allocate(((size_t)cells->count + 1) * sizeof *ids);
    for (int i = 0; i < cells->count; i++) {
        ids[i] = cells->all[i].id;
    }
    put_numbers(&call, (uint32_t)cells->count, ids);
    free(ids);
    VixError error = ask_daemon(&call);
    if (error == VIX_OK) {
        library_lock();
        error = cells_fill(cells, call_item(&call), NULL);
        library_leave();
    }
    end(&call);
    return error;
}

VixError Vix_GetPropertiesVargs(VixHandle handle, VixPropertyID firstPropertyID, va_list arguments)
{
    struct cells cells = cells_of(firstPropertyID, arguments);
    VixError error = VIX_OK;
    library_lock();
    struct object *object = object_find(handle, VIX_HANDLETYPE_NONE, &error);
    VixHandleType type = object != NULL ? object->type : VIX_HANDLETYPE_NONE;
    if (type == VIX_HANDLETYPE_JOB) {
        struct job *job = (struct job *)object;
        error = job->finished ? cells_fill(&cells, job_item(job, 0), &job->outcome) : VIX_E_UNFINISHED_JOB;
    } else if (type == VIX_HANDLETYPE_PROPERTY_LIST) {
        error = cells_fill(&cells, &((struct property_list *)object)->frame->all, NULL);
    }
    library_leave();
    if (type == VIX_HANDLETYPE_HOST || type == VIX_HANDLETYPE_VM || type == VIX_HANDLETYPE_SNAPSHOT) {
        error = cells.error != VIX_OK ? cells.error : ask(&cells, handle, type);
    }
    return cells_done(&cells, error);
}

VixError Vix_GetProperties(VixHandle handle, VixPropertyID firstPropertyID, ...)
{
    va_list arguments;
    va_start(arguments, firstPropertyID);
    VixError error = Vix_GetPropertiesVargs(handle, firstPropertyID, arguments);
    va_end(arguments);
    return error;
}

VixError Vix_GetPropertyType(VixHandle handle, VixPropertyID propertyID, VixPropertyType *propertyType)
{
    VixError error = propertyType == NULL ? VIX_E_INVALID_ARG : VIX_OK;
    library_lock();
    object_find(handle, VIX_HANDLETYPE_NONE, &error);
    library_leave();
    if (error == VIX_OK && property_type(propertyID) == VIX_PROPERTYTYPE_ANY) {
        error = VIX_E_UNRECOGNIZED_PROPERTY;
    }
    if (propertyType != NULL) {
        *propertyType = error == VIX_OK ? property_type(propertyID) : JUNK_INT;
    }
    return error;
}

/* Read the value of a property from the arguments, with C's promotions, into the message. */
static VixError put_argument(struct message *message, VixPropertyType type, va_list *arguments)
{
    const char *text;
    const void *bytes;
    int size;
    switch (type) {
    case VIX_PROPERTYTYPE_INTEGER:
    case VIX_PROPERTYTYPE_BOOL:
        message_number(message, va_arg(*arguments, int));
        return VIX_OK;
    case VIX_PROPERTYTYPE_INT64:
        message_number(message, va_arg(*arguments, int64_t));
        return VIX_OK;
    case VIX_PROPERTYTYPE_STRING:
        text = va_arg(*arguments, const char *);
        message_text(message, text);
        return text == NULL || is_utf8(text, strlen(text)) ? VIX_OK : VIX_E_INVALID_UTF8_STRING;
    case VIX_PROPERTYTYPE_BLOB:
        size = va_arg(*arguments, int);
        bytes = va_arg(*arguments, const void *);
        if (size < 0 || (bytes == NULL && size > 0)) {
            return VIX_E_INVALID_ARG;
        }
        message_bytes(message, bytes, (uint32_t)size);
        return VIX_OK;
    default:
        /* No property that a client may set has a handle as its value. */
        return type == VIX_PROPERTYTYPE_ANY ? VIX_E_UNRECOGNIZED_PROPERTY : VIX_E_INVALID_ARG;
    }
}

/* Return the item of the arguments as the only value of a frame. */
static struct frame *item_of(int first, va_list *arguments, VixError *error)
{
    struct message values;
    message_begin(&values);
    for (int id = first; id != VIX_PROPERTY_NONE && *error == VIX_OK; id = va_arg(*arguments, int)) {
        message_number(&values, id);
        *error = put_argument(&values, property_type(id), arguments);
        if (*error != VIX_OK) {
            break;
        }
    }
    if (*error == VIX_OK && !message_fits(&values)) {
        *error = VIX_E_ARGUMENT_TOO_BIG;
    }
    struct frame *frame = *error == VIX_OK ? frame_of(&values) : NULL;
    message_wipe(&values);
    return frame;
}

VixError VixPropertyList_AllocPropertyListVargs(VixHandle hostHandle, VixHandle *resultHandle, int firstPropertyID, va_list arguments)
{
    VixError error = resultHandle == NULL ? VIX_E_INVALID_ARG : VIX_OK;
    /* If va_list is an array type, the parameter is a pointer, and the address of the caller's va_list cannot be taken. */
    va_list rest;
    va_copy(rest, arguments);
    struct frame *frame = item_of(firstPropertyID, &rest, &error);
    va_end(rest);
    library_lock();
    struct object *host = object_find(hostHandle, VIX_HANDLETYPE_HOST, &error);
    if (error == VIX_OK && !handles_left()) {
        error = VIX_E_TOO_MANY_HANDLES;
    }
    if (host != NULL && error == VIX_OK) {
        struct property_list *list = property_list_new(host, frame);
        object_refer(&list->object);
        *resultHandle = list->object.handle;
        frame = NULL;
    } else if (resultHandle != NULL) {
        *resultHandle = JUNK_INT;
    }
    library_leave();
    frame_free(frame);
    return error;
}

VixError VixPropertyList_AllocPropertyList(VixHandle hostHandle, VixHandle *resultHandle, int firstPropertyID, ...)
{
    va_list arguments;
    va_start(arguments, firstPropertyID);
    VixError error = VixPropertyList_AllocPropertyListVargs(hostHandle, resultHandle, firstPropertyID, arguments);
    va_end(arguments);
    return error;
}
