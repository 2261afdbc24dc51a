/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Jobs: what the functions with a callback start.
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
    struct outcome outcome;
    struct frame *frame;
    const struct value *items;
    struct request request;
};

/* All of these want the library locked. */
struct job *job_new(const char *function, struct object *host, VixEventProc *callback, void *data);
/* Keep the outcome; the frame, which may be NULL, is taken. The job is not finished by that. */
void job_settle(struct job *job, VixError error, struct frame *frame, const struct value *items);
/* Let who waits for the job know. */
void job_finish(struct job *job);
bool job_finds_items(const struct job *job);
uint32_t job_items(const struct job *job);
const struct value *job_item(const struct job *job, int index);

#endif
