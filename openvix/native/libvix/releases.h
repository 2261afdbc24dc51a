/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the client has released and the daemon does not know of yet: functions that it does not answer.
 */

#ifndef OPENVIX_RELEASES_H
#define OPENVIX_RELEASES_H

#include "wire.h"

#include <stdbool.h>

struct release {
    struct message message;
    struct release *next;
};

/* All of these want the library locked (handles.h), but releases_send. */
void release_add(const char *function, const char *reference);
bool releases_waiting(void);
/* All that wait, for the caller to send and to drop. */
struct release *releases_take(void);
/* Free the first and return the next. */
struct release *release_drop(struct release *release);

/* Send them now. Not with the library locked. */
void releases_send(void);
/* Have another thread send them where any wait: for the receiving thread, which must never wait for the daemon to read. With the library locked. */
void releases_send_later(void);
/* What does the one and the other: the files that have the socket and a thread say so when the library is loaded. */
void releases_sent_by(void (*send)(void));
void releases_sent_later_by(void (*wake)(void));

#endif
