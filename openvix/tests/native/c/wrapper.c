/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A libvixAllProducts.so that does to an installed implementation what VMware's wrapper was observed to do (docs/vix-semantics.md, sections
 * 2.4, 2.5 and 2.6), and ends the program when the implementation breaks the contract: finds it by the configuration, gives it an id for each
 * provider before anything else, turns every call with dots into one with a va_list, and looks at the top byte of every handle that comes
 * out, in callbacks too. Without an implementation it answers itself.
 */

#define _GNU_SOURCE
#include "../../../native/libvix/vix.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    OWN_ID = 0x01000000, /* of the handles of refused connections, which have the error in their lower bytes */
    FIRST_ID = 0x02000000,
    ID_MASK = 0x7F000000,
    ERROR_MASK = 0x00FFFFFF,
    TEXT_SIZE = 1024,
    API_VERSION = 19,
    PROVIDERS = 16,
};

static pthread_mutex_t loading = PTHREAD_MUTEX_INITIALIZER;
static void *implementation; /* the one that was loaded first, which all others are in these tests */
static int next_id = FIRST_ID;
static bool loaded[PROVIDERS];
static FILE *messages;

static void breach(const char *what, const char *name)
{
    fprintf(stderr, "wrapper: %s: %s\n", name, what);
    abort();
}

/* Every handle that is there must be of the one implementation. */
static VixHandle checked(VixHandle handle, const char *name)
{
    if (handle != VIX_INVALID_HANDLE && ((handle & ID_MASK) < FIRST_ID || (handle & ID_MASK) >= next_id)) {
        breach("a handle without the id of its library", name);
    }
    return handle;
}

static void *resolve(const char *name)
{
    void *found = implementation != NULL ? dlsym(implementation, name) : NULL;
    if (found == NULL) {
        breach("called, but there is no such function", name);
    }
    return found;
}

/* The value of a key of VMware's configuration, or "". The later file wins. */
static void configured(const char *key, char value[TEXT_SIZE])
{
    static const char *const files[] = {"/etc/vmware/config", "/usr/lib/vmware/settings", "/usr/lib/vmware/config", "~/.vmware/config", "~/.vmware/preferences"};
    const char *home = getenv("HOME");
    value[0] = '\0';
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[TEXT_SIZE];
        char line[TEXT_SIZE];
        char found[TEXT_SIZE];
        char given[TEXT_SIZE];
        bool own = files[i][0] == '~';
        if (own && home == NULL) {
            continue;
        }
        snprintf(path, sizeof path, "%s%s", own ? home : "", files[i] + own);
        FILE *file = fopen(path, "r");
        while (file != NULL && fgets(line, sizeof line, file) != NULL) {
            if (sscanf(line, " %255[^ =] = \"%767[^\"]\"", found, given) == 2 && strcmp(found, key) == 0) {
                memcpy(value, given, sizeof given);
            }
        }
        if (file != NULL) {
            fclose(file);
        }
    }
}

/* Open the log, vmware-USER/vmware-vixWrapper-PID.log in TMPDIR or /tmp. A directory that does not exist does no harm. */
static bool open_log(void)
{
    const char *place = getenv("TMPDIR");
    place = place != NULL && place[0] != '\0' && access(place, F_OK) == 0 ? place : "/tmp";
    const struct passwd *user = getpwuid(geteuid());
    char path[2 * TEXT_SIZE];
    int size = user != NULL ? snprintf(path, sizeof path, "%s/vmware-%s", place, user->pw_name)
                            : snprintf(path, sizeof path, "%s/vmware-uid-%u", place, (unsigned)geteuid());
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        return false;
    }
    snprintf(path + size, sizeof path - (size_t)size, "/vmware-vixWrapper-%d.log", (int)getpid());
    messages = fopen(path, "w");
    return messages != NULL;
}

