/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

/*
 * The part of the guest tools that runs in a Windows guest, by Wine. It is the vmtoolsd.exe in the guest's list of processes.
 *
 *   vmtoolsd.exe ID       carry out the request in the directory /run/openvix/ID of the guest's disk
 *   vmtoolsd.exe          run until killed; so Wine's services stay, and the next program starts sooner. With the variable OPENVIX_IDLE: whatever the
 *                         arguments, as a process that the world declares
 *
 * The file "request" has UTF-16 strings, each with a NUL at its end:
 *
 *   run|start  LINE DIRECTORY VARIABLE=VALUE...   start a program without a shell, with its own console; run: and wait for its end
 *   serve      PROGRAM LINE DIRECTORY VARIABLE=VALUE...     the same as start, without a console, for any first word of LINE
 *   list                                          list all processes
 *   kill       PID                                end a process, and wait until it has ended
 *
 * The answer is lines of UTF-8 in the file "answer": "pid PID", "exit CODE" with all 32 bits of an exit code, "error NUMBER" with that of Windows, and for
 * each process "process PID PARENT START" and its owner, name and command line, separated by NUL and ended by a line end.
 */

#define _WIN32_WINNT 0x0601
#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>
#include <windows.h>
#include <tlhelp32.h>
#include <winternl.h>

#define DIRECTORY L"\\\\?\\unix\\run\\openvix\\"
#define MOST 32768
#define END_MILLISECONDS 10000

static HANDLE answer = INVALID_HANDLE_VALUE;
static wchar_t *next, *request_end;

static void put(const char *text, DWORD length)
{
    DWORD written;

    WriteFile(answer, text, length, &written, NULL);
}

static void report(const char *word, unsigned long number)
{
    char line[64];

    put(line, (DWORD)snprintf(line, sizeof line, "%s %lu\n", word, number));
}

static int fail(void)
{
    report("error", GetLastError());
    return 1;
}

/* Return the next string of the request, "" at its end. */
static wchar_t *take(void)
{
    wchar_t *text = next;

    if (next < request_end)
        next += wcslen(next) + 1;
    return text;
}

static int read_request(const wchar_t *id)
{
    wchar_t path[128];
    LARGE_INTEGER size;
    DWORD got;
    HANDLE file;

    if (wcslen(id) > 64 || id[wcsspn(id, L"0123456789abcdef")])
        return 0;
    _snwprintf(path, 128, DIRECTORY L"%ls\\answer", id);
    answer = CreateFileW(path, FILE_APPEND_DATA, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_ALWAYS, 0, NULL);
    _snwprintf(path, 128, DIRECTORY L"%ls\\request", id);
    file = CreateFileW(path, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, 0, NULL);
    if (file == INVALID_HANDLE_VALUE || !GetFileSizeEx(file, &size))
        return 0;
    /* Two more NULs end the last string and the list. */
    next = calloc(1, (size_t)size.QuadPart + 2 * sizeof *next);
    if (!next || !ReadFile(file, next, (DWORD)size.QuadPart, &got, NULL))
        return 0;
    request_end = next + got / sizeof *next;
    CloseHandle(file);
    return 1;
}

static int run(const wchar_t *program, DWORD flags, int is_awaited)
{
    STARTUPINFOW start = {.cb = sizeof start};
    PROCESS_INFORMATION process;
    wchar_t *line = take(), *directory = take();
    DWORD code;

    /* The rest of the request is the environment; without one, that of this program. */
    if (!CreateProcessW(program, line, NULL, NULL, FALSE, flags | CREATE_UNICODE_ENVIRONMENT, *next ? next : NULL, directory, &start, &process))
        return fail();
    report("pid", process.dwProcessId);
    if (is_awaited) {
        WaitForSingleObject(process.hProcess, INFINITE);
        if (!GetExitCodeProcess(process.hProcess, &code))
            return fail();
        report("exit", code);
    }
    return 0;
}

static int end(DWORD id)
{
    HANDLE process = OpenProcess(PROCESS_TERMINATE | SYNCHRONIZE, FALSE, id);

    if (!process || !TerminateProcess(process, 0))
        return fail();
    WaitForSingleObject(process, END_MILLISECONDS);
    return 0;
}

/* Copy a string of another process; return it with a NUL at its end, "" if it cannot be read. */
static wchar_t *copy(HANDLE process, const void *from, size_t length)
{
    wchar_t *text = calloc(length / sizeof *text + 2, sizeof *text);
    SIZE_T got;

    if (text && !ReadProcessMemory(process, from, text, length, &got))
        *text = 0;
    return text;
}

