/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Cells that properties are read into, and the types of properties.
 */

#ifndef OPENVIX_CELLS_H
#define OPENVIX_CELLS_H

#include "handles.h"
#include "vix.h"
#include "wire.h"

#include <stdarg.h>

enum {
    JUNK_BYTE = 0x5A, /* what indeterminate output is made of */
    JUNK_INT = 0x5A5A5A5A,
};

struct cell {
    VixPropertyID id;
    VixPropertyType type;
    void *to;
    unsigned char **data; /* the second pointer of a blob */
};

/* The cells that a variadic function was given. */
struct cells {
    struct cell *all;
    int count;
    VixError error; /* what is wrong with them */
};

/* What every job has beside the items that it found. */
struct outcome {
    VixError error;
    struct object *result; /* what VIX_PROPERTY_JOB_RESULT_HANDLE yields */
};

/* The type of a property, VIX_PROPERTYTYPE_ANY for one that is not known. */
VixPropertyType property_type(VixPropertyID id);

struct cells cells_of(int first, va_list arguments);
/* Fill every cell or none, from the item and for a job from its outcome, which else is NULL. With the library locked. */
VixError cells_fill(struct cells *cells, const struct value *item, const struct outcome *outcome);
/* Spoil what was not filled because of an error, free the cells, and return the error. */
VixError cells_done(struct cells *cells, VixError error);

#endif
