# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is copied: a file of this machine or a directory of files, each known by its content."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tarfile
from contextlib import contextmanager, suppress

from .._vix.errors import Refused

BLOCK = 1 << 20  # bytes


class Item:
    """A file that is copied: a range of bytes of a file of this machine.

    Args:
        name: Its path below the directory that is copied, with slashes.
        path: The file of this machine.
        size: Its size in bytes.
        mode: Its permissions, or None.
        modified: Seconds since 1970, or None.
        offset: Where its bytes begin.
        checksum: Its SHA-256 in hexadecimal. None: it is computed when it is first used.
    """

    def __init__(self, name, path, size, mode, modified, offset=0, checksum=None):
        self.name, self.path, self.offset, self.size, self.mode, self.modified = name, path, offset, size, mode, modified
        self._checksum = checksum

    @property
    def checksum(self):
        self.read()
        return self._checksum

    def read(self):
        """Compute its checksum unless it is known."""
        if self._checksum is None:
            digest = hashlib.sha256()
            for block in self.blocks():
                digest.update(block)
            self._checksum = digest.hexdigest()

    def blocks(self):
        """Its bytes, in blocks."""
        with readable(), open(self.path, "rb") as file:
            file.seek(self.offset)
            left = self.size
            while left:
                block = file.read(min(left, BLOCK))
                if not block:
                    raise Refused("the file became shorter while it was read: run the task again", doing=f"reading {self.path}")
                left -= len(block)
                yield block

    def lay(self, target):
        """Create a file of this machine with these bytes, by a hard link if possible."""
        if not self.offset and os.path.getsize(self.path) == self.size:
            try:
                os.link(os.path.realpath(self.path), target)
                return
            except OSError:  # another disk, or a file of another user
                shutil.copyfile(self.path, target)
                return
        with open(target, "xb") as file:
            for block in self.blocks():
                file.write(block)

    @contextmanager
    def laid(self, directory):
        """The path of a file of this machine with these bytes, for as long as the "with" lasts: the original if possible."""
        if not self.offset:
            yield os.path.realpath(self.path)
            return
        path = os.path.join(directory, f"item-{os.urandom(8).hex()}")
        try:
            self.lay(path)
            yield path
        finally:
            with suppress(FileNotFoundError):
                os.unlink(path)


class Source:
    """A file or a directory that is copied.

    Args:
        name: Its base name.
        label: Its name in messages.
        items: Its files as Items; a single one for a file.
        directories: Paths of directories below it, each after its parent.
        is_directory: Whether it is a directory.
        is_whole: Whether the directory itself is copied, not only its content.

    is_elsewhere: whether its bytes are on another machine, so that a copy can only be predicted. is_shown: whether a diff is wanted then.
    """

    def __init__(self, name, label, items, directories=(), is_directory=False, is_whole=True):
        self.name, self.label, self.items, self.directories, self.is_directory, self.is_whole = name, label, items, list(directories), is_directory, is_whole
        self.is_elsewhere, self.is_shown = False, True


def of_path(path):
    """Return the Source of a path of this machine. A slash at its end means the content of the directory."""
    bare = path.rstrip("/") or "/"
    name = os.path.basename(os.path.abspath(bare))
    if os.path.isdir(bare):
        files, directories = walk(bare)
        return Source(name, path, [_item(*each) for each in files], directories, is_directory=True, is_whole=not path.endswith("/"))
    if not os.path.isfile(path):
        raise Refused(f"{path} is not a file of the VM host", doing="reading src")
    return Source(name, path, [_item(name, path)])


