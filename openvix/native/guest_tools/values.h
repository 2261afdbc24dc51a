/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Values of frames, which come in as a request and go out as an answer (openvix/docs/protocol.md, "The agent in a guest").
 * The host is believed; a user of the guest is not: whatever names an account is done by a child that is that user and nothing else,
 * so the guest's kernel decides about rights.
 */

#ifndef OPENVIX_VALUES_H
#define OPENVIX_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PIECE_LIMIT = 4 << 20, /* what one request reads or writes of a file */
    FRAME_LIMIT = PIECE_LIMIT + (64 << 10),
    VALUES = 8, /* of a request, its name included */
};

/* One value of a request; a text has a NUL behind it. The size of a list is the number of its items, which are texts. */
struct value {
    char tag;
    uint32_t size;
    int64_t number;
    char *bytes;
    char *end; /* of a list */
};

struct request {
    int count;
    struct value values[VALUES];
};

/* What answers a request: 0, or an errno. The values are those behind the name. */
typedef int handler(struct value *values);

/* The answer, in memory that the children share: its size is theirs to say and the agent's to check. */
struct answer {
    size_t size;
    bool full; /* something did not fit, and is not in it */
    char bytes[4 + FRAME_LIMIT];
};

extern struct answer *answer;

bool request_parse(char *body, size_t size, struct request *request);
bool is_text(const struct value *value);
bool is_texts(const struct value *value);
int texts(struct value *list, char **to, size_t room);
void answer_begin(void);
void answer_error(int number, const char *what);
void answer_finish(void);
void answer_number(int64_t number);
void answer_bytes(const void *bytes, size_t size);
void answer_text(const char *text);
void *answer_piece(size_t most);
void answer_piece_end(size_t size);

#endif
