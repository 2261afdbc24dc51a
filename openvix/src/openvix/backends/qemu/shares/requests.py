# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The FUSE requests of a guest to its shared folders, and their answers.

Requests are not trusted. A file is reached from the shared directory name by name, and no link is followed: the guest's kernel
follows links, in the guest. Only files and directories are opened, and read-only shares are not changed, whatever the guest requests.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import struct
import time
from collections.abc import Iterator

from openvix.backends.qemu.shares import fuse
from openvix.backends.qemu.shares.fuse import ROOT, Operation
from openvix.backends.qemu.shares.handles import Handle, Handles
from openvix.backends.qemu.shares.nodes import LONGEST, Node, Nodes, Place, Share, first_number, inode, inode_of, is_name
from openvix.guest.errors import error

# The maximum size of a read or write, and the maximum number of entries of a directory.
MOST_BYTES, MOST_NAMES = 1 << 20, 1 << 17
# How long the guest may cache attributes and names, in nanoseconds: long enough for repeated lookups of one command, short enough to see changes of the host.
VALID = 100_000_000
FARTHEST = (1 << 63) - 1
NO_ANSWER = {Operation.FORGET, Operation.BATCH_FORGET, Operation.INTERRUPT}
CHANGEABLE = {stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK}
ACCESS_MODES = (os.O_RDONLY, os.O_WRONLY, os.O_RDWR)
# Open exactly the file that was checked: no pipe in its place, and no link.
OPENING = os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
ROOT_ATTRIBUTES = fuse.ATTRIBUTES.pack(ROOT, 0, 0, 0, 0, 0, 0, 0, 0, stat.S_IFDIR | 0o555, 2, 0, 0, 0, 4096, 0)


class Malformed(Exception):
    """The message is not a valid request."""


