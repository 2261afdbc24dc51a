/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The queue of releases, a layer below the handles that fill it and the connection that sends it.
 */

#include "releases.h"

#include <stdlib.h>

static struct release *releases;
static void (*sender)(void);
static void (*waker)(void);

void release_add(const char *function, const char *reference)
{
    struct release **at = &releases;
    while (*at != NULL) {
        at = &(*at)->next;
    }
    *at = allocate(sizeof **at);
    message_begin(&(*at)->message);
    message_text(&(*at)->message, function);
    message_text(&(*at)->message, reference);
}

bool releases_waiting(void)
{
    return releases != NULL;
}

struct release *releases_take(void)
{
    struct release *taken = releases;
    releases = NULL;
    return taken;
}

struct release *release_drop(struct release *release)
{
    struct release *next = release->next;
    message_wipe(&release->message);
    free(release);
    return next;
}

void releases_send(void)
{
    sender();
}

void releases_send_later(void)
{
    if (releases != NULL) {
        waker();
    }
}

void releases_sent_by(void (*send)(void))
{
    sender = send;
}

void releases_sent_later_by(void (*wake)(void))
{
    waker = wake;
}
