#!/usr/bin/env bash
# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Renaming in a guest by VMware Tools is not rename(2): what that refuses is done by copying, and two outcomes surprise.
#
# VixVM_RenameFileInGuest ends in File_Move of libvmtools. A directory moved onto a file: it returns false, the directory has stayed,
# and the file is gone. A file moved to another file system: it returns true, and mode 0644 has become 0600. So an error does not mean
# that nothing was changed, and success does not mean that the attributes are those of before.
# Seen with Debian's open-vm-tools, upstream version 12.2.0; the function is called as vmtoolsd calls it. Needs two file systems that
# can be written to: the temporary directory and /dev/shm.

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

cat >move.py <<'END'
import ctypes
import os
import stat
import sys
import tempfile

library = ctypes.CDLL(sys.argv[1])
library.File_Move.argtypes, library.File_Move.restype = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p], ctypes.c_byte


def move(source, target):
    renamed = ctypes.c_byte()
    return bool(library.File_Move(source.encode(), target.encode(), ctypes.byref(renamed)))


os.mkdir("moved")
with open("moved/directory.txt", "w") as inside, open("moved/file", "w") as file:
    inside.write("x")
    file.write("x")
os.mkdir("moved/directory")
returned = move("moved/directory", "moved/file")
left = sorted(os.listdir("moved"))
print(f"a directory onto a file: returned {returned}, left are {left}")

with tempfile.TemporaryDirectory(dir="/dev/shm") as other:
    if os.stat(other).st_dev == os.stat(".").st_dev:
        sys.exit("this needs /dev/shm to be another file system than the temporary directory: set TMPDIR")
    os.chmod("moved/directory.txt", 0o644)
    across = move("moved/directory.txt", f"{other}/file")
    mode = stat.S_IMODE(os.stat(f"{other}/file").st_mode)
    print(f"a file of mode 0644 to another file system: returned {across}, its mode is {mode:04o}")
sys.exit(0 if (returned, left, across, mode) == (False, ["directory", "directory.txt"], True, 0o600) else "this has changed")
END
libraries=$work/root/usr/lib/x86_64-linux-gnu
LD_LIBRARY_PATH=$libraries:$work/root/lib/x86_64-linux-gnu python3 move.py "$libraries/libvmtools.so.0"
