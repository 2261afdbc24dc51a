#!/usr/bin/env bash
# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# A program in a guest that is killed by a signal has exit code 0 for VMware Tools, the same as one that succeeded.
#
# VixVM_RunProgramInGuest and RunScriptInGuest report what ProcMgr_GetExitCode of libvmtools returns. It is 0 for a process that a
# signal ended, whichever it was, and its own result says that the code is valid. Only a signal that a shell of the caller has seen comes
# as 128 and the number. So exit code 0 proves nothing: let a script end with an agreed number, and take only that for success.
# Seen with Debian's open-vm-tools, upstream version 12.2.0; the functions are called as vmtoolsd calls them.

set -euo pipefail

known='12.2.0'
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

version=$(apt-cache policy open-vm-tools | sed -n 's/^ *Candidate: //p')
upstream=$(sed -E 's/^[0-9]+://; s/-.*//' <<<"$version")
echo "open-vm-tools $version"
if [ "$upstream" != "$known" ]; then
    echo "this was seen with open-vm-tools $known, and apt offers ${version:-none} (apt-get update first where it offers none)" >&2
    exit 1
fi
mkdir packages root
apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances open-vm-tools |
    sed -n 's/^\(open-vm-tools\|lib[a-z0-9][^ <:]*\)$/\1/p' | grep -v '^libc6$' | sort -u >names
(cd packages && xargs -n 1 apt-get download -qq <../names >/dev/null 2>&1 || true) # some names are virtual
for package in packages/*.deb; do
    dpkg-deb --extract "$package" root
done

cat >run.py <<'END'
import ctypes
import sys
import time

library = ctypes.CDLL(sys.argv[1])
library.ProcMgr_ExecAsync.argtypes, library.ProcMgr_ExecAsync.restype = [ctypes.c_char_p, ctypes.c_void_p], ctypes.c_void_p
library.ProcMgr_IsAsyncProcRunning.argtypes, library.ProcMgr_IsAsyncProcRunning.restype = [ctypes.c_void_p], ctypes.c_byte
library.ProcMgr_GetExitCode.argtypes = [ctypes.c_void_p, ctypes.POINTER(ctypes.c_int)]


def run(line):
    """Return what ProcMgr_GetExitCode returns, and the exit code, of a line of shell."""
    quoted = line.replace("$", "\\$")
    process = library.ProcMgr_ExecAsync(f'/bin/sh -c "{quoted}"'.encode(), None)
    end = time.monotonic() + 60
    while library.ProcMgr_IsAsyncProcRunning(process) and time.monotonic() < end:
        time.sleep(0.05)
    code = ctypes.c_int(99)
    return library.ProcMgr_GetExitCode(process, ctypes.byref(code)), code.value


lines = ("exit 7", "kill -TERM $$", "kill -KILL $$", "sh -c 'kill -KILL $$'; exit $?")
found = [run(line) for line in lines]
for line, (returned, code) in zip(lines, found):
    print(f"{line:32} ProcMgr_GetExitCode returned {returned}, exit code {code}")
sys.exit(0 if found == [(0, 7), (0, 0), (0, 0), (0, 137)] else "this has changed")
END
libraries=$work/root/usr/lib/x86_64-linux-gnu
LD_LIBRARY_PATH=$libraries:$work/root/lib/x86_64-linux-gnu python3 run.py "$libraries/libvmtools.so.0"