/* Open the implementation that a line names, unless one was opened before. Return whether there is one; error: VIX_OK if it cannot be loaded. */
static bool open_implementation(const char *libdir, const char *folder, VixError *error)
{
    char path[3 * TEXT_SIZE];
    snprintf(path, sizeof path, "%s/%s/64bit/libvix.so", libdir, folder);
    if (access(path, F_OK) != 0) {
        return false;
    }
    void *opened = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (opened == NULL) {
        fprintf(messages, "failed to load library %s (%s)\n", path, dlerror());
        fflush(messages);
        *error = VIX_OK;
        return true;
    }
    implementation = implementation != NULL ? implementation : opened;
    VixError (*give_id)(int) = resolve("FoundryInitializeHandleDllID");
    if (give_id(next_id) != VIX_OK) {
        fprintf(messages, "failed to do library preinit for %s\n", path);
        *error = VIX_OK;
        return true;
    }
    next_id += FIRST_ID - OWN_ID;
    *error = VIX_ASYNC;
    return true;
}

/* Whether a product is the one of a provider. */
static bool is_of(VixServiceProvider provider, const char *product)
{
    char name[TEXT_SIZE];
    configured("product.name", name);
    bool by_name = provider == VIX_SERVICEPROVIDER_DEFAULT;
    bool player = by_name ? strcmp(name, "VMware Player") == 0 : provider == VIX_SERVICEPROVIDER_VMWARE_PLAYER;
    if (by_name || player || provider == VIX_SERVICEPROVIDER_VMWARE_WORKSTATION) {
        return strcmp(product, player ? "player" : "ws") == 0;
    }
    if (provider == VIX_SERVICEPROVIDER_VMWARE_VI_SERVER) {
        return strcmp(product, "viserver") == 0 || strcmp(product, "esx") == 0;
    }
    return provider == VIX_SERVICEPROVIDER_VMWARE_WORKSTATION_SHARED && strcmp(product, "ws-shared") == 0;
}

/* Try the lines of a file from the last to the first. The last error counts: the file that comes later is tried first. */
static bool try_lines(const char *directory, const char *name, const char *libdir, VixServiceProvider provider, VixError *error)
{
    char path[2 * TEXT_SIZE];
    char lines[32][TEXT_SIZE];
    char version[TEXT_SIZE];
    int count = 0;
    configured("product.version", version);
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "r");
    while (file != NULL && count < 32 && fgets(lines[count], TEXT_SIZE, file) != NULL) {
        count++;
    }
    if (file != NULL) {
        fclose(file);
    }
    while (count-- > 0) {
        char product[16];
        char ipc[16];
        char wanted[16];
        char folder[TEXT_SIZE];
        int api;
        if (lines[count][0] == '#' || sscanf(lines[count], "%15s %d %15s %15s %1023s", product, &api, ipc, wanted, folder) != 5 || !is_of(provider, product)) {
            continue;
        }
        bool versioned = strcmp(product, "ws") == 0 || strcmp(product, "player") == 0;
        if (versioned && version[0] == '\0') {
            *error = strcmp(product, "ws") == 0 ? VIX_E_WRAPPER_WORKSTATION_NOT_INSTALLED : VIX_E_WRAPPER_PLAYER_NOT_INSTALLED;
            continue;
        }
        *error = VIX_E_WRAPPER_VERSION_NOT_FOUND;
        if (api == API_VERSION && (!versioned || strcmp(wanted, version) == 0) && open_implementation(libdir, folder, error)) {
            return true;
        }
    }
    return false;
}

