/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The thread that calls the callbacks. It is not the receiving thread, so that a callback may call VIX functions.
 */

#ifndef OPENVIX_CALLBACKS_H
#define OPENVIX_CALLBACKS_H

#include "vix.h"
#include "wire.h"

struct job;

/* The library must be locked for all of these. */

/* Record the outcome of a job; takes the frame, which may be NULL. The job is finished after its callback, if any, has been called. */
void callbacks_end(struct job *job, VixError error, struct frame *frame, const struct value *items);
/* Record an event of a job for its callback, if any; takes the frame, which has the item. */
void callbacks_event(struct job *job, VixEventType type, struct frame *frame, const struct value *item);

#endif
