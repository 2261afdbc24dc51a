/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The buffers that the client must free with Vix_FreeBuffer. Each is counted and known by its address.
 */

#include "buffers.h"

#include "handles.h"
#include "ledger.h"
#include "wire.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BUCKETS = 1024,
};

struct buffer {
    void *bytes;
    size_t size;
    struct ledger *ledger;
    struct buffer *next;
};

static struct buffer *table[BUCKETS];

static struct buffer **bucket(const void *bytes)
{
    return &table[((uintptr_t)bytes >> 4) % BUCKETS];
}

void *buffer_new(const void *bytes, size_t size)
{
    struct buffer *buffer = allocate(sizeof *buffer);
    buffer->bytes = allocate(size + 1);
    buffer->size = size + 1;
    buffer->ledger = ledger_current();
    if (size > 0) {
        memcpy(buffer->bytes, bytes, size);
    }
    struct buffer **at = bucket(buffer->bytes);
    buffer->next = *at;
    *at = buffer;
    ledger_buffers(buffer->ledger, 1);
    return buffer->bytes;
}

void Vix_FreeBuffer(void *p)
{
    if (p == NULL) {
        return;
    }
    library_lock();
    struct buffer **at = bucket(p);
    while (*at != NULL && (*at)->bytes != p) {
        at = &(*at)->next;
    }
    struct buffer *buffer = *at;
    if (buffer == NULL) {
        fprintf(stderr, "Vix_FreeBuffer: %p is not a buffer of this library, or it has already been freed\n", p);
        abort();
    }
    *at = buffer->next;
    ledger_buffers(buffer->ledger, -1);
    library_leave();
    /* Overwrite the content: a later read must be noticed, and must not reveal it. */
    memset(buffer->bytes, 0x5A, buffer->size);
    __asm__ volatile("" : : "r"(buffer->bytes) : "memory");
    free(buffer->bytes);
    free(buffer);
}
