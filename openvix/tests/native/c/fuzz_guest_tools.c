/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What libFuzzer runs: the parser and the operations of the guests' agent, in one process, on frames one after another. The process
 * is root of a namespace and shuts itself into the directory FUZZ_ROOT first, since it does what the frames say (fuzz_guest_tools.py).
 */

#define _GNU_SOURCE
#include "../../../native/guest_tools/accounts.h"
#include "../../../native/guest_tools/requests.h"
#include "../../../native/guest_tools/values.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

static int first_free;

int LLVMFuzzerInitialize(int *count, char ***arguments);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
    const char *root = getenv("FUZZ_ROOT");

    (void)count;
    (void)arguments;
    if (!root || chroot(root) || chdir("/")) {
        perror("FUZZ_ROOT");
        exit(2);
    }
    forks = false;
    answer = calloc(1, sizeof *answer);
    first_free = dup(STDERR_FILENO);
    return answer == NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct request request;
    size_t length;
    char *body;

    for (; size >= 4; bytes += length, size -= length) {
        length = bytes[0] | (size_t)bytes[1] << 8 | (size_t)bytes[2] << 16 | (size_t)bytes[3] << 24;
        bytes += 4;
        size -= 4;
        if (length > size)
            length = size;
        /* As much memory as the parser may touch. */
        body = malloc(length + 1);
        if (!body)
            abort();
        memcpy(body, bytes, length);
        if (request_parse(body, length, &request)) {
            handle(&request);
            if (answer->size < 4 || answer->size > sizeof answer->bytes || answer->full)
                abort();
        }
        free(body);
    }
    /* A child has no need to close what it opens, nor to bury anyone. */
    close_files();
    syscall(SYS_close_range, (unsigned)first_free + 1, ~0U, 0);
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
    return 0;
}
