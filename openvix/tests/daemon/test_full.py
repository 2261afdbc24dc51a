# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A world whose disk is full at each step of each operation: an error, no signal, and memory and disk alike."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import programs
import pytest
from operations import DISKS, OFF, OPERATIONS, PROCESS, different, seen, settled
from protocol_client import Client
from waiting import eventually

from openvix.config.errors import ConfigError
from openvix.pytest_plugin import ServedWorld
from openvix.vix import constants
from openvix.world import layout

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small file system")

# Of the system, or of VIX for the files of a guest.
FULL = re.compile(r"No space left on device|VIX error 8\b")
SERVER = ("https://host:8333/sdk", "root", "")
PAGE = 4096
# More free pages than any operation takes.
MOST = 400


class FullWorld(ServedWorld):
    """A world on a small file system with as much free space as a test wants."""

    @property
    def _filler(self) -> Path:
        return self.directory.parent / "filler"

    def leave_pages(self, pages: int) -> None:
        """Fill the file system, up to this number of free pages."""
        self.make_room()
        found = os.statvfs(self.directory)
        with open(self._filler, "wb") as file:
            os.posix_fallocate(file.fileno(), 0, (found.f_bavail - pages) * found.f_bsize)

    def make_room(self):
        self._filler.unlink(missing_ok=True)


@pytest.fixture
def world(request, tmp_path, openvix_library, openvix_forkserver, monkeypatch):
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", str(mounted)], capture_output=True, check=False).returncode:
        pytest.skip("tmpfs cannot be mounted here")
    try:
        marked = request.node.get_closest_marker("openvix")
        served = FullWorld(mounted / "world", openvix_library, marked.kwargs if marked else {}, openvix_forkserver.serve)
        for name, value in served.environment.items():
            monkeypatch.setenv(name, value)
        try:
            yield served
        finally:
            served.make_room()
            left = served.end()
        assert left == []
        assert "Traceback" not in (served.directory / "run" / "log").read_text()
    finally:
        subprocess.run(["umount", "--lazy", str(mounted)], check=True)


def connect() -> list[str]:
    """Return what a C client says that connects and disconnects."""
    ended = subprocess.run(programs.command("drive", "connect", "text", "disconnect"), capture_output=True, text=True, timeout=100, check=True)
    return ended.stdout.splitlines()


