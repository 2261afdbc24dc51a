# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One VM whose files are damaged: the fault stays that VM's, for the daemon, its clients, its stop and its next start."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from protocol_client import Client

from openvix.config.errors import ConfigError
from openvix.daemon import control
from openvix.vix import constants
from openvix.world import layout

OFF, ON = "powered_off", "powered_on"
STATE = '{"power": "powered_off", "snapshots": {}, "disk": "1", "booted": null, "ran": 0.0, "captured": false}'


def into_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


# What is done to the .vmx of a VM, or to a file beside it.
DAMAGES = {
    "vmx of no text": lambda vmx: vmx.write_bytes(b"\0\377"),
    "vmx that is a directory": into_directory,
    "vmsd of no text": lambda vmx: vmx.with_suffix(".vmsd").write_bytes(b"\0\377"),
    "state of another form": lambda vmx: (vmx.parent / "openvix/state.json").write_text("[]"),
    "state without keys": lambda vmx: (vmx.parent / "openvix/state.json").write_text('{"power": "powered_on"}'),
    "state of other types": lambda vmx: (vmx.parent / "openvix/state.json").write_text(STATE),
    "settings that end early": lambda vmx: (vmx.parent / "openvix/machine.json").write_text("[1"),
    "settings of another form": lambda vmx: (vmx.parent / "openvix/machine.json").write_text('{"tools": []}'),
    "journal that ends early": lambda vmx: (vmx.parent / "openvix/journal.json").write_text("[1"),
    "journal of another form": lambda vmx: (vmx.parent / "openvix/journal.json").write_text("[1]"),
}
BARE = [name for name in DAMAGES if name.startswith("vm")]
CASES = [*((name, power) for name in DAMAGES for power in (OFF, ON)), *((name, kind) for name in BARE for kind in ("numbered", "adopted"))]


def log_of(world: Path) -> str:
    return (world / "run" / "log").read_text()


def made(openvix, kind: str, tmp_path: Path) -> str:
    """Create the VM that will be damaged; return the path of its .vmx."""
    if kind == "numbered":
        openvix.add_vms(2, 1)
        return str(openvix.directory / "vms/vm00001/vm00001.vmx")
    if kind == "adopted":
        # As vm_import.py leaves it: with the files of VMware alone.
        other = Path(openvix.add_vm("other", snapshots=[{"name": "base"}]))
        openvix.kill_daemon()
        shutil.copytree(other.parent, openvix.directory / "vms/bad", ignore=shutil.ignore_patterns("openvix"))
        for each in (openvix.directory / "vms/bad").iterdir():
            each.rename(each.with_name(each.name.replace("other", "bad")))
        return str(openvix.directory / "vms/bad/bad.vmx")
    return openvix.add_vm("bad", power=kind)


@pytest.mark.parametrize("restarts", [False, True], ids=["meanwhile", "before the start"])
@pytest.mark.parametrize(("damage", "kind"), CASES)
def test_damaged_vm_harms_no_other(openvix, tmp_path, damage, kind, restarts):
    vm = made(openvix, kind, tmp_path)
    good = openvix.add_vm("good", power=ON)
    names = set(openvix.vms)
    if restarts:
        openvix.kill_daemon()
    whole = {path: path.read_bytes() for path in Path(vm).parent.rglob("*.*") if path.suffix in (".vmx", ".vmsd", ".json")}
    DAMAGES[damage](Path(vm))

    assert set(openvix.vms) == names
    for _ in range(2):
        with Client(openvix.directory) as client:
            client.code("VixVM_Open", client.host, vm)
            client.items("VixVM_WaitForToolsInGuest", good, 30)
            client.log_in(good)
        assert set(openvix.vms) == names
    with Client(openvix.directory) as client:
        assert client.code("VixVM_Suspend", good, 0) == 0
        assert client.code("VixVM_PowerOn", good, 0, []) == 0

    control.end(openvix.directory)

    log = log_of(openvix.directory)
    assert log.endswith(" stopped\n")
    assert "Traceback" not in log
    assert not (openvix.directory / "run" / "socket").exists()
    # Repaired, it is the VM that it was.
    if Path(vm).is_dir():
        Path(vm).rmdir()
    for name in ("openvix/journal.json", f"{Path(vm).stem}.vmsd"):
        (Path(vm).parent / name).unlink(missing_ok=True)
    for path, content in whole.items():
        path.write_bytes(content)
    layout.stopped(openvix.directory).unlink()
    with Client(openvix.directory) if openvix.vms else None as client:
        assert client.one("VixVM_Open", client.host, vm) == vm
        assert openvix.vms[good] == ON


def test_repaired_vm_is_used_again(openvix):
    openvix.add_vms(1, 1)
    [vm] = openvix.vms
    whole = Path(vm).read_bytes()
    Path(vm).write_bytes(b"\0\377")
    with Client(openvix.directory) as client:
        assert client.code("VixVM_Open", client.host, vm) == constants.VIX_E_CANNOT_READ_VM_CONFIG
        assert client.code("VixVM_PowerOff", vm, 0) == constants.VIX_E_INVALID_HANDLE
        assert client.code("Vix_GetProperties", constants.VIX_HANDLETYPE_VM, vm, []) == constants.VIX_E_INVALID_HANDLE
        with pytest.raises(ConfigError, match="cannot be read; see the log of the daemon"):
            openvix.change_vm(vm, tools_seconds=1)

        Path(vm).write_bytes(whole)

        assert client.one("VixVM_Open", client.host, vm) == vm
        assert client.code("VixVM_PowerOff", vm, 0) == 0


def test_interrupted_operation_does_not_stop_start(openvix, tmp_path):
    """What a killed daemon left of one VM cannot be rolled back: the others are served."""
    good = openvix.add_vm("good")
    openvix.kill_daemon()
    stage = tmp_path / "copy" / ".copy.clone"
    stage.mkdir(parents=True)
    (stage / "directory").mkdir()
    inventory = '{"making": {"%s": []}, "deleting": {"%s": ["web.vmx"]}}'
    (tmp_path / "gone" / "web.vmx").mkdir(parents=True)
    (tmp_path / "gone" / "web.vmx" / "more").mkdir()
    (openvix.directory / "inventory.json").write_text(inventory % (tmp_path / "copy/copy.vmx", tmp_path / "gone/web.vmx"))

    assert openvix.vms == {good: OFF}

    assert "the files of the VM" in log_of(openvix.directory)
