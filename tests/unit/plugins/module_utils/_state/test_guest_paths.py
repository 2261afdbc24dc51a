# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.vmlab.vix.plugins.module_utils._state import guest_paths
from ansible_collections.vmlab.vix.plugins.module_utils._system import linux, paths, windows
from ansible_collections.vmlab.vix.plugins.module_utils._vix.errors import Refused


def is_refused(path, family, user="lab"):
    try:
        guest_paths.must_be_dispensable(paths.plain(path, family, "deleting"), family, user)
    except Refused:
        return True
    return False


@pytest.mark.parametrize(
    "path",
    [
        "/", "///", "/.", "/..", "/etc", "/etc/", "//etc//.", "/etc/..", "/usr", "/usr/lib", "/usr/local", "/bin", "/home", "/home/lab", "/root", "/tmp",
        "/var", "/var/tmp", "/var/lib/", "/proc", "/dev", "/boot", "/srv/../var/log", "/Users", "/Users/lab", "/private/tmp", "/opt",
    ],
)  # fmt: skip
def test_linux_protected_paths_refused(path):
    assert is_refused(path, linux)


@pytest.mark.parametrize(
    "path", ["/etc/motd", "/home/other", "/tmp/x", "/srv/site", "/var/lib/x", "/usr/local/x", "/etc.old", "/data", "/ etc", "/Etc", "/opt/x"]
)
def test_linux_other_paths_allowed(path):
    assert not is_refused(path, linux)


@pytest.mark.parametrize(
    "path",
    [
        "C:\\", "c:/", "D:\\", "C:\\.", "C:\\Windows\\..", "C:\\Windows", "c:\\WINDOWS\\", "C:/Windows/", "C:\\Windows.", "C:\\Windows ", "C:\\Windows . .",
        "C:\\Windows\\System32", "C:\\windows\\temp", "C:\\Program Files", "C:\\Program Files (x86)\\", "C:\\ProgramData", "C:\\PROGRA~1", "C:\\Users",
        "C:\\Users\\lab", "C:\\Users\\LAB.", "C:\\Users\\Public", "C:\\USERS\\DEFAUL~1", "C:\\Users\\lab\\AppData\\Local\\Temp", "C:\\x\\..\\Windows",
        "\\\\?\\C:\\Windows", "C:\\Windows::$INDEX_ALLOCATION", "C:\\x:stream", "\\\\server\\share\\", "C:\\$Recycle.Bin", "C:\\x\\...",
        "C:\\Users\\labuser.LAB", "C:\\Users\\other", "C:\\Users\\lab\\AppData\\Local\\Temp\\2", "C:\\Windows\\System32\\config",
        "c:\\windows\\system32\\DRIVERS", "C:\\Windows\\System32\\DRIVER~1", "\\\\localhost\\C$\\Windows", "\\\\?\\UNC\\localhost\\C$\\Users\\x",
    ],
)  # fmt: skip
def test_windows_protected_paths_refused(path):
    assert is_refused(path, windows)


@pytest.mark.parametrize(
    "path",
    [
        "C:\\build",
        "C:\\Users\\lab\\AppData\\Local\\Temp\\x",
        "C:\\Windows\\System32\\x",
        "C:\\Users\\lab\\build",
        "C:\\Windows\\Temp\\x",
        "C:\\Windows.old",
        "\\\\server\\share\\x",
        "C:\\a\\b\\c~1",
        "D:\\~x",
    ],
)
def test_windows_other_paths_allowed(path):
    assert not is_refused(path, windows)


def test_home_of_login_user_protected():
    assert is_refused("C:\\Users\\anna", windows, "domain\\Anna")
    assert is_refused("/home/anna", linux, "anna")


@pytest.mark.parametrize(
    ("access", "modification", "times"),
    [
        (True, True, "$kind::SetLastAccessTimeUtc($path, $now); $kind::SetLastWriteTimeUtc($path, $now); "),
        (True, False, "$kind::SetLastAccessTimeUtc($path, $now); "),
        (False, True, "$kind::SetLastWriteTimeUtc($path, $now); "),
    ],
)
def test_touch_script_for_powershell(access, modification, times):
    assert guest_paths.touch_of_windows("C:\\it's \u2019", access, modification) == (
        "$ErrorActionPreference = 'Stop'; $path = 'C:\\it''s \u2019\u2019'; $now = [DateTime]::UtcNow; try { "
        "$kind = if ([IO.Directory]::Exists($path)) { [IO.Directory] } else { [IO.File] }; "
        "if (-not $kind::Exists($path)) { [IO.File]::Open($path, 'OpenOrCreate', 'ReadWrite', 'ReadWrite').Close() }; "
        f"{times}}} catch {{ exit 12 }}; exit 64"
    )
