# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What VMs are, in the words of Ansible."""

from __future__ import annotations

import os
import time
from functools import cached_property, partial

from .._files import leases, library, vmx
from .._files.vm import macs
from .._vix import states
from .._vix.errors import NoToolsInGuest, NotRunning, NotSupported, Refused, TimedOut, VixError
from .._vix.snapshot import flat

ADDRESS_POLL = 0.5  # seconds between two questions for an address


class Look:
    """How closely VMs are looked at.

    gather: what is told beyond what is told anyway, of snapshots, shared_folders and addresses; address_timeout: seconds to wait until the guest of a
    running VM has told an address; password: of those that are encrypted.
    """

    def __init__(self, gather=(), address_timeout=0, password=None):
        self.gather, self.address_timeout, self.password = gather, address_timeout, password

    @cached_property
    def leases(self):
        """What VMware's own DHCP servers on this machine have given out, as leases.Known."""
        return leases.known(time.time())

    def problems(self):
        """A sentence for each file that could not be read in full."""
        return self.leases.problems if "addresses" in self.gather else []


def describe(host, path, look):
    """Return what is to be told of a VM, a dictionary."""
    with host.open_vm(path, look.password) as vm:
        found, features = vm.describe(), vm.features
        bits, config = found["power_bits"] or 0, _config(found["path"])
        details = states.words(states.ON_THE_WAY, bits)
        facts = {
            "path": found["path"],
            "name": found["name"],
            "power": states.word(states.POWER, bits) or vm.power,
            "power_details": details,
            "power_unknown_bits": states.unknown(bits, states.POWER, states.ON_THE_WAY),
            "question_pending": "question_pending" in details,
            "tools": found["tools"],
            "guest_os": found["guest_os"],
            "cpus": found["cpus"],
            "memory": found["memory"],
            "features": features,
            "encrypted": None if config is None else config.is_encrypted,
            "locked": os.path.isdir(f"{found['path']}.lck"),
        }
        gathered = {
            "snapshots": partial(_snapshots, vm),
            "shared_folders": partial(_shared_folders, vm, facts),
            "addresses": partial(_addresses, vm, facts, config, look),
        }
        return {**facts, **{name: gathered[name]() for name in look.gather}}


def running(host, look):
    """Return the same of every running VM; of one that is listed and cannot be opened its path, the error, and what its .vmx tells."""
    return [_describe_listed(host, path, look) for path in host.running()]


def known(host, home, look):
    """Return the same of the running VMs and of those that VMware's own lists name, each once. home: of the user whose lists they are,
    None for a host elsewhere."""
    try:
        listed = [path for path, dummy in library.known_vms(home)] if home else []
    except vmx.BrokenFile as error:
        raise Refused(f"a list of VMware's cannot be read: {error}", doing="listing the known VMs") from error
    paths = {os.path.realpath(path): path for path in [*listed, *host.running()]}
    return [_describe_listed(host, path, look) for path in paths.values()]


def _describe_listed(host, path, look):
    try:
        return describe(host, path, look)
    except TimedOut:  # nothing is left for the others either
        raise
    except VixError as error:  # VMware lists VMs that died; one of them must not hide the others
        config = _config(path)
        told = {"name": config.display_name, "encrypted": config.is_encrypted} if config else {}
        return {"path": path, **told, "error": str(error)}


def _snapshots(vm):
    try:
        return [node.path for node in flat(vm.snapshot_tree())]
    except NotSupported:  # Player has none
        return None


def _shared_folders(vm, facts):
    try:
        return vm.shared_folders if facts["power"] == "powered_on" else None
    except (NotSupported, NoToolsInGuest, NotRunning):
        return None


def _addresses(vm, facts, config, look):
    """Each address with its source: what Tools report, what DHCP gave the VM's network cards, and what somebody wrote into the .vmx."""
    config = config or {}
    reported = _reported(vm, look.address_timeout) if facts["power"] == "powered_on" else ""
    given = [each for mac in macs(config) for each in look.leases.addresses.get(mac, ())]
    found = [(reported, "tools"), *given, (config.get("guestinfo.ip", ""), "vmx")]
    return [{"address": address, "source": source} for address, source in found if address]


def _reported(vm, seconds):
    """The address that Tools report, empty when they have none; one answer without is not trusted while there is time."""
    deadline = vm.within(seconds)
    while True:
        try:
            address = vm.read_variable("guest_variable", "ip")
        except (NotSupported, NoToolsInGuest, NotRunning):
            return ""
        if address or not deadline.left():
            return address
        deadline.pause(ADDRESS_POLL, f"waiting for an address of {vm.label}")


def _config(path):
    """What the .vmx says, or None of a VM that is not one of this machine or whose file cannot be read."""
    try:
        return vmx.read(path)
    except (OSError, vmx.BrokenFile):
        return None
