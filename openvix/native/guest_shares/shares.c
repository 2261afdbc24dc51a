/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

/*
 * The shared folders of a QEMU guest: a FUSE file system whose requests the host answers through a port.
 *
 *   openvix-shares PORT [DIRECTORY]    mount the shared folders at DIRECTORY (/mnt/hgfs) and serve them until they are unmounted;
 *                                      a PORT of - is standard input
 *
 * Requests of the kernel are sent to the host unchanged, and so are the answers of the host to the kernel. Each message in the port is a frame: length
 * and kind, 32 bits each, little-endian, and then as many bytes as the length:
 *
 *   FUSE  both directions: a request of the kernel, or its answer, and then the nonce of the last SYNC. The nonce prevents that a partial frame,
 *         followed by other data, is taken for a complete one
 *   SYNC  from the host, with a nonce: it knows no earlier requests. All unanswered ones are sent again, after a SYNC with the same nonce
 *   HOLD  from the host, with a nonce: send no requests until the next SYNC. Answered by HOLD with the same nonce, once no request is pending
 *   LOST  from the guest, with one byte: send SYNC. 1: this program has just started, and has no open files
 *   NODE  from the guest, after SYNC and before all requests: a file that the kernel knows. Its number, the number of its directory, and
 *         its inode on the host, 64 bits each; and its name in the directory
 *
 * So the host can be replaced at any time, and the guest can be reverted at any time: everything that the kernel knows is stored here only. An operation
 * during which a host was killed may be repeated and then fail, because the directory already exists or the file is already removed. A request
 * waits some seconds for a host and then fails; as long as there is no host, further requests fail at once.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    MAX_WRITE = 1 << 20,
    MAX_READ = 1 << 17,
    HEAD = 8,
    NONCE = 16,
    /* Space for the largest request, and for the largest answer. */
    FRAME = HEAD + 4096 + MAX_WRITE + NONCE,
    SLOTS = 16,
    NOTES = 1 << 16,
    BUCKETS = 1 << 12,
    NODES = 1 << 15,
};

#ifndef PATIENCE_MILLISECONDS
#define PATIENCE_MILLISECONDS 10000
#endif

/* Milliseconds. */
enum {
    PATIENCE = PATIENCE_MILLISECONDS, /* for an answer, and for the return of a host */
    INTERRUPTED = 1000,  /* for an answer to an interrupted request */
    HELD = 60000,        /* for the SYNC after a HOLD */
    FRAME_TIME = 3000,   /* for the rest of a frame */
    SILENCE = 100,       /* after invalid data */
    AGAIN = 1000,        /* between two LOST */
    LOOK = 100,          /* between two checks for a host */
    STARTING = 10000,    /* for /dev/fuse, at boot */
};

#define KIND(a, b, c, d) ((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)
#define KIND_FUSE KIND('F', 'U', 'S', 'E')
#define KIND_SYNC KIND('S', 'Y', 'N', 'C')
#define KIND_HOLD KIND('H', 'O', 'L', 'D')
#define KIND_LOST KIND('L', 'O', 'S', 'T')
#define KIND_NODE KIND('N', 'O', 'D', 'E')

/* A file that the kernel knows: the number of lookups minus the number of forgets is positive. */
struct node {
    struct node *next;
    uint64_t number, parent, inode, count;
    char name[256];
};

static struct node *buckets[BUCKETS];
static size_t nodes;

/* A request: WAITING to be sent; SENT, without an answer so far; OVER, partly sent, but nobody waits for its answer. */
struct slot {
    enum { FREE, WAITING, SENT, OVER } state;
    uint64_t turn;
    long long end;
    size_t size;
    unsigned char frame[FRAME];
};

static struct slot slots[SLOTS], *sending;
static size_t sent;
static uint64_t turns;

static unsigned char notes[NOTES];
static size_t noted;
/* The first bucket whose nodes have not been sent to the host. */
static size_t next_bucket = BUCKETS;

static _Alignas(8) unsigned char arrived[FRAME + 4096];
static size_t have;
static long long frame_end;

static int fuse, port;
/* there: the host has opened the port. synced: the host knows this session. holding: the host wants no requests; it gets a HOLD when none is pending.
   lost: the received data is invalid. */
static bool there, synced, holding, hold_confirmed, lost, fresh = true;
static unsigned char nonce[NONCE], hold_nonce[NONCE];
/* The ends of: waiting for a host, the pause before the next LOST, the hold, the silence after invalid data. */
static long long wait_end, next_lost, hold_end, silence;

