#!/usr/bin/env bash
# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# "qemu-img snapshot" reads one argument in two ways: -a takes a number for the id first, -d for the tag alone.
#
# An image has the snapshots "2" (id 1) and "1" (id 2). "-a 1" reverts the disk to "2". "-d 1" deletes "1".
# "convert -l 1" agrees with -a; only "-l snapshot.name=1" names the tag. So a tag that is a number is not safe:
# whoever numbers snapshots reverts to another one as soon as the ids and the numbers differ, with exit status 0.
# Seen with Debian's qemu-utils, upstream version 7.2.

set -euo pipefail

known='7.2'
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

version=$(apt-cache policy qemu-utils | sed -n 's/^ *Candidate: //p')
upstream=$(sed -E 's/^[0-9]+://; s/^([0-9]+\.[0-9]+).*/\1/' <<<"$version")
echo "qemu-utils $version"
if [ "$upstream" != "$known" ]; then
    echo "this was seen with qemu-utils $known, and apt offers ${version:-none} (apt-get update first where it offers none)" >&2
    exit 1
fi
mkdir packages root
apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances qemu-utils |
    sed -n 's/^\([a-z0-9][^ <:]*\)$/\1/p' | sort -u >names
(cd packages && xargs -n 1 apt-get download -qq <../names >/dev/null 2>&1 || true) # some names are virtual
for package in packages/*.deb; do
    dpkg-deb --extract "$package" root
done
export LD_LIBRARY_PATH=$work/root/usr/lib/x86_64-linux-gnu:$work/root/lib/x86_64-linux-gnu
img=$work/root/usr/bin/qemu-img io=$work/root/usr/bin/qemu-io
"$img" --version | head -n 1

# The first 4 KiB hold 2 when the snapshot "2" is made, and 1 when "1" is made.
"$img" create -q -f qcow2 disk.qcow2 8M
for each in 2 1; do
    "$io" -c "write -q -P $each 0 4k" disk.qcow2
    "$img" snapshot -c "$each" disk.qcow2
done
"$io" -c "write -q -P 9 0 4k" disk.qcow2
"$img" snapshot -l disk.qcow2

content() { od -An -tu1 -N1 "$1" | tr -d ' '; }
"$img" convert -O raw -l 1 disk.qcow2 number.raw
"$img" convert -O raw -l snapshot.name=1 disk.qcow2 name.raw
"$img" snapshot -a 1 disk.qcow2
"$img" convert -O raw disk.qcow2 reverted.raw
"$img" snapshot -d 1 disk.qcow2
left=$("$img" snapshot -l disk.qcow2 | awk 'NR > 2 {print $2}')
printf 'convert -l 1: the content of "%s"\nconvert -l snapshot.name=1: the content of "%s"\n' "$(content number.raw)" "$(content name.raw)"
printf 'snapshot -a 1: the disk has the content of "%s"\nsnapshot -d 1: left is "%s"\n' "$(content reverted.raw)" "$left"
if [ "$(content number.raw) $(content name.raw) $(content reverted.raw) $left" != "2 1 2 2" ]; then
    echo "this has changed: the outcome was 2 1 2 2" >&2
    exit 1
fi
