/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Requests of the host.
 */

#ifndef OPENVIX_REQUESTS_H
#define OPENVIX_REQUESTS_H

#include "values.h"

void handle(struct request *request);
void close_files(void);

#endif
