/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The daemon of a world: its paths, and its start (openvix/docs/protocol.md, "Where").
 */

#define _GNU_SOURCE
#include "daemon.h"

#include "errors.h"
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

/* Refuse what belongs to another user, or what another user may replace. */
static VixError refuse(const char *what, uid_t owner)
{
    uid_t user = geteuid();
    if (owner != user) {
        error_explain(VIX_E_HOST_USER_PERMISSIONS, "%s belongs to user %u, not to user %u who runs this client", what, (unsigned)owner, (unsigned)user);
    } else {
        error_explain(VIX_E_HOST_USER_PERMISSIONS, "other users may write to %s; permit it to its owner only (chmod go-w)", what);
    }
    return VIX_E_HOST_USER_PERMISSIONS;
}

/* Open a directory or a file, which the path rest below the world names; -1 if that is impossible, and with the error if it is not ours. */
static int open_own(int parent, const char *name, int flags, const struct daemon *daemon, const char *rest, VixError *error)
{
    struct stat found;
    int file = openat(parent, name, flags | O_CLOEXEC);
    if (file < 0) {
        return -1;
    }
    bool is_known = fstat(file, &found) == 0 && (S_ISDIR(found.st_mode) || S_ISREG(found.st_mode));
    bool is_ours = is_known && found.st_uid == geteuid() && (S_ISREG(found.st_mode) || (found.st_mode & (S_IWGRP | S_IWOTH)) == 0);
    if (is_ours) {
        return file;
    }
    if (is_known) {
        char *path = joined(daemon->world, rest);
        *error = refuse(path, found.st_uid);
        free(path);
    }
    close(file);
    return -1;
}

VixError daemon_find(struct daemon *daemon, const char *world)
{
    VixError error = VIX_E_HOST_NOT_CONNECTED;
    *daemon = (struct daemon){.world = world, .run = -1, .give_up = now() + 1000 * PATIENCE_SECONDS};
    int directory = open_own(AT_FDCWD, world, O_PATH | O_DIRECTORY, daemon, "", &error);
    if (directory >= 0) {
        daemon->run = open_own(directory, "run", O_PATH | O_DIRECTORY | O_NOFOLLOW, daemon, "/run", &error);
        close(directory);
    }
    return daemon->run >= 0 ? VIX_OK : error;
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

static int try_connect(const struct daemon *daemon, VixError *error)
{
    int end = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (end < 0) {
        return -1;
    }
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/socket", daemon->run);
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (connect(end, (struct sockaddr *)&address, sizeof address) == 0 && getsockopt(end, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0) {
        if (peer.uid == geteuid()) {
            return end;
        }
        char *path = joined("the process that serves ", daemon->world);
        *error = refuse(path, peer.uid);
        free(path);
    }
    close(end);
    return -1;
}

/* Return the arguments in WORLD/run/serve, each ended by NUL. One allocation, or NULL. */
static char **read_arguments(const struct daemon *daemon, VixError *error)
{
    /* Not blocking, so that a pipe in its place is refused. */
    int file = open_own(daemon->run, "serve", O_RDONLY | O_NONBLOCK | O_NOFOLLOW, daemon, "/run/serve", error);
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

static bool serve(const struct daemon *daemon, VixError *error)
{
    char **arguments = read_arguments(daemon, error);
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

int daemon_reach(struct daemon *daemon, VixError *error)
{
    *error = VIX_E_HOST_NOT_CONNECTED;
    for (;;) {
        int end = try_connect(daemon, error);
        if (end >= 0) {
            return end;
        }
        if (*error != VIX_E_HOST_NOT_CONNECTED || faccessat(daemon->run, "stopped", F_OK, 0) == 0 || now() > daemon->give_up) {
            return -1;
        }
        /* A daemon that is killed during its start is started again. A second daemon finds the lock of the first and exits. */
        if (now() >= daemon->serve_at) {
            if (!serve(daemon, error)) {
                return -1;
            }
            daemon->serve_at = now() + SERVE_AGAIN_MILLISECONDS;
        }
        daemon_pause();
    }
}
