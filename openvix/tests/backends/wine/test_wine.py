# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Programs of a Windows guest, run by Wine. A start takes seconds, so the tests share guests where they can."""

from __future__ import annotations

import os
import threading
import time
import zipfile
from pathlib import Path

import pytest
from protocol_client import Client
from windows_guest import ACCOUNTS, code, make_guest
from wine_guest import GIVEN, needs_powershell, needs_wine

from openvix.backends.wine import base, disks, powershell, wine
from openvix.backends.wine.system import WineSystem
from openvix.backends.wine.tools import WineTools
from openvix.guest import disks as any_disks
from openvix.system import c_build
from openvix.system.c_build import CannotBuild
from openvix.vix import constants
from openvix.vix.errors import VixError

pytestmark = [needs_wine, pytest.mark.windows]

SYSTEM = "C:\\Windows\\System32"
CMD, PING, REG = f"{SYSTEM}\\cmd.exe", f"{SYSTEM}\\ping.exe", f"{SYSTEM}\\reg.exe"
SHELL = f"{SYSTEM}\\WindowsPowerShell\\v1.0\\powershell.exe"
PROCESSES = [
    {"name": "spoolsv.exe", "command": "C:\\Windows\\System32\\spoolsv.exe -k x", "owner": "root"},
    {"name": "agent.exe", "command": '"C:\\Program Files\\agent.exe" /quiet', "owner": "ann"},
]


def new_disk(place):
    disks.create(place, hostname="win", accounts=ACCOUNTS, files={"C:\\Lab\\a.txt": "a"}, base=base.lay)
    return place


def boot(run, disk):
    guest = make_guest(run, processes=PROCESSES, tools=WineTools, system=WineSystem)
    guest.boot(disk)
    return guest


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("wine")


@pytest.fixture(scope="module")
def guest(place):
    guest = boot(place / "run", new_disk(place / "disk"))
    yield guest
    guest.halt()


@pytest.fixture(scope="module")
def lab(guest):
    return guest.login("lab", "s3cret-lab")


@pytest.fixture(scope="module")
def ann(guest):
    return guest.login("ann", "s3cret-ann")


def text_of(guest, account, path, place):
    guest.copy_out(account, path, str(place / "text"))
    return (place / "text").read_bytes().decode("utf-8", "replace").replace("\r\n", "\n")


def process(guest, pid):
    return next((each for each in guest.processes() if each.pid == pid), None)


@pytest.mark.parametrize("number", [0, 256, 263, -1, 2147483647])
def test_exit_code_has_32_bits(guest, lab, number):
    assert guest.run_program(lab, CMD, f"/c exit {number}", wait=True).code == number


def test_script_is_a_batch_file_of_the_account(guest, ann, tmp_path):
    guest.environment = {"COLOR": "red green"}
    said = "C:\\Users\\ann\\said.txt"
    lines = ["@echo off", f"whoami> {said}", f"echo %USERNAME% %TEMP%>> {said}", f"echo %COLOR%>> {said}", f"echo %~f0>> {said}", "exit /b 70000", ""]
    try:
        assert guest.run_script(ann, None, "\r\n".join(lines), wait=True).code == 70000
    finally:
        guest.environment = {}
    who, own, color, path = text_of(guest, ann, said, tmp_path).splitlines()
    assert (who, own.strip(), color.strip()) == ("WIN\\ann", "ann C:\\Users\\ann\\AppData\\Local\\Temp", "red green")
    assert path.strip().startswith("C:\\Users\\ann\\AppData\\Local\\Temp\\vmware")
    assert path.strip().endswith(".bat")
    assert not guest.file_exists(ann, path.strip())
    assert not guest.directory_exists(ann, path.strip().rpartition("\\")[0])


def test_program_starts_without_waiting_and_is_killed(guest, lab, ann):
    arguments = "-n 600 127.0.0.1"
    started = guest.run_program(lab, PING.upper(), arguments, wait=False)
    found = process(guest, started.pid)

    assert (found.name.lower(), found.owner, found.command) == ("ping.exe", "lab", f'"{PING.upper()}" {arguments}')
    assert abs(found.start_time - time.time()) < 60
    assert code(guest.kill, ann, started.pid) == constants.VIX_E_GUEST_USER_PERMISSIONS
    guest.kill(lab, started.pid)
    assert process(guest, started.pid) is None
    assert code(guest.kill, lab, started.pid) == constants.VIX_E_NO_SUCH_PROCESS


