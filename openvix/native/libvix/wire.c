/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Frames and values (openvix/docs/protocol.md, "Frames"). Every received length is checked against the data.
 */

#define _GNU_SOURCE
#include "wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
    LENGTH_SIZE = 4,
    ID_SIZE = 9,
    DEEPEST = 8,
};

void *allocate(size_t size)
{
    void *memory = calloc(1, size);
    if (memory == NULL) {
        fputs("libvix: out of memory\n", stderr);
        abort();
    }
    return memory;
}

bool is_utf8(const char *text, size_t size)
{
    const unsigned char *at = (const unsigned char *)text;
    const unsigned char *end = at + size;
    while (at < end) {
        unsigned lead = *at++;
        if (lead < 0x80) {
            continue;
        }
        int more = lead < 0xC2 ? -1 : lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : lead < 0xF5 ? 3 : -1;
        if (more < 0 || end - at < more) {
            return false;
        }
        /* The byte after the lead byte reveals overlong forms, surrogates and values above U+10FFFF. */
        unsigned low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
        unsigned high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
        for (; more > 0; more--, at++) {
            if (*at < low || *at > high) {
                return false;
            }
            low = 0x80;
            high = 0xBF;
        }
    }
    return true;
}

static void write_little(unsigned char *to, uint64_t number, int size)
{
    for (int i = 0; i < size; i++) {
        to[i] = (unsigned char)(number >> (8 * i));
    }
}

static uint64_t read_little(const char *from, int size)
{
    uint64_t number = 0;
    for (int i = 0; i < size; i++) {
        number |= (uint64_t)(unsigned char)from[i] << (8 * i);
    }
    return number;
}

static unsigned char *more(struct message *message, size_t size)
{
    if (message->room - message->size < size) {
        struct message grown = {.size = message->size, .room = 2 * (message->size + size), .too_big = message->too_big};
        grown.bytes = allocate(grown.room);
        if (message->size > 0) {
            memcpy(grown.bytes, message->bytes, message->size);
        }
        message_wipe(message);
        *message = grown;
    }
    message->size += size;
    return message->bytes + message->size - size;
}

void message_begin(struct message *message)
{
    *message = (struct message){.room = 0};
    more(message, 256);
    message->size = LENGTH_SIZE + ID_SIZE;
}

static void put(struct message *message, char tag, uint64_t number, int size)
{
    unsigned char *to = more(message, 1 + (size_t)size);
    to[0] = (unsigned char)tag;
    write_little(to + 1, number, size);
}

void message_number(struct message *message, int64_t number)
{
    put(message, 'i', (uint64_t)number, 8);
}

static void put_string(struct message *message, char tag, const void *bytes, size_t size)
{
    /* Data that is longer than a frame is never sent (message_fits), so it is not copied. */
    message->too_big |= size > FRAME_LIMIT;
    put(message, tag, size, 4);
    if (size > 0 && !message->too_big) {
        memcpy(more(message, size), bytes, size);
    }
}

void message_text(struct message *message, const char *text)
{
    if (text == NULL) {
        put(message, 'n', 0, 0);
    } else {
        put_string(message, 's', text, strlen(text));
    }
}

void message_bytes(struct message *message, const void *bytes, uint32_t size)
{
    put_string(message, 'b', bytes, size);
}

void message_list(struct message *message, uint32_t count)
{
    put(message, 'l', count, 4);
}

void message_value(struct message *message, const struct value *value)
{
    if (value->tag == 'l') {
        message_list(message, value->count);
        for (uint32_t i = 0; i < value->count; i++) {
            message_value(message, &value->items[i]);
        }
    } else if (value->tag == 'i') {
        message_number(message, value->number);
    } else if (value->tag == 'n') {
        message_text(message, NULL);
    } else {
        put_string(message, value->tag, value->bytes, value->count);
    }
}

bool message_fits(const struct message *message)
{
    return !message->too_big && message->size - LENGTH_SIZE <= FRAME_LIMIT;
}

bool message_send(struct message *message, int64_t id, int socket)
{
    write_little(message->bytes, message->size - LENGTH_SIZE, LENGTH_SIZE);
    message->bytes[LENGTH_SIZE] = 'i';
    write_little(message->bytes + LENGTH_SIZE + 1, (uint64_t)id, ID_SIZE - 1);
    size_t sent = 0;
    while (sent < message->size) {
        ssize_t now = send(socket, message->bytes + sent, message->size - sent, MSG_NOSIGNAL);
        if (now < 0 && errno != EINTR) {
            return false;
        }
        sent += now > 0 ? (size_t)now : 0;
    }
    return true;
}

void message_wipe(struct message *message)
{
    if (message->bytes != NULL) {
        explicit_bzero(message->bytes, message->room);
        free(message->bytes);
    }
    *message = (struct message){.room = 0};
}

