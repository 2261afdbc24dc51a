# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import io
import os
import stat
import tempfile

import pytest
from ansible_collections.vmlab.vix.plugins.module_utils._system import landings
from ansible_collections.vmlab.vix.plugins.module_utils._vix.errors import Refused, VixError
from disks import another_disk

EVIL = ["..", "../x", "a/../../x", "/etc/x", "a//x", ".", "a/.", "a/\x1b[2J", "two\nlines", "\x85", "\ufffd", "a\0", "\udcff"]


def sum_of(content):
    return [hashlib.sha256(content).hexdigest(), len(content)]


def below(folder):
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    return root


@pytest.fixture
def copy(tmp_path):
    path = tmp_path / "copy"
    path.write_bytes(b"new")
    path.chmod(0o4777)
    return path


@pytest.mark.parametrize("name", EVIL)
def test_name_cannot_leave_directory(root, copy, name, tmp_path):
    for put in (
        lambda: landings.put(str(copy), str(root), name),
        lambda: landings.make_folder(str(root), name),
        lambda: landings.put_some(io.BytesIO(b"new"), str(root), name, *sum_of(b"new")),
    ):
        with pytest.raises(Refused, match=r"is not a valid local file name$"):
            put()

    assert below(tmp_path) == {"root": None, "copy": b"new"}


@pytest.mark.parametrize("name", ["link/x", "a/link/x"])
def test_link_cannot_leave_directory(root, copy, name, tmp_path):
    (root / "a").mkdir()
    for folder in (root, root / "a"):
        (folder / "link").symlink_to(tmp_path)

    with pytest.raises(Refused, match=r"link is a symbolic link, which is not followed: remove it$"):
        landings.put(str(copy), str(root), name)

    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("old", [None, b"old", "link"])
def test_stored_file_has_umask_permissions(root, copy, old, tmp_path):
    (tmp_path / "target").write_bytes(b"target")
    if old == "link":
        (root / "x").symlink_to(tmp_path / "target")
    elif old:
        (root / "x").write_bytes(old)

    landings.put(str(copy), str(root), "x")

    umask = os.umask(0o022)
    os.umask(umask)
    assert (below(root), (root / "x").is_symlink()) == ({"x": b"new"}, False)
    assert stat.S_IMODE((root / "x").stat().st_mode) == 0o666 & ~umask
    assert (tmp_path / "target").read_bytes() == b"target"
    assert not copy.exists()


def test_destination_may_be_file(tmp_path, copy):
    landings.put(str(copy), str(tmp_path / "some" / "new"), "")

    assert below(tmp_path / "some") == {"new": b"new"}


def test_store_across_disks_is_atomic(root):
    with tempfile.TemporaryDirectory(dir=another_disk(root)) as other:
        copy = os.path.join(other, "copy")
        with open(copy, "wb") as file:
            file.write(b"new")
        (root / "x").write_bytes(b"old")
        (root / "folder").mkdir()

        landings.put(copy, str(root), "x")
        assert (below(root), os.listdir(other)) == ({"x": b"new", "folder": None}, [])
        assert not stat.S_IMODE((root / "x").stat().st_mode) & 0o7111

        with open(copy, "wb") as file:
            file.write(b"new")
        with pytest.raises(OSError, match="folder"):
            landings.put(copy, str(root), "folder")
        assert below(root) == {"x": b"new", "folder": None}


@pytest.mark.parametrize("stream", [b"", b"ne", b"old", b"newer"])
def test_stream_stored_if_checksum_matches(root, stream):
    (root / "x").write_bytes(b"before")
    stream = io.BytesIO(stream)

    if stream.getvalue() == b"newer":
        landings.put_some(stream, str(root), "x", *sum_of(b"new"))
        landings.put_some(stream, str(root), "y", *sum_of(b"er"))
        assert below(root) == {"x": b"new", "y": b"er"}
    else:
        with pytest.raises(VixError, match=r"the received content differs from the file in the guest"):
            landings.put_some(stream, str(root), "x", *sum_of(b"new"))
        assert below(root) == {"x": b"before"}


def test_directory_content_skips_links(root, tmp_path):
    (root / "sub" / "deep").mkdir(parents=True)
    (root / "sub" / "a").write_bytes(b"A")
    (root / "link").symlink_to("sub")
    (root / "other").symlink_to("sub/a")
    (root / "broken").symlink_to("nowhere")
    os.mkfifo(root / "pipe")

    assert landings.content_of(str(root)) == {"": None, "sub": None, "sub/deep": None, "sub/a": sum_of(b"A")}
    assert landings.content_of(str(root / "sub" / "a")) == {"": sum_of(b"A")}
    assert landings.content_of(str(root / "none")) == {}
    with pytest.raises(Refused, match=r"it is a device, a socket or a pipe: use the path of a file$"):
        landings.content_of(str(root / "pipe"))


def test_os_error_becomes_vix_error():
    with pytest.raises(VixError, match=r"^fetching to /x: /none/y: No such file or directory$"), landings.as_vix_errors("/x"):
        os.stat("/none/y")
