/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Buffers that the client frees with Vix_FreeBuffer.
 */

#ifndef OPENVIX_BUFFERS_H
#define OPENVIX_BUFFERS_H

#include <stddef.h>

/* Return a copy of the bytes and a final NUL for the client. The library must be locked. */
void *buffer_new(const void *bytes, size_t size);

#endif
