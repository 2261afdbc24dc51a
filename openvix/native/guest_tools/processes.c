/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Programs and processes. A started program is a child of this process, so that its exit code is known; no request waits for it.
 */

#define _GNU_SOURCE
#include "processes.h"

#include "accounts.h"
#include "values.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif

enum {
    REMEMBERED = 4096, /* exit codes of programs that may never be requested */
    ARGUMENTS = 1024,
    TEXT_LIMIT = 32 << 10, /* the maximum length of a command line in an answer */
    START_MILLISECONDS = 5000, /* time limit for a process to execute another program; generous for a busy machine */
};

static struct {
    pid_t pid;
    int code;
} ends[REMEMBERED];
static unsigned next_end;

long long milliseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static int find_end(pid_t pid)
{
    for (int i = 0; i < REMEMBERED; i++)
        if (ends[i].pid == pid)
            return i;
    return -1;
}

/* Process ids are reused: the latest record applies. */
static void forget_end(pid_t pid)
{
    int found = find_end(pid);

    if (found >= 0)
        ends[found].pid = 0;
}

/* Record the exit codes of programs that have ended. */
void reap(void)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        ends[next_end % REMEMBERED].pid = pid;
        ends[next_end % REMEMBERED].code = WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
        next_end++;
    }
}

/* Wait for the end of a child, or kill it, since a user may have stopped it. Return 0, or an errno. */
int await_child(pid_t child, int seconds, int *status)
{
    struct pollfd process = {.fd = (int)syscall(SYS_pidfd_open, child, 0), .events = POLLIN};
    long long until = milliseconds() + seconds * 1000LL, left;
    int result = process.fd < 0 ? errno : 0;

    while (!result) {
        left = until - milliseconds();
        if (left <= 0)
            result = ETIMEDOUT;
        else if (poll(&process, 1, (int)left) == 1)
            break;
    }
    if (result)
        kill(child, SIGKILL);
    if (process.fd >= 0)
        close(process.fd);
    while (waitpid(child, status, 0) < 0 && errno == EINTR)
        ;
    return result;
}

/* The program file, its arguments, and the environment. */
static char *arguments[ARGUMENTS + 1], *environment[ARGUMENTS + 1];

static int read_lists(struct value *values)
{
    int result = texts(&values[0], arguments, ARGUMENTS + 1);

    if (!result)
        result = texts(&values[1], environment, ARGUMENTS + 1);
    return result ? result : arguments[0] ? 0 : EINVAL;
}

static void become_program(const char *name, struct value *values, int report)
{
    struct account account;
    sigset_t none;
    int null, result = account_named(name, &account);

    umask(022);
    if (!result)
        result = read_lists(values);
    if (!result)
        result = become(&account);
    null = result ? -1 : open("/dev/null", O_RDWR | O_CLOEXEC);
    if (!result && (null < 0 || chdir("/")))
        result = errno;
    for (int target = 0; !result && target < 3; target++)
        if (dup2(null, target) < 0)
            result = errno;
    if (!result) {
        /* The pipe is closed by a successful exec. All other descriptors should be close-on-exec as well. */
        report = dup3(report, 3, O_CLOEXEC) < 0 ? report : 3;
        syscall(SYS_close_range, 4, ~0U, 0);
        for (int number = 1; number < NSIG; number++)
            signal(number, SIG_DFL);
        /* As in every service of systemd, such as VMware Tools. */
        signal(SIGPIPE, SIG_IGN);
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        execve(arguments[0], arguments + 1, environment);
        result = errno;
    }
    (void)!write(report, &result, sizeof result);
    _exit(127);
}

/* account, file and arguments, environment: the process id */
int do_run(struct value *values)
{
    int channel[2], result = 0, status;
    struct pollfd news = {.events = POLLIN};
    long long until = milliseconds() + CHILD_SECONDS * 1000LL, left;
    pid_t child;

    if (!forks)
        return read_lists(values + 1);
    if (pipe2(channel, O_CLOEXEC))
        return errno;
    child = fork();
    if (child == 0)
        become_program(values[0].bytes, values + 1, channel[1]);
    result = child < 0 ? errno : 0;
    close(channel[1]);
    news.fd = channel[0];
    while (!result) {
        left = until - milliseconds();
        if (left <= 0)
            result = ETIMEDOUT;
        else if (poll(&news, 1, (int)left) == 1)
            break;
    }
    /* If the program was started, the pipe is closed without any data. */
    if (!result && read(channel[0], &result, sizeof result) != sizeof result)
        result = 0;
    close(channel[0]);
    if (result && child > 0) {
        kill(child, SIGKILL);
        while (waitpid(child, &status, 0) < 0 && errno == EINTR)
            ;
    }
    if (!result) {
        forget_end(child);
        answer_number(child);
    }
    return result;
}

