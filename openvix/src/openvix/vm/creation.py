# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Creation of a VM: its initial files."""

from __future__ import annotations

import json
import time
from pathlib import Path

from openvix.backends import hypervisors
from openvix.system import atomic_files
from openvix.vm import machine
from openvix.vmware import encryption, vmsd, vmx


def create(directory: Path, name: str, settings: dict) -> None:
    """Write the files of a new VM into an empty directory; settings: as worldfile.vm() returns them."""
    tree = with_snapshots(vmsd.Tree(), settings["snapshots"])
    (directory / f"{name}.vmsd").write_bytes(vmsd.write(tree, name))
    (directory / f"{name}.vmx").write_bytes(config(name, settings))
    complete(directory, name, settings)


def config(name: str, settings: dict) -> bytes:
    """Return the .vmx of a new VM."""
    return vmx.new(
        {
            "config.version": "8",
            "virtualHW.version": str(settings["hardware"]),
            "displayName": name,
            "guestOS": settings["guest_os"],
            "memsize": str(settings["memory"]),
            "numvcpus": str(settings["cpus"]),
            "scsi0.present": "TRUE",
            "scsi0.virtualDev": "pvscsi",
            "scsi0:0.present": "TRUE",
            "scsi0:0.fileName": f"{name}.vmdk",
            **({} if settings["hypervisor"] == "simulated" else {hypervisors.KEY: settings["hypervisor"]}),
            **({} if settings["guest_operations"] else {"guest.commands.enabled": "FALSE"}),
            **(encryption.keys(settings["password"]) if settings["password"] else {}),
            **({"checkpoint.vmState": f"{name}.vmss"} if settings["power"] == machine.SUSPENDED else {}),
        }
    ).write()


def is_bare(directory: Path) -> bool:
    """Return whether this directory contains a .vmx of its name, but not yet the files of OpenVIX."""
    return not (directory / "openvix" / "state.json").exists() and (directory / f"{directory.name}.vmx").exists()


def complete(directory: Path, name: str, settings: dict) -> None:
    """Write the files of OpenVIX for a VM with a .vmx and a .vmsd, which supply its snapshots and whether it is suspended."""
    own, metadata = directory / "openvix", directory / f"{name}.vmsd"
    # Remove the remains of an interrupted call.
    machine.remove_own(own)
    (own / "disks").mkdir(mode=0o700, parents=True)
    tree = vmsd.read(metadata.read_bytes()) if metadata.exists() else vmsd.Tree()
    config = vmx.read((directory / f"{name}.vmx").read_bytes())
    suspended, hypervisor = bool(config.get("checkpoint.vmState")), config.get(hypervisors.KEY)
    settings = {**settings, "hypervisor": hypervisor} if hypervisor == "qemu" else settings
    # The guest OS of an imported VM is that of its .vmx.
    settings = {**settings, "guest_os": config.get("guestOS") or settings["guest_os"]}
    disk, first = hypervisors.of(settings).make(own, machine.hostname(name), settings, bool(tree.snapshots))
    # All snapshots share one disk, which did not change between them.
    saved = {str(each.uid): {"disk": first, "power": machine.ON if each.memory else machine.OFF, "ran": 0.0} for each in tree.snapshots}
    # If the VM is powered on, Machine.settle() boots its guest.
    power = machine.SUSPENDED if suspended else settings["power"]
    state = {"power": power, "booted": time.monotonic(), "ran": 0.0, "disk": disk, "captured": False, "snapshots": saved}
    files = {
        metadata: vmsd.write(tree, name),
        directory / f"{name}.vmdk": DISK.encode(),
        **{directory / vmsd.state_file(name, snapshot.uid): snapshot_state(snapshot) for snapshot in tree.snapshots},
        **({directory / f"{name}.vmss": machine.SUSPENDED_STATE} if suspended else {}),
        # The password is not stored; it is checked against a hash in the .vmx.
        own / "machine.json": json.dumps({**settings, "password": ""}).encode(),
    }
    for path, content in files.items():
        if not path.exists():
            path.write_bytes(content)
    atomic_files.replace(own / "state.json", json.dumps(state).encode())


def with_snapshots(tree: vmsd.Tree, wanted: list[dict], parent: int = 0) -> vmsd.Tree:
    """Return the tree with new snapshots; wanted: the tables of the world file, with their children."""
    for each in wanted:
        tree = tree._replace(current=parent).with_new(each["name"], each["description"], time.time_ns() // 1000, False)
        tree = with_snapshots(tree, each["children"], tree.current)
    return tree


def snapshot_state(snapshot: vmsd.Snapshot) -> bytes:
    return f"OpenVIX: the state of snapshot {snapshot.uid}\n".encode()


# A disk of 8 GB that reads as zeros. The content of simulated disks is in openvix/disks.
DISK = """\
# Disk DescriptorFile
version=1
encoding="UTF-8"
CID=fffffffe
parentCID=ffffffff
createType="monolithicFlat"

# Extent description
RW 16777216 ZERO

# The Disk Data Base
#DDB

ddb.virtualHWVersion = "21"
ddb.geometry.cylinders = "1044"
ddb.geometry.heads = "255"
ddb.geometry.sectors = "63"
ddb.adapterType = "lsilogic"
"""
