/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The thread that makes the callbacks: not the one that receives, so that a callback may call VIX.
 */

#ifndef OPENVIX_CALLBACKS_H
#define OPENVIX_CALLBACKS_H

#include "vix.h"
#include "wire.h"

struct job;

/* All of these want the library locked. */

/* The outcome of the job is known; the frame, which may be NULL, is taken. The job is finished once its callback has heard of it, if it has one. */
void callbacks_end(struct job *job, VixError error, struct frame *frame, const struct value *items);
/* Something has happened on the way: for the job's callback, if it has one. The frame, which has the item, is taken. */
void callbacks_event(struct job *job, VixEventType type, struct frame *frame, const struct value *item);

#endif
