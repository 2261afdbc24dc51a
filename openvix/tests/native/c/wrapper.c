/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A libvixAllProducts.so that does to an installed implementation what VMware's wrapper does (docs/vix-semantics.md, section 2.5),
 * and ends the program when the implementation breaks the contract: finds it by vix.libdir and vixwrapper-config.txt, gives it its id
 * before anything else, turns every call with dots into one with a va_list, and looks at the top byte of every handle that comes out, in
 * callbacks too.
 */

#define _GNU_SOURCE
#include "../../../native/libvix/vix.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    OWN_ID = 0x01000000,
    PSEUDO_HANDLE = OWN_ID | 1,
    ID = 0x05000000,
    ID_MASK = 0x7F000000,
    TEXT_SIZE = 1024,
    API_VERSION = 19,
};

static pthread_mutex_t loading = PTHREAD_MUTEX_INITIALIZER;
static void *implementation;
static VixError refusal; /* why there is none */

static void breach(const char *what, const char *name)
{
    fprintf(stderr, "wrapper: %s: %s\n", name, what);
    abort();
}

/* Every handle that is there must be of the one implementation. */
static VixHandle checked(VixHandle handle, const char *name)
{
    if (handle != VIX_INVALID_HANDLE && (handle & ID_MASK) != ID) {
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

/* The value of a key of VMware's configuration, or "". */
static void configured(const char *key, char value[TEXT_SIZE])
{
    char path[TEXT_SIZE];
    char line[TEXT_SIZE];
    char found[TEXT_SIZE];
    const char *home = getenv("HOME");
    snprintf(path, sizeof path, "%s/.vmware/config", home != NULL ? home : "");
    value[0] = '\0';
    FILE *file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, " %255[^ =] = \"%767[^\"]\"", found, value) != 2 || strcmp(found, key) != 0) {
            value[0] = '\0';
            continue;
        }
        break;
    }
    if (file != NULL) {
        fclose(file);
    }
}

/* Open the implementation that a line of the configuration names; the last line that fits is tried first. */
static VixError open_implementation(const char *product)
{
    char libdir[TEXT_SIZE];
    char version[TEXT_SIZE];
    char key[TEXT_SIZE];
    char path[3 * TEXT_SIZE];
    configured("vix.libdir", libdir);
    snprintf(key, sizeof key, "%s.product.version", strcmp(product, "ws") == 0 ? "workstation" : product);
    configured(key, version);
    snprintf(path, sizeof path, "%s/vixwrapper-config.txt", libdir);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return VIX_E_WRAPPER_WORKSTATION_NOT_INSTALLED;
    }
    VixError error = VIX_E_WRAPPER_VERSION_NOT_FOUND;
    for (char line[TEXT_SIZE]; fgets(line, sizeof line, file) != NULL;) {
        char provider[16];
        char ipc[16];
        char wanted[16];
        char folder[TEXT_SIZE];
        int api;
        if (line[0] == '#' || sscanf(line, "%15s %d %15s %15s %1023s", provider, &api, ipc, wanted, folder) != 5) {
            continue;
        }
        if (strcmp(provider, product) == 0 && api == API_VERSION && (strcmp(wanted, "e.x.p") == 0 || strcmp(wanted, version) == 0)) {
            snprintf(path, sizeof path, "%s/%s/64bit/libvix.so", libdir, folder);
            void *opened = dlopen(path, RTLD_NOW | RTLD_LOCAL);
            error = opened != NULL ? VIX_OK : VIX_E_WRAPPER_RUNTIME_NOT_INSTALLED;
            implementation = opened != NULL ? opened : implementation;
        }
    }
    fclose(file);
    return implementation != NULL ? VIX_OK : error;
}

static VixError load(VixServiceProvider provider)
{
    const char *product = provider == VIX_SERVICEPROVIDER_VMWARE_PLAYER ? "player" : provider >= VIX_SERVICEPROVIDER_VMWARE_VI_SERVER ? "viserver" : "ws";
    pthread_mutex_lock(&loading);
    if (implementation == NULL) {
        refusal = open_implementation(product);
        if (refusal == VIX_OK) {
            VixError (*give_id)(int) = resolve("FoundryInitializeHandleDllID");
            refusal = give_id(ID);
        }
        if (refusal != VIX_OK) {
            implementation = NULL;
        }
    }
    pthread_mutex_unlock(&loading);
    return refusal;
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
    if (load(hostType) != VIX_OK) {
        return PSEUDO_HANDLE;
    }
    VixHandle (*real)(int, VixServiceProvider, const char *, int, const char *, const char *, VixHostOptions, VixHandle, VixEventProc *, void *) =
        resolve("VixHost_Connect");
    void *data = listening(callbackProc, clientData);
    VixEventProc *callback = callbackProc != NULL ? hear : NULL;
    return checked(real(apiVersion, hostType, hostName, hostPort, userName, password, options, propertyListHandle, callback, data), "VixHost_Connect");
}

const char *Vix_GetErrorText(VixError err, const char *locale)
{
    if (implementation == NULL) {
        return "The wrapper has no text for this";
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

VixError VixJob_GetError(VixHandle jobHandle)
{
    if ((jobHandle & ID_MASK) == OWN_ID) {
        return refusal;
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
        return refusal;
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
