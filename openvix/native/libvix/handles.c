/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The table of handles (docs/vix-semantics.md, sections 4 and 28).
 */

#include "handles.h"

#include "releases.h"
#include "wire.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* A handle consists of one byte for the wrapper's library id, four bits for the type, and twenty bits of a counter with a random start. */
enum {
    DLL_ID_MASK = 0x7F000000,
    TYPE_SHIFT = 20,
    TYPES = 16,
    NUMBER_MASK = (1 << TYPE_SHIFT) - 1,
    BUCKETS = 1024,
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int dll_id;
static uint32_t last_number[TYPES];
static struct object *table[BUCKETS];
static int connected_hosts;
static int owned; /* objects with references of the client */

void library_lock(void)
{
    pthread_mutex_lock(&lock);
}

void library_unlock(void)
{
    pthread_mutex_unlock(&lock);
}

void library_leave(void)
{
    bool waiting = releases_waiting();
    library_unlock();
    if (waiting) {
        releases_send();
    }
}

void library_wait(pthread_cond_t *changed)
{
    pthread_cond_wait(changed, &lock);
}

void library_unlock_in_child(void)
{
    pthread_mutex_init(&lock, NULL);
}

static struct object **bucket(VixHandle handle)
{
    return &table[((unsigned)handle ^ (unsigned)handle >> TYPE_SHIFT) % BUCKETS];
}

static struct object *look_up(VixHandle handle)
{
    struct object *object = *bucket(handle);
    while (object != NULL && object->handle != handle) {
        object = object->next;
    }
    return object;
}

static VixHandle new_handle(VixHandleType type)
{
    uint32_t *last = &last_number[type];
    if (*last == 0 && getrandom(last, sizeof *last, 0) != (ssize_t)sizeof *last) {
        *last = 1;
    }
    VixHandle handle;
    do {
        *last = (*last + 1) & NUMBER_MASK;
        handle = (VixHandle)((uint32_t)dll_id | (uint32_t)type << TYPE_SHIFT | *last);
    } while (*last == 0 || look_up(handle) != NULL);
    return handle;
}

/* Create an object without references. */
struct object *object_new(size_t size, VixHandleType type, struct object *host, void (*dispose)(struct object *object))
{
    struct object *object = allocate(size);
    object->handle = new_handle(type);
    object->type = type;
    object->dispose = dispose;
    object->host = host;
    if (host != NULL) {
        object_hold(host);
    }
    object->next = *bucket(object->handle);
    *bucket(object->handle) = object;
    return object;
}

/* Return the object with this reference of the daemon; the same object as long as it has references. */
struct object *object_named(VixHandleType type, struct object *host, const char *reference, size_t size)
{
    for (int i = 0; i < BUCKETS; i++) {
        for (struct object *object = table[i]; object != NULL; object = object->next) {
            if (object->type == type && object->host == host && object->reference != NULL && strlen(object->reference) == size
                && memcmp(object->reference, reference, size) == 0 && !object->lost) {
                return object;
            }
        }
    }
    struct object *object = object_new(sizeof *object, type, host, NULL);
    object->reference = allocate(size + 1);
    memcpy(object->reference, reference, size);
    if (type == VIX_HANDLETYPE_HOST) {
        connected_hosts++;
        ledger_disconnected(false);
    }
    return object;
}

static bool is_usable(const struct object *object)
{
    return object != NULL && (object->references > 0 || object->lent);
}

/* Return the object of a handle, of any type for VIX_HANDLETYPE_NONE; or NULL and the error. */
struct object *object_find(VixHandle handle, VixHandleType type, VixError *error)
{
    struct object *object = look_up(handle);
    if (!is_usable(object)) {
        *error = VIX_E_INVALID_HANDLE;
        return NULL;
    }
    if (object->refusal != VIX_OK) {
        *error = object->refusal;
        return NULL;
    }
    if (type != VIX_HANDLETYPE_NONE && object->type != type) {
        *error = VIX_E_NOT_SUPPORTED_ON_HANDLE_TYPE;
        return NULL;
    }
    return object;
}

bool handle_is_pseudo(VixHandle handle)
{
    const struct object *object = look_up(handle);
    return is_usable(object) && object->refusal != VIX_OK;
}

bool handle_is_ours(VixHandle handle)
{
    return look_up(handle) != NULL || (handle != VIX_INVALID_HANDLE && (handle & DLL_ID_MASK) == dll_id && handle > 0);
}

static void unlink_object(struct object *object)
{
    struct object **at = bucket(object->handle);
    while (*at != object) {
        at = &(*at)->next;
    }
    *at = object->next;
}

/* Return whether the client has the VM open through another host as well; the daemon uses one reference for both. */
static bool has_twin(const struct object *vm)
{
    for (int i = 0; i < BUCKETS; i++) {
        for (const struct object *object = table[i]; object != NULL; object = object->next) {
            if (object != vm && object->type == vm->type && !is_lost(object) && strcmp(object->reference, vm->reference) == 0) {
                return true;
            }
        }
    }
    return false;
}

static void notify_daemon(const struct object *object)
{
    if (is_lost(object)) {
        return;
    }
    if (object->type == VIX_HANDLETYPE_VM && !has_twin(object)) {
        release_add("OpenVIX_ReleaseVM", object->reference);
    } else if (object->type == VIX_HANDLETYPE_HOST) {
        release_add("OpenVIX_ReleaseHost", object->reference);
    }
}

static void free_if_unowned(struct object *object)
{
    if (object->references > 0 || object->holds > 0) {
        return;
    }
    if (!object->closed) {
        notify_daemon(object);
        unlink_object(object);
        connected_hosts -= object->type == VIX_HANDLETYPE_HOST && !object->lost;
    }
    if (object->dispose != NULL) {
        object->dispose(object);
    }
    struct object *host = object->host;
    free(object->reference);
    free(object);
    if (host != NULL) {
        object_drop(host);
    }
}

/* The limit is the number of slots of the ledger, which records every handle. A client that never releases any gets an error. */
bool handles_left(void)
{
    return owned < LEDGER_SLOTS;
}

bool object_can_refer(const struct object *object)
{
    return object->references > 0 || handles_left();
}

void object_refer(struct object *object)
{
    owned += object->references == 0;
    object->references++;
    ledger_references(&object->entry, object->handle, object->type, object->references);
}

static void unrefer(struct object *object)
{
    object->references--;
    owned -= object->references == 0;
    ledger_references(&object->entry, object->handle, object->type, object->references);
    free_if_unowned(object);
}

void object_hold(struct object *object)
{
    object->holds++;
}

void object_drop(struct object *object)
{
    object->holds--;
    free_if_unowned(object);
}

/* Return whether the connection of the object is lost. */
bool is_lost(const struct object *object)
{
    return object->host != NULL ? object->host->lost : object->lost;
}

int hosts_connected(void)
{
    return connected_hosts;
}

/* The connection is lost: objects still have to be released by the client, but cannot be used. */
void hosts_lose(void)
{
    for (int i = 0; i < BUCKETS; i++) {
        for (struct object *object = table[i]; object != NULL; object = object->next) {
            object->lost = object->type == VIX_HANDLETYPE_HOST;
        }
    }
    connected_hosts = 0;
}

/* Remove the object. Its slot in the ledger is kept: what has not been released now is a leak. */
static void close_object(struct object *object)
{
    unlink_object(object);
    object->closed = true;
    object->lent = false;
    owned -= object->references > 0;
    object->references = 0;
    object->entry.ledger = NULL;
}

static struct object *child_of(const struct object *host)
{
    for (int i = 0; i < BUCKETS; i++) {
        for (struct object *object = table[i]; object != NULL; object = object->next) {
            if (object->host == host) {
                return object;
            }
        }
    }
    return NULL;
}

/* VixHost_Disconnect: the host and all objects created through it become invalid. The caller reports it to the daemon. */
void host_close(struct object *host)
{
    if (host->closed) {
        return;
    }
    object_hold(host);
    if (!host->lost) {
        connected_hosts--;
        ledger_disconnected(connected_hosts == 0);
    }
    ledger_references(&host->entry, host->handle, host->type, 0);
    close_object(host);
    for (struct object *child; (child = child_of(host)) != NULL;) {
        object_hold(child);
        close_object(child);
        if (child->wake != NULL) {
            child->wake(child);
        }
        object_drop(child);
    }
    object_drop(host);
}

VixError FoundryInitializeHandleDllID(int dllId)
{
    if ((dllId & ~DLL_ID_MASK) != 0) {
        return VIX_E_INVALID_ARG;
    }
    library_lock();
    dll_id = dllId;
    library_unlock();
    return VIX_OK;
}

void Vix_ReleaseHandle(VixHandle handle)
{
    library_lock();
    struct object *object = look_up(handle);
    if (is_usable(object) && object->references > 0) {
        unrefer(object);
    } else if (handle != VIX_INVALID_HANDLE) {
        /* The client does not own it. An object that a callback has borrowed becomes invalid, as with VIX. */
        ledger_released_too_often();
        if (object != NULL) {
            object->lent = false;
        }
    }
    library_leave();
}

void Vix_AddRefHandle(VixHandle handle)
{
    library_lock();
    struct object *object = look_up(handle);
    if (is_usable(object) && object_can_refer(object)) {
        object_refer(object);
    }
    library_leave();
}

VixHandleType Vix_GetHandleType(VixHandle handle)
{
    library_lock();
    struct object *object = look_up(handle);
    VixHandleType type = is_usable(object) && object->refusal == VIX_OK ? object->type : VIX_HANDLETYPE_NONE;
    library_leave();
    return type;
}
