/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The daemon of a world: its paths, and its start (openvix/docs/protocol.md, "Where").
 */

#define _GNU_SOURCE
#include "daemon.h"

#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    PATIENCE_SECONDS = 10,
    PAUSE_MILLISECONDS = 20,
    SERVE_AGAIN_MILLISECONDS = 1500,
    ARGUMENTS_LIMIT = 64 << 10,
};

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

void daemon_pause(void)
{
    nanosleep(&(struct timespec){.tv_nsec = PAUSE_MILLISECONDS * 1000000L}, NULL);
}

static char *joined(const char *directory, const char *rest)
{
    size_t size = strlen(directory) + strlen(rest) + 1;
    char *path = allocate(size);
    snprintf(path, size, "%s%s", directory, rest);
    return path;
}

static const char *setting(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

char *daemon_world(void)
{
    if (setting("OPENVIX_WORLD") != NULL) {
        return joined(setting("OPENVIX_WORLD"), "");
    }
    if (setting("XDG_STATE_HOME") != NULL) {
        return joined(setting("XDG_STATE_HOME"), "/openvix/default");
    }
    return setting("HOME") != NULL ? joined(setting("HOME"), "/.local/state/openvix/default") : NULL;
}

bool daemon_find(struct daemon *daemon, const char *world)
{
    char *path = joined(world, "/run");
    *daemon = (struct daemon){.run = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC), .give_up = now() + 1000 * PATIENCE_SECONDS};
    free(path);
    return daemon->run >= 0;
}

void daemon_leave(struct daemon *daemon)
{
    close(daemon->run);
}

void daemon_patience(int socket, bool limited)
{
    struct timeval patience = {.tv_sec = limited ? PATIENCE_SECONDS : 0};
    setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
}

static int try_connect(int run)
{
    int end = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (end < 0) {
        return -1;
    }
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/socket", run);
    if (connect(end, (struct sockaddr *)&address, sizeof address) == 0) {
        return end;
    }
    close(end);
    return -1;
}

/* Return the arguments in WORLD/run/serve, each ended by NUL. One allocation, or NULL. */
static char **read_arguments(int run)
{
    int file = openat(run, "serve", O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return NULL;
    }
    char **arguments = allocate((ARGUMENTS_LIMIT / 2 + 1) * sizeof *arguments + ARGUMENTS_LIMIT);
    char *text = (char *)(arguments + ARGUMENTS_LIMIT / 2 + 1);
    ssize_t size = read(file, text, ARGUMENTS_LIMIT);
    close(file);
    if (size <= 1 || text[size - 1] != '\0') {
        free(arguments);
        return NULL;
    }
    int count = 0;
    for (char *at = text; at < text + size && count < ARGUMENTS_LIMIT / 2; at += strlen(at) + 1) {
        arguments[count++] = at;
    }
    return arguments;
}

static void close_from(int first)
{
#ifdef SYS_close_range
    if (syscall(SYS_close_range, first, ~0U, 0) == 0) {
        return;
    }
#endif
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    for (int file = first; file < (int)limit.rlim_cur; file++) {
        close(file);
    }
}

/* In the child of a process that may have other threads: only async-signal-safe functions are permitted. */
static void become(char **arguments)
{
    setsid();
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    int nowhere = open("/dev/null", O_RDWR);
    for (int file = 0; file < 3; file++) {
        dup2(nowhere, file);
    }
    close_from(3);
    /* The daemon must not keep the working directory of the client in use. */
    if (chdir("/") == 0) {
        execvp(arguments[0], arguments);
    }
    _exit(127);
}

static bool serve(int run)
{
    char **arguments = read_arguments(run);
    if (arguments == NULL) {
        return false;
    }
    pid_t child = fork();
    if (child == 0) {
        /* A grandchild is adopted by init, so that nobody has to wait for it. */
        if (fork() == 0) {
            become(arguments);
        }
        _exit(0);
    }
    while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR) {
    }
    free(arguments);
    return child > 0;
}

int daemon_reach(struct daemon *daemon)
{
    for (;;) {
        int end = try_connect(daemon->run);
        if (end >= 0) {
            return end;
        }
        if (faccessat(daemon->run, "stopped", F_OK, 0) == 0 || now() > daemon->give_up) {
            return -1;
        }
        /* A daemon that is killed during its start is started again. A second daemon finds the lock of the first and exits. */
        if (now() >= daemon->serve_at) {
            if (!serve(daemon->run)) {
                return -1;
            }
            daemon->serve_at = now() + SERVE_AGAIN_MILLISECONDS;
        }
        daemon_pause();
    }
}
