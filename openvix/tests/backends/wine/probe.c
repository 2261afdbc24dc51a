/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

/* A program for tests: it writes its command line, directory, and whether it has a console to the file in the variable PROBE. */

#include <stdio.h>
#include <windows.h>

int wmain(void)
{
    HANDLE console = CreateFileW(L"CONOUT$", GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING, 0, NULL);
    DWORD mode;
    wchar_t directory[MAX_PATH];
    FILE *file = _wfopen(_wgetenv(L"PROBE"), L"w, ccs=UTF-8");

    GetCurrentDirectoryW(MAX_PATH, directory);
    fwprintf(file, L"%ls\n%ls\n%ls\n", GetCommandLineW(), directory, GetConsoleMode(console, &mode) ? L"console" : L"none");
    fclose(file);
    return 0;
}