def test_no_shell_reads_the_arguments(guest, ann, tmp_path):
    program = c_build.compile_windows(Path(__file__).with_name("probe.c"), "probe.exe")
    guest.copy_in(ann, str(program), "C:\\Users\\ann\\my probe.exe")
    arguments = '"a & b > c" %PATH% | x ^^ "d\\\\" \u20ac \U0001f600'
    guest.environment = {"Probe": "C:\\Users\\ann\\probe.txt"}
    try:
        assert guest.run_program(ann, "C:\\Users\\Ann\\my probe.exe", arguments, wait=True).code == 0
    finally:
        guest.environment = {}
    text = text_of(guest, ann, "C:\\Users\\ann\\probe.txt", tmp_path).removeprefix("\ufeff")
    assert text.splitlines() == [f'"C:\\Users\\Ann\\my probe.exe" {arguments}', "C:\\windows\\system32", "console"]


def test_processes_are_those_of_windows(guest, lab):
    found = guest.processes()
    listed = {(each.name, each.owner, each.command) for each in found}

    assert {(each["name"], "SYSTEM" if each["owner"] == "root" else each["owner"], each["command"]) for each in PROCESSES} <= listed
    assert {"services.exe", "vmtoolsd.exe", "svchost.exe"} <= {each.name for each in found}
    # The requests that list and run are not processes of the guest.
    assert [each.command for each in found if each.name == "vmtoolsd.exe"] == ['"C:\\Program Files\\VMware\\VMware Tools\\vmtoolsd.exe"']
    assert [each.pid for each in found] == sorted(each.pid for each in found)
    [vital] = [each.pid for each in found if each.name == "vmtoolsd.exe"]
    assert code(guest.kill, lab, vital) == constants.VIX_E_GUEST_USER_PERMISSIONS


def test_programs_and_file_calls_share_drive_c(guest, lab, tmp_path):
    assert guest.run_program(lab, CMD, "/c mkdir C:\\LAB\\New & copy C:\\lab\\A.TXT C:\\LAB\\new\\b.txt", wait=True).code == 0
    assert text_of(guest, lab, "c:\\Lab\\NEW\\B.txt", tmp_path) == "a"
    assert [info.name for info in guest.list_directory(lab, "C:\\lab")] == ["New", "a.txt"]
    guest.delete_directory(lab, "C:\\lab\\new")
    assert guest.run_program(lab, CMD, "/c if exist C:\\Lab\\New exit 1", wait=True).code == 0
    assert guest.run_program(lab, CMD, "/c if exist Z:\\ exit 1", wait=True).code == 0


@pytest.mark.parametrize(
    ("program", "error"),
    [
        ("C:\\none.exe", constants.VIX_E_FILE_NOT_FOUND),
        ("cmd.exe", constants.VIX_E_FILE_NOT_FOUND),
        ("C:\\Windows", constants.VIX_E_FILE_NOT_FOUND),
        ("", constants.VIX_E_INVALID_ARG),
        ("C:\\Lab\\a.txt", constants.VIX_E_PROGRAM_NOT_STARTED),
    ],
)
def test_impossible_program_has_its_error(guest, lab, program, error):
    assert code(guest.run_program, lab, program, None, wait=True) == error


def test_suffix_of_program_may_be_left_out(guest, lab):
    assert guest.run_program(lab, f"{SYSTEM}\\cmd", "/c exit 5", wait=True).code == 5


def test_missing_powershell_is_explained(guest, lab, monkeypatch):
    monkeypatch.setattr(powershell, "find", lambda: None)
    with pytest.raises(VixError) as raised:
        guest.run_program(lab, SHELL, None, wait=True)
    assert raised.value.code == constants.VIX_E_FILE_NOT_FOUND
    assert "openvix guest powershell PATH" in raised.value.reason


def test_shared_files_are_ordinary_ones(guest, lab, tmp_path):
    info = guest.file_info(lab, CMD)
    assert info.flags == 0
    assert info.size > 100_000
    guest.copy_out(lab, CMD, str(tmp_path / "cmd.exe"))
    assert (tmp_path / "cmd.exe").stat().st_size == info.size
    assert not (tmp_path / "cmd.exe").is_symlink()


def test_new_disk_is_small_and_has_no_copy_of_wine(tmp_path):
    disk = new_disk(tmp_path / "disk")
    size = sum(path.lstat().st_blocks * 512 for path in disk.rglob("*"))
    assert size < 20e6
    # It shares files by links into /usr, so another file system makes no difference.
    assert not [path for path in disk.rglob("*") if path.is_file() and path.lstat().st_nlink > 1 and not path.is_symlink()]


