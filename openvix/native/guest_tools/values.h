/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Values of frames: received in requests, sent in answers (openvix/docs/protocol.md, "The agent in a guest").
 * The host is trusted, users of the guest are not. A request that names an account is executed by a child that has only the rights of that user,
 * so the kernel of the guest checks the access rights.
 */

#ifndef OPENVIX_VALUES_H
#define OPENVIX_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PIECE_LIMIT = 4 << 20, /* the maximum size of one read or write of a file */
    FRAME_LIMIT = PIECE_LIMIT + (64 << 10),
    VALUES = 8, /* of a request, including its name */
};

/* One value of a request. A text is followed by NUL. The size of a list is the number of its items, which are texts. */
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

/* The implementation of a request: returns 0, or an errno. The values are those after the name. */
typedef int handler(struct value *values);

/* The answer, in memory that is shared with the children. A child sets its size, and this process checks it. */
struct answer {
    size_t size;
    bool full; /* something did not fit and is missing */
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
