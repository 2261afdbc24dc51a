/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The socket: connects to the daemon, sends and receives (openvix/docs/protocol.md).
 */

#define _GNU_SOURCE
#include "connection.h"

#include "daemon.h"
#include "errors.h"
#include "handles.h"
#include "ledger.h"
#include "releases.h"
#include "threads.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    ACCEPTED = 1,
    DONE = 2,
    EVENT = 3,
};

/* Lock order: connecting, sending, the library's lock. The sending lock protects writes to the socket, and request ids and their order. */
static pthread_mutex_t connecting = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t sending = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t receiver_ended = PTHREAD_COND_INITIALIZER;

static int connection = -1; /* the socket, while a thread receives from it */
static bool live;
static char *world; /* the world of the socket */
static int64_t last_id;
static struct request *requests;

_Noreturn void obey(const char *directive)
{
    if (strcmp(directive, "crash") == 0) {
        *(volatile int *volatile)NULL = 0;
    } else if (strcmp(directive, "abort") == 0) {
        abort();
    } else if (strcmp(directive, "exit") == 0) {
        _exit(3);
    }
    for (;;) {
        pause();
    }
}

/* Return the directive of a value as a constant, which outlives the frame; NULL if it is unknown. */
static const char *directive_of(const struct value *value)
{
    static const char *const known[] = {"", "hang", "crash", "abort", "exit", "late"};
    for (size_t i = 0; value->tag == 's' && i < sizeof known / sizeof *known; i++) {
        if (strlen(known[i]) == value->count && memcmp(known[i], value->bytes, value->count) == 0) {
            return known[i];
        }
    }
    return NULL;
}

static struct request **find_request(int64_t id)
{
    struct request **at = &requests;
    while (*at != NULL && (*at)->id != id) {
        at = &(*at)->next;
    }
    return at;
}

/* The daemon sends no more frames for the request at *at. */
static void forget_if_over(struct request **at)
{
    struct request *request = *at;
    if (request->answered && (request->accepted || request->job == NULL)) {
        *at = request->next;
        if (request->job != NULL) {
            object_drop(request->job);
        }
    }
}

/* Leave the directive to the thread in the C function, or execute it here, before the rest of the frame becomes visible. */
static void hand_over(struct request *request, const char *directive)
{
    if (directive[0] != '\0' && !request->inside) {
        library_unlock();
        obey(directive);
    } else if (directive[0] != '\0') {
        request->directive = directive;
    }
    pthread_cond_broadcast(&request->changed);
}

/* Handle a frame; return false if the protocol does not permit it here. This function frees the frame or passes it on. */
static bool take(struct frame *frame)
{
    struct value *values = frame->all.items;
    uint32_t count = frame->all.count;
    struct request **at = count >= 3 && values[0].tag == 'i' && values[1].tag == 'i' ? find_request(values[0].number) : NULL;
    struct request *request = at != NULL ? *at : NULL;
    int64_t kind = request != NULL ? values[1].number : 0;
    bool taken = false;
    if (kind == ACCEPTED && count == 3 && request->job != NULL && !request->accepted) {
        const char *wanted = directive_of(&values[2]);
        taken = wanted != NULL;
        if (taken) {
            request->accepted = true;
            hand_over(request, wanted);
            forget_if_over(at);
        }
    } else if (kind == DONE && count == 5 && !request->answered && values[2].tag == 'i' && is_items(&values[3])) {
        const char *wanted = directive_of(&values[4]);
        taken = wanted != NULL;
        if (taken) {
            request->answered = true;
            request->late = strcmp(wanted, "late") == 0;
            hand_over(request, request->late ? "" : wanted);
            request->receiver->done(request, (VixError)values[2].number, frame, &values[3]);
            frame = NULL;
            forget_if_over(at);
        }
    } else if (kind == EVENT && count == 4 && request->job != NULL && !request->answered && values[2].tag == 'i' && is_item(&values[3])) {
        request->receiver->event(request, (VixEventType)values[2].number, frame, &values[3]);
        frame = NULL;
        taken = true;
    }
    frame_free(frame);
    return taken;
}

