/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Threads of the library.
 */

#ifndef OPENVIX_THREADS_H
#define OPENVIX_THREADS_H

/* The library must be locked for all of these (handles.h). */

/* Start a detached thread to which no signal of the program is delivered.
   A forked child does not have it: what has to be forgotten there is forgotten by the second function, NULL where that is nothing. */
void thread_start(void *(*run)(void *nothing), void (*forget)(void));
/* In a forked child: discard the tasks of the parent's threads. */
void threads_forget(void);

#endif
