/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The daemon of a world: its paths and its start.
 */

#ifndef OPENVIX_DAEMON_H
#define OPENVIX_DAEMON_H

#include "vix.h"

#include <stdbool.h>
#include <stdint.h>

struct daemon {
    const char *world;
    int run;          /* the open directory WORLD/run */
    int64_t serve_at; /* when this process starts it, or starts it again; in milliseconds of the monotonic clock */
    int64_t give_up;  /* when to stop waiting for it; the same clock */
};

/* Return the path of the world that the environment names, to be freed; NULL if it names none. */
char *daemon_world(void);
/*
 * Open a world, whose path must outlive the struct. Whoever controls a world runs programs as the client and reads its passwords, so a world of
 * another user is VIX_E_HOST_USER_PERMISSIONS; one that does not exist is VIX_E_HOST_NOT_CONNECTED.
 */
VixError daemon_find(struct daemon *daemon, const char *world);
/* Return a connected socket, or -1 and why. The daemon is a process of the same user. */
int daemon_reach(struct daemon *daemon, VixError *error);
void daemon_leave(struct daemon *daemon);
/* Set whether reads from the socket have a time limit. */
void daemon_patience(int socket, bool limited);
void daemon_pause(void);

#endif
