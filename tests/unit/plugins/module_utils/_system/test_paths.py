# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import posixpath

import pytest
from ansible_collections.vmlab.vix.plugins.module_utils._system import linux, paths, windows
from ansible_collections.vmlab.vix.plugins.module_utils._vix.errors import Refused
from hypothesis import given
from hypothesis import strategies as st


@given(st.lists(st.sampled_from(["a", "b c", "..", ".", "", "...", "-", "\\", "\n"]), max_size=8).map("/".join))
def test_linux_path_normalized(path):
    # normpath alone keeps two slashes at the beginning, which POSIX allows and Linux takes for one.
    assert paths.plain(f"/{path}", linux, "looking") == posixpath.normpath(f"/{path.lstrip('/')}")


@pytest.mark.parametrize(
    ("path", "plain"),
    [
        ("C:\\", "C:\\"),
        ("C:/Users/lab/", "C:\\Users\\lab"),
        ("C:\\Users\\.\\lab\\..\\..\\Windows", "C:\\Windows"),
        ("C:\\..\\..", "C:\\"),
        ("\\\\server\\share\\x\\..\\y", "\\\\server\\share\\y"),
        ("\\\\?\\C:\\x", "C:\\x"),
        ("\\\\?\\UNC\\server\\share\\x", "\\\\server\\share\\x"),
    ],
)
def test_windows_path_normalized(path, plain):
    assert paths.plain(path, windows, "looking") == plain


@pytest.mark.parametrize("path", ["", "x", "./x", "../x", "C:\\x", "\\x", "~/x"])
def test_linux_path_begins_with_slash(path):
    with pytest.raises(Refused, match=r"^looking: .* is not an absolute path of a Linux guest, such as /home/lab$"):
        paths.plain(path, linux, "looking")


@pytest.mark.parametrize("path", ["", "x", "\\x", "/x", "C:", "C:x", "C:..\\x", "%TEMP%\\x"])
def test_windows_path_begins_with_drive_or_share(path):
    with pytest.raises(Refused, match=r"^looking: .* is not an absolute path of a Windows guest, such as C:.Users.lab$"):
        paths.plain(path, windows, "looking")


@pytest.mark.parametrize(
    "path",
    [
        "\\\\?\\Volume{0123}\\x",
        "\\\\?\\GLOBALROOT\\Device\\x",
        "\\\\.\\UNC\\localhost\\C$\\Windows",
        "\\\\.\\C:\\x",
        "\\\\.\\PhysicalDrive0",
        "//?/C:/x",
        "//./C:/x",
        "\\\\?\\C:x",
        "\\\\?\\x",
    ],
)
def test_windows_namespace_refused(path):
    with pytest.raises(Refused, match=r"not the path of a file on a drive or a share|is not an absolute path"):
        paths.plain(path, windows, "looking")


@pytest.mark.parametrize(
    ("path", "name"), [("C:\\x\\NUL", "NUL"), ("C:\\x.\\y", "x."), ("D:/a:b", "a:b"), ("\\\\server\\share\\x*", "x*"), ("\\\\?\\C:\\x ", "x ")]
)
def test_invalid_windows_name_refused(path, name):
    with pytest.raises(Refused) as refused:
        paths.plain(path, windows, "looking")
    assert str(refused.value) == f"looking: this name is not allowed in a Windows guest: {name}"


@pytest.mark.parametrize(("path", "family"), [("/etc\0/x", linux), ("C:\\x\0", windows)])
def test_nul_in_path_refused(path, family):
    with pytest.raises(Refused, match="NUL"):
        paths.plain(path, family, "looking")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/", "\0", "../x"])
@pytest.mark.parametrize("family", [linux, windows])
def test_unsafe_name_is_odd(name, family):
    assert paths.is_odd(name, family)


@pytest.mark.parametrize("name", ["a\\b", "..\\..\\x", "C:", "x:stream"])
def test_windows_unsafe_name_fine_in_linux(name):
    assert (paths.is_odd(name, windows), paths.is_odd(name, linux)) == (True, False)


@pytest.mark.parametrize("name", ["a", "...", " ", "-", "a b", "ß", "\n"])
@pytest.mark.parametrize("family", [linux, windows])
def test_other_names_not_odd(name, family):
    assert not paths.is_odd(name, family)
