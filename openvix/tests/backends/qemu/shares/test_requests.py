# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a guest's kernel asks of its shared folders, and what it never gets."""

from __future__ import annotations

import errno
import os
import stat

import pytest
from descriptors import opened_below
from fuse_client import Kernel

from openvix.backends.qemu.shares import fuse, handles, nodes, requests
from openvix.backends.qemu.shares.fuse import ROOT, Operation
from openvix.backends.qemu.shares.nodes import Share
from openvix.backends.qemu.shares.requests import Malformed, Requests


class Guest(Kernel):
    """A guest that is shown the directory `own` as `web`, to be written, and `given` as `iso`, to be read."""

    def __init__(self, place):
        self.own, self.given = place / "own", place / "given"
        for folder in (self.own, self.given):
            folder.mkdir()
        (self.given / "disc").write_bytes(b"disc")
        (place / "secret").write_text("secret")
        self.place = place
        self.restart()

    def restart(self):
        """Have another host answer, which knows nothing of what was asked."""
        self.requests = Requests()
        super().__init__(lambda message: b"".join(self.requests.answer(message)))
        self.show(web=Share(str(self.own), True), iso=Share(str(self.given), False))

    def show(self, **shares):
        self.requests.show({name.encode(): share for name, share in shares.items()})


@pytest.fixture
def guest(tmp_path):
    guest = Guest(tmp_path)
    yield guest
    guest.requests.close_files()


@pytest.fixture
def web(guest) -> int:
    return guest.look(b"web").node


def refused(number):
    return pytest.raises(OSError, check=lambda error: error.errno == number)


def test_root_lists_only_the_shares(guest):
    assert guest.list() == dict.fromkeys([b".", b"..", b"iso", b"web"], stat.S_IFDIR)
    assert guest.attributes(ROOT) == (stat.S_IFDIR | 0o555, 0, (0, 0))
    assert stat.S_ISDIR(guest.look(b"web").mode)
    with refused(errno.ENOENT):
        guest.look(b"other")
    with refused(errno.EACCES):
        guest.make_directory(b"new", ROOT)
    with refused(errno.EBUSY):
        guest.call(Operation.RMDIR, ROOT, b"web\0")
    with refused(errno.EBUSY):
        guest.rename(ROOT, b"web", ROOT, b"bew")


def test_share_with_missing_directory_is_not_found(guest, web):
    guest.own.rmdir()
    with refused(errno.ENOENT):
        guest.look(b"web")
    with refused(errno.ESTALE):
        guest.attributes(web)
    guest.own.write_text("a file")
    with refused(errno.ENOENT):
        guest.look(b"web")


def test_file_created_written_read_and_removed(guest, web):
    entry, handle = guest.create(b"page", web)
    assert guest.write(entry.node, handle, b"hello") == 5
    assert guest.write(entry.node, handle, b"HE", 1) == 2
    assert (guest.own / "page").read_bytes() == b"hHElo"
    assert stat.S_IMODE((guest.own / "page").stat().st_mode) & 0o777 == 0o644
    assert guest.read(entry.node, handle, 3, 1) == b"HEl"
    assert guest.attributes(entry.node) == (stat.S_IFREG | 0o644, 5, (0, 0))
    guest.release(entry.node, handle)
    guest.call(Operation.UNLINK, web, b"page\0")
    assert os.listdir(guest.own) == []
    with refused(errno.ENOENT):
        guest.look(b"page", web)


def test_open_file_is_usable_after_removal(guest, web):
    entry, handle = guest.create(b"page", web)
    guest.call(Operation.UNLINK, web, b"page\0")
    guest.write(entry.node, handle, b"hello")
    assert guest.read(entry.node, handle) == b"hello"
    assert guest.attributes(entry.node, handle)[1] == guest.attributes(entry.node)[1] == 5
    guest.release(entry.node, handle)
    with refused(errno.ESTALE):
        guest.attributes(entry.node)


def test_create_opens_existing_file_unless_exclusive(guest, web):
    (guest.own / "page").write_text("hello")
    entry, handle = guest.create(b"page", web)
    assert guest.read(entry.node, handle) == b"hello"
    guest.create(b"page", web, os.O_WRONLY | os.O_TRUNC)
    assert (guest.own / "page").read_text() == ""
    with refused(errno.EEXIST):
        guest.create(b"page", web, os.O_RDWR | os.O_EXCL)