/* Return VIX_ASYNC if the provider has an implementation, else the error; VIX_OK if it has one that cannot be loaded. */
static VixError find(VixServiceProvider provider)
{
    char libdir[TEXT_SIZE];
    char other[TEXT_SIZE];
    if (messages == NULL && !open_log()) {
        return VIX_E_FAIL;
    }
    configured("vix.libdir", libdir);
    if (libdir[0] == '\0') {
        return VIX_E_WRAPPER_RUNTIME_NOT_INSTALLED;
    }
    configured("libdir", other);
    VixError error = VIX_E_WRAPPER_SERVICEPROVIDER_NOT_FOUND;
    if (!try_lines(other[0] != '\0' ? other : "/usr/lib/vmware", "vixwrapper-product-config.txt", libdir, provider, &error)) {
        try_lines(libdir, "vixwrapper-config.txt", libdir, provider, &error);
    }
    return error;
}

static VixError load(VixServiceProvider provider)
{
    pthread_mutex_lock(&loading);
    bool known = provider >= 0 && provider < PROVIDERS && loaded[provider];
    VixError error = known ? VIX_ASYNC : find(provider);
    if (error == VIX_ASYNC && provider >= 0 && provider < PROVIDERS) {
        loaded[provider] = true;
    }
    pthread_mutex_unlock(&loading);
    return error;
}

/* What the client hears, with its handles looked at. */
struct listener {
    VixEventProc *callback;
    void *data;
};

static void hear(VixHandle job, VixEventType type, VixHandle info, void *data)
{
    struct listener *listener = data;
    listener->callback(checked(job, "callback"), type, checked(info, "callback"), listener->data);
    if (type == VIX_EVENTTYPE_JOB_COMPLETED) {
        free(listener);
    }
}

static void *listening(VixEventProc *callback, void *data)
{
    if (callback == NULL) {
        return data;
    }
    struct listener *listener = malloc(sizeof *listener);
    *listener = (struct listener){.callback = callback, .data = data};
    return listener;
}

