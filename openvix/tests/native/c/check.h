/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What every program here uses: CHECK says what does not hold, and main returns failures().
 */

#ifndef OPENVIX_CHECK_H
#define OPENVIX_CHECK_H

#include "../../../native/libvix/vix.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(holds) check((holds), #holds, __FILE__, __LINE__)
#define CODE(wanted, got) check_code((wanted), (got), #got, __FILE__, __LINE__)

static int failed;

static inline void check(bool holds, const char *text, const char *file, int line)
{
    if (!holds) {
        fprintf(stderr, "%s:%d: %s\n", file, line, text);
        failed++;
    }
}

static inline void check_code(VixError wanted, VixError got, const char *text, const char *file, int line)
{
    if (wanted != got) {
        fprintf(stderr, "%s:%d: %s is %llu, not %llu\n", file, line, text, (unsigned long long)got, (unsigned long long)wanted);
        failed++;
    }
}

static inline int failures(void)
{
    return failed > 0;
}

/* Wait for a job that yields nothing, and release it. */
static inline VixError outcome(VixHandle job)
{
    VixError error = VixJob_Wait(job, VIX_PROPERTY_NONE);
    Vix_ReleaseHandle(job);
    return error;
}

/* Wait for a job that yields a handle, and release the job; 0 when it failed. */
static inline VixHandle result(VixHandle job)
{
    VixHandle handle = VIX_INVALID_HANDLE;
    if (VixJob_Wait(job, VIX_PROPERTY_JOB_RESULT_HANDLE, &handle, VIX_PROPERTY_NONE) != VIX_OK) {
        handle = VIX_INVALID_HANDLE;
    }
    Vix_ReleaseHandle(job);
    return handle;
}

static inline VixHandle start_connecting(void)
{
    return VixHost_Connect(VIX_API_VERSION, VIX_SERVICEPROVIDER_DEFAULT, NULL, 0, NULL, NULL, 0, VIX_INVALID_HANDLE, NULL, NULL);
}

/* A connected host, or the end of the program. */
static inline VixHandle connected(void)
{
    VixHandle host = result(start_connecting());
    if (host == VIX_INVALID_HANDLE) {
        fputs("no host was connected\n", stderr);
        exit(2);
    }
    return host;
}

static inline VixHandle opened(VixHandle host, const char *path)
{
    return result(VixHost_OpenVM(host, path, VIX_VMOPEN_NORMAL, VIX_INVALID_HANDLE, NULL, NULL));
}

#endif
