/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Frames and values (openvix/docs/protocol.md, "Frames").
 */

#ifndef OPENVIX_WIRE_H
#define OPENVIX_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    FRAME_LIMIT = 64 << 20,
};

/* One value of a received frame; text and bytes point into the frame, without a final NUL. */
struct value {
    char tag;
    uint32_t count;
    int64_t number;
    const char *bytes;
    struct value *items;
};

/* It may contain a password, so it is overwritten when freed. */
struct frame {
    char *bytes;
    size_t size;
    struct value all; /* a list of the values of the frame */
};

/* A frame to be sent. It may contain a password, so all memory that it used is overwritten. */
struct message {
    unsigned char *bytes;
    size_t size;
    size_t room;
    bool too_big; /* for a frame; the data that did not fit is not in it */
};

void *allocate(size_t size);
bool is_utf8(const char *text, size_t size);

void message_begin(struct message *message);
void message_number(struct message *message, int64_t number);
void message_text(struct message *message, const char *text);
void message_bytes(struct message *message, const void *bytes, uint32_t size);
void message_list(struct message *message, uint32_t count);
void message_value(struct message *message, const struct value *value);
bool message_fits(const struct message *message);
bool message_send(struct message *message, int64_t id, int socket);
void message_wipe(struct message *message);

struct frame *frame_decode(char *bytes, size_t size);
struct frame *frame_of(const struct message *message);
struct frame *frame_receive(int socket);
void frame_free(struct frame *frame);

bool is_item(const struct value *value);
bool is_items(const struct value *value);
const struct value *item_property(const struct value *item, int id);

#endif
