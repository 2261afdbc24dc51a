/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

/* Unmounts the files of the host, at the path that is given, from a guest, whose Debian may be without umount. */

#define _GNU_SOURCE
#include <stdio.h>
#include <sys/mount.h>

int main(int count, char **arguments)
{
    if (count == 2 && umount2(arguments[1], MNT_DETACH) == 0)
        return 0;
    perror("unmounting the files of the host");
    return 1;
}