def test_attributes_are_set_but_not_owners(guest, web):
    entry, handle = guest.create(b"page", web)
    guest.write(entry.node, handle, b"hello")
    guest.change(entry.node, fuse.SIZE, size=2)
    guest.change(entry.node, fuse.SIZE | fuse.HANDLE, size=3, handle=handle)
    guest.change(entry.node, fuse.MODE, mode=0o106751)
    guest.change(entry.node, fuse.CHANGED, changed=(1_000_000_000, 5))
    guest.change(entry.node, 6)
    info = (guest.own / "page").stat()
    assert (info.st_size, stat.S_IMODE(info.st_mode), info.st_mtime_ns) == (3, 0o751, 10**18 + 5)
    assert (info.st_uid, info.st_gid) == (os.geteuid(), os.getegid())
    assert guest.attributes(entry.node) == (stat.S_IFREG | 0o751, 3, (0, 0))
    guest.change(entry.node, fuse.CHANGED, changed=((1 << 64) - 7, 0))
    assert (guest.own / "page").stat().st_mtime == -7
    guest.change(entry.node, fuse.CHANGED | fuse.CHANGED_NOW)
    assert (guest.own / "page").stat().st_mtime > 1_700_000_000
    for valid, values, number in (
        (fuse.SIZE, {"size": 1 << 63}, errno.EFBIG),
        (fuse.CHANGED, {"changed": (0, 10**9)}, errno.EINVAL),
    ):
        with refused(number):
            guest.change(entry.node, valid, **values)


def test_directory_created_listed_renamed_removed(guest, web):
    inner = guest.make_directory(b"inner", web)
    (guest.own / "inner/page").write_text("hello")
    page = guest.path(b"web", b"inner", b"page")
    guest.rename(web, b"inner", web, b"outer")
    # It has its number still, and so has what is in it.
    assert guest.look(b"outer", web).node == inner.node
    assert guest.attributes(page.node)[1] == 5
    assert guest.path(b"web", b"outer", b"page").node == page.node
    with refused(errno.ENOTEMPTY):
        guest.call(Operation.RMDIR, web, b"outer\0")
    with refused(errno.EINVAL):
        guest.rename(web, b"outer", inner.node, b"within")
    guest.rename(inner.node, b"page", web, b"page")
    guest.call(Operation.RMDIR, web, b"outer\0")
    assert guest.list(web) == {b".": stat.S_IFDIR, b"..": stat.S_IFDIR, b"page": stat.S_IFREG}
    with refused(errno.ENOTDIR):
        guest.list(page.node)
    with refused(errno.ENOTDIR):
        guest.look(b"within", page.node)


def test_long_directory_is_read_in_parts(guest, web):
    names = {f"file-{number:0{number % 40}}".encode() for number in range(500)} | {b"\xff\xfe", "ü".encode()}
    for name in names:
        (guest.own / os.fsdecode(name)).touch()
    assert set(guest.list(web)) == names | {b".", b".."}
    pieces, ask = [], guest.call

    def forget(*arguments):
        pieces.append(arguments)
        guest.requests.close_files()
        return ask(*arguments)

    guest.call = forget
    assert set(guest.list(web, 512)) == names | {b".", b".."}
    assert len(pieces) > 20


def test_directory_over_the_limit_is_not_listed(guest, web, monkeypatch):
    monkeypatch.setattr(requests, "MOST_NAMES", 5)
    for name in "abc":
        (guest.own / name).touch()
    assert len(guest.list(web)) == 5
    (guest.own / "d").touch()
    with refused(errno.EOVERFLOW):
        guest.list(web)


@pytest.mark.parametrize("name", [b"", b".", b"..", b"a/b", b"/etc", b"../secret", b"a\0b", b"n" * 256])
def test_invalid_name_is_rejected_everywhere(guest, web, name):
    (guest.own / "page").touch()
    number = errno.ENAMETOOLONG if len(name) > 255 else errno.EINVAL
    for node in (web, ROOT):
        with refused(number):
            guest.look(name, node)
    with refused(number):
        guest.create(name, web)
    with refused(number):
        guest.make_directory(name, web)
    for operation in (Operation.UNLINK, Operation.RMDIR):
        with refused(number):
            guest.call(operation, web, name + b"\0")
    for old, new in ((b"page", name), (name, b"page")):
        with refused(errno.EINVAL):
            guest.rename(web, old, web, new)
    assert os.listdir(guest.own) == ["page"]
    assert (guest.place / "secret").exists()


