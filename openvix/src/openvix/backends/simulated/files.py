# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files and directories of a guest, on its disk (docs/vix-semantics.md, section 20).

Each function takes a disk, the account whose rights apply (rights.py) and absolute paths of the guest. It raises OSError, which errors.py converts
to VixError.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat

from openvix.guest import host_paths, paths, rights, trees
from openvix.guest.errors import error
from openvix.guest.files import FileInfo
from openvix.guest.rights import Account
from openvix.vix import constants
from openvix.vix.errors import VixError


def kind_of(disk: paths.Disk, account: Account, path: str) -> int:
    """Return the file type bits at a path, 0 if it is missing or hidden from the account. Raises OSError for an empty or relative path."""
    try:
        with paths.find(disk, path) as place:
            rights.must_see(account, place.path)
            return stat.S_IFMT(place.stat().st_mode)
    except OSError as failure:
        if failure.errno == errno.EINVAL:
            raise
        return 0


def file_info(disk: paths.Disk, account: Account, path: str) -> FileInfo:
    """Return the properties of a file. A link is followed only to a directory."""
    with paths.find(disk, path) as place:
        rights.must_see(account, place.path)
        found = place.stat()
    with paths.find(disk, path, follow=False) as place:
        linked = stat.S_ISLNK(place.stat().st_mode)
    return _info(os.path.basename(path.rstrip("/")), found, linked)


def list_directory(disk: paths.Disk, account: Account, path: str) -> list[FileInfo]:
    """Return the entries of a directory, sorted by name."""
    with paths.find(disk, path) as place:
        rights.must_read(account, place.path)
        with trees.opened(place.name, os.O_RDONLY | os.O_DIRECTORY, place.directory, forced=_forced(account, place)) as directory:
            listed = []
            for name in sorted(os.listdir(directory)):
                with contextlib.suppress(FileNotFoundError):
                    found = os.stat(name, dir_fd=directory, follow_symlinks=False)
                    listed.append(_linked(disk, account, f"{place.path.rstrip('/')}/{name}", found))
            return listed


def _linked(disk: paths.Disk, account: Account, path: str, found: os.stat_result) -> FileInfo:
    """As file_info(), but return the link itself if it is dangling."""
    name = os.path.basename(path)
    if stat.S_ISLNK(found.st_mode):
        with contextlib.suppress(OSError):
            info = file_info(disk, account, path)
            return FileInfo(_text(name), info.size, info.flags, info.modified)
    return _info(name, found, stat.S_ISLNK(found.st_mode))


def _info(name: str, found: os.stat_result, linked: bool) -> FileInfo:
    size, flags = 0, 0
    if stat.S_ISDIR(found.st_mode):
        flags = constants.VIX_FILE_ATTRIBUTES_DIRECTORY
    else:
        flags = constants.VIX_FILE_ATTRIBUTES_SYMLINK if linked else 0
        size = found.st_size if stat.S_ISREG(found.st_mode) else 0
    return FileInfo(_text(name), size, flags, int(found.st_mtime))


def _text(name: str) -> str:
    """Return a file name as valid UTF-8, which VIX requires."""
    return os.fsencode(name).decode("utf-8", "replace")


def create_directory(disk: paths.Disk, account: Account, path: str) -> None:
    """Create a directory and missing parents. Raises OSError if the path exists."""
    names = path.rstrip("/").split("/")
    made = False
    for end in range(2, len(names) + 1):
        with paths.find(disk, "/".join(names[:end]), follow=end < len(names)) as place:
            rights.must_see(account, place.path)
            made = not _is_there(place)
            if made:
                _must_change(account, place)
                os.mkdir(place.name, 0o700, dir_fd=place.directory)
    if not made:
        raise error(errno.EEXIST if path.startswith("/") else errno.EINVAL, path)


def delete_directory(disk: paths.Disk, account: Account, path: str) -> None:
    """Remove a directory tree. Raises OSError for a link to a directory."""
    with paths.find(disk, _bare(path), follow=False) as place:
        rights.must_see(account, place.path)
        if not stat.S_ISDIR(place.stat().st_mode):
            raise error(errno.ENOTDIR, path)
        _must_change(account, place)
        trees.remove(place.directory, place.name)


