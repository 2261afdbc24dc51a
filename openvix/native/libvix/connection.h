/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The connection of a process to the daemon. There is one, whatever the number of its hosts.
 */

#ifndef OPENVIX_CONNECTION_H
#define OPENVIX_CONNECTION_H

#include "vix.h"
#include "wire.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct object;
struct request;

/* How a caller handles the answers; the connection itself knows only requests. The library is locked when these are called. */
struct receiver {
    /* The request has ended; takes the frame, which may be NULL. */
    void (*done)(struct request *request, VixError error, struct frame *frame, const struct value *items);
    /* An event of a job; takes the frame. */
    void (*event)(struct request *request, VixEventType type, struct frame *frame, const struct value *item);
    /* In a forked child: the request belongs to the parent, whose callback must not be called here. NULL if there is nothing to do. */
    void (*orphaned)(struct request *request);
};

/* A request that has not ended. */
struct request {
    int64_t id;
    const struct receiver *receiver;
    struct object *job;    /* held until the request ends; NULL for a synchronous function, which has no events */
    bool inside;           /* the C function has not returned */
    bool accepted;
    bool answered;
    bool late;             /* by a fault: the client knows of the end before its callback does */
    const char *directive; /* left for the thread in the function */
    VixError error;
    struct frame *frame;   /* the answer of a synchronous function, with its items */
    const struct value *items;
    pthread_cond_t changed;
    struct request *next;
};

/* Ensure a connection to the world of the environment; start its daemon if it does not run. */
VixError connection_open(void);

/* Send the message; return false if the connection is lost. The library must not be locked.
   The request must stay where it is until it was accepted (jobs) and answered. */
bool connection_send(struct message *message, struct request *request);

/* Execute the directive of a fault in this thread (openvix/docs/protocol.md, "Daemon to client"). */
_Noreturn void obey(const char *directive);

#endif