def test_links_are_shown_but_not_followed(guest, web):
    (guest.own / "up").symlink_to("..")
    (guest.own / "file").symlink_to(guest.place / "secret")
    for name, target in ((b"up", b".."), (b"file", os.fsencode(guest.place / "secret"))):
        link = guest.look(name, web)
        assert stat.S_ISLNK(link.mode)
        assert guest.call(Operation.READLINK, link.node) == target
        with refused(errno.ELOOP):
            guest.open(link.node)
        for ask in (lambda node: guest.look(b"secret", node), guest.list, lambda node: guest.make_directory(b"new", node)):
            with refused(errno.ENOTDIR):
                ask(link.node)
        with refused(errno.ELOOP):
            guest.create(name, web)
        with refused(errno.EOPNOTSUPP):
            guest.change(link.node, fuse.MODE, mode=0)
        with refused(errno.ELOOP):
            guest.change(link.node, fuse.SIZE, size=0)
        guest.change(link.node, fuse.CHANGED, changed=(1, 0))
        assert (guest.own / os.fsdecode(name)).lstat().st_mtime == 1
    assert (guest.place / "secret").read_text() == "secret"
    assert (guest.place / "secret").stat().st_mtime > 1
    with refused(errno.EINVAL):
        guest.call(Operation.READLINK, web)


def test_directory_replaced_by_link_is_stale(guest, web):
    inner = guest.make_directory(b"inner", web)
    page, handle = guest.create(b"secret", inner.node)
    guest.release(page.node, handle)
    (guest.own / "inner").rename(guest.own / "away")
    (guest.own / "inner").symlink_to(guest.place)
    for ask in (
        lambda: guest.look(b"secret", inner.node),
        lambda: guest.open(page.node),
        lambda: guest.attributes(page.node),
        lambda: guest.create(b"new", inner.node),
        lambda: guest.call(Operation.UNLINK, inner.node, b"secret\0"),
    ):
        with refused(errno.ESTALE):
            ask()
    assert (guest.place / "secret").read_text() == "secret"


def test_node_number_is_never_reused(guest, web):
    (guest.own / "page").write_text("first")
    first = guest.look(b"page", web)
    (guest.own / "other").write_text("second")
    (guest.own / "other").rename(guest.own / "page")
    for ask in (guest.attributes, guest.open):
        with refused(errno.ESTALE):
            ask(first.node)
    second = guest.look(b"page", web)
    assert second.node != first.node
    assert guest.read(second.node, guest.open(second.node)) == b"second"


def test_handle_reads_only_its_own_file(guest, web):
    for name in ("page", "other"):
        (guest.own / name).write_text(name)
    page, other = guest.look(b"page", web).node, guest.look(b"other", web).node
    assert guest.read(other, guest.open(page)) == b"other"


def test_new_host_rejects_unknown_numbers(guest, web):
    entry, handle = guest.create(b"page", web)
    guest.restart()
    for ask in (
        lambda: guest.attributes(entry.node),
        lambda: guest.read(entry.node, handle),
        lambda: guest.look(b"page", web),
    ):
        with refused(errno.ESTALE):
            ask()
    again = guest.path(b"web", b"page")
    assert again.node not in (entry.node, web)


@pytest.mark.parametrize("name", [b"../secret", b"..", b"inner/../../secret", b"out/secret", b""])
def test_recalled_node_leads_nowhere_else(guest, web, name):
    (guest.own / "inner").mkdir()
    (guest.own / "out").symlink_to("..")
    target = guest.own / os.fsdecode(name)
    guest.restart()
    for number, parent, path, own in ((10, ROOT, guest.own, b"web"), (11, 10, target, name)):
        guest.requests.recall(fuse.NODE.pack(number, parent, nodes.inode_of(path.stat())) + own)
    assert stat.S_ISDIR(guest.attributes(10)[0])
    for ask in (guest.attributes, guest.open, guest.list):
        with refused(errno.ESTALE):
            ask(11)