static long long now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000LL + time.tv_nsec / 1000000;
}

/* -- the kernel */

static struct fuse_in_header *request_of(struct slot *slot)
{
    return (struct fuse_in_header *)(slot->frame + HEAD);
}

/* Return false if the kernel has abandoned the request. */
static bool answer_kernel(const void *answer, size_t size)
{
    bool done = write(fuse, answer, size) >= 0;

    if (!done && errno == ENODEV)
        exit(0);
    return done;
}

static void refuse(uint64_t unique, int error)
{
    struct fuse_out_header answer = {.len = sizeof answer, .error = -error, .unique = unique};

    answer_kernel(&answer, sizeof answer);
}

/* The kernel sends this request once, at the mount. It is answered here, since a host may not exist yet, and later ones would not see it. */
static void begin(const struct fuse_in_header *request)
{
    static const uint32_t wanted = FUSE_ASYNC_READ | FUSE_BIG_WRITES | FUSE_AUTO_INVAL_DATA | FUSE_ASYNC_DIO | FUSE_PARALLEL_DIROPS | FUSE_MAX_PAGES;
    const struct fuse_init_in *init = (const struct fuse_init_in *)(request + 1);
    struct {
        struct fuse_out_header header;
        struct fuse_init_out init;
    } answer = {.header = {.len = sizeof answer, .unique = request->unique}};

    answer.init.major = FUSE_KERNEL_VERSION;
    answer.init.minor = init->minor < 31 ? init->minor : 31;
    answer.init.max_readahead = init->max_readahead;
    answer.init.flags = init->flags & wanted;
    answer.init.max_background = SLOTS - 4;
    answer.init.congestion_threshold = SLOTS - 6;
    answer.init.max_write = MAX_WRITE;
    answer.init.time_gran = 1;
    answer.init.max_pages = MAX_WRITE / 4096;
    answer_kernel(&answer, sizeof answer);
}

static void put_head(unsigned char *frame, uint32_t size, uint32_t kind)
{
    for (int i = 0; i < 4; i++) {
        frame[i] = (unsigned char)(size >> 8 * i);
        frame[4 + i] = (unsigned char)(kind >> 8 * i);
    }
}

static uint32_t number_at(const unsigned char *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* The answer is no longer needed. */
static void drop(struct slot *slot)
{
    slot->state = slot == sending ? OVER : FREE;
}

static struct slot *free_slot(void)
{
    for (struct slot *slot = slots; slot < slots + SLOTS; slot++)
        if (slot->state == FREE)
            return slot;
    return NULL;
}

static void interrupt(uint64_t unique)
{
    long long end = now() + INTERRUPTED;

    for (struct slot *slot = slots; slot < slots + SLOTS; slot++)
        if ((slot->state == WAITING || slot->state == SENT) && request_of(slot)->unique == unique && slot->end > end)
            slot->end = end;
}

static struct node **find(uint64_t number)
{
    struct node **place = &buckets[number % BUCKETS];

    while (*place && (*place)->number != number)
        place = &(*place)->next;
    return place;
}

static void set_name(struct node *node, uint64_t parent, const char *name)
{
    node->parent = parent;
    snprintf(node->name, sizeof node->name, "%s", name);
}

/* The kernel has learned of a file by its name in a directory. */
static void remember(const struct fuse_entry_out *entry, uint64_t parent, const char *name)
{
    struct node **place = find(entry->nodeid);

    if (!*place) {
        if (entry->nodeid == 0 || nodes == NODES || !(*place = calloc(1, sizeof **place)))
            return;
        nodes++;
        (*place)->number = entry->nodeid;
        (*place)->inode = entry->attr.ino;
        set_name(*place, parent, name);
    }
    (*place)->count++;
}

static void move(uint64_t parent, const char *name, uint64_t new_parent, const char *new_name)
{
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct node *node = buckets[i]; node; node = node->next)
            if (node->parent == parent && strcmp(node->name, name) == 0)
                set_name(node, new_parent, new_name);
}

static void forget(uint64_t number, uint64_t count)
{
    struct node **place = find(number), *node = *place;

    if (!node)
        return;
    node->count -= count < node->count ? count : node->count;
    if (node->count == 0) {
        *place = node->next;
        free(node);
        nodes--;
    }
}

