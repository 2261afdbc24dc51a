# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is copied: a file of this machine or a folder of files, each known by its content."""

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
    """A file that is copied: some bytes of a file of this machine.

    name: its path from the folder that is copied, with slashes; path, offset, size: where its bytes are; mode: its permissions; modified: seconds
    since 1970; checksum: its SHA-256 in hexadecimal, read when it is first asked for unless it is known.
    """

    def __init__(self, name, path, size, mode, modified, offset=0, checksum=None):
        self.name, self.path, self.offset, self.size, self.mode, self.modified = name, path, offset, size, mode, modified
        self._checksum = checksum

    @property
    def checksum(self):
        self.read()
        return self._checksum

    def read(self):
        """Have its checksum known."""
        if self._checksum is None:
            digest = hashlib.sha256()
            for block in self.blocks():
                digest.update(block)
            self._checksum = digest.hexdigest()

    def blocks(self):
        """Its bytes, some at a time."""
        with readable(), open(self.path, "rb") as file:
            file.seek(self.offset)
            left = self.size
            while left:
                block = file.read(min(left, BLOCK))
                if not block:
                    raise Refused("it became shorter meanwhile", doing=f"reading {self.path}")
                left -= len(block)
                yield block

    def lay(self, target):
        """Have a file of this machine with these bytes, without copying them where that is possible."""
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
    def laid(self, folder):
        """The path of a file of this machine with these bytes, for as long as the "with" lasts: where it can be, the very one."""
        if not self.offset:
            yield os.path.realpath(self.path)
            return
        path = os.path.join(folder, f"item-{os.urandom(8).hex()}")
        try:
            self.lay(path)
            yield path
        finally:
            with suppress(FileNotFoundError):
                os.unlink(path)


class Source:
    """A file or a folder that is copied.

    name: its base name; label: how messages call it; is_folder; items: each file, the only one where it is none; folders: paths of those below, each after
    the one that it is in; is_whole: whether a folder is copied itself, and not only what is in it; is_elsewhere: whether its bytes are not here, and one
    can only ask what would happen; is_shown: whether a diff is of use then.
    """

    def __init__(self, name, label, items, folders=(), is_folder=False, is_whole=True):
        self.name, self.label, self.items, self.folders, self.is_folder, self.is_whole = name, label, items, list(folders), is_folder, is_whole
        self.is_elsewhere, self.is_shown = False, True


def of_path(path):
    """Return the Source that a path of this machine names; a slash at its end asks for what is in the folder."""
    bare = path.rstrip("/") or "/"
    name = os.path.basename(os.path.abspath(bare))
    if os.path.isdir(bare):
        files, folders = walk(bare)
        return Source(name, path, [_item(*each) for each in files], folders, is_folder=True, is_whole=not path.endswith("/"))
    if not os.path.isfile(path):
        raise Refused(f"{path} is not a file of the machine that runs VMware", doing="reading src")
    return Source(name, path, [_item(name, path)])


def of_text(text, path):
    """Return the Source of a text, which a new file at the path holds that no other user can read."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8", newline="") as file:
        file.write(text)
    return Source("", "a text", [Item("", path, os.path.getsize(path), None, None)])


def of_description(told):
    """Return the Source that an action plugin tells of: {"here": a path}, one whose bytes are elsewhere (see describe), or one it brought (see brought)."""
    if "here" in told:
        source = of_path(told["here"])
        source.label = told.get("label", source.label)
        return source
    if "items" in told:
        items = [Item(each["name"], None, each["size"], each["mode"], each["modified"], checksum=each["checksum"]) for each in told["items"]]
        source = Source(told["name"], told["label"], items, told["folders"], told["is_folder"], told["is_whole"])
        source.is_elsewhere, source.is_shown = True, told["is_shown"]
        return source
    path, name = told["path"], told["name"]
    items, folders = _of_tar(path) if told["is_folder"] else ([Item(name, path, os.path.getsize(path), told["mode"], told["modified"])], [])
    return Source(name, told["label"], items, folders, told["is_folder"], told["is_whole"])


def checked(source, method):
    """Return a Source of which is known what the method of comparing needs, or raise Refused."""
    for item in source.items:
        if method == "checksum":
            item.read()
        elif method == "size_and_time" and item.modified is None:
            raise Refused("a text is of no time: compare it by its checksum", doing="reading compare")
    return source


def describe(source, method, is_shown):
    """All about a Source but its bytes, which are compared with what is in a guest, by that method, before they go anywhere."""
    fields = ("name", "size", "mode", "modified")
    items = [{**{field: getattr(item, field) for field in fields}, "checksum": item.checksum if method == "checksum" else None} for item in source.items]
    return {**_head(source), "items": items, "folders": source.folders, "is_shown": is_shown}


def brought(source, path):
    """About a Source what is not told by its file, or the tar of its folder, that was brought to this path of the VM host."""
    mode, modified = (None, None) if source.is_folder else (source.items[0].mode, source.items[0].modified)
    return {**_head(source), "path": path, "mode": mode, "modified": modified}


def _head(source):
    return {"name": source.name, "label": source.label, "is_folder": source.is_folder, "is_whole": source.is_whole}


def walk(top):
    """Return name and path of each file below a folder, and the name of each folder, links followed; names are paths from the top, with slashes."""
    with readable():
        return _walk(top)


@contextmanager
def readable():
    """Have what cannot be read of this machine told by a sentence."""
    try:
        yield
    except OSError as error:
        raise Refused(f"{error.filename}: {error.strerror}", doing="reading src") from error


def _walk(top):
    files, folders, left = [], [], [("", top, ())]
    while left:
        name, path, above = left.pop()
        info = os.stat(path)
        if (info.st_dev, info.st_ino) in above:
            raise Refused(f"{path} is a link to a folder that it is in itself, and so has no end", doing="reading src")
        above = (*above, (info.st_dev, info.st_ino))
        for each in sorted(os.listdir(path), reverse=True):
            inner, found = f"{name}{each}", os.path.join(path, each)
            _must_be_text(inner)
            kind = _kind(found)
            if kind == stat.S_IFDIR:
                folders.append(inner)
                left.append((f"{inner}/", found, above))
            elif kind == stat.S_IFREG:
                files.append((inner, found))
            else:
                raise Refused(f"{found} is neither a file nor a folder", doing="reading src")
    return sorted(files), sorted(folders)


def _kind(path):
    try:
        return stat.S_IFMT(os.stat(path).st_mode)
    except FileNotFoundError:
        raise Refused(f"{path} is a link that leads nowhere", doing="reading src") from None


def _must_be_text(name):
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        raise Refused(f"the name {name!r} is no UTF-8, which VIX speaks", doing="reading src") from None


def _item(name, path):
    with readable():
        info = os.stat(path)
    return Item(name, path, info.st_size, info.st_mode & 0o7777, int(info.st_mtime))


def _of_tar(path):
    with tarfile.open(path, "r:") as tar:
        members = list(tar)
    items = [Item(each.name, path, each.size, each.mode, int(each.mtime), offset=each.offset_data) for each in members if each.isfile()]
    return items, [each.name for each in members if each.isdir()]