def test_changes_of_system32_are_of_one_guest(guest, lab, place, tmp_path):
    def state(disk):
        system = disk / "windows/drive_c/windows/system32"
        return {name: (os.readlink(system / name) if (system / name).is_symlink() else (system / name).lstat().st_mtime_ns) for name in os.listdir(system)}

    other = new_disk(tmp_path / "disk")
    before, real = (state(other), state(base.base())), os.stat("/usr/lib/x86_64-linux-gnu/wine/x86_64-windows/arp.exe")
    # Programs may not change Wine's files, as those of Windows may not be changed; new files are the guest's own.
    guest.run_script(
        lab,
        None,
        f"echo x > {SYSTEM}\\new.txt\r\necho x >> {SYSTEM}\\arp.exe\r\ncopy /y C:\\Lab\\a.txt {SYSTEM}\\arp.exe\r\ndel {SYSTEM}\\arp.exe\r\n"
        f"echo 127.0.0.1 mine >> {SYSTEM}\\drivers\\etc\\hosts\r\n",
        wait=True,
    )
    (tmp_path / "mine").write_text("mine")
    guest.copy_in(lab, str(tmp_path / "mine"), f"{SYSTEM}\\find.exe")
    guest.delete_file(lab, f"{SYSTEM}\\findstr.exe")

    assert guest.file_exists(lab, f"{SYSTEM}\\new.txt")
    assert guest.file_info(lab, f"{SYSTEM}\\arp.exe").size == real.st_size
    assert guest.file_info(lab, f"{SYSTEM}\\find.exe").size == 4
    assert "mine" in text_of(guest, lab, f"{SYSTEM}\\drivers\\etc\\hosts", tmp_path)
    assert (state(other), state(base.base())) == before
    assert os.stat("/usr/lib/x86_64-linux-gnu/wine/x86_64-windows/arp.exe") == real
    hosts = (place / "disk/windows/drive_c/windows/system32/drivers/etc/hosts", other / "windows/drive_c/windows/system32/drivers/etc/hosts")
    assert hosts[0].read_text() != hosts[1].read_text()


def test_registry_outlives_a_halt_and_a_copy(tmp_path):
    guest = boot(tmp_path / "run", new_disk(tmp_path / "disk"))
    try:
        lab = guest.login("lab", "s3cret-lab")
        assert guest.run_program(lab, REG, "add HKLM\\Software\\Lab /v kept /t REG_SZ /d yes /f", wait=True).code == 0
        guest.halt()
        any_disks.copy(tmp_path / "disk", tmp_path / "copy")
        guest.boot(tmp_path / "copy")
        assert guest.run_program(lab, REG, "query HKLM\\Software\\Lab /v kept", wait=True).code == 0
        assert guest.run_program(lab, REG, "query HKLM\\Software\\Lab /v none", wait=True).code == 1
    finally:
        guest.halt()


def test_next_daemon_finds_the_processes(guest, lab, place):
    started = guest.run_program(lab, PING, "-n 600 127.0.0.1", wait=False)
    second = make_guest(place / "run", processes=PROCESSES, tools=WineTools, system=WineSystem)
    assert second.attach(place / "disk")
    assert process(second, started.pid) == process(guest, started.pid)
    second.kill(lab, started.pid)
    assert process(guest, started.pid) is None


def test_halt_ends_a_program_that_is_awaited(tmp_path):
    guest = boot(tmp_path / "run", new_disk(tmp_path / "disk"))
    lab, ended = guest.login("lab", "s3cret-lab"), []
    waiting = threading.Thread(target=lambda: ended.append(code(guest.run_program, lab, PING, "-n 600 127.0.0.1", wait=True)))
    waiting.start()
    end = time.monotonic() + 60
    while not [each for each in guest.processes() if each.name == "ping.exe"] and time.monotonic() < end:
        time.sleep(0.1)
    guest.halt()
    waiting.join(60)
    assert ended == [constants.VIX_E_VM_NOT_RUNNING]


def test_paused_guest_goes_on_or_ends(tmp_path):
    guest = boot(tmp_path / "run", new_disk(tmp_path / "disk"))
    try:
        lab = guest.login("lab", "s3cret-lab")
        assert guest.run_program(lab, REG, "add HKLM\\Software\\Lab /v kept /t REG_SZ /d yes /f", wait=True).code == 0
        guest.freeze()
        guest.thaw()
        assert guest.run_program(lab, CMD, "/c exit 7", wait=True).code == 7
        guest.freeze()
        begun = time.monotonic()
        guest.halt()
        assert time.monotonic() - begun < 30
        # Its registry was written all the same.
        assert '"kept"="yes"' in (tmp_path / "disk/windows/system.reg").read_text(errors="replace")
    finally:
        guest.halt()


