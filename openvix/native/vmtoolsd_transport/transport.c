/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

/*
 * The transport of GuestRPC for a vmtoolsd that does not run under VMware: a Unix socket in place of the I/O port of VMware's hypervisor.
 *
 * LD_PRELOAD puts these functions before those of libvmtools, which reaches its own by name. A channel is opaque memory of the caller's, so what belongs to it
 * is in a table here. One connection is one channel: first the four bytes of its protocol, then messages, each with its length in four bytes before it, little
 * endian as all of GuestRPC.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    CHANNELS = 32,
    /* "TCLO": the channel by which the host sends commands. The guest asks on it whether there is one. */
    TCLO = 0x4f4c4354,
    /* No message of either side is as long. */
    LONGEST = 16 << 20,
    /* Memory of a channel that is opened without any. */
    OPAQUE = 64,
    /* What vmtoolsd may ask of the hypervisor: a Workstation of version 6. */
    HYPERVISOR_VERSION = 6,
    WORKSTATION = 4,
};

#define NO_SUCH_COMMAND 0xffffffffu

struct channel {
    void *key;  /* NULL: free */
    int socket;
    uint32_t protocol;
    unsigned char *given;  /* the caller's buffer, or NULL */
    size_t given_size;
    unsigned char *made;  /* the buffer of a channel that has none from its caller */
};

static struct channel channels[CHANNELS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct sockaddr_un address = {.sun_family = AF_UNIX};

/* Programs that vmtoolsd starts get its environment: they are not to know of this. */
__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("OPENVIX_GUESTRPC");

    if (path && strlen(path) < sizeof address.sun_path)
        strcpy(address.sun_path, path);
    unsetenv("OPENVIX_GUESTRPC");
    unsetenv("LD_PRELOAD");
}

static struct channel *find(void *key)
{
    struct channel *found = NULL;

    pthread_mutex_lock(&lock);
    for (int i = 0; i < CHANNELS && !found; i++)
        if (key && channels[i].key == key)
            found = &channels[i];
    pthread_mutex_unlock(&lock);
    return found;
}

static bool put(int socket, const void *bytes, size_t size)
{
    const char *at = bytes;

    while (size) {
        ssize_t done = send(socket, at, size, MSG_NOSIGNAL);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        at += done;
        size -= (size_t)done;
    }
    return true;
}

static bool get(int socket, void *bytes, size_t size)
{
    char *at = bytes;

    while (size) {
        ssize_t done = recv(socket, at, size, 0);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        at += done;
        size -= (size_t)done;
    }
    return true;
}

static int dial(uint32_t protocol)
{
    int made = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (made < 0)
        return -1;
    if (connect(made, (struct sockaddr *)&address, sizeof address) || !put(made, &protocol, sizeof protocol)) {
        close(made);
        return -1;
    }
    return made;
}

/* Opens a channel in memory of the caller's; messages are received into its buffer, if it brings one. Returns whether that went well, as all of these do. */
char Message_OpenAllocated(uint32_t protocol, void *key, char *buffer, size_t size)
{
    struct channel *free_one = NULL;
    int made = dial(protocol);

    if (made < 0)
        return false;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < CHANNELS && !free_one; i++)
        if (!channels[i].key)
            free_one = &channels[i];
    if (free_one)
        *free_one = (struct channel){.key = key, .socket = made, .protocol = protocol, .given = (unsigned char *)buffer, .given_size = size};
    pthread_mutex_unlock(&lock);
    if (!free_one)
        close(made);
    return free_one != NULL;
}

void *Message_Open(uint32_t protocol)
{
    void *key = calloc(1, OPAQUE);

    if (key && !Message_OpenAllocated(protocol, key, NULL, 0)) {
        free(key);
        key = NULL;
    }
    return key;
}

char Message_Send(void *key, const unsigned char *bytes, size_t size)
{
    struct channel *channel = find(key);
    uint32_t length = (uint32_t)size;

    if (!channel || size > LONGEST)
        return false;
    /* An empty message only asks whether there is a command: a socket needs no question. */
    if (!size && channel->protocol == TCLO)
        return true;
    return put(channel->socket, &length, sizeof length) && put(channel->socket, bytes, size);
}

/* Returns a buffer for a message of this length and a zero behind it, or NULL. */
static unsigned char *room(struct channel *channel, size_t length)
{
    unsigned char *made;

    if (channel->given)
        return length < channel->given_size ? channel->given : NULL;
    made = realloc(channel->made, length + 1);
    if (made)
        channel->made = made;
    return made;
}

/* Receives a message, which stays valid until the next one; on the channel of commands one of length 0 where there is none. */
char Message_Receive(void *key, unsigned char **bytes, size_t *size)
{
    struct channel *channel = find(key);
    unsigned char *to;
    uint32_t length;

    if (!channel)
        return false;
    if (channel->protocol == TCLO) {
        struct pollfd waiting = {.fd = channel->socket, .events = POLLIN};

        if (poll(&waiting, 1, 0) <= 0) {
            *size = 0;
            return true;
        }
    }
    if (!get(channel->socket, &length, sizeof length) || length > LONGEST)
        return false;
    to = room(channel, length);
    if (!to || !get(channel->socket, to, length))
        return false;
    to[length] = 0;
    *bytes = to;
    *size = length;
    return true;
}

char Message_CloseAllocated(void *key)
{
    struct channel *channel = find(key);

    if (!channel)
        return false;
    close(channel->socket);
    free(channel->made);
    pthread_mutex_lock(&lock);
    channel->key = NULL;
    pthread_mutex_unlock(&lock);
    return true;
}

char Message_Close(void *key)
{
    char done = Message_CloseAllocated(key);

    free(key);
    return done;
}

/* What else vmtoolsd would learn from the I/O port, where this is a fault of protection. */

char VmCheck_IsVirtualWorld(void)
{
    return true;
}

char VmCheck_GetVersion(uint32_t *version, uint32_t *type)
{
    *version = HYPERVISOR_VERSION;
    *type = WORKSTATION;
    return true;
}

/* The registers of the port, each in a word: all ones in the first say that there is no such command, zero in the second that nothing was moved. */

void Backdoor(uint64_t *registers)
{
    registers[0] = NO_SUCH_COMMAND;
}

void Backdoor_InOut(uint64_t *registers)
{
    registers[0] = NO_SUCH_COMMAND;
}

void Backdoor_HbOut(uint64_t *registers)
{
    registers[1] = 0;
}

void Backdoor_HbIn(uint64_t *registers)
{
    registers[1] = 0;
}