class Requests:
    """The shared folders of one guest."""

    def __init__(self):
        self._nodes, self._handles = Nodes(), Handles()
        self._next = first_number()

    def show(self, shares: dict[bytes, Share]) -> None:
        """Share these directories with the guest. Raises OSError if one cannot be opened."""
        before = self._nodes.shares
        self._handles.close_all({name for name, share in before.items() if name not in shares or shares[name].path != share.path})
        self._nodes.shares = dict(shares)

    @property
    def is_shown(self) -> bool:
        """Return whether the guest has any shared folder."""
        return bool(self._nodes.shares)

    def recall(self, record: bytes) -> None:
        """Restore a node that the guest knows: its number, that of its directory, its inode and its name. Raises Malformed."""
        if len(record) < fuse.NODE.size:
            raise Malformed
        number, parent, own = fuse.NODE.unpack_from(record)
        self._nodes.recall(number, Node(parent, record[fuse.NODE.size :], own))

    def close_files(self):
        """Close all files. They are reopened when the guest uses them again."""
        self._handles.close_all()

    def answer(self, message: bytes | memoryview) -> list[bytes] | None:
        """Return the answer to a request as a list of buffers, None if none is expected. Raises Malformed."""
        if len(message) < fuse.REQUEST.size:
            raise Malformed
        length, number, unique, node, *_ = fuse.REQUEST.unpack_from(message)
        if length != len(message):
            raise Malformed
        if number in NO_ANSWER:
            return None
        try:
            work = ANSWERS[number]
        except KeyError:
            return self._refusal(unique, errno.ENOSYS)
        try:
            content = work(self, node, message[fuse.REQUEST.size :])
        except struct.error:
            return self._refusal(unique, errno.EINVAL)
        except OSError as refused:
            return self._refusal(unique, refused.errno or errno.EIO)
        return [fuse.ANSWER.pack(fuse.ANSWER.size + len(content), 0, unique), content]

    def _refusal(self, unique: int, number: int) -> list[bytes]:
        # The kernel accepts no errno above this.
        return [fuse.ANSWER.pack(fuse.ANSWER.size, -number if 0 < number < 512 else -errno.EIO, unique)]

    # -- names

    def _lookup(self, node, body):
        return self._entry(node, _name(body))

    def _entry(self, node: int, name: bytes) -> bytes:
        """Look up a name in a directory."""
        if node == ROOT:
            share = self._nodes.shares.get(name)
            if share is None:
                raise error(errno.ENOENT, os.fsdecode(name))
            info = os.stat(share.path)
            if not stat.S_ISDIR(info.st_mode):
                raise error(errno.ENOENT, share.path)
            return self._pack_entry(node, name, info)
        with self._nodes.at(node) as place:
            _must_be_directory(place)
            return self._pack_entry(node, name, os.stat(name, dir_fd=place.file, follow_symlinks=False))

    def _pack_entry(self, parent: int, name: bytes, info: os.stat_result) -> bytes:
        number = self._nodes.number(parent, name, info)
        return fuse.ENTRY_OUT.pack(number, 0, 0, 0, VALID, VALID) + _attributes(info)

    def _make_directory(self, node, body):
        mode, umask = fuse.MKDIR_IN.unpack_from(body)
        name = _name(body[fuse.MKDIR_IN.size :])
        with self._directory(node) as place:
            os.mkdir(name, mode & 0o777 & ~umask, dir_fd=place.file)
        return self._entry(node, name)

    def _remove(self, node, body):
        self._require_no_share(node)
        with self._directory(node) as place:
            os.unlink(_name(body), dir_fd=place.file)
        return b""

    def _remove_directory(self, node, body):
        self._require_no_share(node)
        with self._directory(node) as place:
            os.rmdir(_name(body), dir_fd=place.file)
        return b""

    def _rename(self, node, body):
        (target,) = fuse.RENAME_IN.unpack_from(body)
        return self._move(node, target, body[fuse.RENAME_IN.size :])

    def _rename_with_flags(self, node, body):
        target, flags, _ = fuse.RENAME2_IN.unpack_from(body)
        if flags:
            raise error(errno.EINVAL, str(flags))
        return self._move(node, target, body[fuse.RENAME2_IN.size :])

    def _move(self, node: int, target: int, body: memoryview) -> bytes:
        self._require_no_share(node)
        self._require_no_share(target)
        names = bytes(body).split(b"\0")
        if len(names) != 3 or names.pop() or not all(map(is_name, names)):
            raise error(errno.EINVAL, "")
        old, new = names
        with self._directory(node) as source, self._directory(target) as place:
            # Renaming between two shares is not possible, even if one contains the other.
            if self._nodes.share_of(node) != self._nodes.share_of(target):
                raise error(errno.EXDEV, os.fsdecode(new))
            os.rename(old, new, src_dir_fd=source.file, dst_dir_fd=place.file)
        self._nodes.moved(node, old, target, new)
        return b""

    @contextlib.contextmanager
    def _directory(self, node: int) -> Iterator[Place]:
        """Find a directory whose entries may be changed."""
        with self._nodes.at(node) as place:
            _must_be_directory(place)
            place.share.must_be_writable()
            yield place

    def _require_no_share(self, node: int) -> None:
        if node == ROOT:
            raise error(errno.EBUSY, "/")

    def _refuse_making(self, node, body):
        # A link could lead programs of the host elsewhere, and pipes and devices do not belong in a shared folder.
        raise error(errno.EPERM, "")

    # -- attributes

    def _get_attributes(self, node, body):
        flags, _, number = fuse.GETATTR_IN.unpack_from(body)
        return fuse.ATTRIBUTES_OUT.pack(0, VALID, 0) + self._attributes_of(node, number if flags & fuse.WITH_HANDLE else None)

    def _attributes_of(self, node: int, number: int | None) -> bytes:
        if node == ROOT:
            return ROOT_ATTRIBUTES
        handle = self._open_file(number, node)
        if handle:
            return _attributes(os.fstat(handle.file))
        try:
            with self._nodes.at(node) as place:
                return _attributes(place.info)
        except OSError:
            # The file may be open although its name was removed.
            handle = self._handles.any_of(node)
            if not handle:
                raise
            return _attributes(os.fstat(handle.file))

    def _open_file(self, number: int | None, node: int) -> Handle | None:
        return None if number is None else self._handles.get(number, node)

    def _set_attributes(self, node, body):
        valid, _, number, size, _, accessed, changed, _, accessed_part, changed_part, _, mode, *_ = fuse.SETATTR_IN.unpack_from(body)
        handle = self._open_file(number if valid & fuse.HANDLE else None, node)
        with self._reached(node, handle) as (path, info):
            if stat.S_IFMT(info.st_mode) not in CHANGEABLE:
                raise error(errno.EACCES, path)
            # The guest cannot change owners; a request for only that is answered with success and ignored.
            if valid & fuse.SIZE:
                if size > FARTHEST:
                    raise error(errno.EFBIG, path)
                with self._writing(path, info, handle) as file:
                    os.ftruncate(file, size)
            if valid & fuse.MODE:
                if stat.S_ISLNK(info.st_mode):
                    raise error(errno.EOPNOTSUPP, path)
                os.chmod(path, mode & 0o777)
            if valid & (fuse.ACCESSED | fuse.CHANGED):
                present = time.time_ns()
                times = (
                    _moment(valid & fuse.ACCESSED, valid & fuse.ACCESSED_NOW, accessed, accessed_part, info.st_atime_ns, present),
                    _moment(valid & fuse.CHANGED, valid & fuse.CHANGED_NOW, changed, changed_part, info.st_mtime_ns, present),
                )
                os.utime(path, ns=times)
        return fuse.ATTRIBUTES_OUT.pack(0, VALID, 0) + self._attributes_of(node, number if handle else None)

    @contextlib.contextmanager
    def _reached(self, node: int, handle: Handle | None) -> Iterator[tuple[str, os.stat_result]]:
        """Yield the path of a file that may be changed, by its open file if there is one, and its status."""
        if handle:
            self._nodes.shares[handle.share].must_be_writable()
            yield f"/proc/self/fd/{handle.file}", os.fstat(handle.file)
            return
        with self._nodes.at(node) as place:
            place.share.must_be_writable()
            yield place.path, place.info

    @contextlib.contextmanager
    def _writing(self, path: str, info: os.stat_result, handle: Handle | None) -> Iterator[int]:
        if handle and handle.writable:
            yield handle.file
            return
        _must_be_file(info, path, to_write=True)
        file = os.open(path, os.O_WRONLY | OPENING)
        try:
            yield file
        finally:
            os.close(file)

    def _read_link(self, node, body):
        with self._nodes.at(node) as place:
            if not stat.S_ISLNK(place.info.st_mode):
                raise error(errno.EINVAL, place.path)
            return os.readlink(b"", dir_fd=place.file)

    def _access(self, node, body):
        mask, _ = fuse.ACCESS_IN.unpack_from(body)
        mask &= os.R_OK | os.W_OK | os.X_OK
        if node == ROOT:
            if mask & os.W_OK:
                raise error(errno.EACCES, "/")
            return b""
        with self._nodes.at(node) as place:
            if mask & os.W_OK:
                place.share.must_be_writable()
            if not stat.S_ISLNK(place.info.st_mode) and not os.access(place.path, mask):
                raise error(errno.EACCES, place.path)
        return b""

    def _file_system(self, node, body):
        if node == ROOT:
            return fuse.STATFS_OUT.pack(0, 0, 0, 0, 0, 4096, LONGEST, 4096, 0)
        with self._nodes.at(node) as place:
            info = os.statvfs(place.file)
        # The guest gets the space for ordinary users of the host.
        return fuse.STATFS_OUT.pack(info.f_blocks, info.f_bavail, info.f_bavail, info.f_files, info.f_favail, info.f_bsize, LONGEST, info.f_frsize, 0)

    # -- files

    def _open(self, node, body):
        flags, _ = fuse.OPEN_IN.unpack_from(body)
        number = self._new_handle()
        self._handles.add(number, self._opened(node, flags))
        return fuse.OPEN_OUT.pack(number, 0, 0)

    def _new_handle(self) -> int:
        self._next += 1
        return self._next

    def _opened(self, node: int, flags: int) -> Handle:
        mode = flags & os.O_ACCMODE
        if mode not in ACCESS_MODES:
            raise error(errno.EINVAL, str(flags))
        share = self._nodes.share_of(node)
        with self._nodes.at(node) as place:
            _must_be_file(place.info, place.path, to_write=mode != os.O_RDONLY)
            if mode != os.O_RDONLY:
                place.share.must_be_writable()
            return Handle(os.open(place.path, mode | OPENING), node, share, mode != os.O_RDONLY)

    def _handle(self, number: int, node: int, flags: int) -> Handle:
        """Return an open file of the guest; reopen it if it was closed."""
        handle = self._handles.get(number, node)
        if handle is None:
            handle = self._opened(node, flags)
            self._handles.add(number, handle)
        return handle

    def _create(self, node, body):
        flags, mode, umask, _ = fuse.CREATE_IN.unpack_from(body)
        name = _name(body[fuse.CREATE_IN.size :])
        wanted = flags & os.O_ACCMODE
        if wanted not in ACCESS_MODES:
            raise error(errno.EINVAL, str(flags))
        number = self._new_handle()
        with self._directory(node) as place:
            try:
                file = os.open(name, wanted | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | OPENING, mode & 0o777 & ~umask, dir_fd=place.file)
            except FileExistsError:
                if flags & os.O_EXCL:
                    raise
                file = None
        entry = self._entry(node, name)
        (child,) = struct.unpack_from("<Q", entry)
        if file is None:
            # The file was created on the host meanwhile.
            handle = self._opened(child, wanted)
            if flags & os.O_TRUNC and handle.writable:
                os.ftruncate(handle.file, 0)
        else:
            handle = Handle(file, child, self._nodes.share_of(child), wanted != os.O_RDONLY)
        self._handles.add(number, handle)
        return entry + fuse.OPEN_OUT.pack(number, 0, 0)

    def _read(self, node, body):
        number, offset, size, _, _, flags, _ = fuse.TRANSFER_IN.unpack_from(body)
        if offset > FARTHEST - MOST_BYTES:
            raise error(errno.EINVAL, str(offset))
        return os.pread(self._handle(number, node, flags).file, min(size, MOST_BYTES), offset)

    def _write(self, node, body):
        number, offset, size, _, _, flags, _ = fuse.TRANSFER_IN.unpack_from(body)
        content = body[fuse.TRANSFER_IN.size :]
        if size != len(content) or size > MOST_BYTES:
            raise error(errno.EINVAL, str(size))
        if offset > FARTHEST - MOST_BYTES:
            raise error(errno.EFBIG, str(offset))
        handle = self._handle(number, node, flags)
        self._nodes.shares[handle.share].must_be_writable()
        return fuse.WRITE_OUT.pack(os.pwrite(handle.file, content, offset), 0)

    def _sync(self, node, body):
        number, *_ = fuse.FSYNC_IN.unpack_from(body)
        handle = self._handles.get(number, node)
        if handle:
            os.fsync(handle.file)
        return b""

    def _release(self, node, body):
        number, *_ = fuse.RELEASE_IN.unpack_from(body)
        self._handles.close(number)
        return b""

    def _nothing(self, node, body):
        return b""

    # -- directories

    def _open_directory(self, node, body):
        number = self._new_handle()
        self._handles.keep_list(number, self._names(node))
        return fuse.OPEN_OUT.pack(number, 0, 0)

    def _read_directory(self, node, body):
        number, offset, size, *_ = fuse.TRANSFER_IN.unpack_from(body)
        names = self._handles.list_of(number)
        if names is None or offset == 0:
            names = self._names(node)
            self._handles.keep_list(number, names)
        room, pieces = min(size, MOST_BYTES), []
        for at in range(min(offset, len(names)), len(names)):
            piece = fuse.directory_entry(names[at][0], at + 1, *names[at][1:])
            room -= len(piece)
            if room < 0:
                break
            pieces.append(piece)
        return b"".join(pieces)

    def _names(self, node: int) -> list[tuple[int, bytes, int]]:
        """Return inode, name and kind of the entries of a directory."""
        found = [(ROOT, b".", stat.S_IFDIR), (ROOT, b"..", stat.S_IFDIR)]
        if node == ROOT:
            return found + [(ROOT, name, stat.S_IFDIR) for name in sorted(self._nodes.shares)]
        with self._nodes.at(node) as place:
            _must_be_directory(place)
            directory = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=place.file)
            device = place.info.st_dev
        try:
            with os.scandir(directory) as entries:
                for entry in entries:
                    if len(found) >= MOST_NAMES:
                        raise error(errno.EOVERFLOW, entry.name)
                    kind = stat.S_IFLNK if entry.is_symlink() else stat.S_IFDIR if entry.is_dir(follow_symlinks=False) else 0
                    found.append((inode(device, entry.inode()), os.fsencode(entry.name), kind or (stat.S_IFREG if entry.is_file() else 0)))
        finally:
            os.close(directory)
        return found


