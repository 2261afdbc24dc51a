/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Property lists: created by the client for a call, or read during a callback.
 */

#include "property_lists.h"

static void dispose(struct object *object)
{
    frame_free(((struct property_list *)object)->frame);
}

struct property_list *property_list_new(struct object *host, struct frame *frame)
{
    struct property_list *list = (struct property_list *)object_new(sizeof *list, VIX_HANDLETYPE_PROPERTY_LIST, host, dispose);
    list->frame = frame;
    return list;
}

/* A copy: the client may keep the list longer than the job exists. */
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
    struct property_list *list = property_list_new(host, frame_of_item(item));
    list->object.lent = true;
    object_hold(&list->object);
    return &list->object;
}