/* Return whether a number can be the id of one process; kill() accepts others too. */
static bool is_pid(int64_t number)
{
    return number > 0 && number <= INT_MAX;
}

/* process id: whether it runs, and if not, its exit code, or minus the signal that ended it */
int do_ended(struct value *values)
{
    int found;

    reap();
    if (!is_pid(values[0].number))
        return ESRCH;
    found = find_end((pid_t)values[0].number);
    if (found < 0 && kill((pid_t)values[0].number, 0))
        return errno;
    answer_number(found < 0);
    answer_number(found < 0 ? 0 : ends[found].code);
    return 0;
}

/* -- the list */

struct seen {
    char name[64];
    char state;
    long long start; /* in clock ticks since the boot */
    /* A kernel thread and an exiting process have no memory. The address of the program's code, 0 before it is loaded. */
    unsigned long long memory, code;
    uid_t user;
};

static ssize_t read_file(const char *directory, const char *name, char *to, size_t room)
{
    char path[64];
    ssize_t now = 1, size = 0;
    int file;

    snprintf(path, sizeof path, "/proc/%s/%s", directory, name);
    file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return -1;
    while (now > 0 && (size_t)size < room - 1) {
        now = read(file, to + size, room - 1 - (size_t)size);
        size += now > 0 ? now : 0;
    }
    close(file);
    to[size] = '\0';
    return now < 0 ? -1 : size;
}

static bool look(const char *pid, struct seen *seen)
{
    char stat[1024], *name, *end, *field;

    if (read_file(pid, "stat", stat, sizeof stat) < 0)
        return false;
    name = strchr(stat, '(');
    end = strrchr(stat, ')');
    if (!name || !end || end < name || !end[1])
        return false;
    *end = '\0';
    snprintf(seen->name, sizeof seen->name, "%s", name + 1);
    seen->state = end[2];
    field = end + 2;
    for (int i = 0; i < 19 && field; i++)
        field = (field = strchr(field, ' ')) ? field + 1 : NULL;
    return field && sscanf(field, "%lld %llu %*s %*s %llu", &seen->start, &seen->memory, &seen->code) == 3;
}

/* As long as its parent has not reaped it, a process that has ended is there. */
static bool is_there(int64_t number, const char *pid, struct seen *seen)
{
    return is_pid(number) && look(pid, seen) && seen->state != 'X';
}

static bool read_user(const char *pid, struct seen *seen)
{
    char status[4096], *line;

    if (read_file(pid, "status", status, sizeof status) < 0)
        return false;
    line = strstr(status, "\nUid:");
    return line && sscanf(line + 5, "%u", &seen->user) == 1;
}

static const char *owner(const char *pid, uid_t user, bool has_environment)
{
    static struct account account;
    static uid_t last = (uid_t)-1;
    static bool shared, asked;
    static char variables[TEXT_LIMIT];
    ssize_t size;
    char *said = NULL;

    if (asked && last == user && !shared)
        return account.name;
    if (!asked || last != user)
        shared = is_shared(user);
    asked = true;
    last = user;
    size = shared && has_environment ? read_file(pid, "environ", variables, sizeof variables) : 0;
    for (char *each = variables; each < variables + size; each += strlen(each) + 1)
        if (strncmp(each, "USER=", 5) == 0)
            said = each + 5;
    if (owner_of(user, said, &account))
        snprintf(account.name, sizeof account.name, "%u", user);
    return account.name;
}

static long long boot_time(void)
{
    FILE *file = fopen("/proc/stat", "re");
    char *line = NULL;
    size_t size = 0;
    long long time = 0;

    while (file && getline(&line, &size, file) > 0 && sscanf(line, "btime %lld", &time) != 1)
        ;
    free(line);
    if (file)
        fclose(file);
    return time;
}

