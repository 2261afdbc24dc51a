/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Reads properties into the cells of a variadic function (docs/vix-semantics.md, section 5).
 */

#include "cells.h"

#include "buffers.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    VixPropertyID id;
    VixPropertyType type;
} types[] = {
#include "property_types.inc"
};

/* Return the type of a property, VIX_PROPERTYTYPE_ANY if it is unknown. */
VixPropertyType property_type(VixPropertyID id)
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
        struct cell cell = {.id = id, .type = property_type(id)};
        if (cell.type == VIX_PROPERTYTYPE_ANY) {
            /* The type of its cell is unknown, and so are all cells after it. */
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

/* Return whether a value fits into a cell of this type. */
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

static VixError check(const struct cell *cell, const struct value *item, const struct outcome *outcome)
{
    if (outcome != NULL && cell->id == VIX_PROPERTY_JOB_RESULT_ERROR_CODE) {
        return VIX_OK;
    }
    const struct value *value = item_property(item, cell->id);
    if (value == NULL) {
        return VIX_E_UNRECOGNIZED_PROPERTY;
    }
    if (outcome != NULL && cell->id == VIX_PROPERTY_JOB_RESULT_HANDLE && outcome->result != NULL) {
        return outcome->result->closed ? VIX_E_INVALID_HANDLE : object_can_refer(outcome->result) ? VIX_OK : VIX_E_TOO_MANY_HANDLES;
    }
    return fits(value, cell->type) ? VIX_OK : VIX_E_PROPERTY_TYPE_MISMATCH;
}

static void write_cell(const struct cell *cell, const struct value *item, const struct outcome *outcome)
{
    if (outcome != NULL && cell->id == VIX_PROPERTY_JOB_RESULT_ERROR_CODE) {
        *(int64_t *)cell->to = (int64_t)outcome->error;
        return;
    }
    const struct value *value = item_property(item, cell->id);
    switch (cell->type) {
    case VIX_PROPERTYTYPE_HANDLE:
        object_refer(outcome->result);
        *(VixHandle *)cell->to = outcome->result->handle;
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

VixError cells_fill(struct cells *cells, const struct value *item, const struct outcome *outcome)
{
    VixError error = cells->error;
    for (int i = 0; i < cells->count && error == VIX_OK; i++) {
        error = check(&cells->all[i], item, outcome);
    }
    for (int i = 0; i < cells->count && error == VIX_OK; i++) {
        write_cell(&cells->all[i], item, outcome);
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

void cells_leave(struct cells *cells)
{
    free(cells->all);
    *cells = (struct cells){.error = VIX_OK};
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
