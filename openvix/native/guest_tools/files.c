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

static void answer_stat(const struct stat *found, bool linked)
{
    answer_number(found->st_mode);
    answer_number(found->st_size);
    answer_number(found->st_mtime);
    answer_number(linked);
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
        answer_stat(&found, S_ISLNK(itself.st_mode));
        answer_number(!faccessat(place.directory, place.name, X_OK, AT_EACCESS));
    }
    return result;
}

/* base, rest, cookie: the cookie of the next part, 0 at the end; then name, mode, size, time, whether it is a link, for each entry. */
int do_list(struct value *values)
{
    struct place place;
    struct dirent *entry;
    struct stat found, target;
    DIR *directory = NULL;
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
        if (fstatat(file, entry->d_name, &found, AT_SYMLINK_NOFOLLOW))
            continue; /* it was removed */
        answer_text(entry->d_name);
        if (S_ISLNK(found.st_mode) && !fstatat(file, entry->d_name, &target, 0))
            answer_stat(&target, true);
        else
            answer_stat(&found, S_ISLNK(found.st_mode));
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

/* base, rest, mode, how. ALONE: the path must not exist; WITH_PARENTS: missing parents are created too; MERGED: a directory may exist. */
int do_mkdir(struct value *values)
{
    struct place place;
    struct stat found;
    mode_t mode = (mode_t)values[2].number & 0777;
    char *end;
    int result = find(values, &place);

    if (result)
        return result;
    if (values[3].number == WITH_PARENTS && !place.below)
        for (end = values[0].bytes + 1; (end = strchr(end, '/')) && end[strspn(end, "/")]; end++) {
            *end = '\0';
            result = mkdir(place.name, mode) ? errno : 0;
            *end = '/';
            if (result && result != EEXIST)
                return result;
        }
    if (!mkdirat(place.directory, place.name, mode))
        return 0;
    if (errno != EEXIST || values[3].number != MERGED)
        return errno;
    result = look(&place, &found);
    return result ? result : S_ISDIR(found.st_mode) ? 0 : ENOTDIR;
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

/* Trailing slashes would cause a link to be followed. */
static void bare(char *path)
{
    for (size_t size = strlen(path); size > 1 && path[size - 1] == '/'; size--)
        path[size - 1] = '\0';
}

static int random_name(const char *form, char *name, size_t room)
{
    unsigned random;

    if (getrandom(&random, sizeof random, 0) != sizeof random)
        return EIO;
    snprintf(name, room, form, random);
    return 0;
}

/* Empty an open directory and close it. Return 0, an errno, or EINPROGRESS if the time is over. */
static int empty(int file, int top, int depth, long long until)
{
    DIR *directory = fdopendir(file);
    struct dirent *entry;
    struct stat found;
    char name[32];
    int inner, result = directory ? 0 : errno;

    if (!directory)
        close(file);
    /* One pass removes everything that existed at its start. Files that others create meanwhile are not removed endlessly. */
    while (!result && (errno = 0, entry = readdir(directory))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (milliseconds() > until) {
            result = EINPROGRESS;
            break;
        }
        if (!unlinkat(file, entry->d_name, 0) || errno == ENOENT)
            continue;
        result = errno;
        if (fstatat(file, entry->d_name, &found, AT_SYMLINK_NOFOLLOW) || !S_ISDIR(found.st_mode))
            break;
        result = 0;
        if (!unlinkat(file, entry->d_name, AT_REMOVEDIR) || errno == ENOENT)
            continue;
        /* It is EBUSY for a mount point. */
        if (errno != ENOTEMPTY && errno != EEXIST) {
            result = errno;
            break;
        }
        if (depth == DEEPEST) {
            /* Subdirectories are moved to the top and found in the next pass, so that the depth is not limited. */
            result = random_name(".%u.removed", name, sizeof name);
            if (!result && renameat(file, entry->d_name, top, name))
                result = errno;
        } else {
            inner = openat(file, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
            result = inner < 0 ? errno : empty(inner, top, depth + 1, until);
            if (!result && unlinkat(file, entry->d_name, AT_REMOVEDIR))
                result = errno;
        }
    }
    if (directory)
        closedir(directory);
    return result;
}

/* path: a directory tree. Returns whether it is done, or must be repeated. */
int do_clear(struct value *values)
{
    char *path = values[0].bytes, real[PATH_MAX];
    struct stat found;
    long long until = milliseconds() + REMOVAL_MILLISECONDS;
    int top, result;

    if (*path != '/')
        return EINVAL;
    bare(path);
    if (lstat(path, &found))
        return errno;
    if (!S_ISDIR(found.st_mode))
        return ENOTDIR;
    /* A path that ends in dots hides the directory to be removed from the kernel. */
    if (!realpath(path, real))
        return errno;
    /* A directory that cannot be removed itself, being mounted or not the user's, must not be emptied. */
    result = rmdir(real) ? errno : 0;
    if (result != ENOTEMPTY && result != EEXIST) {
        answer_number(true);
        return result;
    }
    top = open(real, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (top < 0)
        return errno;
    while (result == ENOTEMPTY || result == EEXIST) {
        result = empty(openat(top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), top, 0, until);
        if (!result)
            result = rmdir(real) ? errno : 0;
        if ((result == ENOTEMPTY || result == EEXIST) && milliseconds() > until)
            result = EINPROGRESS;
    }
    close(top);
    answer_number(result == 0);
    return result == EINPROGRESS ? 0 : result;
}

/* old, new. EISDIR: the new path is a directory. */
int do_rename(struct value *values)
{
    char *old = values[0].bytes, *new = values[1].bytes;
    struct stat source, target, found;
    bool directory_there = !stat(new, &found) && S_ISDIR(found.st_mode);

    if (*old != '/' || *new != '/')
        return EINVAL;
    bare(old);
    bare(new);
    if (lstat(old, &source))
        return errno;
    if (!lstat(new, &target) && source.st_dev == target.st_dev && source.st_ino == target.st_ino)
        return 0;
    if (directory_there)
        return EISDIR;
    return rename(old, new) ? errno : 0;
}

/* The path of the file. */
int do_tempfile(struct value *values)
{
    char path[32];
    int file, result;

    (void)values;
    do {
        result = random_name("/tmp/vmware%u", path, sizeof path);
        if (result)
            return result;
        file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    } while (file < 0 && errno == EEXIST);
    if (file < 0)
        return errno;
    close(file);
    answer_text(path);
    return 0;
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
        result = look(&place, &found);
        if (result && (result != ENOENT || how == READ))
            return result;
        if (!result && how == WRITE && S_ISLNK(found.st_mode)) {
            if (unlinkat(place.directory, place.name, 0))
                return errno;
            result = ENOENT;
        }
        /* Opening a device or a pipe may have side effects. */
        if (!result && !S_ISREG(found.st_mode))
            return EISDIR;
        flags |= place.below ? O_NOFOLLOW : 0;
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
