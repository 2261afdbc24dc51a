# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import pathlib
import shutil
import stat
import tempfile

import pytest

# Who may become root without a password is root.
BECOME = {"become": True, "become_method": "ansible.builtin.su", "become_exe": "su"}
can_become = pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("su"), reason="this user cannot become another")


def tree(folder):
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@pytest.fixture
def disk(openvix, web):
    disk = openvix.disk(web)
    (disk / "srv/site/css").mkdir(parents=True)
    (disk / "srv/site/nothing").mkdir()
    (disk / 'srv/site/css/it\'s "a" sheet').write_text("p {}\n")
    (disk / "srv/site/empty").write_text("")
    (disk / "srv/$HOME x").write_text("odd\n")
    (disk / "srv/large").write_bytes(os.urandom(9_000_000))
    return disk


@pytest.fixture(params=["user", pytest.param("other user", marks=can_become)])
def become(request):
    return {} if request.param == "user" else BECOME


@pytest.fixture
def temporary():
    """A directory for TMPDIR with a short path: Ansible creates a socket in it, whose path can have 107 bytes."""
    with tempfile.TemporaryDirectory() as folder:
        yield pathlib.Path(folder)


def left_on_the_vm_host(play, temporary):
    """What tasks that are over have left in the places of tasks."""
    found = [path for place in (play.folder / "remote", play.folder / "local", temporary) for path in place.rglob("*")]
    return [str(path) for path in found if path.is_file() or path.name.startswith("vmlab.vix-")]


def test_guest_files_saved_on_controller(play, temporary, task, disk, become):
    """Below the names of the VM host and the VM, since a host has many VMs; with "flat" where it is said to go."""
    fetches = [
        {**task("guest_fetch", **options), **become}
        for options in (
            {"src": "/etc/motd", "dest": "logs"},
            {"src": "/srv/site/", "dest": "logs/"},
            {"src": "/srv/$HOME x", "dest": "flat/", "flat": True},
            {"src": "/srv/large", "dest": str(play.folder / "flat/named"), "flat": True},
            {"src": "/srv/site", "dest": "flat/", "flat": True},
            {"src": "/srv/site", "dest": "flat/named site", "flat": True},
            {"src": "/none", "dest": "logs", "fail_on_missing": False},
        )
    ]

    results = play(*fetches, *fetches[:3], TMPDIR=str(temporary))

    first, again = results[: len(fetches)], results[len(fetches) :]
    assert [result.get("msg") for result in results if result.get("failed")] == []
    assert [result["changed"] for result in first] == [True] * 6 + [False]
    assert {result["changed"] for result in again} == {False}
    site = tree(disk / "srv/site")
    assert tree(play.folder / "logs/machine/web/srv/site") == tree(play.folder / "flat/site") == tree(play.folder / "flat/named site") == site
    assert (play.folder / "logs/machine/web/etc/motd").read_text() == "Welcome\n"
    assert (play.folder / "flat/$HOME x").read_text() == "odd\n"
    assert (play.folder / "flat/named").read_bytes() == (disk / "srv/large").read_bytes()
    assert [result["saved"] for result in first[:2]] == [str(play.folder / "logs/machine/web" / name) for name in ("etc/motd", "srv/site")]
    umask = os.umask(0o022)
    os.umask(umask)
    assert stat.S_IMODE((play.folder / "flat/named").stat().st_mode) == 0o666 & ~umask
    assert "no such file in the guest" in first[-1]["msg"]
    assert left_on_the_vm_host(play, temporary) == []


def test_check_mode_predicts_fetches_nothing(play, task, disk):
    sources = {"/etc/motd": "logs", "/srv/site": "sites"}
    tasks = []
    for src, dest in sources.items():
        predict, do = (task("guest_fetch", check_mode=check, src=src, dest=f"{dest}/", flat=True) for check in (True, False))
        tasks += [predict, {"ansible.builtin.stat": {"path": str(play.folder / dest)}, "connection": "local"}, do, do, predict]

    results = play(*tasks)

    for (src, dest), (predicted, looked, done, again, checked) in zip(sources.items(), (results[:5], results[5:]), strict=True):
        assert predicted == done
        assert not looked["stat"]["exists"]
        assert (done["changed"], again["changed"], checked) == (True, False, again)
        assert done["diff"]["before"] == {"path": str(play.folder / dest / src.rpartition("/")[2]), "state": "absent"}
        assert again["diff"]["before"] == again["diff"]["after"] == done["diff"]["after"]