/* Read a process; return the length of its command line, or -1 if it does not exist. */
static ssize_t look_whole(const char *pid, struct seen *seen, char line[TEXT_LIMIT])
{
    ssize_t size = read_file(pid, "cmdline", line, TEXT_LIMIT);

    return size >= 0 && is_there(atoi(pid), pid, seen) && read_user(pid, seen) ? size : -1;
}

/* Return whether the data belongs to one program. During an exec, it may contain data of both programs, or no arguments and environment. */
static bool is_one_program(const char *pid, const struct seen *seen, const char *line, ssize_t size)
{
    static char again[TEXT_LIMIT];
    struct seen now;

    return read_file(pid, "cmdline", again, sizeof again) == size && memcmp(line, again, (size_t)size) == 0 && look(pid, &now) && now.code == seen->code &&
           (now.code || !now.memory);
}

static bool wait_until(long long until)
{
    usleep(1000);
    return milliseconds() < until;
}

static void answer_process(const char *pid, long long boot, long long until)
{
    static char line[TEXT_LIMIT];
    struct seen seen;
    const char *account;
    ssize_t size;

    do {
        size = look_whole(pid, &seen, line);
        if (size < 0)
            return;
        account = owner(pid, seen.user, size > 0);
    } while (!is_one_program(pid, &seen, line, size) && wait_until(until));
    answer_number(atoi(pid));
    answer_text(account);
    answer_text(seen.name);
    answer_bytes(line, (size_t)size);
    answer_number(boot + seen.start / sysconf(_SC_CLK_TCK));
}

/* Process id, owner, name, command line, start time of each process. */
int do_processes(struct value *values)
{
    DIR *directory = opendir("/proc");
    struct dirent *entry;
    long long boot = boot_time(), until = milliseconds() + START_MILLISECONDS;
    size_t size = answer->size;

    (void)values;
    if (!directory)
        return errno;
    while (!answer->full && (entry = readdir(directory))) {
        size = answer->size;
        if (isdigit((unsigned char)*entry->d_name) && atoi(entry->d_name) != (forks ? getpid() : 0))
            answer_process(entry->d_name, boot, until);
    }
    closedir(directory);
    /* If not all fit, the list is truncated. */
    if (answer->full) {
        answer->size = size;
        answer->full = false;
    }
    return 0;
}

/* Return whether any program runs besides init and this one. */
bool programs_run(void)
{
    DIR *directory = opendir("/proc");
    struct dirent *entry;
    struct seen seen;
    bool found = false;

    while (directory && !found && (entry = readdir(directory)))
        found = atoi(entry->d_name) > 1 && atoi(entry->d_name) != getpid() && look(entry->d_name, &seen) && seen.memory;
    if (directory)
        closedir(directory);
    return found;
}

/* process id: its command line, arguments ended by NUL */
int do_command(struct value *values)
{
    static char line[TEXT_LIMIT];
    long long until = milliseconds() + START_MILLISECONDS;
    struct seen seen;
    char pid[32];
    ssize_t size;

    snprintf(pid, sizeof pid, "%lld", (long long)values[0].number);
    do {
        size = is_pid(values[0].number) ? look_whole(pid, &seen, line) : -1;
        if (size < 0)
            return ESRCH;
    } while (!is_one_program(pid, &seen, line, size) && wait_until(until));
    answer_bytes(line, (size_t)size);
    return 0;
}

/* process id, signal */
int do_kill(struct value *values)
{
    struct seen seen;
    char pid[32];
    int process;

    if (values[1].number != SIGTERM && values[1].number != SIGKILL)
        return EINVAL;
    snprintf(pid, sizeof pid, "%lld", (long long)values[0].number);
    if (!is_there(values[0].number, pid, &seen))
        return ESRCH;
    /* The id of a thread is not that of a process, although kill() accepts it. */
    process = (int)syscall(SYS_pidfd_open, (pid_t)values[0].number, 0);
    if (process < 0)
        return ESRCH;
    close(process);
    if (values[0].number == 1 || values[0].number == (forks ? getppid() : getpid()))
        return EPERM;
    return kill((pid_t)values[0].number, (int)values[1].number) ? errno : 0;
}
