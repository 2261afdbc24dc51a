#!/usr/bin/env bash
# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Deleting a directory by a symbolic link to it: VMware Tools report that it failed, and have deleted all that is in the directory.
#
# VixVM_DeleteDirectoryInGuest ends in File_DeleteDirectoryTree of libvmtools. For a link to a directory it returns false, which VIX
# reports as VIX_E_NOT_A_DIRECTORY (20002). The link and the directory are still there, and the directory is empty. So the error does
# not mean that nothing was deleted: look at the path first, and delete a link as a file.
# Seen with Debian's open-vm-tools, upstream version 12.2.0; the function is called as vmtoolsd calls it.

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

cat >delete.py <<'END'
import ctypes
import os
import sys

library = ctypes.CDLL(sys.argv[1])
library.File_DeleteDirectoryTree.argtypes, library.File_DeleteDirectoryTree.restype = [ctypes.c_char_p], ctypes.c_byte
os.makedirs("data/deep")
for name in ("data/file", "data/deep/file"):
    open(name, "w").close()
os.symlink("data", "link")
before = sorted(os.listdir("data"))
returned = bool(library.File_DeleteDirectoryTree(b"link"))
after, link = sorted(os.listdir("data")), os.path.islink("link")
print(f"File_DeleteDirectoryTree of a link to data/ returned {returned}")
print(f"data/ held {before} and holds {after}; the link is there: {link}")
sys.exit(0 if (returned, before, after, link) == (False, ["deep", "file"], [], True) else "this has changed: it returned False, and data/ was empty")
END
libraries=$work/root/usr/lib/x86_64-linux-gnu
LD_LIBRARY_PATH=$libraries:$work/root/lib/x86_64-linux-gnu python3 delete.py "$libraries/libvmtools.so.0"
