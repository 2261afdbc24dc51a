# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The scripts are run by the shell of this machine, which is one of those that a guest may have."""

from __future__ import annotations

import grp
import os
import pwd
import stat
import subprocess

import pytest
from ansible_collections.vmlab.vix.plugins.module_utils._system import attributes, linux, windows
from ansible_collections.vmlab.vix.plugins.module_utils._vix.errors import Refused
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

OWNER, GROUP = pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(os.getegid()).gr_name
CLAUSES = st.builds(
    "{}{}{}".format, st.text("ugoa", max_size=3), st.sampled_from("+-="), st.one_of(st.text("rwxXst", max_size=4), st.sampled_from(["u", "g", "o"]))
)


def sh(script):
    """Exit code of a script; the programs of the guest are asked in no language."""
    return subprocess.run(["/bin/sh", "-c", script], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60, check=False).returncode


def wanted(mode=None, owner=None, group=None):
    return attributes.wanted(mode, owner, group, linux, "/x")


def bits(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(params=["file", "folder", "link"])
def path(request, tmp_path):
    path = tmp_path / 'it\'s a "name"\nof two lines $HOME'
    if request.param == "folder":
        path.mkdir()
    else:
        path.touch()
    if request.param == "link":
        (tmp_path / "-link").symlink_to(path)
        return tmp_path / "-link"
    return path


@pytest.mark.parametrize("mode", ["0644", "600", 0o755, "2755", "4711", "1777", "0", "u=rwx,g=rx,o=", "u+x", "a-w", "g=u", "+X", "=", "ug+s", "o+t"])
@pytest.mark.parametrize("now", [0o600, 0o777, 0o2755, 0o4755])
def test_set_attributes_compare_same(path, now, mode):
    path.chmod(now)
    asked = wanted(mode)
    same = sh(attributes.script_to_compare(str(path), asked)) == linux.SAME
    assert bits(path) == now, "comparing changed something"

    assert sh(attributes.script_to_set(str(path), asked)) == 0

    assert same == (bits(path) == now)
    assert sh(attributes.script_to_compare(str(path), asked)) == linux.SAME
    if not isinstance(mode, str) or mode.isdigit():
        assert bits(path) == (mode if isinstance(mode, int) else int(mode, 8))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(CLAUSES, min_size=1, max_size=3).map(",".join), st.integers(0, 0o7777), st.booleans())
def test_symbolic_mode_as_chmod(tmp_path, mode, now, folder):
    path = tmp_path / f"each{len(os.listdir(tmp_path))}"
    path.mkdir() if folder else path.touch()
    path.chmod(now)
    now = bits(path)
    same = sh(attributes.script_to_compare(str(path), wanted(mode)))

    assert sh(attributes.script_to_set(str(path), wanted(mode))) == 0

    assert same == (linux.SAME if bits(path) == now else linux.OTHER)


@pytest.mark.parametrize("owner", [OWNER, str(os.geteuid())])
@pytest.mark.parametrize("group", [GROUP, str(os.getegid()), None])
def test_owner_and_group_by_name_or_number(path, owner, group):
    assert sh(attributes.script_to_compare(str(path), wanted(None, owner, group))) == linux.SAME
    assert sh(attributes.script_to_set(str(path), wanted(None, owner, group))) == 0


@pytest.mark.parametrize(("owner", "group"), [("65533", None), (None, "65533"), ("65533", "65533")])
def test_other_owner_or_group_differs(path, owner, group):
    assert sh(attributes.script_to_compare(str(path), wanted(None, owner, group))) == linux.OTHER


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_mode_set_after_owner(tmp_path):
    path = tmp_path / "file"
    path.touch()

    assert sh(attributes.script_to_set(str(path), wanted("6755", "1", "1"))) == 0

    assert (bits(path), path.stat().st_uid, path.stat().st_gid) == (0o6755, 1, 1)
    assert sh(attributes.script_to_compare(str(path), wanted("6755", "1", "1"))) == linux.SAME
    assert sh(attributes.script_to_compare(str(path), wanted("6755", "2", "1"))) == linux.OTHER
    assert sh(attributes.script_to_compare(str(path), wanted("6755", "1", "2"))) == linux.OTHER


@pytest.mark.parametrize(("owner", "group", "code"), [("no-such-user", None, attributes.NO_OWNER), (None, "no-such-group", attributes.NO_GROUP)])
def test_unknown_name_has_exit_code(path, owner, group, code):
    assert sh(attributes.script_to_compare(str(path), wanted("0600", owner, group))) == code


def test_missing_file_is_not_same(tmp_path):
    assert sh(attributes.script_to_compare(str(tmp_path / "none"), wanted("0600"))) not in (linux.SAME, linux.OTHER)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (("0600", None, None), attributes.NOT_MODED),
        (("0600", OWNER, None), attributes.NOT_OWNED),
        (("0600", None, GROUP), attributes.NOT_GROUPED),
    ],
)
def test_failed_set_has_exit_code(tmp_path, asked, code):
    assert sh(attributes.script_to_set(str(tmp_path / "none"), wanted(*asked))) == code


def test_no_scratch_file_left(path):
    before = {name for name in os.listdir("/tmp") if name.startswith("vmlab.vix-")}
    sh(attributes.script_to_compare(str(path), wanted("u+x")))
    assert {name for name in os.listdir("/tmp") if name.startswith("vmlab.vix-")} <= before


@pytest.mark.parametrize("mode", ["u=q", "", "0648", "77777", "rwxr-xr-x", -1, True, 3.5, [], "u=rw,", "0o644", " 644", "\u0667\u0667\u0667"])
def test_invalid_mode_refused(mode):
    with pytest.raises(Refused, match=r"^setting mode and owner of /x in the guest: .* is not a mode: use an octal number"):
        wanted(mode)


@pytest.mark.parametrize("name", ["", "a:b", "a\nb", "\0"])
@pytest.mark.parametrize("kind", ["owner", "group"])
def test_invalid_name_refused(kind, name):
    with pytest.raises(Refused, match=f"is not a valid {kind}$"):
        wanted(**{kind: name})


@pytest.mark.parametrize("asked", [("0644", None, None), (None, "lab", None), (None, None, "lab")])
def test_windows_attributes_refused(asked):
    with pytest.raises(Refused, match=r"^setting mode and owner of C:.x in the guest: mode, owner and group cannot be set in a Windows guest"):
        attributes.wanted(*asked, windows, "C:\\x")


def test_no_options_no_attributes():
    assert attributes.wanted(None, None, None, windows, "C:\\x") is None
    assert attributes.wanted(None, None, None, linux, "/x") is None


def test_diff_shows_four_digit_modes():
    assert wanted("644", "lab").as_dict() == {"mode": "0644", "owner": "lab"}
    assert wanted("u+x").as_dict() == {"mode": "u+x"}
