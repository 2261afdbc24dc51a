/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The machine as a whole.
 */

#define _GNU_SOURCE
#include "machine.h"

#include "processes.h"
#include "values.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <time.h>
#include <unistd.h>

enum { LEAVE_MILLISECONDS = 1000 };

bool whole_machine;
static int ending;

/* Version, boot id, milliseconds since the boot, the largest frame that is accepted. */
int do_hello(struct value *values)
{
    char id[64] = "";
    struct timespec since;
    int file = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t size = file < 0 ? -1 : read(file, id, sizeof id - 1);

    (void)values;
    if (file >= 0)
        close(file);
    id[size < 0 ? 0 : size] = '\0';
    id[strcspn(id, "\n")] = '\0';
    clock_gettime(CLOCK_BOOTTIME, &since);
    answer_number(VERSION);
    answer_text(id);
    answer_number(since.tv_sec * 1000LL + since.tv_nsec / 1000000);
    answer_number(FRAME_LIMIT);
    return 0;
}

static bool is_global(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET)
        return (ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr) >> 16) != 0xa9fe;
    const struct in6_addr *six = &((const struct sockaddr_in6 *)address)->sin6_addr;
    return !IN6_IS_ADDR_LINKLOCAL(six) && !IN6_IS_ADDR_LOOPBACK(six) && !IN6_IS_ADDR_UNSPECIFIED(six);
}

/* Return the first external address, of IPv4 and of IPv6; empty if there is none. */
int do_address(struct value *values)
{
    static const int families[] = {AF_INET, AF_INET6};
    struct ifaddrs *all, *each;
    char text[INET6_ADDRSTRLEN];

    (void)values;
    if (getifaddrs(&all))
        return errno;
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        *text = '\0';
        for (each = all; each && !*text; each = each->ifa_next) {
            const struct sockaddr *address = each->ifa_addr;

            if (!address || address->sa_family != families[i] || each->ifa_flags & IFF_LOOPBACK || !(each->ifa_flags & IFF_UP) || !is_global(address))
                continue;
            inet_ntop(families[i],
                      families[i] == AF_INET ? (const void *)&((const struct sockaddr_in *)address)->sin_addr
                                             : (const void *)&((const struct sockaddr_in6 *)address)->sin6_addr,
                      text, sizeof text);
        }
        answer_text(text);
    }
    freeifaddrs(all);
    return 0;
}

/* seconds since 1970, nanoseconds */
int do_clock(struct value *values)
{
    struct timespec now = {.tv_sec = (time_t)values[0].number, .tv_nsec = (long)values[1].number};

    if (!whole_machine)
        return EPERM;
    return clock_settime(CLOCK_REALTIME, &now) ? errno : 0;
}

/* The answer is sent first; end_machine then executes the request. */
int do_stop(struct value *values)
{
    (void)values;
    ending = whole_machine ? RB_POWER_OFF : 0;
    return whole_machine ? 0 : EPERM;
}

int do_restart(struct value *values)
{
    (void)values;
    ending = whole_machine ? RB_AUTOBOOT : 0;
    return whole_machine ? 0 : EPERM;
}

/* If it was requested, terminate all processes, wait a moment, and power off or restart without init. */
void end_machine(void)
{
    long long until = milliseconds() + LEAVE_MILLISECONDS;
    const struct timespec pause = {.tv_nsec = 10000000};

    if (!ending)
        return;
    /* Keep init from restarting processes. */
    kill(1, SIGTSTP);
    kill(-1, SIGTERM);
    while (milliseconds() < until && programs_run()) {
        reap();
        nanosleep(&pause, NULL);
    }
    sync();
    kill(-1, SIGKILL);
    mount(NULL, "/", NULL, MS_REMOUNT | MS_RDONLY, NULL);
    sync();
    reboot(ending);
}