/* Record the files of which the kernel learns by an answer. */
static void learn(struct slot *slot, const struct fuse_out_header *answer)
{
    const struct fuse_in_header *request = request_of(slot);
    const char *body = (const char *)(request + 1);
    const struct fuse_entry_out *entry = (const struct fuse_entry_out *)(answer + 1);
    bool has_entry = answer->len >= sizeof *answer + sizeof *entry;

    /* Names in a request are terminated by NUL. */
    if (answer->error)
        return;
    if (request->opcode == FUSE_LOOKUP && has_entry)
        remember(entry, request->nodeid, body);
    else if (request->opcode == FUSE_MKDIR && has_entry)
        remember(entry, request->nodeid, body + sizeof(struct fuse_mkdir_in));
    else if (request->opcode == FUSE_CREATE && has_entry)
        remember(entry, request->nodeid, body + sizeof(struct fuse_create_in));
    else if (request->opcode == FUSE_RENAME || request->opcode == FUSE_RENAME2) {
        uint64_t target = ((const struct fuse_rename_in *)body)->newdir;

        body += request->opcode == FUSE_RENAME ? sizeof(struct fuse_rename_in) : sizeof(struct fuse_rename2_in);
        move(request->nodeid, body, target, body + strlen(body) + 1);
    }
}

static void forget_several(const struct fuse_batch_forget_in *batch)
{
    const struct fuse_forget_one *each = (const struct fuse_forget_one *)(batch + 1);

    for (uint32_t i = 0; i < batch->count; i++)
        forget(each[i].nodeid, each[i].nlookup);
}

/* Read one request of the kernel. */
static void take(struct slot *slot)
{
    ssize_t size = read(fuse, slot->frame + HEAD, FRAME - HEAD - NONCE);
    struct fuse_in_header *request = request_of(slot);

    if (size < 0 && errno == ENODEV)
        exit(0);
    if (size < (ssize_t)sizeof *request)
        return;
    if (request->opcode == FUSE_INIT) {
        begin(request);
    } else if (request->opcode == FUSE_INTERRUPT) {
        interrupt(((struct fuse_interrupt_in *)(request + 1))->unique);
    } else if (request->opcode == FUSE_FORGET) {
        forget(request->nodeid, ((struct fuse_forget_in *)(request + 1))->nlookup);
    } else if (request->opcode == FUSE_BATCH_FORGET) {
        forget_several((struct fuse_batch_forget_in *)(request + 1));
    } else if (!synced && now() >= wait_end) {
        refuse(request->unique, ENOTCONN);
    } else {
        put_head(slot->frame, (uint32_t)size + NONCE, KIND_FUSE);
        slot->size = HEAD + (size_t)size + NONCE;
        slot->state = WAITING;
        slot->turn = turns++;
        slot->end = synced ? now() + PATIENCE : wait_end;
    }
}

/* -- the host */

static bool has_room(size_t size)
{
    return noted + HEAD + size <= sizeof notes;
}

static void queue_note(uint32_t kind, const void *content, size_t size)
{
    if (!has_room(size))
        return;
    put_head(notes + noted, (uint32_t)size, kind);
    memcpy(notes + noted + HEAD, content, size);
    noted += HEAD + size;
}

/* Forget the host; requests wait this long for the next one. */
static void part(long long patience)
{
    if (synced)
        wait_end = now() + patience;
    synced = holding = false;
    noted = 0;
    next_lost = 0;
}

static void lose(void)
{
    part(PATIENCE);
    lost = true;
    have = 0;
    silence = now() + SILENCE;
}

static void synchronise(const unsigned char *wanted)
{
    bool again = synced && !holding && memcmp(nonce, wanted, NONCE) == 0;

    if (!again) {
        /* The host skips the part of a frame that was sent before the answer. */
        noted = next_bucket = 0;
        if (sending && sending->state == OVER)
            sending->state = FREE;
        sending = NULL;
        for (struct slot *slot = slots; slot < slots + SLOTS; slot++)
            if (slot->state == WAITING || slot->state == SENT) {
                slot->state = WAITING;
                slot->end = now() + PATIENCE;
            }
    }
    queue_note(KIND_SYNC, wanted, NONCE);
    memcpy(nonce, wanted, NONCE);
    synced = true;
    holding = fresh = false;
}

