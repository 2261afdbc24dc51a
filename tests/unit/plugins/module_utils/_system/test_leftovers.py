# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What killed tasks left in a guest is removed by age, and never while it is in use. The script is run by the shells of this machine."""

from __future__ import annotations

import os
import pathlib
import subprocess
import time

import pytest
from ansible_collections.vmlab.vix.plugins.module_utils._system import captured, guest_session, leftovers
from ansible_collections.vmlab.vix.plugins.module_utils._system.guest_session import GuestSession
from ansible_collections.vmlab.vix.plugins.module_utils._vix.errors import VixError

SHELLS = [shell for shell in (["/bin/dash"], ["/bin/bash"], ["/bin/busybox", "sh"], ["/bin/zsh", "--emulate", "sh"]) if os.path.exists(shell[0])]
every_shell = pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: os.path.basename(shell[0]))
HOUR = 3600


def uptime():
    return int(float(pathlib.Path("/proc/uptime").read_text().split()[0]))


@pytest.fixture
def ended():
    """The id of a process that has ended."""
    with subprocess.Popen(["true"]) as process:
        pass
    return process.pid


def make(folder, name, hours, owner=None):
    """Make a directory that looks as if a task had left it so many hours ago. owner: the content of its file of that name."""
    place = folder / name
    place.mkdir()
    if owner is not None:
        (place / "owner").write_text(owner)
    os.utime(place, (time.time() - hours * HOUR,) * 2)


def sweep(folder, shell):
    script = f"{leftovers.sweep(str(folder))}exit 64\n"
    done = subprocess.run([*shell, "-c", f"exec 2> /dev/null\n{script}"], timeout=60, check=False)
    assert done.returncode == 64, "whatever it meets, what follows it is run"
    return sorted(path.name for path in folder.iterdir())


@every_shell
def test_old_ones_removed(tmp_path, shell, ended):
    young, since = f"{ended} {uptime()}\n", f"{ended} {max(1, uptime() - 2 * HOUR)}\n"
    make(tmp_path, "vmlab.vix-30-old", 1)
    make(tmp_path, "vmlab.vix-30-young", 0.25)
    make(tmp_path, "vmlab.vix-90-young", 1)
    make(tmp_path, "vmlab.vix-30-ended", 1, since)
    make(tmp_path, "vmlab.vix-30-clock", 1, young)
    make(tmp_path, "vmlab.vix-30-runs", 1, since.replace(str(ended), str(os.getpid())))
    make(tmp_path, "vmlab.vix-30-restarted", 1, f"{os.getpid()} {uptime() + HOUR}\n")
    (tmp_path / "vmlab.vix-30-file").touch()
    os.utime(tmp_path / "vmlab.vix-30-file", (time.time() - HOUR,) * 2)

    kept = ["vmlab.vix-30-clock", "vmlab.vix-30-runs", "vmlab.vix-30-young", "vmlab.vix-90-young"]
    if uptime() < 2 * HOUR:
        kept.insert(1, "vmlab.vix-30-ended")
    assert sweep(tmp_path, shell) == sorted(kept)


@every_shell
@pytest.mark.parametrize("owner", ["", "\n", "x\n", "1 x\n", "$(touch evil) 1\n", "1\n", "-1 1\n", "08 x\n", "999999999 09\n"])
def test_malformed_owner_is_none(tmp_path, shell, owner):
    make(tmp_path, "vmlab.vix-1-a", 10000, owner)

    assert sweep(tmp_path, shell) == []


@every_shell
def test_other_things_kept(tmp_path, shell):
    names = ["vmlab.vix-notes", "vmlab.vix-1", "vmlab.vix--x", "vmlab.vix-a-b", "vmlab.vix-1 2-x", "vmlab.vix-08-x", "vmlab.vix-$(exit)-x"]
    for name in names:
        make(tmp_path, name, 10000)
    (tmp_path / "vmlab.vix-1-link").symlink_to(tmp_path / names[0])
    os.utime(tmp_path / "vmlab.vix-1-link", (1, 1), follow_symlinks=False)

    assert sweep(tmp_path, shell) == sorted([*names, "vmlab.vix-1-link"])


@every_shell
def test_new_one_claimed(tmp_path, shell):
    """What a script begins with leaves room for the script, and names the process that uses the directory."""
    place = tmp_path / leftovers.name(30)
    begin = captured.begin(str(place))
    assert len(begin.replace(str(tmp_path), "/tmp")) <= 1000

    done = subprocess.Popen([*shell, "-c", f"{begin}echo said; exit 64"])

    assert done.wait(60) == 64
    assert (place / captured.ANSWER).read_text() == "said\n"
    assert (place.stat().st_mode & 0o777, (place / captured.ANSWER).stat().st_mode & 0o777) == (0o700, 0o600)
    owner, since = (place / "owner").read_text().split()
    assert int(owner) == done.pid
    assert int(since) == pytest.approx(uptime(), abs=60)
    os.utime(place, (1, 1))
    assert sweep(tmp_path, shell) == [place.name]


@every_shell
def test_endless_output_ends(tmp_path, shell):
    script = f"{captured.begin(str(tmp_path / leftovers.name(1)))}truncate -s 300M /proc/self/fd/1 && exit 64\nexit 1"

    assert subprocess.run([*shell, "-c", script], timeout=60, check=False).returncode == 1


def test_long_answer_not_read(openvix, on_host, tmp_path, monkeypatch):
    monkeypatch.setattr(guest_session, "LARGEST", 5)
    accounts = [{"name": "lab", "password": "s3cret"}]
    web = openvix.add_vm("web", power="powered_on", accounts=accounts, files={"/srv/five": "12345", "/srv/six": "123456"})

    def work(host):
        with host.open_vm(web) as vm, vm.log_in("lab", "s3cret") as guest:
            session = GuestSession(guest, "linux", str(tmp_path))
            with pytest.raises(VixError, match=r"^looking: the guest wrote 6 bytes as an answer, which is more than 5$"):
                session.content("/srv/six", "looking")
            return session.content("/srv/five", "looking").decode()

    assert on_host(work) == "12345"
    assert list(tmp_path.iterdir()) == []
