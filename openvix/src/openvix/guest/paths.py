# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Paths of the guest: followed as the guest would follow them, never out of it."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TypeAlias

from openvix.guest.errors import error

# What the guest shows of the host, read-only: the same list as in sandbox.c. It is shown where both have something of the same kind.
SHOWN = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc/alternatives", "/etc/ld.so.cache")
# Made anew in every sandbox; on the disk they are empty.
VOLATILE = ("/dev", "/proc")
# Where a guest has the directories of the host that are shared with it.
SHARES = "/mnt/hgfs"
LINKS = 40
LONGEST = 4096
DEEPEST = 256
# A link in the place of the directory is an error: it was no link a moment ago.
DIRECTORY = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class View(NamedTuple):
    """A disk with directories of the host below SHARES: name: (path, writable)."""

    disk: Path
    shares: dict[str, tuple[str, bool]]


# The files of a guest, as find() looks at them.
Disk: TypeAlias = Path | View


class Place(NamedTuple):
    """Where a path leads: a name in an open directory. Nothing needs to be there.

    shared: it is the host's and may not be changed; hosted: it is the host's and may.
    """

    directory: int
    name: str
    path: str
    shared: bool
    hosted: bool = False

    def stat(self) -> os.stat_result:
        """Return what is there, a link itself; raise FileNotFoundError when there is nothing."""
        return os.stat(self.name, dir_fd=self.directory, follow_symlinks=False)

    def must_change(self):
        """Raise OSError for what no account of the guest may replace or remove."""
        if self.path in ("/", SHARES) or (self.hosted and os.path.dirname(self.path) == SHARES):
            raise error(errno.EBUSY, self.path)
        if self.shared:
            raise error(errno.EACCES, self.path)


@contextlib.contextmanager
def find(disk: Disk, path: str, *, follow: bool = True) -> Iterator[Place]:
    """Give the place to which an absolute path of the guest leads, its last link followed or not.

    The directory that holds it must exist. A guest's programs may replace directories by links meanwhile: each step is made from an open directory, so
    nothing leads out. Raises OSError as Linux would; EINVAL for an empty or relative path.
    """
    if not path.startswith("/") or "\0" in path:
        raise error(errno.EINVAL, path)
    if len(os.fsencode(path)) >= LONGEST:
        raise error(errno.ENAMETOOLONG, path)
    shares = {f"{SHARES}/{name}": share for name, share in disk.shares.items()} if isinstance(disk, View) else {}
    with contextlib.closing(_Way(disk.disk if isinstance(disk, View) else disk)) as way:
        rest, links, directory_wanted = _parts(path), 0, path.endswith("/")
        while rest or way.names:
            # A path may end in a directory that has been entered already.
            name = rest.pop() if rest else way.leave()
            if name == "..":
                way.leave()
                continue
            directory, here = way.last, way.path(name)
            shared, hosted = way.shared or here in VOLATILE, way.hosted
            try:
                kind = stat.S_IFMT(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode)
            except FileNotFoundError:
                if rest:
                    raise
                kind = None
            if kind == stat.S_IFLNK and (rest or follow or directory_wanted):
                links += 1
                if links > LINKS:
                    raise error(errno.ELOOP, path)
                target = os.readlink(name, dir_fd=directory)
                while target.startswith("/") and way.names:
                    way.leave()
                rest += _parts(target)
                continue
            if here in SHOWN and kind is not None and _kind_on_host(here) == kind:
                directory, name, shared = way.host, here[1:], True
            elif here in shares and os.path.isdir(shares[here][0]):
                directory, name, kind = way.host, os.path.realpath(shares[here][0])[1:] or ".", stat.S_IFDIR
                shared, hosted = not shares[here][1], shares[here][1]
            if (rest or directory_wanted) and kind not in (stat.S_IFDIR, None):
                raise error(errno.ENOTDIR, path)
            if not rest:
                yield Place(directory, name, here, shared, hosted)
                return
            way.enter(directory, name, here, shared, hosted)
        yield Place(way.last, ".", "/", False)


class _Way:
    """The directories that a path has entered, all of them open."""

    def __init__(self, disk: Path):
        self.names: list[str] = []
        # Descriptor of each, whether it is shared, whether it is the host's.
        self._open: list[tuple[int, bool, bool]] = []
        self.host = os.open("/", DIRECTORY)
        try:
            self._open.append((os.open(disk, DIRECTORY), False, False))
        except OSError:
            os.close(self.host)
            raise

    @property
    def last(self) -> int:
        return self._open[-1][0]

    @property
    def shared(self) -> bool:
        return self._open[-1][1]

    @property
    def hosted(self) -> bool:
        return self._open[-1][2]

    def path(self, name: str) -> str:
        return "/".join(["", *self.names, name])

    def enter(self, directory: int, name: str, path: str, shared: bool, hosted: bool) -> None:
        if len(self.names) == DEEPEST:
            raise error(errno.ENAMETOOLONG, path)
        self._open.append((os.open(name, DIRECTORY, dir_fd=directory), shared, hosted))
        self.names.append(path.rpartition("/")[2])

    def leave(self) -> str:
        """Go back to the directory above, of which the root has none, and return the name that was left."""
        if not self.names:
            return "."
        os.close(self._open.pop()[0])
        return self.names.pop()

    def close(self):
        for file, *_ in self._open:
            os.close(file)
        os.close(self.host)


def _parts(path: str) -> list[str]:
    """Return the names in a path, the first one last."""
    return [part for part in reversed(path.split("/")) if part not in ("", ".")]


def _kind_on_host(path: str) -> int:
    try:
        return stat.S_IFMT(os.lstat(path).st_mode)
    except FileNotFoundError:
        return 0