/* The user of a process is in its environment, where Wine put it. It is read up to the end of its memory page by page. */
static wchar_t *user_of(HANDLE process, const char *environment)
{
    static const wchar_t NAME[] = L"WINEUSERNAME=";
    static wchar_t block[MOST + 2];
    size_t done = 0, step;
    SIZE_T got;

    memset(block, 0, sizeof block);
    while (done < MOST * sizeof *block) {
        step = 4096 - ((size_t)environment + done) % 4096;
        step = min(step, MOST * sizeof *block - done);
        if (!ReadProcessMemory(process, environment + done, (char *)block + done, step, &got))
            break;
        done += step;
    }
    for (wchar_t *each = block; *each; each += wcslen(each) + 1)
        if (!_wcsnicmp(each, NAME, wcslen(NAME)))
            return each + wcslen(NAME);
    return block + MOST + 1;
}

static void put_text(const wchar_t *text, char end_mark)
{
    static char bytes[3 * MOST + 1];
    int length = WideCharToMultiByte(CP_UTF8, 0, text, (int)wcsnlen(text, MOST), bytes, 3 * MOST, NULL, NULL);

    for (int i = 0; i < length; i++)
        if (bytes[i] == '\n')
            bytes[i] = ' ';
    bytes[length] = end_mark;
    put(bytes, (DWORD)length + 1);
}

static void put_process(const PROCESSENTRY32W *entry)
{
    /* The layout of RTL_USER_PROCESS_PARAMETERS, of which the header names only a part. */
    enum { COMMAND = 0x70, ENVIRONMENT = 0x80, SIZE = 0x88 };
    HANDLE process = OpenProcess(PROCESS_QUERY_INFORMATION | PROCESS_VM_READ, FALSE, entry->th32ProcessID);
    PROCESS_BASIC_INFORMATION basic = {0};
    FILETIME times[4] = {0};
    char parameters[SIZE], line[96];
    wchar_t *command = NULL, *user = NULL;
    UNICODE_STRING text;
    unsigned long long start;
    SIZE_T got;
    PEB peb;

    if (process && !NtQueryInformationProcess(process, ProcessBasicInformation, &basic, sizeof basic, NULL) &&
        ReadProcessMemory(process, basic.PebBaseAddress, &peb, sizeof peb, &got) &&
        ReadProcessMemory(process, peb.ProcessParameters, parameters, sizeof parameters, &got)) {
        memcpy(&text, parameters + COMMAND, sizeof text);
        command = copy(process, text.Buffer, text.Length);
        user = user_of(process, *(char **)(parameters + ENVIRONMENT));
    }
    if (process)
        GetProcessTimes(process, times, times + 1, times + 2, times + 3);
    /* From intervals of 100 ns since 1601 to seconds since 1970. */
    start = ((unsigned long long)times->dwHighDateTime << 32 | times->dwLowDateTime) / 10000000;
    start = start > 11644473600 ? start - 11644473600 : 0;
    put(line, (DWORD)snprintf(line, sizeof line, "process %lu %lu %llu", entry->th32ProcessID, entry->th32ParentProcessID, start) + 1);
    put_text(user ? user : L"", 0);
    put_text(entry->szExeFile, 0);
    put_text(command ? command : L"", '\n');
    free(command);
    if (process)
        CloseHandle(process);
}

static int list(void)
{
    HANDLE all = CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0);
    PROCESSENTRY32W entry = {.dwSize = sizeof entry};

    if (all == INVALID_HANDLE_VALUE)
        return fail();
    for (BOOL found = Process32FirstW(all, &entry); found; found = Process32NextW(all, &entry))
        /* Without this process itself. */
        if (entry.th32ProcessID != GetCurrentProcessId())
            put_process(&entry);
    return 0;
}

int wmain(int count, wchar_t **arguments)
{
    const wchar_t *what;

    if (count < 2 || _wgetenv(L"OPENVIX_IDLE")) {
        Sleep(INFINITE);
        return 0;
    }
    if (!read_request(arguments[1]))
        return fail();
    what = take();
    if (!wcscmp(what, L"run") || !wcscmp(what, L"start"))
        return run(NULL, CREATE_NO_WINDOW, !wcscmp(what, L"run"));
    if (!wcscmp(what, L"serve")) {
        what = take();
        return run(what, DETACHED_PROCESS, 0);
    }
    if (!wcscmp(what, L"list"))
        return list();
    if (!wcscmp(what, L"kill"))
        return end(wcstoul(take(), NULL, 10));
    report("error", ERROR_INVALID_FUNCTION);
    return 1;
}