ANSWERS = {
    Operation.LOOKUP: Requests._lookup,
    Operation.GETATTR: Requests._get_attributes,
    Operation.SETATTR: Requests._set_attributes,
    Operation.READLINK: Requests._read_link,
    Operation.SYMLINK: Requests._refuse_making,
    Operation.MKNOD: Requests._refuse_making,
    Operation.LINK: Requests._refuse_making,
    Operation.MKDIR: Requests._make_directory,
    Operation.UNLINK: Requests._remove,
    Operation.RMDIR: Requests._remove_directory,
    Operation.RENAME: Requests._rename,
    Operation.RENAME2: Requests._rename_with_flags,
    Operation.OPEN: Requests._open,
    Operation.READ: Requests._read,
    Operation.WRITE: Requests._write,
    Operation.STATFS: Requests._file_system,
    Operation.RELEASE: Requests._release,
    Operation.FSYNC: Requests._sync,
    Operation.FLUSH: Requests._nothing,
    Operation.OPENDIR: Requests._open_directory,
    Operation.READDIR: Requests._read_directory,
    Operation.RELEASEDIR: Requests._release,
    Operation.FSYNCDIR: Requests._nothing,
    Operation.ACCESS: Requests._access,
    Operation.CREATE: Requests._create,
}


def _name(body: memoryview) -> bytes:
    """Return the single name at the end of a request."""
    name, end = bytes(body[:-1]), bytes(body[-1:])
    if end != b"\0" or not is_name(name):
        raise error(errno.ENAMETOOLONG if len(name) > LONGEST else errno.EINVAL, os.fsdecode(name))
    return name


