/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The table of handles: what each number stands for, who owns it, and the one lock of the library.
 */

#ifndef OPENVIX_HANDLES_H
#define OPENVIX_HANDLES_H

#include "ledger.h"
#include "vix.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

/* What a handle stands for; jobs and property lists begin with one. */
struct object {
    VixHandle handle;
    VixHandleType type;
    int references; /* what the client owns: these stand in the ledger */
    int holds;      /* what the library owns: a job its result, a child its host */
    bool lent;      /* for the time of a callback the client may use it without owning it */
    bool closed;    /* VixHost_Disconnect ended it */
    bool lost;      /* of hosts: the connection broke */
    struct object *host;
    char *reference; /* the daemon's name of it (openvix/docs/protocol.md) */
    struct entry entry;
    bool is_pseudo; /* of jobs: VMware's wrapper, and no product, has answered: a handle with an error and nothing else (docs/vix-semantics.md, section 2.4) */
    void (*dispose)(struct object *object);
    void (*wake)(struct object *object); /* once it is closed: whoever waits for it goes on; NULL for what nobody waits for */
    struct object *next;
};

/* One lock guards everything but the socket's writing end. It is never held while a callback runs or the socket blocks. */
void library_lock(void);
void library_unlock(void);
/* Unlock and, where a release has to be told to the daemon, tell it. Not for the receiving thread, which must never wait for the daemon to read. */
void library_leave(void);
void library_wait(pthread_cond_t *changed);
void library_unlock_in_child(void);

/* All of these want the library locked. */
struct object *object_new(size_t size, VixHandleType type, struct object *host, void (*dispose)(struct object *object));
struct object *object_named(VixHandleType type, struct object *host, const char *reference, size_t size);
struct object *object_find(VixHandle handle, VixHandleType type, VixError *error);
/* Whether the client may own a reference: it has a limited number of handles. */
bool object_can_refer(const struct object *object);
bool handles_left(void);
void object_refer(struct object *object);
void object_hold(struct object *object);
void object_drop(struct object *object);
bool is_lost(const struct object *object);
int hosts_connected(void);
void hosts_lose(void);
void host_close(struct object *host);

#endif
