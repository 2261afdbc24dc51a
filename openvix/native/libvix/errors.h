/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Texts of errors.
 */

#ifndef OPENVIX_ERRORS_H
#define OPENVIX_ERRORS_H

#include "vix.h"

/* Add what the attempt to connect found to the text of this error, until it is forgotten. Calls of these two must not overlap. */
__attribute__((format(printf, 2, 3))) void error_explain(VixError error, const char *format, ...);
/* The next such error has another cause. */
void error_forget(void);

#endif
