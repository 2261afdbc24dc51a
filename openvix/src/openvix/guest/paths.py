# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Resolution of paths of a guest. Links are followed as in the guest, and never lead out of its disk."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeAlias

from openvix.guest.errors import error

# Paths of the host that are visible in the guest, read-only; the same list as in sandbox.c. Each is visible if the guest has a file of the same type there.
SHOWN = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc/alternatives", "/etc/ld.so.cache")
# Created by each sandbox; empty on the disk.
VOLATILE = ("/dev", "/proc")
# The directory of shared folders in a guest.
SHARES = "/mnt/hgfs"
LINKS = 40
LONGEST = 4096
DEEPEST = 256
# O_NOFOLLOW: a link is an error here, since the directory was checked to be none.
DIRECTORY = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class View(NamedTuple):
    """A disk with shared folders below SHARES.

    shares: {name: (directory of the host, writable)}; shown: {directory of the guest: directory of the host that it sees there, read-only}.
    """

    disk: Path
    shares: dict[str, tuple[str, bool]]
    shown: dict[str, str] | None = None


# The files of a guest, as find() looks at them.
Disk: TypeAlias = Path | View


class Place(NamedTuple):
    """A resolved path: a name in an open directory. It need not exist.

    shared: it is on the host and read-only; hosted: it is on the host and writable.
    """

    directory: int
    name: str
    path: str
    shared: bool
    hosted: bool = False

    def stat(self) -> os.stat_result:
        """Return its status; a link is not followed. Raises FileNotFoundError."""
        return os.stat(self.name, dir_fd=self.directory, follow_symlinks=False)

    def must_change(self):
        """Raise OSError if no account of the guest may replace or remove it."""
        if self.path in ("/", SHARES) or (self.hosted and os.path.dirname(self.path) == SHARES):
            raise error(errno.EBUSY, self.path)
        if self.shared:
            raise error(errno.EACCES, self.path)


def absolute(path: str) -> str:
    """Return a path as guest tools resolve it: a relative one begins at the root. An empty path stays empty."""
    return path if not path or path.startswith("/") else f"/{path}"


def bare(path: str) -> str:
    """Return a path without trailing slashes, which would cause a link to be followed."""
    return path.rstrip("/") or path[:1]


@contextlib.contextmanager
def find(disk: Disk, path: str, *, follow: bool = True, enter: Callable[[str, int], None] | None = None) -> Iterator[Place]:
    """Resolve a path of the guest, which begins at / also if it is relative; yield its Place, which is valid within the block.

    follow: whether a link at the end of the path is followed. The parent directory must exist.
    enter: called with path and mode of each directory on the way, except those of shared folders; raises OSError if the account may not enter it.
    Programs of the guest may replace directories by links meanwhile. So each step starts from an open directory, and no path leads out of the guest.
    Raises OSError like Linux does; EINVAL for an empty path.
    """
    if not path or "\0" in path:
        raise error(errno.EINVAL, path)
    if len(os.fsencode(path)) >= LONGEST:
        raise error(errno.ENAMETOOLONG, path)
    shares = {f"{SHARES}/{name}": share for name, share in disk.shares.items()} if isinstance(disk, View) else {}
    shown = disk.shown or {} if isinstance(disk, View) else {}
    with contextlib.closing(_OpenPath(disk.disk if isinstance(disk, View) else disk)) as walk:
        rest, links, directory_wanted = _parts(path), 0, path.endswith("/")
        while rest or walk.names:
            # A path may end in a directory that has already been entered.
            name = rest.pop() if rest else walk.leave()
            if name == "..":
                walk.leave()
                continue
            directory, here = walk.last, walk.path(name)
            shared, hosted = walk.shared or here in VOLATILE, walk.hosted
            try:
                mode = os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode
                kind = stat.S_IFMT(mode)
            except FileNotFoundError:
                if rest:
                    raise
                kind = None
            if kind == stat.S_IFLNK and (rest or follow or directory_wanted):
                links += 1
                if links > LINKS:
                    raise error(errno.ELOOP, path)
                target = os.readlink(name, dir_fd=directory)
                while target.startswith("/") and walk.names:
                    walk.leave()
                rest += _parts(target)
                continue
            if here in SHOWN and kind is not None and _kind_on_host(here) == kind:
                directory, name, shared = walk.host, here[1:], True
            elif here in shown and kind == stat.S_IFDIR:
                directory, name, shared = walk.host, os.path.realpath(shown[here])[1:], True
            elif here in shares and os.path.isdir(shares[here][0]):
                directory, name, kind = walk.host, os.path.realpath(shares[here][0])[1:] or ".", stat.S_IFDIR
                shared, hosted = not shares[here][1], shares[here][1]
            if (rest or directory_wanted) and kind not in (stat.S_IFDIR, None):
                raise error(errno.ENOTDIR, path)
            if not rest:
                yield Place(directory, name, here, shared, hosted)
                return
            if enter and not hosted:
                enter(here, mode)
            walk.enter(directory, name, here, shared, hosted)
        yield Place(walk.last, ".", "/", False)


class _OpenPath:
    """The open directories along a path."""

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
        """Return to the parent directory, which for the root is the root; return the name of the directory that was left."""
        if not self.names:
            return "."
        os.close(self._open.pop()[0])
        return self.names.pop()

    def close(self):
        for file, *_ in self._open:
            os.close(file)
        os.close(self.host)


def _parts(path: str) -> list[str]:
    """Return the names in a path in reverse order."""
    return [part for part in reversed(path.split("/")) if part not in ("", ".")]


def _kind_on_host(path: str) -> int:
    try:
        return stat.S_IFMT(os.lstat(path).st_mode)
    except FileNotFoundError:
        return 0
