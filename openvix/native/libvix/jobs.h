/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Jobs, started by functions with a callback.
 */

#ifndef OPENVIX_JOBS_H
#define OPENVIX_JOBS_H

#include "cells.h"
#include "connection.h"
#include "handles.h"
#include "vix.h"
#include "wire.h"

#include <stdbool.h>
#include <stdint.h>

struct job {
    struct object object;
    const char *function;
    VixEventProc *callback;
    void *data;
    bool finished;
    bool notified; /* its callback has received all events, or there is none */
    struct outcome outcome;
    struct frame *frame;
    const struct value *items;
    struct request request;
};

/* The library must be locked for all of these. */
struct job *job_new(const char *function, struct object *host, VixEventProc *callback, void *data);
/* Store the outcome; takes the frame, which may be NULL. This does not finish the job. */
void job_settle(struct job *job, VixError error, struct frame *frame, const struct value *items);
/* The outcome is valid. Threads that wait for the job return only when its callback has been notified: many clients free then what the callback uses. */
void job_finish(struct job *job);
void job_notified(struct job *job);
/* This thread calls the callbacks, within which a finished job can be waited for. */
void job_calls_back_here(void);
bool job_finds_items(const struct job *job);
uint32_t job_items(const struct job *job);
const struct value *job_item(const struct job *job, int index);

#endif
