/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Requests: which there are, of which values, and who carries them out.
 */

#define _GNU_SOURCE
#include "tools.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FILES = 64, NONCE = 16 };

enum { HERE, ROOT, USER, FILE_OF_USER };

/* A file that the host has open, in whose name, and under which number: its own, since what the guest chose would come again after a revert. */
static struct {
    int64_t number;
    int file;
    unsigned long long used;
    char user[256];
} files[FILES];

bool forks = true;
static unsigned long long uses;
static int file_channel[2] = {-1, -1};
static int file_here = -1;

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
    if (files[slot].used)
        close(files[slot].file);
    files[slot].used = 0;
}

void close_files(void)
{
    for (int i = 0; i < FILES; i++)
        close_file(i);
}

/* file: none of that number is no error, as it may be the second time that it is asked for */
static int do_close(struct value *values)
{
    int slot = find_file(values[0].number);

    if (slot >= 0)
        close_file(slot);
    return 0;
}

/* Keep a file under the number that the host gave it, where need be in place of the one that was longest not used. */
static void keep_file(int file, int64_t number, const char *user)
{
    int slot = find_file(number);

    if (slot < 0) {
        slot = 0;
        for (int i = 1; i < FILES; i++)
            if (files[i].used < files[slot].used)
                slot = i;
    }
    close_file(slot);
    files[slot].number = number;
    files[slot].file = file;
    files[slot].used = ++uses;
    strcpy(files[slot].user, user);
}

/* A request: its values as one letter each. i: number, t: text, d: bytes, l: texts. Those in the name of an account begin with it. */
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
    {"kill", "ti", USER, do_kill},
    {"stat", "ttt", USER, do_stat},
    {"list", "ttti", USER, do_list},
    {"readlink", "ttt", USER, do_readlink},
    {"symlink", "tttt", USER, do_symlink},
    {"mkdir", "tttii", USER, do_mkdir},
    {"remove", "tt", USER, do_remove},
    {"clear", "tt", USER, do_clear},
    {"rename", "ttt", USER, do_rename},
    {"tempfile", "t", USER, do_tempfile},
    {"open", "tttiii", USER, do_open},
    {"read", "iii", FILE_OF_USER, do_read},
    {"write", "iid", FILE_OF_USER, do_write},
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

/* -- what a child does */

/* Give an opened file to the agent. */
void pass_file(int file)
{
    char control[CMSG_SPACE(sizeof file)] = "", byte = 0;
    struct iovec piece = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);

    if (!forks) {
        file_here = file;
        return;
    }
    *header = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof file)};
    memcpy(CMSG_DATA(header), &file, sizeof file);
    (void)!sendmsg(file_channel[1], &message, MSG_NOSIGNAL);
}

static int take_file(void)
{
    int file = -1;
    char control[CMSG_SPACE(sizeof file)], byte;
    struct iovec piece = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *header;

    if (!forks)
        return file_here;
    if (recvmsg(file_channel[0], &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) == 1 && (header = CMSG_FIRSTHDR(&message)) &&
        header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS && header->cmsg_len == CMSG_LEN(sizeof file))
        memcpy(&file, CMSG_DATA(header), sizeof file);
    return file;
}

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

/* -- what the agent does */

static int in_child(const struct operation *operation, const char *user, struct value *values)
{
    pid_t child;
    int status, result;

    if (!forks)
        return work(operation, user, values);
    child = fork();
    if (child < 0)
        return errno;
    if (child == 0)
        /* The exit code tells whether it worked; what did not is in the answer. */
        _exit(work(operation, user, values) ? 1 : 0);
    result = await_child(child, CHILD_SECONDS, &status);
    if (result)
        return result;
    if (!WIFEXITED(status) || WEXITSTATUS(status) > 1 || answer->size < 4 || answer->size > sizeof answer->bytes)
        return EIO;
    return WEXITSTATUS(status) ? -1 : 0;
}

/* Open a file in a child that is the user, who may then be anything but alive. */
static int open_file(const struct operation *operation, struct value *values)
{
    int file, result;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, file_channel))
        return errno;
    file_here = -1;
    result = in_child(operation, values[0].bytes, values + 1);
    file = take_file();
    close(file_channel[0]);
    close(file_channel[1]);
    if (!result && file < 0)
        result = EIO;
    if (!result && strlen(values[0].bytes) < sizeof files->user)
        keep_file(file, values[5].number, values[0].bytes);
    else if (file >= 0)
        close(file);
    return result;
}

static int carry_out(const struct operation *operation, struct value *values)
{
    int slot;

    if (operation->where == HERE)
        return operation->handler(values);
    if (operation->handler == do_open)
        return open_file(operation, values);
    if (operation->where == ROOT)
        return in_child(operation, NULL, values);
    if (operation->where == USER)
        return in_child(operation, values[0].bytes, values + 1);
    slot = find_file(values[0].number);
    if (slot < 0)
        return EBADF;
    files[slot].used = ++uses;
    values[0].number = files[slot].file;
    return in_child(operation, files[slot].user, values);
}

/* Carry out a request and make the frame of its answer. */
void handle(struct request *request)
{
    const struct operation *operation = find(request);
    int result;

    answer_begin();
    if (!operation)
        answer_error(ENOSYS, "request");
    else if (!fits(operation, request))
        answer_error(EINVAL, "values");
    /* Below zero, it is told already. */
    else if ((result = carry_out(operation, request->values + 1)) > 0)
        answer_error(result, operation->name);
    answer_finish();
}
