/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

/*
 * The sandbox of a simulated guest, consisting of Linux namespaces. The daemon cannot enter them itself, since it has threads.
 *
 *   sandbox boot DISK HOSTNAME [NAME...]                   make a sandbox whose root is DISK (a name in the current directory);
 *                                                          it comes to life when a byte is read from standard input. A NAME of
 *                                                          the form /PATH=DIRECTORY shows this directory of the host, read-only, at
 *                                                          a directory of the guest
 *   sandbox try                                            do the same on an empty disk in memory, and stop short of coming to life
 *   sandbox enter PID:START wait|start|service [VARIABLE=VALUE...] -- PROGRAM ARGV0 [ARGUMENT...]
 *                                                          wait: and wait for its end; service: in a separate session; a VARIABLE /PATH:
 *                                                          the program sees the file VALUE of the guest at this path
 *   sandbox kill PID:START GUESTPID SIGNAL                 GUESTPID -1: every process but init
 *
 * PID:START is the host's process id of the sandbox's init and its start time (field 22 of /proc/PID/stat), so that a process id
 * that was given to another process is never taken for it. Answers are lines on standard output: "init PID" (boot), "pid GUESTPID"
 * once the program runs and "exit CODE" when it ended, minus its number for a signal (enter), or "error ERRNO STEP".
 *
 * Within the sandbox the same binary lies in /dev/openvix under the name init and under every NAME: started there, it is init
 * or idles as one of the processes that the world declares.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <grp.h>
#include <linux/capability.h>

#ifndef CLONE_NEWCGROUP
#define CLONE_NEWCGROUP 0x02000000
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif

#define HIDDEN "/dev/openvix/"
#define SPACES (CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP)

/* The message of a child in a pipe: an errno and the step that failed, or its process id and no step. */
struct news {
    int number;
    char step[124];
};

/* The destination of error messages: standard output, or this pipe to the process that prints them. */
static int report = -1;

static void fail(const char *step)
{
    struct news news = {.number = errno ? errno : EIO};

    snprintf(news.step, sizeof news.step, "%s", step);
    if (report < 0)
        dprintf(STDOUT_FILENO, "error %d %s\n", news.number, news.step);
    else if (write(report, &news, sizeof news) < 0)
        _exit(2);
    _exit(1);
}

static void need(int result, const char *step)
{
    if (result < 0)
        fail(step);
}

static void put(const char *path, const char *text)
{
    int file = open(path, O_WRONLY | O_CLOEXEC);

    need(file, path);
    need(write(file, text, strlen(text)), path);
    close(file);
}

/* Drop everything that a process of the guest must not inherit from the daemon: terminal, files, signal settings, keys, capabilities. */
static void become_guest(void)
{
    /* The capabilities of root for files, but none that could undo mounts. */
    static const int kept[] = {CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID, CAP_KILL, CAP_SETGID, CAP_SETUID, CAP_NET_BIND_SERVICE, CAP_SYS_CHROOT};
    sigset_t none;
    int null;

    umask(022);
    need(chdir("/"), "chdir /");
    /* The guest has its own null device: with that of the host, root in the guest could change the mode of the host's file. */
    null = open("/dev/null", O_RDWR | O_CLOEXEC);
    need(null, "/dev/null");
    for (int target = 0; target < 3; target++)
        need(dup2(null, target), "dup2");

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    /* As in every service of systemd, such as VMware Tools. */
    signal(SIGPIPE, SIG_IGN);

    syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
    need(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no new privileges");
    for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++) {
        int keep = 0;

        for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
            keep |= kept[i] == capability;
        if (!keep)
            need(prctl(PR_CAPBSET_DROP, capability, 0, 0, 0), "drop capabilities");
    }
}

/* -- boot */

/* Open PATH below the current directory without following links: the guest can write to this tree and create links anywhere. */
static int open_below(const char *path, int last)
{
    char rest[256], *name, *next;
    int place = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC), inner;

    snprintf(rest, sizeof rest, "%s", path);
    for (name = rest; place >= 0 && name; name = next) {
        next = strchr(name, '/');
        if (next)
            *next++ = '\0';
        inner = openat(place, name, O_PATH | O_NOFOLLOW | O_CLOEXEC | (next ? O_DIRECTORY : last));
        close(place);
        place = inner;
    }
    return place;
}

static int mount_on(int place, const char *source, const char *type, unsigned long flags, const char *options)
{
    char target[64];
    int result;

    snprintf(target, sizeof target, "/proc/self/fd/%d", place);
    result = mount(source, target, type, flags, options);
    close(place);
    return result;
}

