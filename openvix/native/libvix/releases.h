/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Objects that the client has released and the daemon does not know about yet; sent as notices, which are not answered.
 */

#ifndef OPENVIX_RELEASES_H
#define OPENVIX_RELEASES_H

#include "wire.h"

#include <stdbool.h>

struct release {
    struct message message;
    struct release *next;
};

/* Except for releases_send, the library must be locked for all of these (handles.h). */
void release_add(const char *function, const char *reference);
bool releases_waiting(void);
/* Return all pending releases; the caller sends and drops them. */
struct release *releases_take(void);
/* Free the first one and return the next. */
struct release *release_drop(struct release *release);

/* Send them now. The library must not be locked. */
void releases_send(void);
/* Send them from another thread if there are any; for the receiving thread, which must never wait for the daemon to read. The library must be locked. */
void releases_send_later(void);
/* The functions for both, set by their modules when the library is loaded. */
void releases_sent_by(void (*send)(void));
void releases_sent_later_by(void (*wake)(void));

#endif
