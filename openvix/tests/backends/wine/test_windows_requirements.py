# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a computer without Wine or PowerShell says, and the command that takes PowerShell."""

from __future__ import annotations

import zipfile

import pytest
from windows_guest import ACCOUNTS, make_guest

from openvix.backends import hypervisors
from openvix.backends.simulated import sandbox
from openvix.backends.wine import base, disks, wine
from openvix.backends.wine.system import WineSystem
from openvix.backends.wine.tools import WineTools
from openvix.cli import doctor, main
from openvix.config import worldfile
from openvix.vix import constants
from openvix.vix.errors import VixError

# The head of a program for Windows x64.
PROGRAM = b"MZ" + bytes(58) + b"\x40\0\0\0" + b"PE\0\0\x64\x86" + bytes(100)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENVIX_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def no_wine(monkeypatch):
    monkeypatch.setattr(wine, "WINE", "/usr/bin/no-wine")


def findings():
    return {finding.name: finding for finding in doctor.windows_guests()}


def test_doctor_names_missing_wine_and_powershell(no_wine):
    assert findings()["Wine"].message == "/usr/bin/no-wine not found; on Debian: apt install --no-install-recommends wine wine64"
    assert findings()["PowerShell"].message.endswith("openvix guest powershell PATH")
    assert not any(finding.fine or finding.needed for finding in findings().values())


def test_other_requirements_are_named(monkeypatch):
    monkeypatch.setattr(wine, "WINE", "/bin/sh")
    monkeypatch.setattr(wine, "SERVER", "/bin/sh")
    monkeypatch.setattr(sandbox, "is_allowed", lambda: False)
    assert wine.missing().startswith("namespaces are not permitted")
    monkeypatch.setattr(sandbox, "is_allowed", lambda: True)
    monkeypatch.setenv("PATH", "/nowhere")
    assert "Debian: apt install gcc-mingw-w64-x86-64-win32" in wine.missing()
    monkeypatch.setattr(wine, "MACHINE", "vax")
    assert wine.missing().startswith("Wine runs Windows guests on vax only")


def test_disk_without_wine_is_refused(no_wine, tmp_path):
    with pytest.raises(VixError, match=r"a Windows guest with programs needs Wine: /usr/bin/no-wine not found") as raised:
        disks.create(tmp_path / "disk", hostname="win", accounts=ACCOUNTS, files={}, base=base.lay)
    assert raised.value.code == constants.VIX_E_FAIL
    assert not (tmp_path / "disk").exists()


def test_guest_whose_wine_is_gone_keeps_files_and_list(no_wine, tmp_path):
    disks.create(tmp_path / "disk", hostname="win", accounts=ACCOUNTS, files={"C:\\Lab\\a.txt": "a"})
    processes = [{"name": "agent.exe", "command": "agent.exe", "owner": "ann"}]
    guest = make_guest(tmp_path / "run", processes=processes, tools=WineTools, system=WineSystem)
    guest.boot(tmp_path / "disk")
    lab = guest.login("lab", "s3cret-lab")
    assert guest.file_exists(lab, "C:\\Lab\\a.txt")
    assert [each.name for each in guest.processes()] == ["System", "agent.exe"]
    with pytest.raises(VixError) as raised:
        guest.run_program(lab, "C:\\Windows\\System32\\cmd.exe", None, wait=True)
    assert (raised.value.code, raised.value.reason) == (constants.VIX_E_OP_NOT_SUPPORTED_ON_GUEST, wine.missing())
    guest.kill(lab, 8)
    assert [each.name for each in guest.processes()] == ["System"]
    guest.halt()


def test_powershell_is_brought_by_command(tmp_path, capsys):
    with zipfile.ZipFile(tmp_path / "PowerShell-7.0.0-win-x64.zip", "w") as packed:
        packed.writestr("pwsh.exe", PROGRAM)
    assert main.main(["guest", "powershell", str(tmp_path / "PowerShell-7.0.0-win-x64.zip")]) == 0
    directory = capsys.readouterr().out.strip()
    assert directory.startswith(str(tmp_path / "cache" / "powershell"))
    assert findings()["PowerShell"] == doctor.Finding(doctor.WINDOWS, "PowerShell", True, directory, needed=False)
    assert main.main(["guest", "powershell", str(tmp_path / "none.zip")]) == 1
    assert capsys.readouterr().err.startswith(f"openvix: {tmp_path}/none.zip cannot be read: ")


def test_vm_without_wine_is_not_created(no_wine, tmp_path):
    own = tmp_path / "own"
    own.mkdir()
    settings = worldfile.vm("win", {"guest_os": "windows11-64", "programs": "wine"}, worldfile.check({})["defaults"])
    with pytest.raises(FileNotFoundError, match=r"^a Windows guest with programs needs Wine: /usr/bin/no-wine not found"):
        hypervisors.of(settings).make(own, "win", settings, False)
    assert list(own.iterdir()) == []