static void value_free(struct value *value)
{
    if (value->tag == 'l') {
        for (uint32_t i = 0; i < value->count; i++) {
            value_free(&value->items[i]);
        }
        free(value->items);
    }
}

/* Decode one value; return the start of the next one, or NULL. Even then the value can be freed. */
static const char *decode(const char *at, const char *end, struct value *value, int depth)
{
    if (at == end || depth > DEEPEST) {
        return NULL;
    }
    char tag = *at++;
    if (tag == 'n') {
        value->tag = tag;
        return at;
    }
    if (tag == 'i') {
        if (end - at < 8) {
            return NULL;
        }
        value->tag = tag;
        value->number = (int64_t)read_little(at, 8);
        return at + 8;
    }
    if ((tag != 's' && tag != 'b' && tag != 'l') || end - at < 4) {
        return NULL;
    }
    uint32_t count = (uint32_t)read_little(at, 4);
    at += 4;
    /* Each value of a list has at least one byte. */
    if ((size_t)(end - at) < count) {
        return NULL;
    }
    if (tag == 'l') {
        value->items = allocate((count > 0 ? count : 1) * sizeof *value->items);
        value->tag = tag;
        value->count = count;
        for (uint32_t i = 0; i < count && at != NULL; i++) {
            at = decode(at, end, &value->items[i], depth + 1);
        }
        return at;
    }
    if (tag == 's' && (memchr(at, 0, count) != NULL || !is_utf8(at, count))) {
        return NULL;
    }
    value->tag = tag;
    value->count = count;
    value->bytes = at;
    return at + count;
}

/* Take the bytes and return their values, or NULL if they are not a valid frame. */
struct frame *frame_decode(char *bytes, size_t size)
{
    struct frame *frame = allocate(sizeof *frame);
    frame->bytes = bytes;
    frame->size = size;
    frame->all.tag = 'l';
    const char *at = bytes;
    const char *end = bytes + size;
    uint32_t room = 0;
    while (at != NULL && at < end) {
        if (frame->all.count == room) {
            room = room > 0 ? 2 * room : 8;
            struct value *items = allocate(room * sizeof *items);
            if (frame->all.count > 0) {
                memcpy(items, frame->all.items, frame->all.count * sizeof *items);
            }
            free(frame->all.items);
            frame->all.items = items;
        }
        at = decode(at, end, &frame->all.items[frame->all.count++], 0);
    }
    if (at == NULL) {
        frame_free(frame);
        return NULL;
    }
    return frame;
}

/* Return a copy of the values of a message. */
struct frame *frame_of(const struct message *message)
{
    size_t size = message->size - LENGTH_SIZE - ID_SIZE;
    char *bytes = allocate(size + 1);
    memcpy(bytes, message->bytes + LENGTH_SIZE + ID_SIZE, size);
    return frame_decode(bytes, size);
}

static bool receive(int socket, char *to, size_t size)
{
    while (size > 0) {
        ssize_t now = recv(socket, to, size, MSG_WAITALL);
        if (now == 0 || (now < 0 && errno != EINTR)) {
            return false;
        }
        to += now > 0 ? now : 0;
        size -= now > 0 ? (size_t)now : 0;
    }
    return true;
}

/* Return the next frame, or NULL if the connection was closed or the data is not a valid frame. */
struct frame *frame_receive(int socket)
{
    char length[LENGTH_SIZE];
    if (!receive(socket, length, sizeof length)) {
        return NULL;
    }
    size_t size = (size_t)read_little(length, LENGTH_SIZE);
    if (size > FRAME_LIMIT) {
        return NULL;
    }
    char *bytes = allocate(size + 1);
    if (!receive(socket, bytes, size)) {
        free(bytes);
        return NULL;
    }
    return frame_decode(bytes, size);
}

void frame_free(struct frame *frame)
{
    if (frame != NULL) {
        value_free(&frame->all);
        explicit_bzero(frame->bytes, frame->size);
        free(frame->bytes);
        free(frame);
    }
}

bool is_item(const struct value *value)
{
    if (value->tag != 'l' || value->count % 2 != 0) {
        return false;
    }
    for (uint32_t i = 0; i < value->count; i += 2) {
        if (value->items[i].tag != 'i') {
            return false;
        }
    }
    return true;
}

bool is_items(const struct value *value)
{
    if (value->tag != 'l') {
        return false;
    }
    for (uint32_t i = 0; i < value->count; i++) {
        if (!is_item(&value->items[i])) {
            return false;
        }
    }
    return true;
}

/* Return the value of a property in an item, or NULL. */
const struct value *item_property(const struct value *item, int id)
{
    for (uint32_t i = 0; item != NULL && i < item->count; i += 2) {
        if (item->items[i].number == id) {
            return &item->items[i + 1];
        }
    }
    return NULL;
}
