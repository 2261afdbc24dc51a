/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Threads of the library.
 */

#include "threads.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    MOST = 2,
};

static void (*forgetting[MOST])(void);

static void add_forgetting(void (*forget)(void))
{
    for (int i = 0; i < MOST; i++) {
        if (forgetting[i] == NULL || forgetting[i] == forget) {
            forgetting[i] = forget;
            return;
        }
    }
    fputs("libvix: more kinds of threads than there is room for\n", stderr);
    abort();
}

void threads_forget(void)
{
    for (int i = 0; i < MOST && forgetting[i] != NULL; i++) {
        forgetting[i]();
    }
}

void thread_start(void *(*run)(void *nothing), void (*forget)(void))
{
    if (forget != NULL) {
        add_forgetting(forget);
    }
    /* Synchronous faults of the thread, such as SIGSEGV, still reach the handlers of the program. */
    static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};
    sigset_t blocked;
    sigset_t before;
    sigfillset(&blocked);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        sigdelset(&blocked, own[i]);
    }
    pthread_attr_t detached;
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    pthread_t thread;
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    int failed = pthread_create(&thread, &detached, run, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&detached);
    if (failed) {
        fputs("libvix: no more threads can be started\n", stderr);
        abort();
    }
}
