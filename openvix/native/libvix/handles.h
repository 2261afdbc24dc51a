/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The table of handles: their objects and owners, and the lock of the library.
 */

#ifndef OPENVIX_HANDLES_H
#define OPENVIX_HANDLES_H

#include "ledger.h"
#include "vix.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

/* The object of a handle. Jobs and property lists begin with one. */
struct object {
    VixHandle handle;
    VixHandleType type;
    int references; /* references of the client, recorded in the ledger */
    int holds;      /* references of the library, such as those of a job to its result or of a child to its host */
    bool lent;      /* a callback may use it without owning it */
    bool closed;    /* ended by VixHost_Disconnect */
    bool lost;      /* of hosts: the connection was lost */
    struct object *host;
    char *reference; /* its reference in the protocol (openvix/docs/protocol.md) */
    struct entry entry;
    VixError refusal; /* of jobs: the answer of VMware's wrapper without a product, a handle that only has this error (docs/vix-semantics.md, section 2.4) */
    void (*dispose)(struct object *object);
    void (*wake)(struct object *object); /* wakes up waiting threads when the object is closed; NULL if nobody can wait for it */
    struct object *next;
};

/* One lock protects everything except writes to the socket. It is never held while a callback runs or the socket blocks. */
void library_lock(void);
void library_unlock(void);
/* Unlock, and send pending releases. Not for the receiving thread, which must never wait for the daemon to read. */
void library_leave(void);
void library_wait(pthread_cond_t *changed);
void library_unlock_in_child(void);

/* The library must be locked for all of these. */
struct object *object_new(size_t size, VixHandleType type, struct object *host, void (*dispose)(struct object *object));
struct object *object_named(VixHandleType type, struct object *host, const char *reference, size_t size);
struct object *object_find(VixHandle handle, VixHandleType type, VixError *error);
/* Return whether a handle is the answer of VMware's wrapper without a product. It has an error, and fills in nothing. */
bool handle_is_pseudo(VixHandle handle);
/* Return whether a handle can be one of this library. VMware's wrapper passes on no other. */
bool handle_is_ours(VixHandle handle);
/* Return whether the client may own one more reference: the number of its handles is limited. */
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
