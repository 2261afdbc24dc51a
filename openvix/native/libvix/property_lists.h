/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Property lists.
 */

#ifndef OPENVIX_PROPERTY_LISTS_H
#define OPENVIX_PROPERTY_LISTS_H

#include "handles.h"
#include "wire.h"

struct property_list {
    struct object object;
    struct frame *frame; /* its values are the item: property ids and values in turn */
};

/* The library must be locked for all of these. */

/* Return a list without references; takes the frame. */
struct property_list *property_list_new(struct object *host, struct frame *frame);
/* Return a property list that the client may read during a callback. */
struct object *property_list_lend(struct object *host, const struct value *item);

#endif
