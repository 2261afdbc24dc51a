/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The one connection that a process has to the daemon, whatever the number of hosts that it connects.
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

/* What whoever asks does with what the daemon says: the connection knows requests only. All of these are called with the library locked. */
struct receiver {
    /* The request has ended; the frame, which may be NULL, is taken. */
    void (*done)(struct request *request, VixError error, struct frame *frame, const struct value *items);
    /* Something has happened to a job on the way; the frame is taken. */
    void (*event)(struct request *request, VixEventType type, struct frame *frame, const struct value *item);
    /* This is a forked child: the request is the parent's, whose callback must not be called here. NULL where nothing has to be done. */
    void (*orphaned)(struct request *request);
};

/* What was asked of the daemon and is not over yet. */
struct request {
    int64_t id;
    const struct receiver *receiver;
    struct object *job;    /* held until the request is over; NULL when a synchronous function asks, which has no events */
    bool inside;           /* the C function that asked has not returned */
    bool accepted;
    bool answered;
    const char *directive; /* left for the thread inside */
    VixError error;
    struct frame *frame;   /* the answer, and its items: of a synchronous function */
    const struct value *items;
    pthread_cond_t changed;
    struct request *next;
};

/* Make sure of a connection to the world that the environment names, starting its daemon where none runs. */
VixError connection_open(void);

/* Send the message; false when the connection is lost. Not with the library locked.
   The request must stay where it is until it was accepted (jobs) and answered. */
bool connection_send(struct message *message, struct request *request);

/* Carry out what a fault wants to happen in this thread (openvix/docs/protocol.md, "Daemon to client"). */
_Noreturn void obey(const char *directive);

#endif
