/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The output cells of properties, and the types of properties.
 */

#ifndef OPENVIX_CELLS_H
#define OPENVIX_CELLS_H

#include "handles.h"
#include "vix.h"
#include "wire.h"

#include <stdarg.h>

enum {
    JUNK_BYTE = 0x5A, /* the content of indeterminate output */
    JUNK_INT = 0x5A5A5A5A,
};

struct cell {
    VixPropertyID id;
    VixPropertyType type;
    void *to;
    unsigned char **data; /* the second pointer of a blob */
};

/* The cells that were passed to a variadic function. */
struct cells {
    struct cell *all;
    int count;
    VixError error; /* the error in them */
};

/* The properties of a job besides the items of its result. */
struct outcome {
    VixError error;
    struct object *result; /* the value of VIX_PROPERTY_JOB_RESULT_HANDLE */
};

/* Return the type of a property, VIX_PROPERTYTYPE_ANY if it is unknown. */
VixPropertyType property_type(VixPropertyID id);

struct cells cells_of(int first, va_list arguments);
/* Fill all cells or none, from the item and, for a job, its outcome, which is NULL otherwise. The library must be locked. */
VixError cells_fill(struct cells *cells, const struct value *item, const struct outcome *outcome);
/* After an error, fill the other cells with junk, free the list of cells, and return the error. */
VixError cells_done(struct cells *cells, VixError error);
/* End it without touching the cells. */
void cells_leave(struct cells *cells);

#endif