def test_client_without_space_gets_an_error(world):
    programs.command("drive")
    world.leave_pages(0)
    full = [f"connect {constants.VIX_E_DISK_FULL}", f"Ran out of disk space while writing: no space left in {world.directory}"]
    assert connect() == full
    # Its ledger fits, but for the last page.
    world.leave_pages((40 + 16 * 65536) // PAGE)
    assert connect() == full

    world.make_room()

    assert connect() == ["connect 0", "Success; the whole 64-bit value is zero"]
    eventually(lambda: not [*(world.directory / "run" / "clients").iterdir()])


def test_daemon_starts_on_full_disk(world):
    vm = world.add_vm("web")
    world.kill_daemon()
    world.leave_pages(0)

    assert world.vms == {vm: OFF}
    assert world.status()["pid"] == layout.holder(world.directory)


def test_commands_on_full_disk_print_one_line(world, tmp_path):
    lab = tmp_path / "lab.toml"
    lab.write_text('[vm.web]\npower = "powered_on"\n')
    other = world.directory.parent / "other"
    pages, started = 0, None
    while pages < MOST and (started is None or started.returncode):
        world.leave_pages(pages)
        for command in (("start", lab, "--directory", other), ("status", other), ("stop", other)):
            ended = subprocess.run([sys.executable, "-P", "-m", "openvix.cli", *map(str, command)], capture_output=True, text=True, timeout=100, check=False)
            assert len(ended.stderr.splitlines()) == (1 if ended.returncode else 0), ended.stderr
            started = ended if command[0] == "start" else started
        pages += 1 if pages < 6 else 20
    assert pages > 1
    assert layout.processes(other) == {}


def attempt(world, place: Path, name: str, pages: int | None):
    """Carry out an operation on a new VM with so many free pages; return its error, and what was there before, after and after a restart."""
    settings, operation = OPERATIONS[name]
    vm = world.add_vm("web", processes=[PROCESS], snapshots=[{"name": "base"}], **settings)
    clone = place / "folder" / "copy" / "copy.vmx"
    with Client(world.directory) as client:
        settled(world, client)
        before = seen(world, client, vm, clone)
        call = operation(client, vm, str(clone))
        if pages is not None:
            world.leave_pages(pages)
        error = client.code(*call)
        world.make_room()
        after = seen(world, client, vm, clone)
    world.kill_daemon()
    world.status()
    with Client(world.directory) as client:
        settled(world, client)
        restarted = seen(world, client, vm, clone)
        if error:
            # Nothing stands in its way now.
            assert client.code(*operation(client, vm, str(clone))) == 0
            settled(world, client)
        again = seen(world, client, vm, clone)
        for left in world.vms:
            client.code("VixVM_PowerOff", left, 0)
            client.items("VixVM_Delete", left, DISKS)
    for folder in (Path(vm).parent, clone.parent):
        shutil.rmtree(folder, ignore_errors=True)
    return error, before, after, restarted, again


@pytest.mark.parametrize("name", OPERATIONS)
def test_operation_on_full_disk_is_atomic(world, name):
    place = world.directory.parent
    _, _, whole, _, _ = attempt(world, place, name, None)
    pages, error = 0, constants.VIX_E_DISK_FULL
    while error:
        error, before, after, restarted, again = attempt(world, place, name, pages)
        # The guest of a simulated VM also needs space to start.
        starts = (constants.VIX_E_CANNOT_POWER_ON_VM,) if name in ("power on", "resume") else ()
        assert error in (0, constants.VIX_E_DISK_FULL, *starts), f"{pages} pages"
        assert after == (before if error else whole), (pages, different(after, before if error else whole))
        assert restarted == after, (pages, different(restarted, after))
        assert again == whole, (pages, different(again, whole))
        # Copying a disk takes many pages alike.
        pages += 1 if pages < 12 else STRIDE
        assert pages < MOST
    assert pages > 1 or name in ("power off", "delete", "delete but the disks", "remove")


STRIDE = 1 if os.environ.get("OPENVIX_TEST_EVERY_STEP") else 7


def files(world) -> list[str]:
    """Return the files of a world, but for those of its daemon."""
    return sorted(str(path.relative_to(world.directory)) for path in world.directory.rglob("*") if path.relative_to(world.directory).parts[0] != "run")


CHANGES = {
    "add a VM": lambda world, pages: world.add_vm("new", files={"/srv/one": "1"}),
    "add a host": lambda world, pages: world.add_host(f"host{pages}.example", {"lab": "lab"}),
    "change a VM": lambda world, pages: world.change_vm(next(iter(world.vms)), tools_seconds=100 + pages),
}


@pytest.mark.parametrize("name", CHANGES)
def test_control_call_on_full_disk_is_atomic(world, name):
    world.add_vm("web")
    for pages in range(MOST):
        # The directory of a host without an entry in the world file means nothing.
        before, there = world.status(), [path for path in files(world) if not path.startswith("hosts")]
        world.leave_pages(pages)
        failed = ""
        try:
            CHANGES[name](world, pages)
        except ConfigError as error:
            failed = str(error)
        world.make_room()
        if not failed:
            break
        assert FULL.search(failed)
        assert (world.status(), [path for path in files(world) if not path.startswith("hosts")]) == (before, there)
    assert pages > 0


def test_numbered_vms_on_full_disk_continue_later(world):
    world.leave_pages(10)
    with pytest.raises(ConfigError, match="No space left"):
        world.add_vms(20, 5)
    made = world.status()["vms"]
    assert 0 < len(made) < 20
    assert all(b"displayName" in Path(vm["vmx"]).read_bytes() for vm in made)
    world.make_room()

    world.add_vms(20, 5)

    assert [vm["power"] for vm in world.status()["vms"]] == ["powered_on"] * 5 + ["powered_off"] * 15
    assert not [path for path in files(world) if path.endswith(".new")]


@pytest.mark.openvix(product="workstation_shared")
def test_registering_on_full_disk_changes_nothing(world):
    world.add_vm("web")
    with Client(world.directory, provider=constants.VIX_SERVICEPROVIDER_VMWARE_WORKSTATION_SHARED, at=SERVER) as client:

        def registered() -> bool:
            return bool(client.items("VixHost_FindItems", client.host, constants.VIX_FIND_REGISTERED_VMS, [], -1))

        for function, after in (("VixHost_UnregisterVM", False), ("VixHost_RegisterVM", True)):
            world.leave_pages(0)
            assert client.code(function, client.host, "[standard] web/web.vmx") == constants.VIX_E_DISK_FULL
            assert registered() != after
            world.make_room()
            assert client.code(function, client.host, "[standard] web/web.vmx") == 0
            assert registered() == after