#define JOB(name, parameters, arguments)                 \
    VixHandle name parameters                            \
    {                                                    \
        VixHandle(*real) parameters = resolve(#name);    \
        data = listening(callback, data);                \
        callback = callback != NULL ? hear : NULL;       \
        return checked(real arguments, #name);           \
    }
#define OUTPUT(name, parameters, arguments)              \
    VixError name parameters                             \
    {                                                    \
        VixError(*real) parameters = resolve(#name);     \
        VixError error = real arguments;                 \
        if (error == VIX_OK) {                           \
            checked(*output, #name);                     \
        }                                                \
        return error;                                    \
    }
#define VALUE(type, name, parameters, arguments)         \
    type name parameters                                 \
    {                                                    \
        type(*real) parameters = resolve(#name);         \
        return real arguments;                           \
    }
#define NOTHING(name, parameters, arguments)             \
    void name parameters                                 \
    {                                                    \
        void(*real) parameters = resolve(#name);         \
        real arguments;                                  \
    }

#include "forwarders.inc"

VixHandle VixHost_Connect(int apiVersion, VixServiceProvider hostType, const char *hostName, int hostPort, const char *userName, const char *password,
                          VixHostOptions options, VixHandle propertyListHandle, VixEventProc *callbackProc, void *clientData)
{
    VixError error = load(hostType);
    if (error != VIX_ASYNC) {
        return OWN_ID | (VixHandle)error;
    }
    VixHandle (*real)(int, VixServiceProvider, const char *, int, const char *, const char *, VixHostOptions, VixHandle, VixEventProc *, void *) =
        resolve("VixHost_Connect");
    void *data = listening(callbackProc, clientData);
    VixEventProc *callback = callbackProc != NULL ? hear : NULL;
    return checked(real(apiVersion, hostType, hostName, hostPort, userName, password, options, propertyListHandle, callback, data), "VixHost_Connect");
}

const char *Vix_GetErrorText(VixError err, const char *locale)
{
    if (err >= VIX_E_WRAPPER_WORKSTATION_NOT_INSTALLED && err <= VIX_E_WRAPPER_MULTIPLE_SERVICEPROVIDERS) {
        return "The wrapper's own text of this";
    }
    if (implementation == NULL) {
        return "The operation is not supported for the specified parameters";
    }
    const char *(*real)(VixError, const char *) = resolve("Vix_GetErrorText");
    return real(err, locale);
}

VixHandleType Vix_GetHandleType(VixHandle handle)
{
    if ((handle & ID_MASK) == OWN_ID) {
        return VIX_HANDLETYPE_NONE;
    }
    VixHandleType (*real)(VixHandle) = resolve("Vix_GetHandleType");
    return real(handle);
}

void Vix_ReleaseHandle(VixHandle handle)
{
    if ((handle & ID_MASK) != OWN_ID) {
        void (*real)(VixHandle) = resolve("Vix_ReleaseHandle");
        real(handle);
    }
}

/* The flag of a refused connection is left alone. */
VixError VixJob_CheckCompletion(VixHandle jobHandle, Bool *complete)
{
    if ((jobHandle & ID_MASK) == OWN_ID) {
        return jobHandle & ERROR_MASK;
    }
    VixError (*real)(VixHandle, Bool *) = resolve("VixJob_CheckCompletion");
    return real(jobHandle, complete);
}

VixError VixJob_GetError(VixHandle jobHandle)
{
    if ((jobHandle & ID_MASK) == OWN_ID) {
        return jobHandle & ERROR_MASK;
    }
    VixError (*real)(VixHandle) = resolve("VixJob_GetError");
    return real(jobHandle);
}

VixError Vix_GetProperties(VixHandle handle, VixPropertyID firstPropertyID, ...)
{
    VixError (*real)(VixHandle, VixPropertyID, va_list) = resolve("Vix_GetPropertiesVargs");
    va_list arguments;
    va_start(arguments, firstPropertyID);
    VixError error = real(handle, firstPropertyID, arguments);
    va_end(arguments);
    return error;
}

/* The handles among what a call has filled in. */
static void check_cells(int first, va_list arguments)
{
    for (int id = first; id != VIX_PROPERTY_NONE; id = va_arg(arguments, int)) {
        void *cell = va_arg(arguments, void *);
        if (id == VIX_PROPERTY_JOB_RESULT_SCREEN_IMAGE_DATA) {
            va_arg(arguments, void *);
        } else if (id == VIX_PROPERTY_JOB_RESULT_HANDLE) {
            checked(*(VixHandle *)cell, "a property");
        }
    }
}

VixError VixJob_Wait(VixHandle jobHandle, VixPropertyID firstPropertyID, ...)
{
    if ((jobHandle & ID_MASK) == OWN_ID) {
        return jobHandle & ERROR_MASK;
    }
    VixError (*real)(VixHandle, VixPropertyID, va_list) = resolve("VixJob_WaitVargs");
    va_list arguments;
    va_list again;
    va_start(arguments, firstPropertyID);
    va_copy(again, arguments);
    VixError error = real(jobHandle, firstPropertyID, arguments);
    if (error == VIX_OK) {
        check_cells(firstPropertyID, again);
    }
    va_end(again);
    va_end(arguments);
    return error;
}

VixError VixJob_GetNthProperties(VixHandle jobHandle, int index, int propertyID, ...)
{
    VixError (*real)(VixHandle, int, int, va_list) = resolve("VixJob_GetNthPropertiesVargs");
    va_list arguments;
    va_start(arguments, propertyID);
    VixError error = real(jobHandle, index, propertyID, arguments);
    va_end(arguments);
    return error;
}

VixError VixPropertyList_AllocPropertyList(VixHandle hostHandle, VixHandle *resultHandle, int firstPropertyID, ...)
{
    VixError (*real)(VixHandle, VixHandle *, int, va_list) = resolve("VixPropertyList_AllocPropertyListVargs");
    va_list arguments;
    va_start(arguments, firstPropertyID);
    VixError error = real(hostHandle, resultHandle, firstPropertyID, arguments);
    va_end(arguments);
    if (error == VIX_OK) {
        checked(*resultHandle, "VixPropertyList_AllocPropertyList");
    }
    return error;
}
