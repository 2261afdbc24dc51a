#!/usr/bin/env bash
# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# A snapshot that QEMU refuses to load has been reverted to all the same: -loadvm sets the disks back before it reads the
# memory. QEMU then says "Error -22 while loading VM state" and ends with 1, and what was written since the snapshot is gone.
#
# So an error of -loadvm does not mean that nothing has happened. Whoever moves an image to a host whose QEMU lacks the
# snapshot's machine type, or starts it with other memory, loses the present state by the attempt. Compare the machine
# first, or take a snapshot of the present state before.
# Seen with Debian's qemu-system-x86, upstream version 7.2, under TCG.

set -euo pipefail

known='7.2'
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

version=$(apt-cache policy qemu-system-x86 | sed -n 's/^ *Candidate: //p')
upstream=$(sed -E 's/^[0-9]+://; s/^([0-9]+\.[0-9]+).*/\1/' <<<"$version")
echo "qemu-system-x86 $version"
if [ "$upstream" != "$known" ]; then
    echo "this was seen with qemu-system-x86 $known, and apt offers ${version:-none} (apt-get update first where it offers none)" >&2
    exit 1
fi
mkdir packages root
apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances qemu-system-x86 qemu-utils |
    sed -n 's/^\([a-z0-9][^ <:]*\)$/\1/p' | sort -u >names
(cd packages && xargs -n 1 apt-get download -qq <../names >/dev/null 2>&1 || true) # some names are virtual
for package in packages/*.deb; do
    dpkg-deb --extract "$package" root
done
libraries=$work/root/usr/lib/x86_64-linux-gnu
export LD_LIBRARY_PATH=$libraries:$work/root/lib/x86_64-linux-gnu:$libraries/pulseaudio
share=$work/root/usr/share
img=$work/root/usr/bin/qemu-img io=$work/root/usr/bin/qemu-io

machine() {
    timeout 120 "$work/root/usr/bin/qemu-system-x86_64" -accel tcg -display none -nodefaults -S -L "$share/qemu" -L "$share/seabios" \
        -drive file=disk.qcow2,format=qcow2,if=virtio -monitor stdio "$@"
}

content() {
    "$img" convert -O raw disk.qcow2 disk.raw
    od -An -tu1 -N1 disk.raw | tr -d ' '
}

"$img" create -q -f qcow2 disk.qcow2 8M
"$io" -c 'write -q -P 1 0 4k' disk.qcow2
printf 'savevm kept\nquit\n' | machine -M pc -m 64 >/dev/null
for other in '-M pc -m 32' '-M q35 -m 64'; do
    "$io" -c 'write -q -P 9 0 4k' disk.qcow2
    before=$(content)
    code=0
    # shellcheck disable=SC2086 # options
    printf 'quit\n' | machine $other -loadvm kept >said 2>&1 || code=$?
    after=$(content)
    printf 'saved by -M pc -m 64, loaded by %s: exit status %s, the disk had %s and has %s\n' "$other" "$code" "$before" "$after"
    sed -n 's/^.*qemu-system-x86_64: /    /p' said
    if [ "$code $before $after" != "1 9 1" ]; then
        echo "this has changed: the outcome was exit status 1, and 1 in place of 9" >&2
        exit 1
    fi
done