def test_only_new_files_fetched(play, task, disk, openvix):
    play.write("site/empty", "")
    play.write("site/own", "own")

    (done,) = play(task("guest_fetch", src="/srv/site", dest="site", flat=True))

    assert {file["name"]: file["changed"] for file in done["files"]} == {'css/it\'s "a" sheet': True, "empty": False}
    assert tree(play.folder / "site") == {**tree(disk / "srv/site"), "own": b"own"}


def test_remote_dest_path_as_on_controller(play, task, disk):
    remote = str(play.folder / "host/motd")

    (done,) = play(task("guest_fetch", src="/etc/motd", dest=remote, remote_dest=True))

    assert (done["changed"], done["saved"], (play.folder / "host/motd").read_text()) == (True, remote, "Welcome\n")


def test_conflict_reported_nothing_lost(play, task, disk, tmp_path):
    play.write("taken", "mine")
    play.write("place/file", "mine")
    (play.folder / "linked").mkdir()
    (tmp_path / "outside").mkdir()
    (play.folder / "linked/css").symlink_to(tmp_path / "outside")
    wrong = {
        "no such file in the guest (VIX_E_FILE_NOT_FOUND, 4)": {"src": "/none", "dest": "logs"},
        "taken is a file here, but a directory in the guest: remove it first": {"src": "/srv/site", "dest": "taken", "flat": True},
        "place is a directory here, but a file in the guest: remove it first, or end dest with a slash": {"src": "/etc/motd", "dest": "place", "flat": True},
        "linked/css is a symbolic link, which is not followed: remove it": {"src": "/srv/site", "dest": "linked", "flat": True},
        "taken: File exists": {"src": "/etc/motd", "dest": "taken/motd", "flat": True},
        "missing required arguments: dest": {"src": "/etc/motd"},
        "_place cannot be used in tasks": {"src": "/etc/motd", "dest": "x", "_place": {"path": "/x"}},
    }

    results = play(*(task("guest_fetch", **options) for options in wrong.values()))

    for words, result in zip(wrong, results, strict=True):
        assert result["failed"]
        assert result["msg"].endswith(words)
        assert "exception" not in result or "Traceback" not in str(result["exception"])
    assert (play.folder / "taken").read_text() == "mine"
    assert tree(play.folder / "place") == {"file": b"mine"}
    assert tree(tmp_path / "outside") == {}
    assert list(play.folder.rglob("*.part")) == []


def test_damaged_transfer_not_saved(elsewhere, temporary, task, disk):
    """The lesson of ansible/ansible issue 40112, for the way from the VM host to the controller: at its beginning, at its end, or cut off."""
    plugin = elsewhere.folder / "connection" / "elsewhere.py"
    plugin.write_text(
        plugin.read_text()
        + """
    def fetch_file(self, in_path, out_path):
        super().fetch_file(in_path, out_path)
        with open(out_path, "r+b") as file:
            at = int(open("damage").read())
            if at == 0:
                file.truncate(os.path.getsize(out_path) - 1)
            else:
                file.seek(at, os.SEEK_END if at < 0 else os.SEEK_SET)
                file.write(b"!")
"""
    )
    elsewhere.write("logs/motd", "old")
    fetches = [task("guest_fetch", src="/etc/motd", dest="logs/", flat=True), task("guest_fetch", src="/srv/site/css", dest="css", flat=True)]
    for at in ("-1", "1", "0"):
        elsewhere.write("damage", at)
        for result in elsewhere(*fetches, TMPDIR=str(temporary)):
            assert result["msg"].endswith(
                ": the received content differs from the file in the guest: the file was changed meanwhile, or the transfer damaged it; run the task again"
            )

    assert tree(elsewhere.folder / "logs") == {"motd": b"old"}
    assert not (elsewhere.folder / 'css/it\'s "a" sheet').exists()
    assert left_on_the_vm_host(elsewhere, temporary) == []


@pytest.mark.parametrize(("vm", "folder"), [("display", "The web; it's"), ("path", "web")])
def test_vm_is_one_directory_of_dest(openvix, local, disk, task, web, vm, folder):
    vmx = os.path.join(os.path.dirname(web), "web.vmx")
    with open(vmx, encoding="utf-8") as file:
        lines = [line for line in file if not line.startswith("displayName")]
    with open(vmx, "w", encoding="utf-8") as file:
        file.writelines([*lines, 'displayName = "The web; it\'s"\n'])

    (done,) = local(task("guest_fetch", src="/etc/motd", dest="logs", **({"vm": "The web; it's"} if vm == "display" else {})))

    assert done["saved"] == str(local.folder / "logs/machine" / folder / "etc/motd")
