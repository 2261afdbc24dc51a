/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Programs and processes of the guest.
 */

#ifndef OPENVIX_PROCESSES_H
#define OPENVIX_PROCESSES_H

#include "values.h"

#include <stdbool.h>
#include <sys/types.h>

enum {
    CHILD_SECONDS = 30,
};

void reap(void);
long long milliseconds(void);
bool programs_run(void);
int await_child(pid_t child, int seconds, int *status);
int do_run(struct value *values);
int do_ended(struct value *values);
int do_command(struct value *values);
int do_processes(struct value *values);
int do_kill(struct value *values);

#endif
