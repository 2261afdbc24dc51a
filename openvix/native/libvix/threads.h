/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Threads of the library's own.
 */

#ifndef OPENVIX_THREADS_H
#define OPENVIX_THREADS_H

/* All of these want the library locked (handles.h). */

/* Start a thread that no signal of the program is delivered to and that nobody has to join.
   A forked child does not have it: what has to be forgotten there is forgotten by the second function, NULL where that is nothing. */
void thread_start(void *(*run)(void *nothing), void (*forget)(void));
/* In a forked child: forget what the threads of the parent were about. */
void threads_forget(void);

#endif
