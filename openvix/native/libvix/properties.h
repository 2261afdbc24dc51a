/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Cells that properties are read into, and property lists.
 */

#ifndef OPENVIX_PROPERTIES_H
#define OPENVIX_PROPERTIES_H

#include "handles.h"
#include "vix.h"
#include "wire.h"

#include <stdarg.h>

enum {
    JUNK_BYTE = 0x5A, /* what indeterminate output is made of */
    JUNK_INT = 0x5A5A5A5A,
};

struct job;
struct cell;

/* The cells that a variadic function was given. */
struct cells {
    struct cell *all;
    int count;
    VixError error; /* what is wrong with them */
};

struct property_list {
    struct object object;
    struct frame *frame; /* its values are the item: property ids and values in turn */
};

struct cells cells_of(int first, va_list arguments);
/* Fill every cell or none, from the item and for a job from what all jobs have. With the library locked. */
VixError cells_fill(struct cells *cells, const struct value *item, struct job *job);
/* Spoil what was not filled because of an error, free the cells, and return the error. */
VixError cells_done(struct cells *cells, VixError error);

/* A property list that the client may read during a callback. With the library locked. */
struct object *property_list_lend(struct object *host, const struct value *item);

#endif
