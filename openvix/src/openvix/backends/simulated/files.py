# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files and directories of a guest, on its disk (docs/vix-semantics.md, section 20).

Each function takes a disk, the account whose rights apply (rights.py) and paths of the guest. It raises OSError, which errors.py converts
to VixError. The answers are those of VMware Tools.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import stat
from contextlib import AbstractContextManager
from functools import partial

from openvix.guest import host_paths, paths, rights, trees
from openvix.guest.errors import error
from openvix.guest.files import UNKNOWN_SIZE, UNKNOWN_TIME, FileInfo, order_of, unreachable_as
from openvix.guest.rights import Account
from openvix.vix import constants
from openvix.vix.errors import VixError


def _find(disk: paths.Disk, account: Account, path: str, *, follow: bool = True) -> AbstractContextManager[paths.Place]:
    """As paths.find(), with the rights of an account."""
    return paths.find(disk, path, follow=follow, enter=partial(rights.must_enter, account))


def kind_of(disk: paths.Disk, account: Account, path: str) -> int:
    """Return the file type bits at a path, 0 if it is missing or out of reach for the account. Raises OSError for an empty path."""
    try:
        with _find(disk, account, path) as place:
            return stat.S_IFMT(place.stat().st_mode)
    except OSError as failure:
        if failure.errno == errno.EINVAL:
            raise
        return 0


def file_info(disk: paths.Disk, account: Account, path: str) -> FileInfo:
    """Return the properties of a file. A link is followed, and marked if it leads to a file. What is out of reach is missing."""
    with unreachable_as(errno.ENOENT, path):
        with _find(disk, account, path) as place:
            found = place.stat()
            readable = _may_read(account, place, found.st_mode)
        with _find(disk, account, path, follow=False) as place:
            linked = stat.S_ISLNK(place.stat().st_mode)
    return _info(os.path.basename(path.rstrip("/")), found, linked, readable)


def list_directory(disk: paths.Disk, account: Account, path: str) -> list[FileInfo]:
    """Return the entries of a directory. What is not a directory and what is out of reach have the same error."""
    with contextlib.ExitStack() as reached:
        with unreachable_as(errno.ENOTDIR, path):
            place = reached.enter_context(_find(disk, account, path))
            mode = place.stat().st_mode
            if not stat.S_ISDIR(mode):
                raise error(errno.ENOTDIR, path)
        if not _may_read(account, place, mode):
            raise error(errno.EACCES, path)
        entered = place.hosted or rights.may_enter(account, place.path, mode)
        with trees.opened(place.name, os.O_RDONLY | os.O_DIRECTORY, place.directory, forced=_forced(account, place)) as directory:
            names = sorted(os.listdir(directory), key=lambda name: order_of(os.fsencode(name)))
            if not entered:
                return [FileInfo(_text(name), 0, 0, UNKNOWN_TIME) for name in names]
            listed = []
            for name in names:
                with contextlib.suppress(FileNotFoundError):
                    found = os.stat(name, dir_fd=directory, follow_symlinks=False)
                    listed.append(_entry(disk, account, f"{place.path.rstrip('/')}/{name}", found))
            return listed


def _entry(disk: paths.Disk, account: Account, path: str, found: os.stat_result) -> FileInfo:
    """As file_info(); a link that leads to nothing is a link without size and time."""
    name = _text(os.path.basename(path))
    try:
        return file_info(disk, account, path)._replace(name=name)
    except OSError:
        return FileInfo(name, 0, constants.VIX_FILE_ATTRIBUTES_SYMLINK if stat.S_ISLNK(found.st_mode) else 0, UNKNOWN_TIME)