def test_recalled_node_is_found(guest, web):
    (guest.own / "page").write_text("hello")
    page = guest.look(b"page", web).node
    guest.restart()
    for number, parent, path in ((web, ROOT, guest.own), (page, web, guest.own / "page")):
        guest.requests.recall(fuse.NODE.pack(number, parent, nodes.inode_of(path.stat())) + os.fsencode("web" if path == guest.own else path.name))
    assert guest.read(page, 77) == b"hello"
    assert guest.look(b"page", web).node == page


def test_revert_finds_forgotten_node_and_closed_file(guest, web):
    entry, handle = guest.create(b"page", web)
    guest.write(entry.node, handle, b"hello")
    guest.release(entry.node, handle)
    forget = fuse.REQUEST.pack(fuse.REQUEST.size + 8, Operation.FORGET, 9, entry.node, 0, 0, 0, 0, 0) + bytes(8)
    assert guest.requests.answer(forget) is None
    assert guest.read(entry.node, handle) == b"hello"
    with refused(errno.EBADF):
        guest.write(entry.node, handle, b"x")
    guest.release(entry.node, handle)
    assert guest.write(entry.node, handle, b"x", flags=os.O_WRONLY) == 1


def test_read_only_share_is_not_written(guest):
    iso = guest.look(b"iso").node
    disc = guest.look(b"disc", iso).node
    assert guest.read(disc, guest.open(disc)) == b"disc"
    for ask in (
        lambda: guest.create(b"new", iso),
        lambda: guest.make_directory(b"new", iso),
        lambda: guest.call(Operation.UNLINK, iso, b"disc\0"),
        lambda: guest.call(Operation.RMDIR, iso, b"disc\0"),
        lambda: guest.rename(iso, b"disc", iso, b"new"),
        lambda: guest.rename(iso, b"disc", guest.look(b"web").node, b"new"),
        lambda: guest.rename(guest.look(b"web").node, b"page", iso, b"new"),
        lambda: guest.open(disc, os.O_WRONLY),
        lambda: guest.open(disc, os.O_RDWR),
        lambda: guest.write(disc, guest.open(disc), b"x"),
        lambda: guest.write(disc, 12345, b"x"),
        lambda: guest.change(disc, fuse.SIZE, size=0),
        lambda: guest.change(disc, fuse.MODE, mode=0),
        lambda: guest.change(disc, fuse.CHANGED, changed=(1, 0)),
        lambda: guest.change(disc, fuse.SIZE | fuse.HANDLE, size=0, handle=guest.open(disc)),
        lambda: guest.call(Operation.ACCESS, disc, fuse.ACCESS_IN.pack(os.W_OK, 0)),
    ):
        with refused(errno.EROFS):
            ask()
    guest.call(Operation.ACCESS, disc, fuse.ACCESS_IN.pack(os.R_OK, 0))
    assert os.listdir(guest.given) == ["disc"]
    assert (guest.given / "disc").read_bytes() == b"disc"


def test_shares_change_while_files_are_open(guest, web):
    entry, handle = guest.create(b"page", web)
    guest.show(web=Share(str(guest.own), False), new=Share(str(guest.given), True))
    assert set(guest.list()) == {b".", b"..", b"web", b"new"}
    with refused(errno.EROFS):
        guest.write(entry.node, handle, b"hello")
    assert guest.read(entry.node, handle) == b""
    # The same name, and another directory with the same names in it.
    (guest.given / "page").write_text("other")
    guest.show(web=Share(str(guest.given), True))
    for ask in (
        lambda: guest.read(entry.node, handle),
        lambda: guest.write(entry.node, handle, b"x"),
        lambda: guest.attributes(web),
    ):
        with refused(errno.ESTALE):
            ask()
    guest.show()
    for ask in (lambda: guest.attributes(entry.node, handle), lambda: guest.look(b"page", web), lambda: guest.list(web)):
        with refused(errno.ESTALE):
            ask()
    assert set(guest.list()) == {b".", b".."}
    assert opened_below(guest.own) == []


def test_rename_between_shares_fails(guest, web):
    guest.show(web=Share(str(guest.own), True), given=Share(str(guest.given), True), twin=Share(str(guest.own), True))
    for other in (b"given", b"twin"):
        with refused(errno.EXDEV):
            guest.rename(guest.look(b"given").node, b"disc", web, b"disc") if other == b"given" else guest.rename(web, b"a", guest.look(other).node, b"b")