def of_text(text, path):
    """Return the Source of a text, which is written to a new file at the path that no other user can read."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8", newline="") as file:
        file.write(text)
    return Source("", "content", [Item("", path, os.path.getsize(path), None, None)])


def of_description(description):
    """Return the Source that an action plugin describes: {"here": path}, one on another machine (see describe), or one it sent (see brought)."""
    if "here" in description:
        source = of_path(description["here"])
        source.label = description.get("label", source.label)
        return source
    if "items" in description:
        items = [Item(each["name"], None, each["size"], each["mode"], each["modified"], checksum=each["checksum"]) for each in description["items"]]
        source = Source(description["name"], description["label"], items, description["directories"], description["is_directory"], description["is_whole"])
        source.is_elsewhere, source.is_shown = True, description["is_shown"]
        return source
    path, name = description["path"], description["name"]
    items, directories = (
        _of_tar(path) if description["is_directory"] else ([Item(name, path, os.path.getsize(path), description["mode"], description["modified"])], [])
    )
    return Source(name, description["label"], items, directories, description["is_directory"], description["is_whole"])


def checked(source, method):
    """Return a Source with all that the method of comparing needs; raise Refused if that is not available."""
    for item in source.items:
        if method == "checksum":
            item.read()
        elif method == "size_and_time" and item.modified is None:
            raise Refused("compare=size_and_time cannot be used with content: use compare=checksum", doing="reading compare")
    return source


def describe(source, method, is_shown):
    """A description of a Source without its bytes, enough to compare it with files in a guest by that method."""
    fields = ("name", "size", "mode", "modified")
    items = [{**{field: getattr(item, field) for field in fields}, "checksum": item.checksum if method == "checksum" else None} for item in source.items]
    return {**_head(source), "items": items, "directories": source.directories, "is_shown": is_shown}


def brought(source, path):
    """A description of a Source whose file, or tar of its directory, was sent to this path of the VM host."""
    mode, modified = (None, None) if source.is_directory else (source.items[0].mode, source.items[0].modified)
    return {**_head(source), "path": path, "mode": mode, "modified": modified}


def _head(source):
    return {"name": source.name, "label": source.label, "is_directory": source.is_directory, "is_whole": source.is_whole}


def walk(top):
    """Return name and path of each file below a directory, and the name of each directory. Links are followed; names are paths from the top, with slashes."""
    with readable():
        return _walk(top)


@contextmanager
def readable():
    """Turn an OSError into a Refused."""
    try:
        yield
    except OSError as error:
        raise Refused(f"{error.filename}: {error.strerror}", doing="reading src") from error


def _walk(top):
    files, directories, left = [], [], [("", top, ())]
    while left:
        name, path, above = left.pop()
        info = os.stat(path)
        if (info.st_dev, info.st_ino) in above:
            raise Refused(f"{path} is a symbolic link loop", doing="reading src")
        above = (*above, (info.st_dev, info.st_ino))
        for each in sorted(os.listdir(path), reverse=True):
            inner, found = f"{name}{each}", os.path.join(path, each)
            _must_be_text(inner)
            kind = _kind(found)
            if kind == stat.S_IFDIR:
                directories.append(inner)
                left.append((f"{inner}/", found, above))
            elif kind == stat.S_IFREG:
                files.append((inner, found))
            else:
                raise Refused(f"{found} is neither a file nor a directory", doing="reading src")
    return sorted(files), sorted(directories)


def _kind(path):
    try:
        return stat.S_IFMT(os.stat(path).st_mode)
    except FileNotFoundError:
        raise Refused(f"{path} is a dangling symlink", doing="reading src") from None


def _must_be_text(name):
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        raise Refused(f"the name {name!r} is not valid UTF-8, which VIX requires", doing="reading src") from None


def _item(name, path):
    with readable():
        info = os.stat(path)
    return Item(name, path, info.st_size, info.st_mode & 0o7777, int(info.st_mtime))


def _of_tar(path):
    with tarfile.open(path, "r:") as tar:
        members = list(tar)
    items = [Item(each.name, path, each.size, each.mode, int(each.mtime), offset=each.offset_data) for each in members if each.isfile()]
    return items, [each.name for each in members if each.isdir()]