/* Handle one complete frame of the host; return false if it is invalid. */
static bool heed(const unsigned char *frame, uint32_t size, uint32_t kind)
{
    const struct fuse_out_header *answer = (const struct fuse_out_header *)(frame + HEAD);

    if (kind == KIND_SYNC && size == NONCE) {
        synchronise(frame + HEAD);
        return true;
    }
    if (!synced)
        return false;
    if (kind == KIND_HOLD && size == NONCE) {
        memcpy(hold_nonce, frame + HEAD, NONCE);
        holding = true;
        hold_confirmed = false;
        hold_end = now() + HELD;
        return true;
    }
    if (kind != KIND_FUSE || size < sizeof *answer + NONCE || answer->len != size - NONCE || memcmp(frame + HEAD + size - NONCE, nonce, NONCE) != 0)
        return false;
    for (struct slot *slot = slots; slot < slots + SLOTS; slot++)
        if (slot->state == SENT && request_of(slot)->unique == answer->unique) {
            if (answer_kernel(answer, answer->len))
                learn(slot, answer);
            drop(slot);
            break;
        }
    return true;
}

static void hear(void)
{
    uint32_t size;
    ssize_t more = read(port, arrived + have, sizeof arrived - have);

    if (more <= 0) {
        if (more == 0 || (errno != EAGAIN && errno != EINTR))
            there = false;
        return;
    }
    if (lost) {
        silence = now() + SILENCE;
        return;
    }
    if (have == 0)
        frame_end = now() + FRAME_TIME;
    have += (size_t)more;
    while (have >= HEAD) {
        size = number_at(arrived);
        if (size > FRAME - HEAD) {
            lose();
            return;
        }
        if (have < HEAD + size)
            return;
        if (!heed(arrived, size, number_at(arrived + 4))) {
            lose();
            return;
        }
        have -= HEAD + size;
        memmove(arrived, arrived + HEAD + size, have);
        frame_end = now() + FRAME_TIME;
    }
}

/* Write as many of these bytes as the port accepts; `sent` have been written already. Return true when all are written. */
static bool push(const unsigned char *bytes, size_t size)
{
    ssize_t written = write(port, bytes + sent, size - sent);

    if (written > 0)
        sent += (size_t)written;
    return sent == size;
}

static struct slot *next_slot(void)
{
    struct slot *first = NULL;

    for (struct slot *slot = slots; slot < slots + SLOTS; slot++)
        if (slot->state == WAITING && (!first || slot->turn < first->turn))
            first = slot;
    return first;
}

static bool has_words(void)
{
    return sending || noted > 0 || (synced && (next_bucket < BUCKETS || next_slot()));
}

/* Queue NODE frames as long as there is space. */
static void send_nodes(void)
{
    unsigned char content[3 * sizeof(uint64_t) + sizeof buckets[0]->name];

    /* A bucket with more nodes than the queue can hold is sent in part. */
    for (; next_bucket < BUCKETS && (noted == 0 || noted < NOTES / 2); next_bucket++)
        for (struct node *node = buckets[next_bucket]; node; node = node->next) {
            size_t length = strlen(node->name);

            memcpy(content, &node->number, sizeof(uint64_t));
            memcpy(content + 8, &node->parent, sizeof(uint64_t));
            memcpy(content + 16, &node->inode, sizeof(uint64_t));
            memcpy(content + 24, node->name, length);
            queue_note(KIND_NODE, content, 24 + length);
        }
}

/* Continue sending: a partly sent frame first, then queued frames, then requests. */
static void speak(void)
{
    size_t rest;

    if (!sending && noted == 0 && synced)
        send_nodes();
    if (!sending && noted > 0) {
        ssize_t written = write(port, notes, noted);

        if (written > 0) {
            rest = noted - (size_t)written;
            memmove(notes, notes + written, rest);
            noted = rest;
        }
        return;
    }
    if (!sending) {
        if (!synced)
            return;
        sending = next_slot();
        sent = 0;
        if (!sending)
            return;
        sending->state = SENT;
        memcpy(sending->frame + sending->size - NONCE, nonce, NONCE);
    }
    if (push(sending->frame, sending->size)) {
        if (sending->state == OVER)
            sending->state = FREE;
        sending = NULL;
    }
}

/* -- time */