def test_pipes_and_devices_are_not_opened(guest, web):
    os.mkfifo(guest.own / "pipe")
    pipe = guest.look(b"pipe", web)
    assert stat.S_ISFIFO(pipe.mode)
    for ask in (
        lambda: guest.open(pipe.node),
        lambda: guest.open(pipe.node, os.O_RDWR),
        lambda: guest.create(b"pipe", web),
        lambda: guest.change(pipe.node, fuse.SIZE, size=0),
        lambda: guest.read(pipe.node, 77),
        lambda: guest.change(pipe.node, fuse.MODE, mode=0o777),
    ):
        with refused(errno.EACCES):
            ask()
    for operation in (Operation.SYMLINK, Operation.MKNOD, Operation.LINK):
        with refused(errno.EPERM):
            guest.call(operation, web, bytes(16) + b"new\0/etc/passwd\0")
    assert os.listdir(guest.own) == ["pipe"]


@pytest.mark.parametrize("bit", [stat.S_ISUID, stat.S_ISGID])
def test_set_id_file_of_host_is_not_written(guest, web, bit):
    (guest.own / "tool").write_text("tool")
    (guest.own / "tool").chmod(0o755 | bit)
    tool = guest.look(b"tool", web)
    assert tool.mode == stat.S_IFREG | 0o755
    for ask in (
        lambda: guest.open(tool.node, os.O_RDWR),
        lambda: guest.change(tool.node, fuse.SIZE, size=0),
        lambda: guest.create(b"tool", web, os.O_WRONLY | os.O_TRUNC),
    ):
        with refused(errno.EPERM):
            ask()
    assert guest.read(tool.node, guest.open(tool.node)) == b"tool"


def test_tables_have_a_maximum_size(guest, web, monkeypatch):
    monkeypatch.setattr(nodes, "MOST", 8)
    monkeypatch.setattr(handles, "MOST", 3)
    opened = {}
    for number in range(20):
        entry, handle = guest.create(f"file-{number}".encode(), web)
        guest.write(entry.node, handle, str(number).encode())
        opened[number] = entry.node, handle
    assert len(opened_below(guest.own)) == 3
    # Those that had to be closed are opened again, if they are known yet.
    assert [guest.read(*opened[number], flags=os.O_RDWR) for number in range(14, 20)] == [str(number).encode() for number in range(14, 20)]
    with refused(errno.ESTALE):
        guest.attributes(opened[2][0])
    assert guest.path(b"web", b"file-2").size == 1
    assert len(guest.requests._nodes._nodes) == len(guest.requests._nodes._numbers) == 8
    for number in range(20):
        guest.release(*opened[number])
    assert opened_below(guest.own) == []


def test_sizes_and_offsets_are_checked(guest, web):
    entry, handle = guest.create(b"page", web)
    for offset in (1 << 63, (1 << 64) - 1, (1 << 63) - 1):
        with refused(errno.EINVAL):
            guest.read(entry.node, handle, 1, offset)
        with refused(errno.EFBIG):
            guest.write(entry.node, handle, b"x", offset)
    with refused(errno.EINVAL):
        guest.write(entry.node, handle, bytes(requests.MOST_BYTES + 1))
    guest.change(entry.node, fuse.SIZE, size=1 << 32)
    assert len(guest.read(entry.node, handle, (1 << 32) - 1)) == requests.MOST_BYTES
    with refused(errno.EINVAL):
        guest.call(Operation.WRITE, entry.node, fuse.TRANSFER_IN.pack(handle, 0, 5, 0, 0, 0, 0) + b"four")
    with refused(errno.EINVAL):
        guest.call(Operation.READ, entry.node, b"short")
    with refused(errno.EINVAL):
        guest.open(entry.node, 3)


def test_unsupported_operation_returns_enosys(guest, web):
    for operation in (21, 22, 26, 39, 43, 44, 46, 47, 51, 4096, 1 << 31):
        with refused(errno.ENOSYS):
            guest.call(operation, web, bytes(64))
    with refused(errno.EINVAL):
        guest.call(Operation.RENAME2, web, fuse.RENAME2_IN.pack(web, 2, 0) + b"a\0b\0")
    for message in (b"", bytes(39), bytes(40), fuse.REQUEST.pack(41, 3, 0, 1, 0, 0, 0, 0, 0)):
        with pytest.raises(Malformed):
            guest.requests.answer(message)
