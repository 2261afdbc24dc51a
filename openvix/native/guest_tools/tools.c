/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * OpenVIX Tools, the guest tools in a guest of QEMU:
 *
 *   openvix-tools PORT    serve the host at this port; a PORT of - is standard input, and power and clock are then not changed
 *
 * Under any other name, the program idles as a declared process of the world.
 */

#define _GNU_SOURCE
#include "files.h"
#include "machine.h"
#include "processes.h"
#include "requests.h"
#include "values.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#ifndef SILENCE_MILLISECONDS
#define SILENCE_MILLISECONDS 1000
#endif

enum {
    SILENCE = SILENCE_MILLISECONDS, /* a frame whose rest does not arrive is abandoned */
    PATIENCE = 60000, /* for a host that does not read an answer */
    PAGE = 1 << 16,
    ROOM = (FRAME_LIMIT + 1 + PAGE - 1) / PAGE * PAGE,
};

static int port;
static char *room;

static void on_child(int number)
{
    (void)number;
}

static void *shared(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    return memory == MAP_FAILED ? NULL : memory;
}

/* Wait until the port is ready; return false after the time limit. */
static bool await(short events, int time)
{
    struct pollfd ready = {.fd = port, .events = events};
    int result;

    while ((result = poll(&ready, 1, time)) < 0 && errno == EINTR)
        reap();
    return result > 0;
}

/* The host has disconnected; its partial request is discarded. */
static void part(void)
{
    const struct timespec pause = {.tv_nsec = 50000000};

    close_files();
    nanosleep(&pause, NULL);
}

/* Read this many bytes. Return false if the host has disconnected, or stops in the middle of a frame. */
static bool receive(char *to, size_t size, bool begun)
{
    ssize_t now;

    while (size > 0) {
        now = read(port, to, size);
        if (now > 0) {
            to += now;
            size -= (size_t)now;
            begun = true;
        } else if (now < 0 && errno == EAGAIN) {
            if (!await(POLLIN, begun ? SILENCE : -1))
                return false;
        } else if (now == 0 || errno != EINTR) {
            part();
            return false;
        }
    }
    return true;
}

/* Skip an invalid frame. */
static void skip(void)
{
    ssize_t now;

    while ((now = read(port, room, ROOM)) > 0 || (now < 0 && (errno == EINTR || (errno == EAGAIN && await(POLLIN, SILENCE / 10)))))
        ;
}

static void send_answer(void)
{
    const char *at = answer->bytes, *end = at + answer->size;
    ssize_t now;

    while (at < end) {
        now = write(port, at, (size_t)(end - at));
        if (now > 0)
            at += now;
        else if (now == 0 || (errno == EAGAIN && !await(POLLOUT, PATIENCE)) || (errno != EAGAIN && errno != EINTR))
            return;
    }
}

static void serve(void)
{
    unsigned char length[4];
    struct request request;
    size_t size;
    char *body;

    reap();
    if (!receive((char *)length, sizeof length, false))
        return;
    size = length[0] | (size_t)length[1] << 8 | (size_t)length[2] << 16 | (size_t)length[3] << 24;
    if (size > FRAME_LIMIT) {
        skip();
        return;
    }
    /* The buffer is followed by the byte that the parser needs, and then by an inaccessible page, so that reading too far crashes. */
    body = room + ROOM - 1 - size;
    if (!receive(body, size, true))
        return;
    /* A NUL would hide the rest of a name that is too long. */
    body[size] = '\xff';
    if (!request_parse(body, size, &request)) {
        answer_error(EBADMSG, "frame");
        answer_finish();
        send_answer();
        return;
    }
    handle(&request);
    send_answer();
    end_machine();
    /* The frame may contain a password. Large frames, with data of files, are not overwritten each time. */
    if (size < PAGE)
        explicit_bzero(body, size);
}

int main(int count, char **arguments)
{
    struct sigaction child = {.sa_handler = on_child};
    const char *name = count > 0 ? strrchr(arguments[0], '/') : NULL;
    int null;

    name = name ? name + 1 : count > 0 ? arguments[0] : "";
    if (strcmp(name, "openvix-tools") != 0)
        for (;;)
            pause();
    /* Opened files must never get these descriptor numbers. */
    do
        null = open("/dev/null", O_RDWR | O_CLOEXEC);
    while (null >= 0 && null < 3);
    if (count != 2) {
        fprintf(stderr, "usage: openvix-tools PORT\n");
        return 2;
    }
    whole_machine = strcmp(arguments[1], "-") != 0;
    port = whole_machine ? open(arguments[1], O_RDWR | O_NOCTTY | O_CLOEXEC) : dup(STDIN_FILENO);
    answer = shared(sizeof *answer);
    room = shared(ROOM + PAGE);
    if (port < 0 || fcntl(port, F_SETFD, FD_CLOEXEC) || fcntl(port, F_SETFL, O_NONBLOCK) || !answer || !room || mprotect(room + ROOM, PAGE, PROT_NONE)) {
        perror(arguments[1]);
        return 1;
    }
    umask(022);
    choose_temporary();
    signal(SIGPIPE, SIG_IGN);
    /* The signal interrupts the wait for a request, so that ended programs are recorded at once. */
    sigaction(SIGCHLD, &child, NULL);
    for (;;)
        serve();
}