static void expire(long long time)
{
    bool waiting = false;

    for (struct slot *slot = slots; slot < slots + SLOTS; slot++) {
        if (slot->state != WAITING && slot->state != SENT)
            continue;
        if (time < slot->end) {
            waiting = true;
            continue;
        }
        refuse(request_of(slot)->unique, EIO);
        drop(slot);
        /* After a request has timed out, the next ones do not wait for this host. */
        part(0);
    }
    if (lost && time >= silence) {
        lost = false;
        have = 0;
    }
    if (!lost && have > 0 && time >= frame_end)
        lose();
    if (holding && time >= hold_end)
        part(0);
    if (holding && !hold_confirmed && !waiting && !sending && next_bucket == BUCKETS) {
        queue_note(KIND_HOLD, hold_nonce, NONCE);
        hold_confirmed = true;
    }
    if (there && !synced && !sending && !lost && time >= next_lost) {
        unsigned char begun = fresh;

        noted = 0;
        queue_note(KIND_LOST, &begun, 1);
        next_lost = time + AGAIN;
    }
}

static void lower(long long *next, bool matters, long long time)
{
    if (matters && time < *next)
        *next = time;
}

static int pause_until(long long time)
{
    long long next = time + HELD;

    for (struct slot *slot = slots; slot < slots + SLOTS; slot++)
        lower(&next, slot->state == WAITING || slot->state == SENT, slot->end);
    lower(&next, !there, time + LOOK);
    lower(&next, !synced && there, next_lost);
    lower(&next, lost, silence);
    lower(&next, !lost && have > 0, frame_end);
    lower(&next, holding, hold_end);
    return next > time ? (int)(next - time) : 0;
}

/* Data that the host sent before it closed the port is discarded. */
static void leave(void)
{
    while (read(port, arrived, sizeof arrived) > 0)
        ;
    part(PATIENCE);
    lost = there = false;
    have = 0;
}

static void look(void)
{
    struct pollfd ready = {.fd = port, .events = POLLIN};

    there = poll(&ready, 1, 0) >= 0 && !(ready.revents & POLLHUP);
}

static void serve(void)
{
    for (;;) {
        struct slot *slot;
        struct pollfd ready[2];
        long long time = now();

        if (!there)
            look();
        expire(time);
        slot = holding ? NULL : free_slot();
        ready[0] = (struct pollfd){.fd = slot ? fuse : -1, .events = POLLIN};
        ready[1] = (struct pollfd){.fd = there ? port : -1, .events = (short)(POLLIN | (has_words() ? POLLOUT : 0))};
        if (poll(ready, 2, pause_until(time)) < 0)
            continue;
        if (ready[1].revents & (POLLIN | POLLERR))
            hear();
        if (there && ready[1].revents & POLLOUT)
            speak();
        if (ready[1].revents & POLLHUP || (ready[1].fd >= 0 && !there))
            leave();
        if (ready[0].revents & POLLERR)
            exit(0);
        if (ready[0].revents & POLLIN && slot->state == FREE && !holding)
            take(slot);
    }
}

static int open_fuse(void)
{
    static const struct timespec pause = {.tv_nsec = 20000000};
    long long end = now() + STARTING;
    int file;

    /* The kernel module may not be loaded yet. */
    while ((file = open("/dev/fuse", O_RDWR | O_NONBLOCK | O_CLOEXEC)) < 0 && now() < end)
        nanosleep(&pause, NULL);
    return file;
}

static int mount_on(const char *directory)
{
    char options[128];

    /* Unmount what an earlier process of this program has left. */
    while (umount2(directory, MNT_DETACH) == 0)
        ;
    mkdir("/mnt", 0755);
    mkdir(directory, 0755);
    /* Access is checked by the host, not by the kernel: modes of files apply to users of the host. */
    snprintf(options, sizeof options, "fd=%d,rootmode=40755,user_id=0,group_id=0,allow_other,max_read=%d", fuse, MAX_READ);
    return mount("openvix", directory, "fuse.openvix", MS_NOSUID | MS_NODEV, options);
}

int main(int count, char **arguments)
{
    const char *directory = count == 3 ? arguments[2] : "/mnt/hgfs";

    if (count != 2 && count != 3) {
        fprintf(stderr, "usage: openvix-shares PORT [DIRECTORY]\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    port = strcmp(arguments[1], "-") ? open(arguments[1], O_RDWR | O_NOCTTY | O_CLOEXEC) : dup(STDIN_FILENO);
    if (port < 0 || fcntl(port, F_SETFD, FD_CLOEXEC) || fcntl(port, F_SETFL, O_NONBLOCK)) {
        perror(arguments[1]);
        return 1;
    }
    fuse = open_fuse();
    if (fuse < 0) {
        perror("/dev/fuse");
        return 1;
    }
    if (mount_on(directory)) {
        perror(directory);
        return 1;
    }
    wait_end = now() + PATIENCE;
    serve();
}
