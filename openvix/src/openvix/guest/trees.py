# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Copies and removal of files and directory trees.

A running guest may replace a file by a link at any time. So each name is looked up in an open directory, and no link is followed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterator
from typing import NamedTuple

from openvix.guest.errors import error
from openvix.system import fault_context

BLOCK = 1 << 20
# That of VMware Tools.
UMASK = 0o022
# Each level of a copy keeps two files open.
DEEPEST = 200


@contextlib.contextmanager
def opened(name: str, flags: int, directory: int | None, mode: int = 0o600, *, forced: bool = False) -> Iterator[int]:
    """Open a file or directory that is not a link; forced: also if its mode denies access to its owner."""
    with _unlocked(name, directory) if forced else contextlib.nullcontext():
        file = os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, mode, dir_fd=directory)
        try:
            yield file
        finally:
            os.close(file)


@contextlib.contextmanager
def _unlocked(name: str, directory: int | None) -> Iterator[None]:
    """Give the owner of a file or directory access within the block, if it exists."""
    try:
        place = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    except FileNotFoundError:
        yield
        return
    try:
        mode = os.fstat(place).st_mode
        needed = stat.S_IRWXU if stat.S_ISDIR(mode) else stat.S_IRUSR | stat.S_IWUSR
        if stat.S_ISLNK(mode) or mode & needed == needed:
            yield
            return
        # By the descriptor, so that the mode of this very file is changed.
        os.chmod(f"/proc/self/fd/{place}", stat.S_IMODE(mode) | needed)
        try:
            yield
        finally:
            os.chmod(f"/proc/self/fd/{place}", stat.S_IMODE(mode))
    finally:
        os.close(place)


class CopyOptions(NamedTuple):
    """Options of copy(). check: called with path and mode of each file before it is read; forced: as in opened(), for both ends; exact, guest: see copy()."""

    check: Callable[[str, int], None] | None = None
    source_forced: bool = False
    target_forced: bool = False
    exact: bool = False
    guest: bool = False


def copy(source: int | None, name: str, target: int | None, new: str, path: str, options: CopyOptions, depth: int = 0) -> None:
    """Copy a file, a link or a directory. Existing files are replaced, directories are merged (docs/vix-semantics.md, section 20).

    source, name: the directory and the name of the source; target, new: of the copy; path: of the source, for options.check.
    Owner, times and set-id bits are not preserved. With options.exact, times and mode are preserved, named pipes are copied, and sockets and files that
    vanish meanwhile are skipped. With options.guest, the copy is that of a guest's file server: new files have the mode of the source without the umask 022,
    and a link or a pipe is not replaced by a file. Raises OSError at the first error; files that were copied before it stay.
    """
    info = os.stat(name, dir_fd=source, follow_symlinks=False)
    if options.check:
        options.check(path, info.st_mode)
    mode, kind = stat.S_IMODE(info.st_mode) & 0o777, stat.S_IFMT(info.st_mode)
    if kind == stat.S_IFDIR:
        if depth == DEEPEST:
            raise error(errno.ENAMETOOLONG, path)
        is_new = must_take(target, new, kind, guest=options.guest)
        if is_new:
            os.mkdir(new, mode | 0o700, dir_fd=target)
        flags = os.O_RDONLY | os.O_DIRECTORY
        with opened(name, flags, source, forced=options.source_forced) as inner, opened(new, flags, target, forced=options.target_forced) as outer:
            if is_new and options.guest:
                os.fchmod(outer, mode & ~UMASK | 0o700)
            for child in sorted(os.listdir(inner)):
                try:
                    copy(inner, child, outer, child, f"{path}/{child}", options, depth + 1)
                except FileNotFoundError:
                    if not options.exact:
                        raise
            _finish(outer, info, options)
    elif kind == stat.S_IFLNK:
        clear_target(target, new, replaced=(stat.S_IFLNK, stat.S_IFREG))
        os.symlink(os.readlink(name, dir_fd=source), new, dir_fd=target)
    elif kind == stat.S_IFREG:
        is_new = must_take(target, new, kind, guest=options.guest)
        create = os.O_WRONLY | os.O_CREAT
        with opened(name, os.O_RDONLY, source, forced=options.source_forced) as inner, opened(new, create, target, mode, forced=options.target_forced) as outer:
            # Either may have been replaced by a pipe.
            must_be_file(inner, path)
            must_be_file(outer, new)
            copy_content(inner, outer)
            if is_new and options.guest:
                os.fchmod(outer, mode & ~UMASK)
            _finish(outer, info, options)
    elif not options.exact:
        raise error(errno.EISDIR, path)
    elif kind == stat.S_IFIFO:
        os.mkfifo(new, mode, dir_fd=target)


def must_take(directory: int | None, name: str, kind: int, *, guest: bool) -> bool:
    """Prepare a name for a file or directory; return whether nothing is there. guest: see copy(). Raises OSError for what a guest does not replace."""
    if not guest and kind == stat.S_IFREG:
        clear_target(directory, name, replaced=(stat.S_IFLNK,))
    try:
        there = stat.S_IFMT(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return True
    if guest and there != kind:
        raise error(errno.EEXIST if stat.S_IFDIR in (there, kind) else errno.EIO, name)
    return False


def copy_content(source: int, target: int) -> None:
    """Replace the content of an open file by that of another one."""
    os.ftruncate(target, 0)
    while block := os.read(source, BLOCK):
        write(target, block)


def must_be_file(file: int, path: str) -> None:
    if not stat.S_ISREG(os.fstat(file).st_mode):
        raise error(errno.EISDIR, path)


def _finish(file: int, info: os.stat_result, options: CopyOptions) -> None:
    if options.exact:
        os.fchmod(file, stat.S_IMODE(info.st_mode))
        os.utime(file, ns=(info.st_atime_ns, info.st_mtime_ns))


def clear_target(directory: int | None, name: str, replaced: tuple[int, ...]) -> None:
    """Remove an existing file of one of these types. Raises OSError unless another one is a file or a directory."""
    try:
        kind = stat.S_IFMT(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return
    if kind in replaced:
        os.unlink(name, dir_fd=directory)
    elif kind not in (stat.S_IFREG, stat.S_IFDIR):
        raise error(errno.EISDIR, name)


def write(file: int, content: bytes) -> None:
    """Write all of the content to an open file."""
    rest = memoryview(fault_context.written_part(content))
    while rest:
        rest = rest[os.write(file, rest) :]


def remove(directory: int | None, name: str) -> None:
    """Remove a directory tree, whatever its modes."""
    clear(directory, name)
    os.rmdir(name, dir_fd=directory)


def clear(directory: int | None, name: str) -> None:
    """Remove everything in a directory, whatever its modes."""
    flags = os.O_RDONLY | os.O_DIRECTORY
    with opened(name, flags, directory, forced=True) as top:
        # Subdirectories are moved to the top directory, so that the depth of the tree is not limited.
        while names := os.listdir(top):
            for each in names:
                if not _is_directory(top, each):
                    os.unlink(each, dir_fd=top)
                    continue
                with opened(each, flags, top, forced=True) as inner:
                    for child in os.listdir(inner):
                        if _is_directory(inner, child):
                            with _unlocked(child, inner):
                                os.rename(child, f"{os.urandom(8).hex()}.removed", src_dir_fd=inner, dst_dir_fd=top)
                        else:
                            os.unlink(child, dir_fd=inner)
                os.rmdir(each, dir_fd=top)


def _is_directory(directory: int, name: str) -> bool:
    return stat.S_ISDIR(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode)