/* The connection is lost: end all requests and waits. */
static void lose(void)
{
    live = false;
    hosts_lose();
    ledger_retire();
    for (struct release *release = releases_take(); release != NULL;) {
        release = release_drop(release);
    }
    while (requests != NULL) {
        struct request *request = requests;
        requests = request->next;
        struct object *job = request->job;
        bool answered = request->answered;
        request->accepted = request->answered = true;
        pthread_cond_broadcast(&request->changed);
        if (!answered) {
            request->receiver->done(request, VIX_E_HOST_CONNECTION_LOST, NULL, NULL);
        }
        if (job != NULL) {
            object_drop(job);
        }
    }
}

static void *receive_all(void *nothing)
{
    (void)nothing;
    library_lock();
    int socket = connection;
    library_unlock();
    struct frame *frame;
    do {
        frame = frame_receive(socket);
        library_lock();
        bool fine = frame != NULL && take(frame);
        if (!fine) {
            frame = NULL;
            lose();
        }
        releases_send_later();
        library_unlock();
    } while (frame != NULL);

    /* A thread that is sending still uses the descriptor. */
    shutdown(socket, SHUT_RDWR);
    pthread_mutex_lock(&sending);
    close(socket);
    library_lock();
    connection = -1;
    pthread_cond_broadcast(&receiver_ended);
    library_unlock();
    pthread_mutex_unlock(&sending);
    return NULL;
}

enum {
    GREETED,
    REFUSED,
    UNHEARD,
};

static struct message hello(const char *ledger)
{
    struct message message;
    message_begin(&message);
    message_text(&message, "hello");
    message_number(&message, 1);
    message_number(&message, getpid());
    message_text(&message, ledger);
    return message;
}

/* Send hello. The daemon may be stopping, and then does not answer. */
static int greet(int socket, const char *ledger, VixError *error)
{
    struct message message = hello(ledger);
    bool sent = message_send(&message, 0, socket);
    message_wipe(&message);
    daemon_patience(socket, true);
    struct frame *frame = sent ? frame_receive(socket) : NULL;
    daemon_patience(socket, false);
    const struct value *values = frame != NULL ? frame->all.items : NULL;
    int outcome = UNHEARD;
    if (values != NULL && frame->all.count == 5 && values[0].tag == 'i' && values[0].number == 0 && values[1].number == DONE && values[2].tag == 'i') {
        *error = (VixError)values[2].number;
        outcome = *error == VIX_OK ? GREETED : REFUSED;
    }
    frame_free(frame);
    return outcome;
}

static VixError no_ledger(const char *path, int failure)
{
    VixError error = failure == ENOSPC || failure == EDQUOT ? VIX_E_DISK_FULL : VIX_E_FILE_ERROR;
    if (error == VIX_E_DISK_FULL) {
        error_explain(error, "no space left in %s", path);
    } else {
        error_explain(error, "creating a file in %s/run/clients failed: %s", path, strerror(failure));
    }
    return error;
}

/* Open a connection with a new ledger, and start the receiving thread. */
static VixError connect_to(const char *path)
{
    struct daemon daemon;
    VixError error = daemon_find(&daemon, path);
    if (error != VIX_OK) {
        return error;
    }
    int outcome = UNHEARD;
    int socket = -1;
    for (int tries = 0; tries < 20 && outcome == UNHEARD; tries++) {
        socket = daemon_reach(&daemon, &error);
        if (socket < 0) {
            break;
        }
        char name[LEDGER_NAME_SIZE];
        library_lock();
        int failure = ledger_open(daemon.run, name);
        library_unlock();
        if (failure != 0) {
            close(socket);
            outcome = REFUSED;
            error = no_ledger(path, failure);
            break;
        }
        outcome = greet(socket, name, &error);
        if (outcome == GREETED) {
            break;
        }
        close(socket);
        library_lock();
        ledger_cancel(daemon.run, name);
        library_unlock();
        if (outcome == UNHEARD) {
            error = VIX_E_HOST_NOT_CONNECTED;
            daemon_pause();
        }
    }
    daemon_leave(&daemon);
    if (outcome != GREETED) {
        return error;
    }
    pthread_mutex_lock(&sending);
    library_lock();
    last_id = 0;
    connection = socket;
    live = true;
    free(world);
    world = strdup(path);
    thread_start(receive_all, NULL);
    library_unlock();
    pthread_mutex_unlock(&sending);
    return VIX_OK;
}