def delete_file(disk: paths.Disk, account: Account, path: str) -> None:
    """Remove a file or a link. Raises OSError for anything else."""
    with paths.find(disk, path, follow=False) as place:
        rights.must_see(account, place.path)
        if stat.S_IFMT(place.stat().st_mode) not in (stat.S_IFREG, stat.S_IFLNK):
            raise error(errno.EISDIR, path)
        _must_change(account, place)
        os.unlink(place.name, dir_fd=place.directory)


def rename(disk: paths.Disk, account: Account, old: str, new: str) -> None:
    """Rename a file, link or directory. The same path is ignored, a directory as the target is an error, a file there is replaced."""
    with paths.find(disk, _bare(old), follow=False) as source, paths.find(disk, _bare(new), follow=False) as target:
        rights.must_see(account, source.path)
        source.stat()
        if source.path == target.path:
            return
        if stat.S_ISDIR(kind_of(disk, account, new)):
            raise VixError(constants.VIX_E_ALREADY_EXISTS, f"renaming {old} to {new}")
        _must_change(account, source)
        _must_change(account, target)
        os.rename(source.name, target.name, src_dir_fd=source.directory, dst_dir_fd=target.directory)


def create_temp_file(disk: paths.Disk, account: Account) -> str:
    """Create an empty file with a new name and return its path."""
    while True:
        path = f"/tmp/vmware{int.from_bytes(os.urandom(4))}"
        with contextlib.suppress(FileExistsError):
            write_new(disk, account, path, b"")
            return path


def write_new(disk: paths.Disk, account: Account, path: str, content: bytes) -> None:
    """Create a file with mode 0600."""
    with paths.find(disk, path, follow=False) as place:
        _must_change(account, place)
        with trees.opened(place.name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, place.directory) as file:
            trees.write(file, content)


def copy_in(disk: paths.Disk, account: Account, host_path: str, path: str) -> None:
    """Copy a file or directory of the host to a path of the guest."""
    with paths.find(disk, path) as place:
        source = host_paths.resolved(host_path)
        if path.endswith("/") and not os.path.isdir(source):
            raise error(errno.EISDIR, path)
        os.stat(source)
        _must_change(account, place)
        trees.copy(None, source, place.directory, place.name, source, trees.CopyOptions(target_forced=_forced(account, place)))


def copy_out(disk: paths.Disk, account: Account, path: str, host_path: str) -> None:
    """Copy a file or directory of the guest to a path of the host."""
    with paths.find(disk, path) as place:
        manner = trees.CopyOptions(check=lambda each: rights.must_read(account, each), source_forced=_forced(account, place))
        trees.copy(place.directory, place.name, None, host_paths.resolved(host_path), "" if place.path == "/" else place.path, manner)


def make_share_points(disk: paths.Disk, names: set[str]) -> None:
    """Create an empty directory for each shared folder, and remove the others."""
    above = os.path.dirname(paths.SHARES)
    with paths.find(disk, above) as place:
        if not _is_there(place):
            if not names:
                return
            os.mkdir(place.name, 0o755, dir_fd=place.directory)
    with paths.find(disk, paths.SHARES) as place:
        if not _is_there(place):
            if not names:
                return
            os.mkdir(place.name, 0o755, dir_fd=place.directory)
        with trees.opened(place.name, os.O_RDONLY | os.O_DIRECTORY, place.directory, forced=True) as directory:
            there = set(os.listdir(directory))
            for name in there - names:
                with contextlib.suppress(OSError):
                    os.rmdir(name, dir_fd=directory)
            for name in names - there:
                os.mkdir(name, 0o755, dir_fd=directory)


def _forced(account: Account, place: paths.Place) -> bool:
    """Return whether this account may ignore modes here; it may not on files of the host."""
    return account.administrator and not place.shared and not place.hosted


def _must_change(account: Account, place: paths.Place) -> None:
    place.must_change()
    # Writable shared folders are writable for all accounts of the guest.
    if not place.hosted:
        rights.must_write(account, place.path)


def _is_there(place: paths.Place) -> bool:
    try:
        place.stat()
    except FileNotFoundError:
        return False
    return True


def _bare(path: str) -> str:
    """Return a path without trailing slashes, which would cause a link to be followed."""
    return path.rstrip("/") or path[:1]
