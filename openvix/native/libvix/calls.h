/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A call of the client: begin, put the arguments in the order of the prototype, then start a job or ask.
 * The arguments must match signatures.inc. A wrong type or number of arguments aborts the process.
 */

#ifndef OPENVIX_CALLS_H
#define OPENVIX_CALLS_H

#include "connection.h"
#include "handles.h"
#include "vix.h"
#include "wire.h"

struct call {
    const char *function;
    const char *expected; /* the signature of the arguments that have not been put yet */
    VixError error;      /* the first invalid argument */
    bool foreign;        /* a handle is not one of this library */
    struct object *host; /* held; NULL until a handle was put */
    struct message message;
    struct request request; /* of a synchronous call */
};

struct call begin(const char *function);

void put_handle(struct call *call, VixHandleType type, VixHandle handle);
void put_snapshot_or_none(struct call *call, VixHandle handle);
void put_number(struct call *call, int64_t number);
void put_fixed(struct call *call, int64_t number, int64_t allowed);
void put_text(struct call *call, const char *text);
void put_text_or_null(struct call *call, const char *text);
void put_null(struct call *call, const char *text);
void put_list(struct call *call, VixHandle list);
void put_no_list(struct call *call, VixHandle list);
void put_numbers(struct call *call, uint32_t count, const int *numbers);

/* Start the job and return its handle; 0 if there are too many handles, or if one that was put is foreign, as through VMware's wrapper.
   An invalid argument ends the job with its error. */
VixHandle start(struct call *call, VixEventProc *callback, void *data);
/* The same for a function of a VM that no product has any more: the job ends with VIX_E_NOT_SUPPORTED. */
VixHandle start_unsupported(const char *function, VixHandle vm, VixEventProc *callback, void *data);

/* Send the request and wait for the answer. The call must be ended afterwards. */
VixError ask_daemon(struct call *call);
const struct value *call_item(const struct call *call);
void end(struct call *call);

/* Ask for a number, or for a snapshot, and end the call. */
VixError answer_number(struct call *call, int *number);
VixError answer_snapshot(struct call *call, VixHandle *snapshot);

#endif
