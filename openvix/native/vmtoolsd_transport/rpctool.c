/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

/*
 * Sends one request of the guest to its host, and prints the answer: rpctool "info-get guestinfo.name". VMware's program of this purpose has its transport
 * built in, so that it cannot be given another one.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { LONGEST = 16 << 20 };

static bool put(int to, const void *bytes, size_t size)
{
    const char *at = bytes;

    for (ssize_t done; size; at += done, size -= (size_t)done) {
        done = send(to, at, size, MSG_NOSIGNAL);
        if (done <= 0)
            return false;
    }
    return true;
}

static bool get(int from, void *bytes, size_t size)
{
    return size == 0 || recv(from, bytes, size, MSG_WAITALL) == (ssize_t)size;
}

int main(int count, char **arguments)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/run/openvix/guestrpc"};
    int host = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    uint32_t length;
    char *answer;

    if (count != 2) {
        fputs("usage: rpctool REQUEST\n", stderr);
        return 2;
    }
    length = (uint32_t)strlen(arguments[1]);
    if (host < 0 || connect(host, (struct sockaddr *)&address, sizeof address) || !put(host, "RPCI", 4) || !put(host, &length, sizeof length)
        || !put(host, arguments[1], length) || !get(host, &length, sizeof length) || length > LONGEST) {
        perror("the host does not answer");
        return 1;
    }
    answer = calloc(length + 1, 1);
    if (!answer || !get(host, answer, length)) {
        perror("the host does not answer");
        return 1;
    }
    /* The answer begins with 1 or 0 and a blank. */
    fprintf(answer[0] == '1' ? stdout : stderr, "%s\n", length > 2 ? answer + 2 : "");
    return answer[0] == '1' ? 0 : 1;
}
