/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Requests about the guest as a whole.
 */

#ifndef OPENVIX_MACHINE_H
#define OPENVIX_MACHINE_H

#include "values.h"

#include <stdbool.h>

enum {
    VERSION = 1, /* of the protocol */
};

/* Whether the port belongs to a VM, whose power and clock may be changed. */
extern bool whole_machine;

int do_hello(struct value *values);
int do_address(struct value *values);
int do_clock(struct value *values);
int do_stop(struct value *values);
int do_restart(struct value *values);
void end_machine(void);

#endif
