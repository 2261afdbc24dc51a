/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Requests: their names and arguments, and their dispatch.
 */

#define _GNU_SOURCE
#include "requests.h"

#include "accounts.h"
#include "files.h"
#include "machine.h"
#include "processes.h"
#include "values.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

enum { FILES = 64, NONCE = 16 };

enum { HERE, ROOT, USER, OPENED };

/* A file that the host has open: a child with the rights of the user who opened it, and a socket to it. For a fuzzer, the file itself. */
static struct {
    int64_t number;
    pid_t child;
    int socket;
    unsigned long long used;
} files[FILES];

/* The request for such a child. Its memory has the same layout as that of this process, and shares the arguments. */
struct order {
    const struct operation *operation;
    struct value values[3];
};

static unsigned long long uses;

static int do_sync(struct value *values)
{
    if (values[0].size != NONCE)
        return EINVAL;
    answer_bytes(values[0].bytes, NONCE);
    return 0;
}

static int find_file(int64_t number)
{
    for (int i = 0; i < FILES; i++)
        if (files[i].used && files[i].number == number)
            return i;
    return -1;
}

static void close_file(int slot)
{
    int status;

    if (!files[slot].used)
        return;
    files[slot].used = 0;
    close(files[slot].socket);
    if (forks) {
        kill(files[slot].child, SIGKILL);
        while (waitpid(files[slot].child, &status, 0) < 0 && errno == EINTR)
            ;
    }
}

void close_files(void)
{
    for (int i = 0; i < FILES; i++)
        close_file(i);
}

/* file: an unknown number is not an error, as the request may be a repetition */
static int do_close(struct value *values)
{
    int slot = find_file(values[0].number);

    if (slot >= 0)
        close_file(slot);
    return 0;
}

/* Return a slot for a file with this number; if necessary, that of the least recently used file. */
static int free_slot(int64_t number)
{
    int slot = find_file(number);

    if (slot < 0) {
        slot = 0;
        for (int i = 1; i < FILES; i++)
            if (files[i].used < files[slot].used)
                slot = i;
    }
    close_file(slot);
    return slot;
}

/* The requests: one letter for each argument. i: number, t: text, d: bytes, l: texts. A request on behalf of an account begins with it. */
static const struct operation {
    const char *name;
    const char *values;
    int where;
    handler *handler;
} operations[] = {
    {"sync", "d", HERE, do_sync},
    {"hello", "", HERE, do_hello},
    {"login", "tt", ROOT, do_login},
    {"account", "t", ROOT, do_account},
    {"run", "tll", HERE, do_run},
    {"ended", "i", HERE, do_ended},
    {"command", "i", ROOT, do_command},
    {"processes", "", ROOT, do_processes},
    {"kill", "tii", USER, do_kill},
    {"stat", "ttt", USER, do_stat},
    {"list", "ttti", USER, do_list},
    {"readlink", "ttt", USER, do_readlink},
    {"symlink", "tttt", USER, do_symlink},
    {"mkdir", "tttii", USER, do_mkdir},
    {"remove", "tt", USER, do_remove},
    {"clear", "tt", USER, do_clear},
    {"rename", "ttt", USER, do_rename},
    {"tempdir", "ttt", USER, do_tempdir},
    {"open", "tttiii", OPENED, do_open},
    {"read", "iii", OPENED, do_read},
    {"write", "iid", OPENED, do_write},
    {"close", "i", HERE, do_close},
    {"address", "", ROOT, do_address},
    {"clock", "ii", HERE, do_clock},
    {"stop", "", HERE, do_stop},
    {"restart", "", HERE, do_restart},
};

static const struct operation *find(const struct request *request)
{
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
        if (is_text(&request->values[0]) && strcmp(operations[i].name, request->values[0].bytes) == 0)
            return &operations[i];
    return NULL;
}

static bool fits(const struct operation *operation, const struct request *request)
{
    const struct value *value = request->values + 1;

    if (strlen(operation->values) != (size_t)request->count - 1)
        return false;
    for (const char *wanted = operation->values; *wanted; wanted++, value++)
        if (!(*wanted == 'i' ? value->tag == 'i' : *wanted == 't' ? is_text(value) : *wanted == 'd' ? value->tag == 'b' : is_texts(value)))
            return false;
    return true;
}

/* -- in a child */

static int work(const struct operation *operation, const char *user, struct value *values)
{
    struct account account;
    int result = user ? account_named(user, &account) : 0;

    if (!result && user && forks)
        result = become(&account);
    if (!result)
        result = operation->handler(values);
    if (result)
        answer_error(result, operation->name);
    return result;
}

