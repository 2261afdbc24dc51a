/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Properties: variadic reading and property lists (docs/vix-semantics.md, section 5).
 */

#include "properties.h"

#include "buffers.h"
#include "calls.h"
#include "jobs.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

struct cell {
    VixPropertyID id;
    VixPropertyType type;
    void *to;
    unsigned char **data; /* the second pointer of a blob */
};

static const struct {
    VixPropertyID id;
    VixPropertyType type;
} types[] = {
#include "property_types.inc"
};

/* The type of a property, VIX_PROPERTYTYPE_ANY for one that is not known. */
static VixPropertyType type_of(VixPropertyID id)
{
    size_t low = 0;
    size_t high = sizeof types / sizeof *types;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (types[middle].id == id) {
            return types[middle].type;
        }
        if (types[middle].id < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return VIX_PROPERTYTYPE_ANY;
}

struct cells cells_of(int first, va_list arguments)
{
    struct cells cells = {.error = VIX_OK};
    int room = 0;
    for (int id = first; id != VIX_PROPERTY_NONE; id = va_arg(arguments, int)) {
        struct cell cell = {.id = id, .type = type_of(id)};
        if (cell.type == VIX_PROPERTYTYPE_ANY) {
            /* Nothing is known of its cell, nor of what follows. */
            cells.error = VIX_E_UNRECOGNIZED_PROPERTY;
            break;
        }
        cell.to = va_arg(arguments, void *);
        bool missing = cell.to == NULL;
        if (cell.type == VIX_PROPERTYTYPE_BLOB) {
            cell.data = va_arg(arguments, unsigned char **);
            missing |= cell.data == NULL;
        }
        if (missing) {
            cells.error = VIX_E_INVALID_ARG;
        }
        if (cells.count == room) {
            room = 2 * room + 8;
            struct cell *all = allocate((size_t)room * sizeof *all);
            if (cells.count > 0) {
                memcpy(all, cells.all, (size_t)cells.count * sizeof *all);
            }
            free(cells.all);
            cells.all = all;
        }
        cells.all[cells.count++] = cell;
    }
    return cells;
}

/* Whether a value can be put into a cell of this type. */
static bool fits(const struct value *value, VixPropertyType type)
{
    switch (type) {
    case VIX_PROPERTYTYPE_BOOL:
        return value->tag == 'i' && (value->number == 0 || value->number == 1);
    case VIX_PROPERTYTYPE_INTEGER:
        return value->tag == 'i' && value->number >= INT_MIN && value->number <= INT_MAX;
    case VIX_PROPERTYTYPE_INT64:
        return value->tag == 'i';
    case VIX_PROPERTYTYPE_STRING:
        return value->tag == 's' || value->tag == 'n';
    case VIX_PROPERTYTYPE_BLOB:
        return value->tag == 'b' && value->count <= INT_MAX;
    default:
        return false;
    }
}

static VixError check(const struct cell *cell, const struct value *item, const struct job *job)
{
    if (job != NULL && cell->id == VIX_PROPERTY_JOB_RESULT_ERROR_CODE) {
        return VIX_OK;
    }
    const struct value *value = item_property(item, cell->id);
    if (value == NULL) {
        return VIX_E_UNRECOGNIZED_PROPERTY;
    }
    if (job != NULL && cell->id == VIX_PROPERTY_JOB_RESULT_HANDLE && job->result != NULL) {
        return job->result->closed ? VIX_E_INVALID_HANDLE : object_can_refer(job->result) ? VIX_OK : VIX_E_TOO_MANY_HANDLES;
    }
    return fits(value, cell->type) ? VIX_OK : VIX_E_PROPERTY_TYPE_MISMATCH;
}

static void write_cell(const struct cell *cell, const struct value *item, struct job *job)
{
    if (job != NULL && cell->id == VIX_PROPERTY_JOB_RESULT_ERROR_CODE) {
        *(int64_t *)cell->to = (int64_t)job->error;
        return;
    }
    const struct value *value = item_property(item, cell->id);
    switch (cell->type) {
    case VIX_PROPERTYTYPE_HANDLE:
        object_refer(job->result);
        *(VixHandle *)cell->to = job->result->handle;
        break;
    case VIX_PROPERTYTYPE_BOOL:
        *(Bool *)cell->to = (Bool)value->number;
        break;
    case VIX_PROPERTYTYPE_INTEGER:
        *(int *)cell->to = (int)value->number;
        break;
    case VIX_PROPERTYTYPE_INT64:
        *(int64_t *)cell->to = value->number;
        break;
    case VIX_PROPERTYTYPE_STRING:
        *(char **)cell->to = value->tag == 'n' ? NULL : buffer_new(value->bytes, value->count);
        break;
    case VIX_PROPERTYTYPE_BLOB:
        *(int *)cell->to = (int)value->count;
        *cell->data = buffer_new(value->bytes, value->count);
        break;
    }
}

VixError cells_fill(struct cells *cells, const struct value *item, struct job *job)
{
    VixError error = cells->error;
    for (int i = 0; i < cells->count && error == VIX_OK; i++) {
        error = check(&cells->all[i], item, job);
    }
    for (int i = 0; i < cells->count && error == VIX_OK; i++) {
        write_cell(&cells->all[i], item, job);
    }
    return error;
}

static void spoil(const struct cell *cell)
{
    static const size_t sizes[] = {
        [VIX_PROPERTYTYPE_INTEGER] = sizeof(int),
        [VIX_PROPERTYTYPE_STRING] = sizeof(char *),
        [VIX_PROPERTYTYPE_BOOL] = sizeof(Bool),
        [VIX_PROPERTYTYPE_HANDLE] = sizeof(VixHandle),
        [VIX_PROPERTYTYPE_INT64] = sizeof(int64_t),
        [VIX_PROPERTYTYPE_BLOB] = sizeof(int),
    };
    if (cell->to != NULL) {
        memset(cell->to, JUNK_BYTE, sizes[cell->type]);
    }
    if (cell->data != NULL) {
        memset(cell->data, JUNK_BYTE, sizeof *cell->data);
    }
}

VixError cells_done(struct cells *cells, VixError error)
{
    for (int i = 0; i < cells->count && error != VIX_OK; i++) {
        spoil(&cells->all[i]);
    }
    free(cells->all);
    *cells = (struct cells){.error = error};
    return error;
}

static void dispose(struct object *object)
{
    frame_free(((struct property_list *)object)->frame);
}

static struct property_list *list_new(struct object *host, struct frame *frame)
{
    struct property_list *list = (struct property_list *)object_new(sizeof *list, VIX_HANDLETYPE_PROPERTY_LIST, host, dispose);
    list->frame = frame;
    return list;
}

/* A copy: the client may keep the list by a reference of its own, for longer than the job. */
static struct frame *frame_of_item(const struct value *item)
{
    struct message values;
    message_begin(&values);
    for (uint32_t i = 0; i < item->count; i++) {
        message_value(&values, &item->items[i]);
    }
    struct frame *frame = frame_of(&values);
    message_wipe(&values);
    return frame;
}

struct object *property_list_lend(struct object *host, const struct value *item)
{
    struct property_list *list = list_new(host, frame_of_item(item));
    list->object.lent = true;
    object_hold(&list->object);
    return &list->object;
}

/* Host, VM and snapshot: the daemon is asked for all ids at once. */
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
        error = job->finished ? cells_fill(&cells, job_item(job, 0), job) : VIX_E_UNFINISHED_JOB;
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
    if (error == VIX_OK && type_of(propertyID) == VIX_PROPERTYTYPE_ANY) {
        error = VIX_E_UNRECOGNIZED_PROPERTY;
    }
    if (propertyType != NULL) {
        *propertyType = error == VIX_OK ? type_of(propertyID) : JUNK_INT;
    }
    return error;
}

/* Read the value of a property as C promotes it, into the message. */
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
        /* No property that a client may set holds a handle. */
        return type == VIX_PROPERTYTYPE_ANY ? VIX_E_UNRECOGNIZED_PROPERTY : VIX_E_INVALID_ARG;
    }
}

/* The item that the arguments make, as the one value of a frame. */
static struct frame *item_of(int first, va_list *arguments, VixError *error)
{
    struct message values;
    message_begin(&values);
    for (int id = first; id != VIX_PROPERTY_NONE && *error == VIX_OK; id = va_arg(*arguments, int)) {
        message_number(&values, id);
        *error = put_argument(&values, type_of(id), arguments);
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
    /* Where va_list is an array, its parameter is a pointer already, and no other can be taken of it. */
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
        struct property_list *list = list_new(host, frame);
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
