# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files and directories of a Windows guest, on its disk.

Each function takes a disk, the account whose rights apply and absolute paths of the guest, such as C:\\Users\\lab\\a.txt. The operations themselves are those
of a simulated Linux guest (backends/simulated/files.py) at the place of the path on the disk. They raise OSError and VixError.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat

from openvix.backends.simulated import files
from openvix.guest import host_paths, paths, trees, windows_paths
from openvix.guest.errors import error
from openvix.guest.files import FileInfo
from openvix.guest.rights import Account
from openvix.vix import constants
from openvix.vix.errors import VixError


def kind_of(disk: paths.Disk, account: Account, path: str) -> int:
    """Return the file type bits at a path, 0 if it is missing, hidden from the account, or no file (a device). Raises OSError for a relative path."""
    try:
        return files.kind_of(disk, account, windows_paths.resolve(disk, path))
    except VixError:
        return 0
    except OSError as failure:
        if failure.errno == errno.EINVAL:
            raise
        return 0


def file_info(disk: paths.Disk, account: Account, path: str) -> FileInfo:
    """Return the properties of a file or directory."""
    place = windows_paths.resolve(disk, path)
    return _whole(disk, account, place, files.file_info(disk, account, place))


def list_directory(disk: paths.Disk, account: Account, path: str) -> list[FileInfo]:
    """Return the entries of a directory, sorted by name."""
    place = windows_paths.resolve(disk, path)
    found = sorted(files.list_directory(disk, account, place), key=lambda info: info.name)
    return [_whole(disk, account, f"{place}/{info.name}", info) for info in found]


def _whole(disk: paths.Disk, account: Account, place: str, info: FileInfo) -> FileInfo:
    """Return the properties of what a link of the disk leads to: such a link stands for a file that guests share, and is none for the guest."""
    if not info.flags & constants.VIX_FILE_ATTRIBUTES_SYMLINK:
        return info
    with contextlib.suppress(OSError), paths.find(disk, place) as target:
        size = target.stat().st_size
        return FileInfo(info.name, size, info.flags & ~constants.VIX_FILE_ATTRIBUTES_SYMLINK, info.modified)
    return info


def create_directory(disk: paths.Disk, account: Account, path: str) -> None:
    """Create a directory and missing parents. Raises OSError if the path exists."""
    files.create_directory(disk, account, windows_paths.resolve(disk, path))


def delete_directory(disk: paths.Disk, account: Account, path: str) -> None:
    """Remove a directory tree."""
    files.delete_directory(disk, account, _changeable(disk, path))


def delete_file(disk: paths.Disk, account: Account, path: str) -> None:
    """Remove a file. Raises OSError for anything else."""
    place = _changeable(disk, path)
    if kind_of(disk, account, path) == stat.S_IFDIR:
        # A link of the disk to a directory is a directory for the guest.
        raise error(errno.EISDIR, path)
    files.delete_file(disk, account, place)


def rename(disk: paths.Disk, account: Account, old: str, new: str) -> None:
    """Rename a file or directory. A name may change the case of its letters; a directory as the target is an error, a file there is replaced."""
    source, target = _changeable(disk, old), _changeable(disk, new)
    if source == target:
        target = f"{os.path.dirname(source)}/{windows_paths.names(new)[-1]}"
    files.rename(disk, account, source, target, copied=False)


def create_temp_file(disk: paths.Disk, account: Account, directory: str) -> str:
    """Create an empty file with a new name in a directory and return its path."""
    while True:
        path = f"{directory}\\vmware{int.from_bytes(os.urandom(4))}"
        with contextlib.suppress(FileExistsError):
            write_new(disk, account, path, b"")
            return path


def write_new(disk: paths.Disk, account: Account, path: str, content: bytes) -> None:
    """Create a file."""
    files.write_new(disk, account, windows_paths.resolve(disk, path), content)


def copy_in(disk: paths.Disk, account: Account, host_path: str, path: str, depth: int = 0) -> None:
    """Copy a file or directory of the host to a path of the guest. Links of the host are followed: a Windows guest gets none."""
    source, place = host_paths.resolved(host_path), windows_paths.resolve(disk, path)
    if not os.path.isdir(source):
        if path.endswith(("\\", "/")):
            raise error(errno.EISDIR, path)
        os.stat(source)
        if kind_of(disk, account, path) == stat.S_IFREG:
            # A file that guests share is replaced for this guest alone.
            with paths.find(disk, place, follow=False) as found:
                is_shared = stat.S_ISLNK(found.stat().st_mode)
            if is_shared:
                files.delete_file(disk, account, place)
        files.copy_in(disk, account, source, place)
        return
    if depth == trees.DEEPEST:
        raise error(errno.ENAMETOOLONG, path)
    if kind_of(disk, account, path) != stat.S_IFDIR:
        _make(disk, account, place)
    for name in sorted(os.listdir(source)):
        copy_in(disk, account, f"{source}/{name}", f"{_bare(path)}\\{name}", depth + 1)


def _make(disk: paths.Disk, account: Account, place: str) -> None:
    """Create a directory whose parent must exist."""
    with paths.find(disk, os.path.dirname(place)) as above:
        if not stat.S_ISDIR(above.stat().st_mode):
            raise error(errno.ENOTDIR, place)
    files.create_directory(disk, account, place)


def copy_out(disk: paths.Disk, account: Account, path: str, host_path: str, depth: int = 0) -> None:
    """Copy a file or directory of the guest to a path of the host, which gets no links."""
    place = windows_paths.resolve(disk, path)
    if files.kind_of(disk, account, place) != stat.S_IFDIR:
        files.copy_out(disk, account, place, host_path)
        return
    if depth == trees.DEEPEST:
        raise error(errno.ENAMETOOLONG, path)
    entries, target = files.list_directory(disk, account, place), host_paths.resolved(host_path)
    with contextlib.suppress(FileExistsError):
        os.mkdir(target)
    for entry in entries:
        copy_out(disk, account, f"{_bare(path)}\\{entry.name}", f"{target}/{entry.name}", depth + 1)


def _bare(path: str) -> str:
    return path.rstrip("/\\")


def _changeable(disk: paths.Disk, path: str) -> str:
    """Return the place of a path that may be removed or renamed. Raises OSError for a drive."""
    place = windows_paths.resolve(disk, path)
    if place in (windows_paths.DRIVE, paths.SHARES):
        raise error(errno.EBUSY, path)
    return place
