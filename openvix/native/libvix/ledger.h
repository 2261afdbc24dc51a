/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Handle accounting of the client (openvix/docs/protocol.md, "The ledger"): a file that the daemon can read after the client was killed.
 */

#ifndef OPENVIX_LEDGER_H
#define OPENVIX_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

enum {
    LEDGER_NAME_SIZE = 64,
    LEDGER_SLOTS = 65536,
};

struct ledger;

/* The slot of a handle in a ledger. Without a ledger (not connected), nothing is recorded. */
struct entry {
    struct ledger *ledger;
    int64_t slot;
};

/* The library must be locked for all of these (handles.h). */
/* Return 0, or the errno of what failed: ENOSPC or EDQUOT where there is no space for it. */
int ledger_open(int run, char name[LEDGER_NAME_SIZE]);
void ledger_cancel(int run, const char *name);
void ledger_retire(void);
void ledger_forget_all(void);
struct ledger *ledger_current(void);
void ledger_disconnected(bool disconnected);
void ledger_released_too_often(void);
void ledger_buffers(struct ledger *ledger, int change);
void ledger_references(struct entry *entry, int32_t handle, int32_t type, int32_t references);

#endif