def _must_be_directory(place: Place) -> None:
    if not stat.S_ISDIR(place.info.st_mode):
        raise error(errno.ENOTDIR, place.path)


def _must_be_file(info: os.stat_result, path: str, *, to_write: bool) -> None:
    """Raise OSError unless it is a file or a directory: opening a pipe or a device has side effects."""
    if to_write and info.st_mode & (stat.S_ISUID | stat.S_ISGID):
        # A set-id file would run on the host with the rights of its owner, whoever wrote it.
        raise error(errno.EPERM, path)
    if stat.S_ISDIR(info.st_mode):
        raise error(errno.EISDIR, path)
    if not stat.S_ISREG(info.st_mode):
        raise error(errno.ELOOP if stat.S_ISLNK(info.st_mode) else errno.EACCES, path)


def _moment(given: int, now: int, seconds: int, part: int, before: int, present: int) -> int:
    """Return a time in nanoseconds: now, the given one, or the current one of the file."""
    if not given:
        return before
    if now:
        return present
    if part >= 10**9:
        raise error(errno.EINVAL, str(part))
    # Negative before 1970.
    return (seconds - (1 << 64) if seconds > FARTHEST else seconds) * 10**9 + part


def _attributes(info: os.stat_result) -> bytes:
    return fuse.attributes(info, inode_of(info))
