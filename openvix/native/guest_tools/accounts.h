/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Accounts of the guest, and switching to one of them.
 */

#ifndef OPENVIX_ACCOUNTS_H
#define OPENVIX_ACCOUNTS_H

#include "values.h"

#include <stdbool.h>
#include <sys/types.h>

struct account {
    uid_t user;
    gid_t group;
    char name[256];
    char home[4096];
    char shell[4096];
};

int account_named(const char *name, struct account *account);
int owner_of(uid_t user, const char *said, struct account *account);
bool is_shared(uid_t user);
int become(const struct account *account);
/* False while a fuzzer executes the code of a child. */
extern bool forks;
int do_login(struct value *values);
int do_account(struct value *values);

#endif