def _info(name: str, found: os.stat_result, linked: bool, readable: bool) -> FileInfo:
    size, flags = 0, 0
    if stat.S_ISDIR(found.st_mode):
        flags = constants.VIX_FILE_ATTRIBUTES_DIRECTORY
    else:
        flags = constants.VIX_FILE_ATTRIBUTES_SYMLINK if linked else 0
        if stat.S_ISREG(found.st_mode):
            size = found.st_size if readable else UNKNOWN_SIZE
    return FileInfo(_text(name), size, flags, int(found.st_mtime // 1))


def _text(name: str) -> str:
    """Return a file name as valid UTF-8, which VIX requires."""
    return os.fsencode(name).decode("utf-8", "replace")


def create_directory(disk: paths.Disk, account: Account, path: str) -> None:
    """Create a directory and missing parents. Raises OSError if the path leads to anything."""
    if _leads(disk, account, path):
        raise error(errno.EEXIST, path)
    names = path.strip("/").split("/")
    for end in range(1, len(names) + 1):
        step = "/".join(names[:end])
        if not _leads(disk, account, step):
            with _find(disk, account, step, follow=False) as place:
                if _is_there(place):
                    # A dangling link.
                    raise error(errno.ENOENT, path)
                _must_change(account, place)
                os.mkdir(place.name, 0o700, dir_fd=place.directory)


def delete_directory(disk: paths.Disk, account: Account, path: str) -> None:
    """Remove a directory tree.

    As with VMware Tools, the directory is emptied first. So a link to a directory and a directory that the account cannot remove raise OSError, and what
    was in the directory is gone.
    """
    with _find(disk, account, path) as place:
        if not stat.S_ISDIR(place.stat().st_mode):
            raise error(errno.ENOTDIR, path)
        place.must_change()
        if place.hosted or rights.may_write(account, f"{place.path}/"):
            trees.clear(place.directory, place.name)
    with _find(disk, account, paths.bare(path), follow=False) as place:
        if stat.S_ISLNK(place.stat().st_mode):
            raise error(errno.ENOTDIR, path)
        _must_change(account, place)
        os.rmdir(place.name, dir_fd=place.directory)


def delete_file(disk: paths.Disk, account: Account, path: str) -> None:
    """Remove a file or a link. Raises OSError for anything else."""
    with _find(disk, account, path, follow=False) as place:
        if stat.S_IFMT(place.stat().st_mode) not in (stat.S_IFREG, stat.S_IFLNK):
            raise error(errno.EISDIR, path)
        _must_change(account, place)
        os.unlink(place.name, dir_fd=place.directory)


def rename(disk: paths.Disk, account: Account, old: str, new: str, *, copied: bool = True) -> None:
    """Rename a file, link or directory. The same file is ignored, a directory as the target is an error, a file there is replaced.

    copied: whether what cannot be renamed is copied, as by VMware Tools in a POSIX guest: see _copy_renamed().
    """
    if not old or not new:
        raise error(errno.EINVAL, old or new)
    with _find(disk, account, old) as place:
        source = place.stat()
    with contextlib.suppress(OSError), _find(disk, account, new) as place:
        target = place.stat()
        if (source.st_dev, source.st_ino) == (target.st_dev, target.st_ino):
            return
        if stat.S_ISDIR(target.st_mode):
            raise VixError(constants.VIX_E_ALREADY_EXISTS, f"renaming {old} to {new}")
    try:
        _move(disk, account, old, new, across=not copied)
    except OSError:
        if not copied:
            raise
        _copy_renamed(disk, account, old, new)


def _move(disk: paths.Disk, account: Account, old: str, new: str, *, across: bool) -> None:
    """Rename as rename(2); across: also to another file system."""
    with _find(disk, account, paths.bare(old), follow=False) as source, _find(disk, account, paths.bare(new), follow=False) as target:
        _must_change(account, source)
        _must_change(account, target)
        if not across and _file_system(source) != _file_system(target):
            raise error(errno.EXDEV, new)
        os.rename(source.name, target.name, src_dir_fd=source.directory, dst_dir_fd=target.directory)


def _file_system(place: paths.Place) -> tuple[bool, bool, bool]:
    """Return on which file system of the guest a place is: /tmp is a separate one, so that tests meet what a rename to another one does."""
    return rights.is_below(place.path, "/tmp"), place.shared, place.hosted


def _copy_renamed(disk: paths.Disk, account: Account, old: str, new: str) -> None:
    """Copy a file to a new name, and remove the old one if the account can. Links are followed on both sides.

    A new file has mode 0600, an existing one is overwritten. A directory raises OSError, and what was at the new name is gone.
    """
    with _find(disk, account, old) as source, _find(disk, account, new) as target:
        mode = source.stat().st_mode
        if not _may_read(account, source, mode):
            raise error(errno.EACCES, old)
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            raise error(errno.EISDIR, old)
        _must_overwrite(account, target)
        with (
            trees.opened(source.name, os.O_RDONLY, source.directory, forced=_forced(account, source)) as inner,
            trees.opened(target.name, os.O_WRONLY | os.O_CREAT, target.directory, forced=_forced(account, target)) as outer,
        ):
            trees.must_be_file(outer, new)
            try:
                os.ftruncate(outer, 0)
                trees.must_be_file(inner, old)
                trees.copy_content(inner, outer)
            except OSError:
                _unlink(disk, account, new)
                raise
    with contextlib.suppress(OSError):
        _unlink(disk, account, old)


def _unlink(disk: paths.Disk, account: Account, path: str) -> None:
    with _find(disk, account, paths.bare(path), follow=False) as place:
        _must_change(account, place)
        os.unlink(place.name, dir_fd=place.directory)


def temporary_directory(disk: paths.Disk, account: Account, mark: str) -> str:
    """Return the directory for temporary files of an account, created if it is missing: in /tmp, or else in its home. It stays.

    mark: distinguishes the directories of one start of the guest tools from those of others.
    """
    refused = error(errno.EACCES, "/tmp")
    for above in ("/tmp", account.home):
        path = f"{above}/vmware-{account.name}_{mark}"
        try:
            with _find(disk, account, path, follow=False) as place:
                if not _is_there(place):
                    _must_change(account, place)
                    os.mkdir(place.name, 0o700, dir_fd=place.directory)
                mode = place.stat().st_mode
            if stat.S_ISDIR(mode) and not mode & 0o077:
                return path
        except OSError as reason:
            refused = reason
    raise refused


def write_temporary(disk: paths.Disk, account: Account, mark: str, name: str, content: bytes) -> str:
    """Create a file with mode 0600 in the directory for temporary files, and return its path; name: what a number is appended to."""
    directory = temporary_directory(disk, account, mark)
    for number in itertools.count():
        path = f"{directory}/{name}{number}"
        with contextlib.suppress(FileExistsError):
            write_new(disk, account, path, content)
            return path
    raise AssertionError


def write_new(disk: paths.Disk, account: Account, path: str, content: bytes) -> None:
    """Create a file with mode 0600."""
    with _find(disk, account, path, follow=False) as place:
        _must_change(account, place)
        with trees.opened(place.name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, place.directory) as file:
            trees.write(file, content)


def copy_in(disk: paths.Disk, account: Account, host_path: str, path: str) -> None:
    """Copy a file or directory of the host to a path of the guest. A link there is not followed, and neither it nor a pipe is replaced by a file."""
    if not path:
        raise error(errno.EINVAL, path)
    with _find(disk, account, paths.bare(path), follow=False) as place:
        source = host_paths.resolved(host_path)
        if path.endswith("/") and not os.path.isdir(source):
            raise error(errno.EISDIR, path)
        kind = stat.S_IFMT(os.stat(source).st_mode)
        trees.must_take(place.directory, place.name, kind, guest=True)
        _must_overwrite(account, place)
        trees.copy(None, source, place.directory, place.name, source, trees.CopyOptions(target_forced=_forced(account, place), guest=True))


def copy_out(disk: paths.Disk, account: Account, path: str, host_path: str) -> None:
    """Copy a file or directory of the guest to a path of the host."""
    with _find(disk, account, path) as place:
        check = None if place.hosted else partial(rights.must_read, account)
        manner = trees.CopyOptions(check=check, source_forced=_forced(account, place))
        trees.copy(place.directory, place.name, None, host_paths.resolved(host_path), "" if place.path == "/" else place.path, manner)


def make_share_points(disk: paths.Disk, names: set[str]) -> None:
    """Create an empty directory for each shared folder, and remove the others."""
    above = os.path.dirname(paths.SHARES)
    with paths.find(disk, above) as place:
        if not _is_there(place):
            if not names:
                return
            _make_share_point(place.name, place.directory)
    with paths.find(disk, paths.SHARES) as place:
        if not _is_there(place):
            if not names:
                return
            _make_share_point(place.name, place.directory)
        with trees.opened(place.name, os.O_RDONLY | os.O_DIRECTORY, place.directory, forced=True) as directory:
            there = set(os.listdir(directory))
            for name in there - names:
                with contextlib.suppress(OSError):
                    os.rmdir(name, dir_fd=directory)
            for name in names - there:
                _make_share_point(name, directory)


def _make_share_point(name: str, directory: int) -> None:
    """Create a directory that all accounts may enter, whatever the umask of this process is."""
    os.mkdir(name, 0o755, dir_fd=directory)
    made = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=directory)
    try:
        os.fchmod(made, 0o755)
    finally:
        os.close(made)


def _forced(account: Account, place: paths.Place) -> bool:
    """Return whether this account may ignore modes here; it may not on files of the host."""
    return account.administrator and not place.shared and not place.hosted


def _may_read(account: Account, place: paths.Place, mode: int) -> bool:
    return place.hosted or rights.may_read(account, place.path, mode)


def _must_change(account: Account, place: paths.Place) -> None:
    """Raise OSError unless the account may create, rename or remove what is at a place."""
    place.must_change()
    # Writable shared folders are writable for all accounts of the guest.
    if not place.hosted:
        rights.must_write(account, place.path)
        rights.must_have_write(account, os.path.dirname(place.path), os.fstat(place.directory).st_mode)


def _must_overwrite(account: Account, place: paths.Place) -> None:
    """Raise OSError unless the account may change the content of the file at a place, or create it."""
    try:
        mode = place.stat().st_mode
    except FileNotFoundError:
        _must_change(account, place)
        return
    place.must_change()
    if not place.hosted:
        rights.must_write(account, place.path)
        rights.must_have_write(account, place.path, mode)


def _leads(disk: paths.Disk, account: Account, path: str) -> bool:
    """Return whether a path leads to anything. Raises OSError if something keeps the account from knowing that."""
    try:
        with _find(disk, account, path) as place:
            place.stat()
    except FileNotFoundError:
        return False
    return True


def _is_there(place: paths.Place) -> bool:
    try:
        place.stat()
    except FileNotFoundError:
        return False
    return True
