/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

/* A process of a world file: it does nothing, under whatever name and arguments it is started with. */

#include <unistd.h>

int main(void)
{
    for (;;)
        pause();
}
