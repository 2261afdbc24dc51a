/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The connection: lost, over a fork, without a daemon, with several hosts; and what the library does to the process.
 */

#define _GNU_SOURCE
#include "check.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

static VixError cpus_of(VixHandle vm)
{
    int cpus = 0;
    VixError error = Vix_GetProperties(vm, VIX_PROPERTY_VM_NUM_VCPUS, &cpus, VIX_PROPERTY_NONE);
    CHECK(error != VIX_OK || cpus == 4);
    return error;
}

static void *wait_for_job(void *job)
{
    static VixError error;
    error = VixJob_Wait(*(VixHandle *)job, VIX_PROPERTY_NONE);
    return &error;
}

static VixError *reported;
static pthread_mutex_t outcome_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t has_outcome = PTHREAD_COND_INITIALIZER;

static void record_outcome(VixHandle job, VixEventType type, VixHandle info, void *data)
{
    static VixError error;
    (void)info;
    (void)data;
    CHECK(type == VIX_EVENTTYPE_JOB_COMPLETED);
    pthread_mutex_lock(&outcome_lock);
    error = VixJob_GetError(job);
    reported = &error;
    pthread_cond_signal(&has_outcome);
    pthread_mutex_unlock(&outcome_lock);
}

static void await_outcome(VixError wanted)
{
    pthread_mutex_lock(&outcome_lock);
    while (reported == NULL) {
        pthread_cond_wait(&has_outcome, &outcome_lock);
    }
    CODE(wanted, *reported);
    reported = NULL;
    pthread_mutex_unlock(&outcome_lock);
}

/* The daemon never ends a job of VixVM_Reset, and closes the connection on VixVM_Suspend. */
static void everything_that_waits_ends_when_the_connection_breaks(void)
{
    VixHandle host = connected();
    VixHandle vm = opened(host, "/vm.vmx");
    VixHandle endless = VixVM_Reset(vm, VIX_VMPOWEROP_NORMAL, NULL, NULL);
    VixHandle watched = VixVM_Reset(vm, VIX_VMPOWEROP_NORMAL, record_outcome, NULL);
    Bool finished = 1;
    CODE(VIX_OK, VixJob_CheckCompletion(endless, &finished));
    CHECK(finished == 0);
    CODE(VIX_E_UNFINISHED_JOB, VixJob_GetError(endless));
    VixError error;
    CODE(VIX_E_UNFINISHED_JOB, Vix_GetProperties(endless, VIX_PROPERTY_JOB_RESULT_ERROR_CODE, &error, VIX_PROPERTY_NONE));
    CODE(VIX_E_UNFINISHED_JOB, VixJob_GetNthProperties(endless, 0, VIX_PROPERTY_JOB_RESULT_ERROR_CODE, &error, VIX_PROPERTY_NONE));
    pthread_t thread;
    pthread_create(&thread, NULL, wait_for_job, &endless);
    CODE(VIX_E_HOST_CONNECTION_LOST, outcome(VixVM_Suspend(vm, VIX_VMPOWEROP_NORMAL, NULL, NULL)));
    void *end;
    pthread_join(thread, &end);
    CODE(VIX_E_HOST_CONNECTION_LOST, *(VixError *)end);
    await_outcome(VIX_E_HOST_CONNECTION_LOST);
    CODE(VIX_E_HOST_CONNECTION_LOST, VixJob_GetError(endless));
    CODE(VIX_E_HOST_CONNECTION_LOST, cpus_of(vm));
    CODE(VIX_E_HOST_CONNECTION_LOST, outcome(VixVM_PowerOff(vm, VIX_VMPOWEROP_NORMAL, NULL, NULL)));
    int number;
    CODE(VIX_E_HOST_CONNECTION_LOST, VixVM_GetNumRootSnapshots(vm, &number));

    /* A new connection serves new handles, and the old ones stay what they are. */
    VixHandle other = connected();
    VixHandle again = opened(other, "/vm.vmx");
    CHECK(again != vm && other != host);
    CODE(VIX_OK, cpus_of(again));
    CODE(VIX_E_HOST_CONNECTION_LOST, cpus_of(vm));
    Vix_ReleaseHandle(endless);
    Vix_ReleaseHandle(watched);
    Vix_ReleaseHandle(vm);
    CODE(VIX_E_INVALID_HANDLE, cpus_of(vm));
    VixHost_Disconnect(host);
    CODE(VIX_OK, cpus_of(again));
    Vix_ReleaseHandle(again);
    VixHost_Disconnect(other);
}

