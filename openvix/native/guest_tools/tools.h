/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * OpenVIX Tools: the agent in a guest of QEMU (openvix/docs/protocol.md, "The agent in a guest"). The host is believed; a user of the guest is not: whatever
 * names an account is done by a child that is that user and nothing else, so the guest's kernel decides about rights.
 */

#ifndef OPENVIX_TOOLS_H
#define OPENVIX_TOOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    VERSION = 1,
    PIECE_LIMIT = 4 << 20, /* what one request reads or writes of a file */
    FRAME_LIMIT = PIECE_LIMIT + (64 << 10),
    VALUES = 8, /* of a request, its name included */
    CHILD_SECONDS = 30,
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

struct account {
    uid_t user;
    gid_t group;
    char name[256];
    char home[4096];
};

/* What answers a request: 0, or an errno. The values are those behind the name. */
typedef int handler(struct value *values);

/* -- values.c */

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

/* -- accounts.c */

int account_named(const char *name, struct account *account);
int owner_of(uid_t user, const char *said, struct account *account);
bool is_shared(uid_t user);
int become(const struct account *account);
int do_login(struct value *values);
int do_account(struct value *values);

/* -- files.c */

int do_stat(struct value *values);
int do_list(struct value *values);
int do_readlink(struct value *values);
int do_symlink(struct value *values);
int do_mkdir(struct value *values);
int do_remove(struct value *values);
int do_clear(struct value *values);
int do_rename(struct value *values);
int do_tempfile(struct value *values);
/* The file that a child has opened, reads and writes. */
extern int opened;

int do_open(struct value *values);
int do_read(struct value *values);
int do_write(struct value *values);

/* -- processes.c */

void reap(void);
long long milliseconds(void);
bool programs_run(void);
int await_child(pid_t child, int seconds, int *status);
int do_run(struct value *values);
int do_ended(struct value *values);
int do_command(struct value *values);
int do_processes(struct value *values);
int do_kill(struct value *values);

/* -- machine.c */

/* The agent's port is that of a machine, whose power and clock are its own. */
extern bool whole_machine;

int do_hello(struct value *values);
int do_address(struct value *values);
int do_clock(struct value *values);
int do_stop(struct value *values);
int do_restart(struct value *values);
void end_machine(void);

/* -- requests.c */

/* False where a fuzzer follows what a child would do. */
extern bool forks;

void handle(struct request *request);
void close_files(void);

#endif