/* Make PATH of the host visible in the guest, if the guest has a file of the same type there. */
static void show(const char *path, mode_t kind)
{
    struct stat host, guest;
    int place;

    if (lstat(path, &host) || (host.st_mode & S_IFMT) != kind)
        return;
    place = open_below(path + 1, 0);
    if (place < 0)
        return;
    if (fstat(place, &guest) || (guest.st_mode & S_IFMT) != kind)
        close(place);
    else
        need(mount_on(place, path, NULL, MS_BIND | (kind == S_IFDIR ? MS_REC : 0), NULL), path);
}

/* Show a directory of the host in the guest; pair: /PATH=DIRECTORY. */
static void show_at(const char *pair)
{
    const char *source = strchr(pair, '=');
    char path[256];
    int place;

    if (!source || source - pair >= (int)sizeof path) {
        errno = EINVAL;
        fail(pair);
    }
    snprintf(path, sizeof path, "%.*s", (int)(source - pair - 1), pair + 1);
    place = open_below(path, O_DIRECTORY);
    /* The guest may have removed the directory. */
    if (place >= 0)
        need(mount_on(place, source + 1, NULL, MS_BIND | MS_REC, NULL), pair);
}

static void bind_file(const char *source, const char *target)
{
    int file = open(target, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

    need(file, target);
    close(file);
    need(mount(source, target, NULL, MS_BIND, NULL), source);
}

static void make_devices(char **names)
{
    static const char *const devices[] = {"null", "zero", "full", "random", "urandom"};
    static const char *const links[][2] = {{"/proc/self/fd", "fd"}, {"/proc/self/fd/0", "stdin"}, {"/proc/self/fd/1", "stdout"}, {"/proc/self/fd/2", "stderr"}};
    char self[4096], source[64], target[64];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    int place = open_below("dev", O_DIRECTORY);

    need(place, "dev");
    need(length, "/proc/self/exe");
    self[length] = '\0';
    need(mount_on(place, "dev", "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=755,size=1m"), "mount /dev");
    for (size_t i = 0; i < sizeof devices / sizeof *devices; i++) {
        snprintf(source, sizeof source, "/dev/%s", devices[i]);
        snprintf(target, sizeof target, "dev/%s", devices[i]);
        bind_file(source, target);
    }
    need(chdir("dev"), "dev");
    for (size_t i = 0; i < sizeof links / sizeof *links; i++)
        need(symlink(links[i][0], links[i][1]), links[i][1]);
    need(mkdir("shm", 0755), "dev/shm");
    need(mount("shm", "shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777,size=64m"), "mount /dev/shm");
    need(mkdir("openvix", 0755), HIDDEN);
    need(chdir("openvix"), HIDDEN);
    bind_file(self, "sandbox");
    need(symlink("sandbox", "init"), "init");
    for (; *names; names++)
        if (**names != '/' && symlink("sandbox", *names) && errno != EEXIST)
            fail(*names);
    need(chdir("../.."), "chdir");
}

/* Everything except the disk and /dev/shm is read-only, including mounts below the host's /usr. */
static void make_read_only(void)
{
    FILE *table = fopen("/proc/self/mountinfo", "re");
    char *line = NULL, *place, *to;
    struct statvfs state;
    unsigned long flags;
    size_t size = 0;

    if (!table)
        fail("/proc/self/mountinfo");
    while (getline(&line, &size, table) > 0) {
        place = line;
        for (int field = 0; field < 4 && place; field++)
            place = (place = strchr(place, ' ')) ? place + 1 : NULL;
        if (!place)
            fail("mountinfo");
        to = place;
        for (char *from = place; *from && *from != ' '; to++)
            if (*from == '\\') {
                *to = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0'));
                from += 4;
            } else {
                *to = *from++;
            }
        *to = '\0';
        need(statvfs(place, &state), place);
        /* Restrictions of the host's mount must be kept: the kernel rejects a remount that lifts them. */
        flags = (state.f_flag & (ST_RDONLY | ST_NOSUID | ST_NODEV | ST_NOEXEC)) | MS_NOSUID;
        if (strncmp(place, "/dev/", 5))
            flags |= MS_NODEV;
        if (strcmp(place, "/") && strcmp(place, "/dev/shm"))
            flags |= MS_RDONLY;
        need(mount(NULL, place, NULL, MS_REMOUNT | MS_BIND | flags, NULL), place);
    }
    free(line);
    fclose(table);
}

/* A disk in memory, mounted over a directory that the sandbox does not need; visible for this process only. */
static const char *make_trial_disk(void)
{
    static const char *const directories[] = {"disk", "disk/usr", "disk/dev", "disk/proc"};

    need(mount("trial", "/sys", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=1m"), "mount the trial disk");
    need(chdir("/sys"), "/sys");
    for (size_t i = 0; i < sizeof directories / sizeof *directories; i++)
        need(mkdir(directories[i], 0755), directories[i]);
    return "disk";
}

static void make_root(const char *disk, const char *hostname, char **names)
{
    static const char *const old[] = {"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"};
    char *const argument[] = {"/sbin/init", NULL}, *const environment[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "USER=root", NULL};
    int place;
    char go;

    need(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "make mounts private");
    if (!disk)
        disk = make_trial_disk();
    need(mount(disk, disk, NULL, MS_BIND, NULL), "mount disk");
    need(chdir(disk), "chdir disk");
    show("/usr", S_IFDIR);
    for (size_t i = 0; i < sizeof old / sizeof *old; i++)
        show(old[i], S_IFDIR);
    show("/etc/alternatives", S_IFDIR);
    show("/etc/ld.so.cache", S_IFREG);
    for (char **name = names; *name; name++)
        if (**name == '/')
            show_at(*name);
    make_devices(names);
    place = open_below("proc", O_DIRECTORY);
    need(place, "proc");
    /* If it were writable, root with the host's user id could change settings of the host. */
    need(mount_on(place, "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, NULL), "mount /proc");
    need(sethostname(hostname, strlen(hostname)), "set hostname");

    need((int)syscall(SYS_pivot_root, ".", "."), "pivot_root");
    need(umount2(".", MNT_DETACH), "unmount the host's root");
    need(chdir("/"), "chdir /");
    make_read_only();
    need(access(HIDDEN "init", X_OK), "init");
    /* If the starter has died before it could record the sandbox, the sandbox would never be found again. */
    if (read(STDIN_FILENO, &go, 1) != 1)
        _exit(1);
    setsid();
    become_guest();
    /* init is executed from the guest's read-only mount, so that it cannot be used to access the binary of the host. */
    execve(HIDDEN "init", argument, environment);
    fail("execute init");
}

static int boot(const char *disk, const char *hostname, char **names)
{
    unsigned user = geteuid(), group = getegid();
    struct news news;
    char map[64];
    int channel[2], init;

    /* A guest has one group. An ordinary user cannot drop the other groups, which appear as "nogroup" in the guest. */
    (void)!setgroups(0, NULL);
    need(unshare(SPACES), "make namespaces");
    put("/proc/self/setgroups", "deny");
    snprintf(map, sizeof map, "0 %u 1", user);
    put("/proc/self/uid_map", map);
    snprintf(map, sizeof map, "0 %u 1", group);
    put("/proc/self/gid_map", map);
    /* If this file is not writable, a namespace created in the guest still cannot undo the guest's mounts. */
    init = open("/proc/sys/user/max_user_namespaces", O_WRONLY | O_CLOEXEC);
    if (init >= 0) {
        (void)!write(init, "0", 1);
        close(init);
    }

    need(pipe2(channel, O_CLOEXEC), "pipe");
    /* A child of the daemon, which can wait for it. */
    init = (int)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
    need(init, "clone");
    if (init == 0) {
        close(channel[0]);
        report = channel[1];
        make_root(disk, hostname, names);
    }
    close(channel[1]);
    dprintf(STDOUT_FILENO, "init %d\n", init);
    if (read(channel[0], &news, sizeof news) == sizeof news) {
        dprintf(STDOUT_FILENO, "error %d %s\n", news.number, news.step);
        return 1;
    }
    return 0;
}

/* -- enter */

static void enter_spaces(const char *identity, int spaces)
{
    static const struct {
        const char *name;
        int space;
    } all[] = {{"user", CLONE_NEWUSER}, {"mnt", CLONE_NEWNS},   {"pid", CLONE_NEWPID},      {"net", CLONE_NEWNET},
               {"ipc", CLONE_NEWIPC},   {"uts", CLONE_NEWUTS}, {"cgroup", CLONE_NEWCGROUP}};
    enum { COUNT = sizeof all / sizeof *all };
    char path[64], stat[1024], *field;
    unsigned long long start, wanted;
    int process, file, files[COUNT];
    ssize_t length;

    if (sscanf(identity, "%d:%llu", &process, &wanted) != 2) {
        errno = EINVAL;
        fail(identity);
    }
    /* Files that are opened through this directory belong to this very process, even if its process id is reused. */
    snprintf(path, sizeof path, "/proc/%d", process);
    process = open(path, O_DIRECTORY | O_CLOEXEC);
    need(process, path);
    file = openat(process, "stat", O_RDONLY | O_CLOEXEC);
    need(file, "stat");
    length = read(file, stat, sizeof stat - 1);
    need((int)length, "stat");
    close(file);
    stat[length] = '\0';
    field = strrchr(stat, ')');
    for (int i = 0; i < 20 && field; i++)
        field = strchr(field + 1, ' ');
    if (!field || sscanf(field, "%llu", &start) != 1 || start != wanted) {
        errno = ESRCH;
        fail(identity);
    }

    for (int i = 0; i < COUNT; i++) {
        snprintf(path, sizeof path, "ns/%s", all[i].name);
        files[i] = spaces & all[i].space ? openat(process, path, O_RDONLY | O_CLOEXEC) : -1;
        if (spaces & all[i].space)
            need(files[i], path);
    }
    (void)!setgroups(0, NULL);
    for (int i = 0; i < COUNT; i++)
        if (files[i] >= 0) {
            need(setns(files[i], all[i].space), all[i].name);
            close(files[i]);
        }
    close(process);
}

/* Cover files of the guest for this process and its children, and remove from the environment what says so. */
static void cover_files(char **environment)
{
    char **kept = environment, *value;

    for (char **each = environment; *each; each++) {
        if (**each != '/') {
            *kept++ = *each;
            continue;
        }
        value = strchr(*each, '=');
        if (!value) {
            errno = EINVAL;
            fail(*each);
        }
        *value++ = '\0';
        need(unshare(CLONE_NEWNS), "own mounts");
        need(mount(value, *each, NULL, MS_BIND, NULL), *each);
    }
    *kept = NULL;
}

static int enter(const char *identity, const char *mode, char **environment, char *program, char **argument)
{
    struct news started = {.step = ""}, news = {.number = ESRCH, .step = "start"};
    int channel[2], child, status, wait = strcmp(mode, "wait") == 0;

    enter_spaces(identity, SPACES);
    need(pipe2(channel, O_CLOEXEC), "pipe");
    child = fork();
    need(child, "fork");
    if (child == 0) {
        close(channel[0]);
        report = channel[1];
        /* Started by a process of the guest that exits at once, so that it becomes a child of the guest's init. */
        if (!wait) {
            child = fork();
            need(child, "fork");
            if (child > 0)
                _exit(0);
        }
        cover_files(environment);
        if (strcmp(mode, "service") == 0)
            setsid();
        become_guest();
        started.number = getpid();
        need((int)write(report, &started, sizeof started), "report");
        execve(program, argument, environment);
        fail("execute");
    }
    close(channel[1]);
    if (!wait)
        waitpid(child, &status, 0);
    /* After the program was started, the pipe is closed without further data. */
    if (read(channel[0], &started, sizeof started) == sizeof started && !*started.step) {
        if (read(channel[0], &news, sizeof news) == 0)
            news.number = 0;
    } else if (*started.step) {
        news = started;
    }
    if (news.number) {
        dprintf(STDOUT_FILENO, "error %d %s\n", news.number, news.step);
        return 1;
    }
    dprintf(STDOUT_FILENO, "pid %d\n", started.number);
    if (wait) {
        while (waitpid(child, &status, 0) < 0 && errno == EINTR)
            ;
        dprintf(STDOUT_FILENO, "exit %d\n", WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status));
    }
    return 0;
}

/* -- kill */

static int send_signal(const char *identity, int target, int number)
{
    int child, status;

    enter_spaces(identity, CLONE_NEWUSER | CLONE_NEWPID);
    child = fork();
    need(child, "fork");
    if (child == 0)
        _exit(kill(target, number) ? errno : 0);
    need(waitpid(child, &status, 0), "wait");
    if (status) {
        errno = WIFEXITED(status) ? WEXITSTATUS(status) : ESRCH;
        fail("kill");
    }
    return 0;
}

int main(int count, char **arguments)
{
    const char *name = (const char *)getauxval(AT_EXECFN);

    if (name && strncmp(name, HIDDEN, strlen(HIDDEN)) == 0) {
        /* If SIGCHLD is ignored, the kernel reaps the children of init. */
        if (getpid() == 1)
            signal(SIGCHLD, SIG_IGN);
        for (;;)
            pause();
    }
    syscall(SYS_close_range, 3, ~0U, 0);
    if (count >= 4 && strcmp(arguments[1], "boot") == 0)
        return boot(arguments[2], arguments[3], arguments + 4);
    if (count == 2 && strcmp(arguments[1], "try") == 0)
        return boot(NULL, "trial", arguments + 2);
    /* Processes of the guest must not inspect this one while it is in their namespace but not yet one of theirs. */
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    if (count == 5 && strcmp(arguments[1], "kill") == 0)
        return send_signal(arguments[2], atoi(arguments[3]), atoi(arguments[4]));
    if (count >= 7 && strcmp(arguments[1], "enter") == 0)
        for (int i = 4; i + 2 < count; i++)
            if (strcmp(arguments[i], "--") == 0) {
                arguments[i] = NULL;
                return enter(arguments[2], arguments[3], arguments + 4, arguments[i + 1], arguments + i + 2);
            }
    fprintf(stderr, "usage: sandbox boot|try|enter|kill, see its source\n");
    return 2;
}