/* The failure of a job is reported by the callback thread, even without a connection. */
static void await_callback(void)
{
    Vix_ReleaseHandle(VixVM_PowerOff(12345, VIX_VMPOWEROP_NORMAL, record_outcome, NULL));
    await_outcome(VIX_E_INVALID_HANDLE);
}

static void use_once(void)
{
    VixHandle host = connected();
    VixHandle vm = opened(host, "/vm.vmx");
    CODE(VIX_OK, cpus_of(vm));
    Vix_ReleaseHandle(vm);
    VixHost_Disconnect(host);
}

static void await_child(pid_t child)
{
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void count_calls(VixHandle job, VixEventType type, VixHandle info, void *data)
{
    (void)job;
    (void)type;
    (void)info;
    ++*(int *)data;
}

static void a_fork_before_and_after_connecting_is_survived(void)
{
    /* A job that failed before anything was connected is there already, and so is the thread that makes callbacks. */
    VixHandle failed_job = VixVM_PowerOff(12345, VIX_VMPOWEROP_NORMAL, NULL, NULL);
    await_callback();
    pid_t child = fork();
    if (child == 0) {
        Vix_ReleaseHandle(failed_job);
        await_callback();
        use_once();
        _exit(failures());
    }
    await_child(child);
    Vix_ReleaseHandle(failed_job);

    VixHandle host = connected();
    VixHandle vm = opened(host, "/vm.vmx");
    VixHandle endless = VixVM_Reset(vm, VIX_VMPOWEROP_NORMAL, NULL, NULL);
    int calls = 0;
    VixHandle heard = VixVM_Reset(vm, VIX_VMPOWEROP_NORMAL, count_calls, &calls);
    child = fork();
    if (child == 0) {
        CODE(VIX_E_HOST_CONNECTION_LOST, cpus_of(vm));
        CODE(VIX_E_HOST_CONNECTION_LOST, VixJob_GetError(endless));
        /* The callback is the parent's: once another has been made in this process, it would have been. */
        CODE(VIX_E_HOST_CONNECTION_LOST, outcome(heard));
        await_callback();
        CHECK(calls == 0);
        Vix_ReleaseHandle(vm);
        VixHost_Disconnect(host);
        use_once();
        _exit(failures());
    }
    await_child(child);
    CODE(VIX_OK, cpus_of(vm));
    Vix_ReleaseHandle(endless);
    Vix_ReleaseHandle(heard);
    Vix_ReleaseHandle(vm);
    VixHost_Disconnect(host);
}

static void without_a_daemon_the_job_says_so(void)
{
    VixHandle job = start_connecting();
    CHECK(Vix_GetHandleType(job) == VIX_HANDLETYPE_JOB);
    CODE(VIX_E_HOST_NOT_CONNECTED, outcome(job));
}

/* The daemon has nothing for this provider, and says so before it accepts. */
static void what_the_wrapper_answers_is_no_job(void)
{
    int calls = 0;
    VixHandle job = VixHost_Connect(VIX_API_VERSION, VIX_SERVICEPROVIDER_VMWARE_PLAYER, NULL, 0, NULL, NULL, 0, VIX_INVALID_HANDLE, count_calls, &calls);
    CHECK(job != VIX_INVALID_HANDLE && Vix_GetHandleType(job) != VIX_HANDLETYPE_JOB);
    CODE(VIX_E_WRAPPER_PLAYER_NOT_INSTALLED, VixJob_GetError(job));
    CODE(VIX_E_WRAPPER_PLAYER_NOT_INSTALLED, outcome(job));
    await_callback();
    CHECK(calls == 0);
    CODE(VIX_E_INVALID_HANDLE, VixJob_GetError(job));
}

/* Everything that is open or runs belongs to the library, but for what was there before. */
static void the_process_is_left_as_it_was(void)
{
    VixHandle host = connected();
    DIR *folder = opendir("/proc/self/fd");
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        int file = atoi(entry->d_name);
        if (file > 2 && file != dirfd(folder)) {
            CHECK((fcntl(file, F_GETFD) & FD_CLOEXEC) != 0);
        }
    }
    closedir(folder);
    int threads = 0;
    folder = opendir("/proc/self/task");
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (atoi(entry->d_name) == 0 || atoi(entry->d_name) == getpid()) {
            continue;
        }
        char path[300];
        snprintf(path, sizeof path, "/proc/self/task/%s/status", entry->d_name);
        FILE *status = fopen(path, "r");
        unsigned long long blocked = 0;
        for (char line[256]; fgets(line, sizeof line, status) != NULL;) {
            sscanf(line, "SigBlk: %llx", &blocked);
        }
        fclose(status);
        const int program[] = {SIGINT, SIGTERM, SIGHUP, SIGALRM, SIGCHLD, SIGUSR1, SIGPIPE};
        for (size_t i = 0; i < sizeof program / sizeof *program; i++) {
            CHECK((blocked >> (program[i] - 1) & 1) != 0);
        }
        CHECK((blocked >> (SIGSEGV - 1) & 1) == 0);
        threads++;
    }
    closedir(folder);
    CHECK(threads >= 1);
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    CHECK(sigismember(&blocked, SIGINT) == 0);
    VixHost_Disconnect(host);
}

