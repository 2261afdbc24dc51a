/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The ledger: handle accounting of the client (openvix/docs/protocol.md, "The ledger").
 */

#define _GNU_SOURCE
#include "ledger.h"

#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define CLIENTS "clients"

enum {
    LEDGER_PATH_SIZE = LEDGER_NAME_SIZE + sizeof CLIENTS,
};

struct slot {
    int32_t handle;
    int32_t type;
    int32_t references;
    int32_t reserved;
};

struct books {
    char magic[8];
    int64_t buffers;
    int64_t used;
    int64_t disconnected;
    int64_t too_often;
    struct slot slots[LEDGER_SLOTS];
};

_Static_assert(sizeof(struct books) == 40 + 16 * LEDGER_SLOTS, "the page of the protocol says: no padding");

struct ledger {
    struct books *books;
    int64_t open;        /* slots with references */
    int64_t first_free;  /* the lowest free slot */
    bool retired;
    struct ledger *next;
};

static struct ledger *ledgers; /* the current one first; retired ones as long as they record owned objects */

static struct ledger *current(void)
{
    return ledgers != NULL && !ledgers->retired ? ledgers : NULL;
}

struct ledger *ledger_current(void)
{
    return current();
}

/* The daemon may read at any time. */
static void store(int64_t *to, int64_t number)
{
    __atomic_store_n(to, number, __ATOMIC_RELEASE);
}

static void store_small(int32_t *to, int32_t number)
{
    __atomic_store_n(to, number, __ATOMIC_RELEASE);
}

static void ledger_path(char path[LEDGER_PATH_SIZE], const char *name)
{
    snprintf(path, LEDGER_PATH_SIZE, CLIENTS "/%s", name);
}

int ledger_open(int run, char name[LEDGER_NAME_SIZE])
{
    uint64_t random;
    if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random) {
        return EIO;
    }
    snprintf(name, LEDGER_NAME_SIZE, "%d-%016llx.ledger", (int)getpid(), (unsigned long long)random);
    char path[LEDGER_PATH_SIZE];
    ledger_path(path, name);
    mkdirat(run, CLIENTS, 0700);
    int file = openat(run, path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0) {
        return errno;
    }
    struct books *books = MAP_FAILED;
    /* A store into a hole of a full disk would be a SIGBUS: all space is reserved now. */
    int error = posix_fallocate(file, 0, sizeof *books);
    if (error == 0) {
        books = mmap(NULL, sizeof *books, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        error = books == MAP_FAILED ? errno : 0;
    }
    close(file);
    if (error != 0) {
        unlinkat(run, path, 0);
        return error;
    }
    memcpy(books->magic, "OVLEDGR2", sizeof books->magic);
    struct ledger *ledger = allocate(sizeof *ledger);
    ledger->books = books;
    ledger->next = ledgers;
    ledgers = ledger;
    return 0;
}

static void drop_if_settled(struct ledger *ledger)
{
    if (!ledger->retired || ledger->open > 0 || ledger->books->buffers > 0) {
        return;
    }
    struct ledger **at = &ledgers;
    while (*at != ledger) {
        at = &(*at)->next;
    }
    *at = ledger->next;
    munmap(ledger->books, sizeof *ledger->books);
    free(ledger);
}

/* The connection is lost. Objects that the client still owns stay recorded here, so that a late release is not counted in the next ledger. */
void ledger_retire(void)
{
    struct ledger *ledger = current();
    if (ledger != NULL) {
        ledger->retired = true;
        drop_if_settled(ledger);
    }
}

/* The daemon has never read the ledger. */
void ledger_cancel(int run, const char *name)
{
    ledger_retire();
    char path[LEDGER_PATH_SIZE];
    ledger_path(path, name);
    unlinkat(run, path, 0);
}

/* In a forked child, the ledger belongs to the parent. Private pages replace it and record what the child does. */
void ledger_forget_all(void)
{
    for (struct ledger *ledger = ledgers; ledger != NULL; ledger = ledger->next) {
        struct books *copy = allocate(sizeof *copy);
        memcpy(copy, ledger->books, sizeof *copy);
        mmap(ledger->books, sizeof *copy, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        memcpy(ledger->books, copy, sizeof *copy);
        free(copy);
        ledger->retired = true;
    }
}

void ledger_disconnected(bool disconnected)
{
    if (current() != NULL) {
        store(&current()->books->disconnected, disconnected);
    }
}

void ledger_released_too_often(void)
{
    if (current() != NULL) {
        store(&current()->books->too_often, current()->books->too_often + 1);
    }
}

void ledger_buffers(struct ledger *ledger, int change)
{
    if (ledger != NULL) {
        store(&ledger->books->buffers, ledger->books->buffers + change);
        drop_if_settled(ledger);
    }
}

static bool take_slot(struct entry *entry, int32_t handle, int32_t type)
{
    struct ledger *ledger = current();
    if (ledger == NULL) {
        return false;
    }
    struct books *books = ledger->books;
    int64_t slot = ledger->first_free;
    while (slot < books->used && books->slots[slot].references > 0) {
        slot++;
    }
    if (slot == LEDGER_SLOTS) {
        return false;
    }
    ledger->first_free = slot + 1;
    ledger->open++;
    books->slots[slot].handle = handle;
    books->slots[slot].type = type;
    if (slot == books->used) {
        store(&books->used, slot + 1);
    }
    *entry = (struct entry){.ledger = ledger, .slot = slot};
    return true;
}

void ledger_references(struct entry *entry, int32_t handle, int32_t type, int32_t references)
{
    if (entry->ledger == NULL && (references == 0 || !take_slot(entry, handle, type))) {
        return;
    }
    struct ledger *ledger = entry->ledger;
    store_small(&ledger->books->slots[entry->slot].references, references);
    if (references == 0) {
        ledger->open--;
        if (entry->slot < ledger->first_free) {
            ledger->first_free = entry->slot;
        }
        entry->ledger = NULL;
        drop_if_settled(ledger);
    }
}
