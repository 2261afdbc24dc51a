/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What must not be given to Vix_FreeBuffer ends the program.
 */

#include "check.h"

int main(int count, char **arguments)
{
    const char *what = count > 1 ? arguments[1] : "";
    VixHandle host = connected();
    VixHandle vm = opened(host, "/vm.vmx");
    char *name = NULL;
    CODE(VIX_OK, Vix_GetProperties(vm, VIX_PROPERTY_VM_NAME, &name, VIX_PROPERTY_NONE));
    char own[16] = "";
    Vix_FreeBuffer(NULL);
    if (strcmp(what, "error text") == 0) {
        Vix_FreeBuffer((void *)Vix_GetErrorText(VIX_E_INVALID_ARG, NULL));
    } else if (strcmp(what, "own memory") == 0) {
        Vix_FreeBuffer(own);
    } else if (strcmp(what, "inside") == 0) {
        Vix_FreeBuffer(name + 1);
    } else if (strcmp(what, "junk") == 0) {
        char *junk = NULL;
        Vix_GetProperties(vm, VIX_PROPERTY_SNAPSHOT_DISPLAYNAME, &junk, VIX_PROPERTY_NONE);
        Vix_FreeBuffer(junk);
    }
    Vix_FreeBuffer(name);
    if (strcmp(what, "twice") == 0) {
        Vix_FreeBuffer(name);
    }
    Vix_ReleaseHandle(vm);
    VixHost_Disconnect(host);
    return failures();
}