def test_programs_run_after_snapshot_clone_and_suspend(openvix, tmp_path):
    vm = openvix.add_vm("win", power="powered_on", guest_os="windows11-64", programs="wine")
    write = "/c echo x>C:\\Users\\lab\\"

    def run(vm, arguments):
        _, _, _, _, _, code = client.items("VixVM_RunProgramInGuest", vm, CMD, arguments, 0, [])[0]
        return code

    def exists(vm, name):
        return client.one("VixVM_FileExistsInGuest", vm, f"C:\\Users\\lab\\{name}") == 1

    with Client(openvix.directory) as client:
        client.log_in(vm)
        assert run(vm, f"{write}before") == 0
        snapshot = client.take(vm)
        assert run(vm, f"{write}after") == 0
        client.items("VixVM_Suspend", vm, 0)
        client.items("VixVM_PowerOn", vm, 0, [])
        client.log_in(vm)
        assert (run(vm, "/c exit 263"), exists(vm, "before"), exists(vm, "after")) == (263, True, True)
        assert client.revert(vm, snapshot) == 0
        made = client.one("VixVM_Clone", vm, None, constants.VIX_CLONETYPE_FULL, str(tmp_path / "copy" / "copy.vmx"), 0, [])
        client.items("VixVM_PowerOn", made, 0, [])
        client.log_in(made)
        assert (run(made, "/c if not exist C:\\Users\\lab\\before exit 9"), exists(made, "after")) == (0, False)
        client.items("VixVM_PowerOff", made, 0)


@pytest.fixture
def archive(tmp_path):
    """An archive as Microsoft's, in which pwsh.exe is another program."""
    path = tmp_path / "PowerShell-7.0.0-win-x64.zip"
    with zipfile.ZipFile(path, "w") as packed:
        packed.write(wine.tools(), "pwsh.exe")
        packed.writestr("Modules/m/m.psd1", "@{}")
    return path


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENVIX_CACHE", str(tmp_path / "cache"))


def test_powershell_is_taken_from_archive_or_directory(own_cache, archive, tmp_path):
    assert powershell.find() is None
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(tmp_path / "one" / "PowerShell")
    brought = {powershell.bring(source) for source in (archive, tmp_path / "one", tmp_path / "one" / "PowerShell")}
    assert brought == {powershell.find()}
    [directory] = brought
    assert {"pwsh.exe", "powershell.exe", "Modules"} == set(os.listdir(directory))
    assert os.listdir(directory / "Modules") == ["m"]
    # Guests that run keep the one that they have.
    (tmp_path / "one" / "PowerShell" / "more").touch()
    assert powershell.bring(tmp_path / "one") != directory
    assert (directory / "pwsh.exe").exists()


@pytest.mark.parametrize("content", [None, b"", b"MZ" + b"\0" * 100, b"text"])
def test_wrong_powershell_is_refused(own_cache, tmp_path, content):
    source = tmp_path / "given"
    source.mkdir()
    if content is not None:
        (source / "pwsh.exe").write_bytes(content)
    with pytest.raises(CannotBuild, match="Windows x64"):
        powershell.bring(source)
    with pytest.raises(CannotBuild, match="cannot be read"):
        powershell.bring(source / "none")
    assert powershell.find() is None


@needs_powershell
def test_powershell_runs_at_both_places_with_a_console(tmp_path):
    if GIVEN and not powershell.find():
        powershell.bring(Path(GIVEN))
    guest = boot(tmp_path / "run", new_disk(tmp_path / "disk"))
    try:
        ann = guest.login("ann", "s3cret-ann")
        line = "-NoProfile -NonInteractive -Command \"'{0} {1} {2}' -f $PID, [Environment]::UserName, $HOME | Out-File C:\\Users\\ann\\a.txt; exit 70000\""
        ran = guest.run_program(ann, SHELL, line, wait=True)
        assert ran.code == 70000
        assert text_of(guest, ann, "C:\\Users\\ann\\a.txt", tmp_path).strip() == f"{ran.pid} ann C:\\Users\\ann"
        assert guest.run_program(ann, "C:\\Program Files\\PowerShell\\7\\pwsh.exe", '-NoProfile -Command "exit 3"', wait=True).code == 3
        # Guests share it and cannot change it.
        guest.run_program(ann, CMD, "/c echo x > C:\\PROGRA~1\\PowerShell\\7\\x", wait=True)
        assert "x" not in os.listdir(powershell.find())
        assert code(guest.copy_in, guest.login("lab", "s3cret-lab"), __file__, "C:\\Program Files\\PowerShell\\7\\x") == constants.VIX_E_FILE_ACCESS_ERROR
    finally:
        guest.halt()
