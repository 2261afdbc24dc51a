/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Accounts: reads /etc/passwd, /etc/group and /etc/shadow, since a static program has no NSS.
 */

#define _GNU_SOURCE
#include "accounts.h"

#include "values.h"

#include <crypt.h>
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum {
    FIELDS = 9,
    GROUPS = 1024,
};

/* Split a line at its colons; return the number of fields. */
static int cut(char *line, char **fields)
{
    int count = 0;

    line[strcspn(line, "\n")] = '\0';
    while (line && count < FIELDS) {
        fields[count++] = strsep(&line, ":");
    }
    for (int i = count; i < FIELDS; i++)
        fields[i] = "";
    return count;
}

/* Read a user or group id. Invalid and reserved ones are rejected: none must ever become 0. */
static bool read_id(const char *text, unsigned *id)
{
    char *end;
    unsigned long number;

    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    number = strtoul(text, &end, 10);
    *id = (unsigned)number;
    return !*end && !errno && number < UINT32_MAX;
}

/* Find the first account with this name, or else with this user id; password may be NULL. Return 0, or an errno. */
static int find(const char *name, uid_t user, struct account *account, char *password, size_t room)
{
    FILE *file = fopen("/etc/passwd", "re");
    char *line = NULL, *fields[FIELDS];
    size_t size = 0;
    int result = EKEYREJECTED;

    if (!file)
        return errno;
    while (result && getline(&line, &size, file) > 0) {
        if (cut(line, fields) < 6 || !*fields[0] || !read_id(fields[2], &account->user) || !read_id(fields[3], &account->group))
            continue;
        if (name ? strcmp(fields[0], name) : account->user != user)
            continue;
        if (strlen(fields[0]) >= sizeof account->name || strlen(fields[5]) >= sizeof account->home || strlen(fields[6]) >= sizeof account->shell)
            continue;
        strcpy(account->name, fields[0]);
        strcpy(account->home, fields[5]);
        strcpy(account->shell, *fields[6] ? fields[6] : "/bin/sh");
        if (password)
            snprintf(password, room, "%s", fields[1]);
        result = 0;
    }
    free(line);
    fclose(file);
    return result;
}

int account_named(const char *name, struct account *account)
{
    return find(name, 0, account, NULL, 0);
}

/* Return the account of a process of this user: if several accounts share the user id, the one that the process names. */
int owner_of(uid_t user, const char *said, struct account *account)
{
    if (said && !account_named(said, account) && account->user == user)
        return 0;
    return find(NULL, user, account, NULL, 0);
}

/* Return whether several accounts have this user id. */
bool is_shared(uid_t user)
{
    FILE *file = fopen("/etc/passwd", "re");
    char *line = NULL, *fields[FIELDS];
    size_t size = 0;
    unsigned found;
    int count = 0;

    while (file && getline(&line, &size, file) > 0)
        count += cut(line, fields) >= 6 && read_id(fields[2], &found) && found == user;
    free(line);
    if (file)
        fclose(file);
    return count > 1;
}

/* Return the number of the groups of a user, the primary one first. */
static int groups_of(const struct account *account, gid_t *groups)
{
    FILE *file = fopen("/etc/group", "re");
    char *line = NULL, *fields[FIELDS], *members, *member;
    size_t size = 0;
    int count = 0;

    groups[count++] = account->group;
    while (file && count < GROUPS && getline(&line, &size, file) > 0) {
        if (cut(line, fields) < 4 || !read_id(fields[2], &groups[count]))
            continue;
        members = fields[3];
        while ((member = strsep(&members, ",")))
            if (strcmp(member, account->name) == 0) {
                count++;
                break;
            }
    }
    free(line);
    if (file)
        fclose(file);
    return count;
}

bool forks = true;

/* Become this user permanently, inaccessible to other processes of the user. Return 0, or an errno. */
int become(const struct account *account)
{
    gid_t groups[GROUPS];

    if (setgroups((size_t)groups_of(account, groups), groups) || setresgid(account->group, account->group, account->group) ||
        setresuid(account->user, account->user, account->user) || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
        return errno;
    /* If setuid(0) succeeded again, the privileges would not have been dropped. */
    return account->user && !setresuid(0, 0, 0) ? EPERM : 0;
}

/* -- login */

/* Read the password hash of an account from /etc/shadow; return 0, or an errno. */
static int shadow_of(const char *name, char *password, size_t room)
{
    FILE *file = fopen("/etc/shadow", "re");
    char *line = NULL, *fields[FIELDS];
    unsigned day;
    size_t size = 0;
    int result = EKEYREVOKED;

    if (!file)
        return errno;
    while (getline(&line, &size, file) > 0)
        if (cut(line, fields) >= 2 && strcmp(fields[0], name) == 0) {
            bool is_over = read_id(fields[7], &day) && time(NULL) / 86400 >= day;

            if (!is_over && (size_t)snprintf(password, room, "%s", fields[1]) < room)
                result = 0;
            break;
        }
    if (line)
        explicit_bzero(line, size);
    free(line);
    fclose(file);
    return result;
}

static bool is_equal(const char *one, const char *other)
{
    size_t size = strlen(one);
    unsigned char different = strlen(other) != size;

    for (size_t i = 0; !different && i < size; i++)
        different |= (unsigned char)(one[i] ^ other[i]);
    return !different;
}

static void answer_account(const struct account *account)
{
    answer_number(account->user);
    answer_number(account->group);
    answer_text(account->home);
    answer_text(account->shell);
}

/* Return whether /etc/shells lists this shell. Without that file, every shell permits a login. */
static bool is_login_shell(const char *shell)
{
    FILE *file = fopen("/etc/shells", "re");
    char *line = NULL;
    size_t size = 0;
    bool found = !file && errno == ENOENT;

    while (file && !found && getline(&line, &size, file) > 0) {
        line[strcspn(line, "\n")] = '\0';
        found = *line == '/' && strcmp(line, shell) == 0;
    }
    free(line);
    if (file)
        fclose(file);
    return found;
}

/* name, password. EKEYREJECTED: wrong, EKEYREVOKED: locked, expired, or a shell that permits no login. Without a password, every one is right. */
int do_login(struct value *values)
{
    struct account account;
    struct crypt_data data = {.initialized = 0};
    char wanted[CRYPT_OUTPUT_SIZE], *made;
    int result = find(values[0].bytes, 0, &account, wanted, sizeof wanted);

    if (!result && strcmp(wanted, "x") == 0)
        result = shadow_of(account.name, wanted, sizeof wanted);
    if (result)
        return result;
    if (*wanted == '!' || *wanted == '*')
        return EKEYREVOKED;
    if (*wanted) {
        made = crypt_r(values[1].bytes, wanted, &data);
        result = made && is_equal(made, wanted) ? 0 : EKEYREJECTED;
    }
    if (!result && !is_login_shell(account.shell))
        result = EKEYREVOKED;
    explicit_bzero(&data, sizeof data);
    explicit_bzero(wanted, sizeof wanted);
    if (!result)
        answer_account(&account);
    return result;
}

/* name */
int do_account(struct value *values)
{
    struct account account;
    int result = account_named(values[0].bytes, &account);

    if (!result)
        answer_account(&account);
    return result;
}
