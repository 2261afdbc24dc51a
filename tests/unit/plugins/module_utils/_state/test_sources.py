# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import os
import stat
import tarfile
import tracemalloc

import pytest
from ansible_collections.vmlab.vix.plugins.module_utils._state import sources
from ansible_collections.vmlab.vix.plugins.module_utils._vix.errors import Refused


@pytest.fixture
def site(tmp_path):
    (tmp_path / "site" / "css").mkdir(parents=True)
    (tmp_path / "site" / "index.html").write_text("Hello\n")
    (tmp_path / "site" / "css" / "site.css").write_text("p {}\n")
    return tmp_path / "site"


def content(item):
    return b"".join(item.blocks())


@pytest.mark.parametrize("slash", ["", "/"])
def test_directory_has_name_and_content(site, slash):
    source = sources.of_path(f"{site}{slash}")

    assert (source.name, source.label, source.is_directory, source.is_whole) == ("site", f"{site}{slash}", True, not slash)
    assert ([item.name for item in source.items], source.directories) == (["css/site.css", "index.html"], ["css"])
    assert [item.checksum for item in source.items] == [hashlib.sha256(text).hexdigest() for text in (b"p {}\n", b"Hello\n")]


def test_tar_source_equals_original(site, tmp_path):
    (site / "index.html").chmod(0o640)
    os.utime(site / "index.html", (1e9, 1e9))
    with tarfile.open(tmp_path / "tar", "w", format=tarfile.PAX_FORMAT) as tar:
        for name in ("css", "css/site.css", "index.html"):
            tar.add(site / name, name, recursive=False)
    whole = sources.of_path(str(site))

    source = sources.of_description(sources.brought(whole, str(tmp_path / "tar")))

    assert (source.name, source.label, source.is_directory, source.is_whole, source.directories) == ("site", str(site), True, True, ["css"])
    assert [content(item) for item in source.items] == [b"p {}\n", b"Hello\n"]
    assert (source.items[1].mode, source.items[1].modified) == (0o640, 10**9)
    for item in source.items:
        item.lay(tmp_path / "laid")
        assert (tmp_path / "laid").read_bytes() == content(item)
        (tmp_path / "laid").unlink()
        with item.laid(str(tmp_path)) as path, open(path, "rb") as file:
            assert (path != item.path, file.read()) == (True, content(item))
        assert not os.path.exists(path)


def test_sent_file_keeps_mode_and_time(site, tmp_path):
    os.utime(site / "index.html", (1e9, 1e9))
    (site / "index.html").chmod(0o751)
    (tmp_path / "brought").write_text("decrypted\n")

    source = sources.of_description(sources.brought(sources.of_path(str(site / "index.html")), str(tmp_path / "brought")))

    [item] = source.items
    assert (source.name, item.mode, item.modified, item.size, content(item)) == ("index.html", 0o751, 10**9, 10, b"decrypted\n")


@pytest.mark.parametrize("method", ["checksum", "existence"])
def test_description_has_all_but_bytes(site, method):
    whole = sources.of_path(str(site))

    source = sources.of_description(sources.describe(whole, method, False))

    assert (source.is_elsewhere, source.is_shown) == (True, False)
    assert [(item.name, item.size, item.modified) for item in source.items] == [(item.name, item.size, item.modified) for item in whole.items]
    if method == "checksum":
        assert [item.checksum for item in source.items] == [item.checksum for item in whole.items]


def test_local_file_linked_not_copied(site, tmp_path):
    [item] = sources.of_path(str(site / "index.html")).items
    item.lay(tmp_path / "laid")
    assert (tmp_path / "laid").samefile(site / "index.html")

    with item.laid(str(tmp_path)) as path:
        assert path == str(site / "index.html")
    assert (site / "index.html").exists()


def test_text_file_is_private(tmp_path):
    source = sources.of_text("Grüße\r\n", str(tmp_path / "text"))

    assert ((tmp_path / "text").read_bytes(), stat.S_IMODE((tmp_path / "text").stat().st_mode)) == ("Grüße\r\n".encode(), 0o600)
    assert (source.name, source.items[0].mode, source.items[0].modified) == ("", None, None)


def test_truncated_file_reported(site):
    [item] = sources.of_path(str(site / "index.html")).items
    (site / "index.html").write_text("")
    with pytest.raises(Refused, match="the file became shorter while it was read: run the task again"):
        item.read()


def test_checksum_of_large_file_low_memory(tmp_path):
    with (tmp_path / "large").open("wb") as file:
        file.truncate(1 << 27)
    [item] = sources.of_path(str(tmp_path / "large")).items

    tracemalloc.start()
    try:
        item.read()
        assert tracemalloc.get_traced_memory()[1] < 1 << 23
    finally:
        tracemalloc.stop()


def test_two_links_to_directory_no_loop(site):
    (site / "again").symlink_to("css")
    assert [name for name, dummy in sources.walk(str(site))[0]] == ["again/site.css", "css/site.css", "index.html"]