/* How often a text stands in memory that can be written to; the text itself is given inverted, so that it does not stand here. */
static int found_in_memory(const unsigned char *inverted, size_t size)
{
    int found = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    static unsigned char copy[16 << 20];
    for (char line[512]; fgets(line, sizeof line, maps) != NULL;) {
        unsigned long from;
        unsigned long to;
        char rights[8];
        if (sscanf(line, "%lx-%lx %7s", &from, &to, rights) != 3 || rights[1] != 'w') {
            continue;
        }
        if (from < (unsigned long)copy + sizeof copy && (unsigned long)copy < to) {
            continue;
        }
        size_t length = to - from < sizeof copy ? to - from : sizeof copy;
        ssize_t got = pread(memory, copy, length, (off_t)from);
        for (ssize_t i = 0; i + (ssize_t)size <= got; i++) {
            size_t same = 0;
            while (same < size && copy[i + (ssize_t)same] == (unsigned char)~inverted[same]) {
                same++;
            }
            found += same == size;
        }
    }
    close(memory);
    fclose(maps);
    return found;
}

static void no_password_is_left_in_memory(void)
{
    enum {
        LENGTH = 12,
    };
    /* "Qz8-paSs!wJ7" */
    const unsigned char inverted[LENGTH] = {0xAE, 0x85, 0xC7, 0xD2, 0x8F, 0x9E, 0xAC, 0x8C, 0xDE, 0x88, 0xB5, 0xC8};
    char password[LENGTH + 1] = "";
    for (int i = 0; i < LENGTH; i++) {
        password[i] = (char)~inverted[i];
    }
    CHECK(found_in_memory(inverted, LENGTH) == 1);
    VixHandle host = connected();
    VixHandle vm = opened(host, "/vm.vmx");
    CODE(VIX_OK, outcome(VixVM_LoginInGuest(vm, "lab", password, 0, NULL, NULL)));
    VixHandle list;
    CODE(VIX_OK, VixPropertyList_AllocPropertyList(host, &list, VIX_PROPERTY_VM_ENCRYPTION_PASSWORD, password, VIX_PROPERTY_NONE));
    CHECK(found_in_memory(inverted, LENGTH) == 2);
    VixHandle again = result(VixHost_OpenVM(host, "/vm.vmx", VIX_VMOPEN_NORMAL, list, NULL, NULL));
    CHECK(again == vm);
    Vix_ReleaseHandle(again);
    Vix_ReleaseHandle(list);
    CODE(VIX_E_INVALID_ARG, outcome(VixVM_LoginInGuest(vm, NULL, password, 0, NULL, NULL)));
    explicit_bzero(password, sizeof password);
    CHECK(found_in_memory(inverted, LENGTH) == 0);
    Vix_ReleaseHandle(vm);
    VixHost_Disconnect(host);
}

