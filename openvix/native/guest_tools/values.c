/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Values of frames (openvix/docs/protocol.md, "Frames of the agent"). Every received length is checked against the data. No memory is allocated.
 */

#define _GNU_SOURCE
#include "values.h"

#include <errno.h>
#include <string.h>

struct answer *answer;

static uint64_t read_little(const char *from, int size)
{
    uint64_t number = 0;

    for (int i = 0; i < size; i++)
        number |= (uint64_t)(unsigned char)from[i] << (8 * i);
    return number;
}

static void write_little(char *to, uint64_t number, int size)
{
    for (int i = 0; i < size; i++)
        to[i] = (char)(number >> (8 * i));
}

/* Read the value that begins here; return the start of the next one, or NULL. */
static char *take(char *at, char *end, struct value *value)
{
    struct value item;
    char tag;

    if (at == end)
        return NULL;
    tag = *at++;
    *value = (struct value){.tag = tag};
    if (tag == 'n')
        return at;
    if (tag == 'i') {
        if (end - at < 8)
            return NULL;
        value->number = (int64_t)read_little(at, 8);
        return at + 8;
    }
    if ((tag != 's' && tag != 'b' && tag != 'l') || end - at < 4)
        return NULL;
    value->size = (uint32_t)read_little(at, 4);
    value->bytes = at += 4;
    /* Each item of a list has at least one byte. */
    if ((size_t)(end - at) < value->size)
        return NULL;
    if (tag != 'l')
        return at + value->size;
    for (uint32_t i = 0; at && i < value->size; i++) {
        at = take(at, end, &item);
        if (at && !is_text(&item))
            return NULL;
    }
    value->end = at;
    return at;
}

bool is_text(const struct value *value)
{
    return (value->tag == 's' || value->tag == 'b') && !memchr(value->bytes, '\0', value->size);
}

bool is_texts(const struct value *value)
{
    return value->tag == 'l';
}

/* Read the values of a frame. There must be one more byte of space after its end. */
bool request_parse(char *body, size_t size, struct request *request)
{
    char *at = body, *end = body + size;

    for (request->count = 0; at < end; request->count++) {
        if (request->count == VALUES)
            return false;
        at = take(at, end, &request->values[request->count]);
        if (!at)
            return false;
    }
    /* The byte after a text is the tag of the next value, which has been read, or the space after the frame. */
    for (int i = 0; i < request->count; i++)
        if (is_text(&request->values[i]))
            request->values[i].bytes[request->values[i].size] = '\0';
    return request->count > 0;
}

/* Convert the texts of a list, once, with a final NULL. Return 0, or E2BIG if there is not enough space. */
int texts(struct value *list, char **to, size_t room)
{
    struct value item;
    char *at = list->bytes, *last = NULL;

    if (list->size >= room)
        return E2BIG;
    for (uint32_t i = 0; i < list->size; i++) {
        at = take(at, list->end, &item);
        /* A text can be terminated once the tag after it has been read. */
        if (last)
            *last = '\0';
        to[i] = item.bytes;
        last = item.bytes + item.size;
    }
    if (last)
        *last = '\0';
    to[list->size] = NULL;
    return 0;
}

/* -- the answer */

static char *more(size_t size)
{
    if (answer->full || size > sizeof answer->bytes - answer->size) {
        answer->full = true;
        return NULL;
    }
    answer->size += size;
    return answer->bytes + answer->size - size;
}

static void put(char tag, uint64_t number, int size, const void *bytes, size_t length)
{
    char *to = more(1 + (size_t)size + length);

    if (!to)
        return;
    *to = tag;
    write_little(to + 1, number, size);
    if (length)
        memcpy(to + 1 + size, bytes, length);
}

void answer_number(int64_t number)
{
    put('i', (uint64_t)number, 8, NULL, 0);
}

void answer_bytes(const void *bytes, size_t size)
{
    put('b', size, 4, bytes, size);
}

void answer_text(const char *text)
{
    answer_bytes(text, strlen(text));
}

/* Return space for the last value of an answer with up to this size, or NULL; answer_piece_end sets its actual size. */
void *answer_piece(size_t most)
{
    if (answer->full || most + 5 > sizeof answer->bytes - answer->size)
        return NULL;
    return answer->bytes + answer->size + 5;
}

void answer_piece_end(size_t size)
{
    char *to = more(5 + size);

    if (to) {
        *to = 'b';
        write_little(to + 1, size, 4);
    }
}

static void begin(const char *word)
{
    answer->size = 4;
    answer->full = false;
    put('s', strlen(word), 4, word, strlen(word));
}

void answer_begin(void)
{
    begin("ok");
}

void answer_error(int number, const char *what)
{
    begin("error");
    answer_number(number);
    answer_text(what);
}

/* Create the frame. */
void answer_finish(void)
{
    if (answer->full)
        answer_error(EMSGSIZE, "answer");
    write_little(answer->bytes, answer->size - 4, 4);
}
