/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Files and directories of the guest.
 */

#ifndef OPENVIX_FILES_H
#define OPENVIX_FILES_H

#include "values.h"

int do_stat(struct value *values);
int do_list(struct value *values);
int do_readlink(struct value *values);
int do_symlink(struct value *values);
int do_mkdir(struct value *values);
int do_remove(struct value *values);
int do_clear(struct value *values);
int do_rename(struct value *values);
/* Choose the names of directories for temporary files, for as long as this program runs. */
void choose_temporary(void);
int do_tempdir(struct value *values);
/* The file that a child has opened and that it reads and writes. */
extern int opened;

int do_open(struct value *values);
int do_read(struct value *values);
int do_write(struct value *values);

#endif
