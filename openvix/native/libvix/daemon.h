/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The daemon of a world: where it is, and how it is started.
 */

#ifndef OPENVIX_DAEMON_H
#define OPENVIX_DAEMON_H

#include <stdbool.h>
#include <stdint.h>

struct daemon {
    int run;          /* the open directory WORLD/run */
    int64_t serve_at; /* when it is to be started by us, once more where it did not come; the same */
    int64_t give_up;  /* when waiting for it is over, in milliseconds of the monotonic clock */
};

/* The path of the world that the environment names, to be freed; NULL when it names none. */
char *daemon_world(void);
bool daemon_find(struct daemon *daemon, const char *world);
/* A connected socket, or -1. */
int daemon_reach(struct daemon *daemon);
void daemon_leave(struct daemon *daemon);
/* Whether reading from the socket gives up after a while. */
void daemon_patience(int socket, bool limited);
void daemon_pause(void);

#endif
