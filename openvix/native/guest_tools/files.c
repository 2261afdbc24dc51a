/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Files and directories, always with the rights of the requesting user. A path has two parts: a base, in which links are followed, and
 * the rest, in which they are not. So a copied tree stays in its target, even if its directories are replaced meanwhile.
 */

#define _GNU_SOURCE
#include "files.h"

#include "processes.h"
#include "values.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    DEEPEST = 64, /* each level of a removal keeps a directory open */
    LIST_LIMIT = 1 << 20,
};

/* After this time the request must be repeated, so that others can run in between. */
#ifndef REMOVAL_MILLISECONDS
#define REMOVAL_MILLISECONDS 500
#endif

enum { READ, WRITE, NEW };
enum { ALONE, WITH_PARENTS, MERGED };

int opened = -1;
/* What the names of directories for temporary files end with. */
static char temporary[32];

/* A resolved path: a name in a directory. It need not exist. */
struct place {
    int directory;
    const char *name;
    bool below; /* a link there is not followed */
};

/* Return 0, or an errno. */
static int find(struct value *values, struct place *place)
{
    char *base = values[0].bytes, *rest = values[1].bytes, *slash = strrchr(rest, '/');
    struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
    int top;

    if (*base != '/')
        return EINVAL;
    *place = (struct place){.directory = AT_FDCWD, .name = base};
    if (!*rest)
        return 0;
    place->below = true;
    place->name = slash ? slash + 1 : rest;
    if (!*place->name || strcmp(place->name, ".") == 0 || strcmp(place->name, "..") == 0)
        return EINVAL;
    if (slash)
        *slash = '\0';
    place->directory = top = open(base, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (top < 0)
        return errno;
    if (slash) {
        place->directory = (int)syscall(SYS_openat2, top, rest, &how, sizeof how);
        if (place->directory < 0)
            return errno;
    }
    return 0;
}

static int look(const struct place *place, struct stat *found)
{
    return fstatat(place->directory, place->name, found, place->below ? AT_SYMLINK_NOFOLLOW : 0) ? errno : 0;
}

/* A file that the user cannot read has the size -1. */
static void answer_stat(const struct stat *found, bool linked, bool readable)
{
    answer_number(found->st_mode);
    answer_number(S_ISREG(found->st_mode) && !readable ? -1 : found->st_size);
    answer_number(found->st_mtime);
    answer_number(linked);
}

/* A name whose status the user cannot read, or a link that leads to nothing. */
static void answer_no_stat(bool linked)
{
    struct stat nothing = {.st_mode = linked ? S_IFLNK : 0, .st_mtime = -1};

    answer_stat(&nothing, linked, false);
}

/* base, rest: mode, size, time, whether it is a link, whether the user may execute it. */
int do_stat(struct value *values)
{
    struct place place;
    struct stat found, itself;
    int result = find(values, &place);

    if (!result)
        result = look(&place, &found);
    if (!result && fstatat(place.directory, place.name, &itself, AT_SYMLINK_NOFOLLOW))
        result = errno;
    if (!result) {
        answer_stat(&found, S_ISLNK(itself.st_mode), !faccessat(place.directory, place.name, R_OK, AT_EACCESS));
        answer_number(!faccessat(place.directory, place.name, X_OK, AT_EACCESS));
    }
    return result;
}

/* base, rest, cookie: the cookie of the next part, 0 at the end; then name, mode, size, time, whether it is a link, for each entry. */
int do_list(struct value *values)
{
    struct place place;
    struct dirent *entry;
    struct stat found;
    DIR *directory = NULL;
    bool known, linked;
    char *next;
    size_t begun;
    int file, result = find(values, &place);

    if (result)
        return result;
    file = openat(place.directory, place.name, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC | (place.below ? O_NOFOLLOW : 0));
    if (file >= 0)
        directory = fdopendir(file);
    if (!directory)
        return errno;
    if (values[2].number)
        seekdir(directory, (long)values[2].number);
    next = answer->bytes + answer->size;
    answer_number(0);
    begun = answer->size;
    while (errno = 0, (entry = readdir(directory))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        known = !fstatat(file, entry->d_name, &found, AT_SYMLINK_NOFOLLOW);
        if (!known && errno == ENOENT)
            continue; /* it was removed */
        linked = known && S_ISLNK(found.st_mode);
        answer_text(entry->d_name);
        if (!known || (linked && fstatat(file, entry->d_name, &found, 0)))
            answer_no_stat(linked);
        else
            answer_stat(&found, linked, !faccessat(file, entry->d_name, R_OK, AT_EACCESS));
        if (answer->size - begun > LIST_LIMIT) {
            size_t size = answer->size;
            long cookie = telldir(directory);

            answer->size = (size_t)(next - answer->bytes);
            answer_number(cookie);
            answer->size = size;
            break;
        }
    }
    result = entry ? 0 : errno;
    closedir(directory);
    return result;
}

/* base, rest: the target of a link */
int do_readlink(struct value *values)
{
    struct place place;
    char target[PATH_MAX];
    ssize_t size;
    int result = find(values, &place);

    if (result)
        return result;
    size = readlinkat(place.directory, place.name, target, sizeof target);
    if (size < 0)
        return errno;
    answer_bytes(target, (size_t)size);
    return 0;
}

/* base, rest, target: replaces an existing file or link */
int do_symlink(struct value *values)
{
    struct place place;
    struct stat found;
    int result = find(values, &place);

    if (result)
        return result;
    if (!fstatat(place.directory, place.name, &found, AT_SYMLINK_NOFOLLOW)) {
        if (S_ISREG(found.st_mode) || S_ISLNK(found.st_mode)) {
            if (unlinkat(place.directory, place.name, 0))
                return errno;
        } else if (!S_ISDIR(found.st_mode)) {
            return EISDIR;
        }
    }
    return symlinkat(values[2].bytes, place.directory, place.name) ? errno : 0;
}

/* Trailing slashes would cause a link to be followed. */
static void bare(char *path)
{
    for (size_t size = strlen(path); size > 1 && path[size - 1] == '/'; size--)
        path[size - 1] = '\0';
}

/* Create a directory and its missing parents. A link that leads to nothing is missing, and cannot be created. */
static int make_with_parents(char *path, mode_t mode)
{
    struct stat found;
    char *end = path;
    int result = stat(path, &found) ? errno : EEXIST;

    if (result != ENOENT)
        return result;
    bare(path);
    do {
        end += strspn(end, "/");
        end = strchr(end, '/');
        if (end)
            *end = '\0';
        result = stat(path, &found) ? errno : 0;
        if (result == ENOENT) {
            result = mkdir(path, mode) ? errno : 0;
            if (result == EEXIST)
                result = ENOENT;
        }
        if (end)
            *end = '/';
    } while (!result && end);
    return result;
}

/*
 * base, rest, mode, how. ALONE: the path must not exist; WITH_PARENTS: missing parents are created too, and there is no rest; MERGED: a
 * directory may exist.
 */
int do_mkdir(struct value *values)
{
    struct place place;
    struct stat found;
    mode_t mode = (mode_t)values[2].number & 0777;
    int result = find(values, &place);

    if (result)
        return result;
    if (values[3].number == WITH_PARENTS)
        return place.below ? EINVAL : make_with_parents(values[0].bytes, mode);
    if (!mkdirat(place.directory, place.name, mode))
        return 0;
    if (errno != EEXIST || values[3].number != MERGED)
        return errno;
    if (fstatat(place.directory, place.name, &found, AT_SYMLINK_NOFOLLOW))
        return errno;
    return S_ISDIR(found.st_mode) ? 0 : EEXIST;
}

/* path: a file or a link; a link is not followed */
int do_remove(struct value *values)
{
    struct stat found;
    const char *path = values[0].bytes;

    if (*path != '/')
        return EINVAL;
    if (lstat(path, &found))
        return errno;
    if (!S_ISREG(found.st_mode) && !S_ISLNK(found.st_mode))
        return EISDIR;
    return unlink(path) ? errno : 0;
}

static int random_name(const char *form, char *name, size_t room)
{
    unsigned random;

    if (getrandom(&random, sizeof random, 0) != sizeof random)
        return EIO;
    snprintf(name, room, form, random);
    return 0;
}

/* Empty an open directory and close it, or return the errno of openat(). What cannot be removed stays. Return 0, the first errno, or EINPROGRESS if the time is over. */
static int empty(int file, int top, int depth, long long until)
{
    DIR *directory = file < 0 ? NULL : fdopendir(file);
    struct dirent *entry;
    struct stat found;
    char name[32];
    int inner, result, first = directory ? 0 : errno;

    if (!directory && file >= 0)
        close(file);
    /* One pass removes everything that existed at its start. Files that others create meanwhile are not removed endlessly. */
    while (directory && first != EINPROGRESS && (errno = 0, entry = readdir(directory))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (milliseconds() > until) {
            first = EINPROGRESS;
            break;
        }
        result = unlinkat(file, entry->d_name, 0) ? errno : 0;
        if (result && result != ENOENT && !fstatat(file, entry->d_name, &found, AT_SYMLINK_NOFOLLOW) && S_ISDIR(found.st_mode)) {
            result = unlinkat(file, entry->d_name, AT_REMOVEDIR) ? errno : 0;
            /* It is EBUSY for a mount point. */
            if (result == ENOTEMPTY || result == EEXIST) {
                if (depth == DEEPEST) {
                    /* Subdirectories are moved to the top and found in the next pass, so that the depth is not limited. */
                    result = random_name(".%u.removed", name, sizeof name);
                    if (!result && renameat(file, entry->d_name, top, name))
                        result = errno;
                } else {
                    inner = openat(file, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                    result = empty(inner, top, depth + 1, until);
                    if (!result && unlinkat(file, entry->d_name, AT_REMOVEDIR))
                        result = errno;
                }
            }
        }
        if (result == ENOENT)
            result = 0;
        if (result == EINPROGRESS || !first)
            first = result;
    }
    if (directory)
        closedir(directory);
    return first;
}

static bool is_empty(int top)
{
    int file = openat(top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), names = 0;
    DIR *directory = file < 0 ? NULL : fdopendir(file);

    while (directory && names <= 2 && readdir(directory))
        names++;
    if (directory)
        closedir(directory);
    return names <= 2;
}

/*
 * path: a directory tree. Returns whether it is done, or must be repeated. As with VMware Tools, a directory that cannot be removed itself is
 * emptied, and so is the one that a link leads to.
 */
int do_clear(struct value *values)
{
    char *path = values[0].bytes, real[PATH_MAX];
    struct stat found;
    long long until = milliseconds() + REMOVAL_MILLISECONDS;
    int top, last, result;

    if (*path != '/')
        return EINVAL;
    if (stat(path, &found))
        return errno;
    if (!S_ISDIR(found.st_mode))
        return ENOTDIR;
    bare(path);
    if (lstat(path, &found))
        return errno;
    /* A path that ends in dots hides the directory to be removed from the kernel. */
    if (!realpath(path, real))
        return errno;
    last = S_ISLNK(found.st_mode) ? ENOTDIR : rmdir(real) ? errno : 0;
    /* It is EBUSY for a mount point. */
    if (last == 0 || last == EBUSY) {
        answer_number(true);
        return last;
    }
    top = open(real, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (top < 0)
        return errno;
    do {
        result = empty(openat(top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), top, 0, until);
        if (!result && (last == ENOTEMPTY || last == EEXIST))
            last = rmdir(real) ? errno : 0;
        if (!result && last && !is_empty(top) && milliseconds() > until)
            result = EINPROGRESS;
    } while (!result && last && !is_empty(top));
    close(top);
    answer_number(result == 0 && last == 0);
    return result == EINPROGRESS ? 0 : result ? result : last;
}

/* Copy a file to another name, where a new file has the mode 0600. Links are followed. What was at the name of a failed copy is gone. */
static int copy_file(const char *old, const char *new)
{
    static char buffer[1 << 16];
    struct stat found;
    ssize_t got = 0, now, done;
    int flags = O_NONBLOCK | O_NOCTTY | O_CLOEXEC, from = open(old, flags | O_RDONLY), to = -1, result = from < 0 ? errno : 0;

    if (!result && fstat(from, &found))
        result = errno;
    /* Reading from a pipe or a device may have side effects. */
    if (!result && !S_ISREG(found.st_mode) && !S_ISDIR(found.st_mode))
        result = EISDIR;
    if (!result) {
        to = open(new, flags | O_WRONLY | O_CREAT | O_TRUNC, 0600);
        result = to < 0 ? errno : 0;
    }
    while (!result && (got = read(from, buffer, sizeof buffer)) > 0)
        for (done = 0; !result && done < got; done += now) {
            now = write(to, buffer + done, (size_t)(got - done));
            result = now < 0 ? errno : 0;
        }
    if (!result && got < 0)
        result = errno;
    if (to >= 0 && close(to) && !result)
        result = errno;
    if (to >= 0 && result)
        unlink(new);
    if (from >= 0)
        close(from);
    return result;
}

/* old, new. EEXIST: the new path is a directory. What cannot be renamed is copied, and the old one stays if it cannot be removed. */
int do_rename(struct value *values)
{
    char *old = values[0].bytes, *new = values[1].bytes;
    struct stat source, target;
    int result;

    if (*old != '/' || *new != '/')
        return EINVAL;
    if (stat(old, &source))
        return errno;
    if (!stat(new, &target)) {
        if (source.st_dev == target.st_dev && source.st_ino == target.st_ino)
            return 0;
        if (S_ISDIR(target.st_mode))
            return EEXIST;
    }
    bare(old);
    bare(new);
    if (!rename(old, new))
        return 0;
    result = copy_file(old, new);
    if (!result)
        unlink(old);
    return result;
}

/* Return whether a directory is there that only this user can change, created if nothing is. */
static bool is_own_directory(const char *path)
{
    struct stat found;

    if (!mkdir(path, 0700))
        return true;
    return errno == EEXIST && !lstat(path, &found) && S_ISDIR(found.st_mode) && found.st_uid == geteuid() && (found.st_mode & 077) == 0;
}

void choose_temporary(void)
{
    unsigned random = 0;

    if (getrandom(&random, sizeof random, 0) != sizeof random)
        random = (unsigned)milliseconds();
    snprintf(temporary, sizeof temporary, "%d-%u", (int)getpid(), random);
}

/* name, home: the path of the directory for temporary files of this user. It stays. */
int do_tempdir(struct value *values)
{
    const char *above[] = {"/tmp", values[1].bytes};
    char path[PATH_MAX];

    if (strchr(values[0].bytes, '/') || *values[1].bytes != '/')
        return EINVAL;
    for (size_t i = 0; i < sizeof above / sizeof *above; i++) {
        if (snprintf(path, sizeof path, "%s/vmware-%s_%s", above[i], values[0].bytes, temporary) >= (int)sizeof path)
            return ENAMETOOLONG;
        if (is_own_directory(path)) {
            answer_text(path);
            return 0;
        }
    }
    return errno ? errno : EACCES;
}

/* base, rest, how, mode, the number that the host assigns to the file: its size and mode. A file opened for writing is truncated. */
int do_open(struct value *values)
{
    struct place place;
    struct stat found;
    mode_t mode = (mode_t)values[3].number & 0777;
    int how = (int)values[2].number, flags = (how == READ ? O_RDONLY : O_WRONLY) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    int file, result = find(values, &place);

    if (!result && (how < READ || how > NEW))
        result = EINVAL;
    if (result)
        return result;
    if (how == NEW) {
        file = openat(place.directory, place.name, flags | O_CREAT | O_EXCL, mode);
    } else {
        result = how == READ ? look(&place, &found) : fstatat(place.directory, place.name, &found, AT_SYMLINK_NOFOLLOW) ? errno : 0;
        if (result && (result != ENOENT || how == READ))
            return result;
        /* Opening a device or a pipe may have side effects. */
        if (!result && !S_ISREG(found.st_mode))
            return how == READ ? EISDIR : S_ISDIR(found.st_mode) ? EEXIST : EIO;
        flags |= place.below || how == WRITE ? O_NOFOLLOW : 0;
        file = openat(place.directory, place.name, result ? flags | O_CREAT : flags, mode);
    }
    if (file < 0)
        return errno;
    if (fstat(file, &found))
        return errno;
    if (!S_ISREG(found.st_mode))
        return EISDIR;
    if (how == WRITE && ftruncate(file, 0))
        return errno;
    answer_number(found.st_size);
    answer_number(found.st_mode);
    opened = file;
    return 0;
}

/* file, offset, size: the bytes, none at the end of the file */
int do_read(struct value *values)
{
    size_t want = values[2].number < 0 || values[2].number > PIECE_LIMIT ? PIECE_LIMIT : (size_t)values[2].number, got = 0;
    char *to = answer_piece(want);
    ssize_t now = 1;

    while (got < want && now > 0) {
        now = pread(opened, to + got, want - got, values[1].number + (off_t)got);
        if (now < 0)
            return errno;
        got += (size_t)now;
    }
    answer_piece_end(got);
    return 0;
}

/* file, offset, bytes */
int do_write(struct value *values)
{
    size_t done = 0;
    ssize_t now;

    while (done < values[2].size) {
        now = pwrite(opened, values[2].bytes + done, values[2].size - done, values[1].number + (off_t)done);
        if (now < 0)
            return errno;
        done += (size_t)now;
    }
    return 0;
}