/* Serve an open file until the parent closes the socket. */
static void serve_file(int socket, const struct operation *operation, const char *user, struct value *values)
{
    struct order order = {.operation = operation};
    int result = work(operation, user, values);
    unsigned low = (unsigned)(opened < socket ? opened : socket), high = (unsigned)(opened < socket ? socket : opened);

    if (!result) {
        /* The child must keep nothing else open, above all not the port, which would then be busy for the next start of this program. */
        syscall(SYS_close_range, 3, low - 1, 0);
        syscall(SYS_close_range, low + 1, high - 1, 0);
        syscall(SYS_close_range, high + 1, ~0U, 0);
    }
    while (write(socket, &result, sizeof result) == sizeof result && opened >= 0 && read(socket, &order, sizeof order) == sizeof order)
        result = work(order.operation, NULL, order.values);
    _exit(0);
}

/* -- in the parent */

static bool is_answer_whole(void)
{
    return answer->size >= 4 && answer->size <= sizeof answer->bytes;
}

static int in_child(const struct operation *operation, const char *user, struct value *values)
{
    pid_t child;
    int status, result;

    if (!forks)
        return work(operation, user, values) ? -1 : 0;
    child = fork();
    if (child < 0)
        return errno;
    if (child == 0)
        /* The exit code is 0 if the child worked; errors of the operation are in the answer. */
        _exit(work(operation, user, values) ? 1 : 0);
    result = await_child(child, CHILD_SECONDS, &status);
    if (result)
        return result;
    if (!WIFEXITED(status) || WEXITSTATUS(status) > 1 || !is_answer_whole())
        return EIO;
    return WEXITSTATUS(status) ? -1 : 0;
}

/* The answer of a child with an open file. */
static int await_file(int slot)
{
    struct pollfd news = {.fd = files[slot].socket, .events = POLLIN};
    long long until = milliseconds() + CHILD_SECONDS * 1000LL, left;
    int said = EIO;

    while ((left = until - milliseconds()) > 0 && poll(&news, 1, (int)left) < 0)
        ;
    if (left > 0 && news.revents && read(files[slot].socket, &said, sizeof said) == sizeof said && is_answer_whole())
        return said ? -1 : 0;
    /* A user may have killed or stopped it. */
    close_file(slot);
    return left > 0 ? EIO : ETIMEDOUT;
}

static int open_file(const struct operation *operation, struct value *values)
{
    int channel[2], slot = free_slot(values[5].number), result;
    pid_t child;

    if (!forks) {
        result = work(operation, values[0].bytes, values + 1);
        if (!result) {
            files[slot].number = values[5].number;
            files[slot].socket = opened;
            files[slot].used = ++uses;
        }
        return result ? -1 : 0;
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel))
        return errno;
    child = fork();
    if (child == 0)
        serve_file(channel[1], operation, values[0].bytes, values + 1);
    close(channel[1]);
    if (child < 0) {
        close(channel[0]);
        return EAGAIN;
    }
    files[slot].number = values[5].number;
    files[slot].child = child;
    files[slot].socket = channel[0];
    files[slot].used = ++uses;
    result = await_file(slot);
    if (result)
        close_file(slot);
    return result;
}

/* Execute an operation in a child with an open file. */
static int ask_file(const struct operation *operation, struct value *values)
{
    struct order order = {.operation = operation, .values = {values[0], values[1], values[2]}};
    int slot = find_file(values[0].number);

    if (slot < 0)
        return EBADF;
    files[slot].used = ++uses;
    if (!forks) {
        opened = files[slot].socket;
        return work(operation, NULL, values) ? -1 : 0;
    }
    if (write(files[slot].socket, &order, sizeof order) != sizeof order) {
        close_file(slot);
        return EIO;
    }
    return await_file(slot);
}

static int carry_out(const struct operation *operation, struct value *values)
{
    if (operation->where == HERE)
        return operation->handler(values);
    if (operation->where == OPENED)
        return operation->handler == do_open ? open_file(operation, values) : ask_file(operation, values);
    if (operation->where == ROOT)
        return in_child(operation, NULL, values);
    return in_child(operation, values[0].bytes, values + 1);
}

/* Execute a request and create the frame of its answer. */
void handle(struct request *request)
{
    const struct operation *operation = find(request);
    int result;

    answer_begin();
    if (!operation)
        answer_error(ENOSYS, "request");
    else if (!fits(operation, request))
        answer_error(EINVAL, "values");
    /* A negative value means that the answer was already sent. */
    else if ((result = carry_out(operation, request->values + 1)) > 0)
        answer_error(result, operation->name);
    answer_finish();
}