static bool hung_up(int socket)
{
    struct pollfd poll_this = {.fd = socket, .events = POLLRDHUP};
    return poll(&poll_this, 1, 0) > 0 && (poll_this.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

/* Return whether a host is connected or being connected. */
static bool in_use(void)
{
    for (struct request *request = requests; request != NULL; request = request->next) {
        if (request->job != NULL && request->job->host == NULL) {
            return true;
        }
    }
    return hosts_connected() > 0;
}

static void lock_all(void)
{
    pthread_mutex_lock(&sending);
    library_lock();
}

static void unlock_all(void)
{
    library_unlock();
    pthread_mutex_unlock(&sending);
}

/* In a forked child, threads, socket and ledger belong to the parent. All objects are lost here; a new connection is possible. */
static void start_anew_in_child(void)
{
    pthread_mutex_init(&connecting, NULL);
    pthread_mutex_init(&sending, NULL);
    library_unlock_in_child();
    pthread_cond_init(&receiver_ended, NULL);
    if (connection >= 0) {
        close(connection);
    }
    connection = -1;
    threads_forget();
    ledger_forget_all();
    for (struct request *request = requests; request != NULL; request = request->next) {
        pthread_cond_init(&request->changed, NULL);
        if (request->receiver->orphaned != NULL) {
            request->receiver->orphaned(request);
        }
    }
    lose();
}

__attribute__((constructor)) static void watch_forks(void)
{
    pthread_atfork(lock_all, unlock_all, start_anew_in_child);
}

VixError connection_open(void)
{
    char *path = daemon_world();
    if (path == NULL) {
        return VIX_E_HOST_NOT_CONNECTED;
    }
    VixError error = VIX_OK;
    pthread_mutex_lock(&connecting);
    library_lock();
    bool same = live && strcmp(world, path) == 0 && !hung_up(connection);
    bool elsewhere = live && !same && !hung_up(connection) && in_use();
    while (!same && !elsewhere && connection >= 0) {
        shutdown(connection, SHUT_RDWR);
        library_wait(&receiver_ended);
    }
    library_unlock();
    error_forget();
    if (elsewhere) {
        error = VIX_E_WRAPPER_MULTIPLE_SERVICEPROVIDERS;
    } else if (!same) {
        error = connect_to(path);
    }
    pthread_mutex_unlock(&connecting);
    free(path);
    return error;
}

/* With the sending lock. Earlier releases must reach the daemon before this request. */
static void send_waiting(void)
{
    library_lock();
    struct release *release = releases_take();
    int socket = connection;
    bool sent = live;
    library_unlock();
    while (release != NULL) {
        sent = sent && message_send(&release->message, ++last_id, socket);
        release = release_drop(release);
    }
}

bool connection_send(struct message *message, struct request *request)
{
    pthread_mutex_lock(&sending);
    send_waiting();
    library_lock();
    bool sent = live;
    int socket = connection;
    if (sent) {
        request->id = ++last_id;
        request->next = requests;
        requests = request;
        if (request->job != NULL) {
            object_hold(request->job);
        }
    }
    library_unlock();
    if (sent && !message_send(message, request->id, socket)) {
        /* The receiving thread ends this request together with all others. */
        shutdown(socket, SHUT_RDWR);
    }
    pthread_mutex_unlock(&sending);
    return sent;
}

static void send_releases(void)
{
    pthread_mutex_lock(&sending);
    send_waiting();
    pthread_mutex_unlock(&sending);
}

__attribute__((constructor)) static void offer_to_send(void)
{
    releases_sent_by(send_releases);
}