static void *use_often(void *host)
{
    for (int i = 0; i < 20; i++) {
        VixHandle vm = opened(*(VixHandle *)host, "/vm.vmx");
        CODE(VIX_OK, cpus_of(vm));
        CODE(VIX_OK, outcome(VixVM_PowerOff(vm, VIX_VMPOWEROP_NORMAL, NULL, NULL)));
        Vix_ReleaseHandle(vm);
    }
    return NULL;
}

static void many_threads_share_a_connection(void)
{
    enum {
        THREADS = 8,
    };
    VixHandle hosts[2] = {connected(), connected()};
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        pthread_create(&threads[i], NULL, use_often, &hosts[i % 2]);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    VixHost_Disconnect(hosts[0]);
    VixHost_Disconnect(hosts[1]);
}

/* What the daemon answers to VixVM_PowerOff breaks the protocol. */
static void a_breach_ends_the_connection(void)
{
    VixHandle host = connected();
    VixHandle vm = opened(host, "/vm.vmx");
    CODE(VIX_E_HOST_CONNECTION_LOST, outcome(VixVM_PowerOff(vm, VIX_VMPOWEROP_NORMAL, NULL, NULL)));
    CODE(VIX_E_HOST_CONNECTION_LOST, cpus_of(vm));
    Vix_ReleaseHandle(vm);
    VixHost_Disconnect(host);
}

static void two_hosts_share_a_vm_and_nothing_else(void)
{
    VixHandle host = connected();
    VixHandle other = connected();
    VixHandle here = opened(host, "/vm.vmx");
    VixHandle there = opened(other, "/vm.vmx");
    VixHandle snapshot;
    CODE(VIX_OK, VixVM_GetRootSnapshot(here, 0, &snapshot));
    CODE(VIX_E_INVALID_ARG, outcome(VixVM_RemoveSnapshot(there, snapshot, 0, NULL, NULL)));
    Vix_ReleaseHandle(snapshot);
    Vix_ReleaseHandle(here);
    /* The login in the guest belongs to both, so the daemon hears of the release only after this. */
    CODE(VIX_OK, cpus_of(there));
    Vix_ReleaseHandle(there);
    VixHost_Disconnect(host);
    VixHost_Disconnect(other);
}

int main(int count, char **arguments)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } scenes[] = {
        {"lost", everything_that_waits_ends_when_the_connection_breaks},
        {"fork", a_fork_before_and_after_connecting_is_survived},
        {"nobody", without_a_daemon_the_job_says_so},
        {"wrapper", what_the_wrapper_answers_is_no_job},
        {"process", the_process_is_left_as_it_was},
        {"password", no_password_is_left_in_memory},
        {"threads", many_threads_share_a_connection},
        {"breach", a_breach_ends_the_connection},
        {"once", use_once},
        {"twins", two_hosts_share_a_vm_and_nothing_else},
    };
    for (size_t i = 0; i < sizeof scenes / sizeof *scenes; i++) {
        if (count > 1 && strcmp(arguments[1], scenes[i].name) == 0) {
            scenes[i].run();
            return failures();
        }
    }
    return 2;
}
