# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Facts about VMs."""

from __future__ import annotations

import os
import time
from functools import cached_property, partial

from .._files import leases, library, scan, vmx
from .._files.vm import macs
from .._vix import states
from .._vix.errors import NoToolsInGuest, NotRunning, NotSupported, Refused, TimedOut, VixError
from .._vix.snapshot import flat

ADDRESS_POLL = 0.5  # seconds between two questions for an address


class Look:
    """Which facts are gathered.

    Args:
        gather: Optional facts: snapshots, shared_folders, addresses.
        address_timeout: Seconds to wait until the guest of a running VM has reported an address.
        password: Password of encrypted VMs.
    """

    def __init__(self, gather=(), address_timeout=0, password=None):
        self.gather, self.address_timeout, self.password = gather, address_timeout, password

    @cached_property
    def leases(self):
        """The leases of VMware's DHCP servers on this machine, as leases.Known."""
        return leases.known(time.time())

    def problems(self):
        """A message for each file that could not be read completely."""
        return self.leases.problems if "addresses" in self.gather else []


def describe(host, path, look):
    """Return the facts of a VM."""
    with host.open_vm(path, look.password) as vm:
        found, features = vm.describe(), vm.features
        bits, config = found["power_bits"] or 0, _config(found["path"])
        details = states.words(states.DETAILS, bits)
        facts = {
            "path": found["path"],
            "name": found["name"],
            "power": states.word(states.POWER, bits) or vm.power,
            "power_details": details,
            "power_unknown_bits": states.unknown(bits, states.POWER, states.DETAILS),
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
    """Return the facts of every running VM; for one that cannot be opened its path, the error, and facts from its .vmx."""
    return [_describe_listed(host, path, look) for path in host.running()]


def known(host, home, look, directories=()):
    """Return the facts of the running VMs, of those in VMware's lists and of those in directories.

    home: home directory of the user whose lists these are. None: the host is another machine, of which only running VMs are known.
    """
    try:
        listed = [path for path, dummy in library.known_vms(home)] if home else []
    except vmx.BrokenFile as error:
        raise Refused(f"a VM list of VMware cannot be read: {error}", doing="listing the known VMs") from error
    found = [path for path, dummy in scan.vmx_files([os.path.abspath(each) for each in directories])] if home else []
    paths = {os.path.realpath(path): path for path in [*found, *listed, *host.running()]}
    return [_describe_listed(host, path, look) for path in paths.values()]


def _describe_listed(host, path, look):
    try:
        return describe(host, path, look)
    except TimedOut:  # no time is left for the others either
        raise
    except VixError as error:  # VMware lists VMs that crashed; one of them must not hide the others
        config = _config(path)
        known = {"name": config.display_name, "encrypted": config.is_encrypted} if config else {}
        return {"path": path, **known, "error": str(error)}


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
    """Each address with its source: VMware Tools, DHCP leases of the VM's network cards, and the .vmx."""
    config = config or {}
    reported = _reported(vm, look.address_timeout) if facts["power"] == "powered_on" else ""
    given = [each for mac in macs(config) for each in look.leases.addresses.get(mac, ())]
    found = [(reported, "tools"), *given, (config.get("guestinfo.ip", ""), "vmx")]
    return [{"address": address, "source": source} for address, source in found if address]


def _reported(vm, seconds):
    """The address that VMware Tools report, or an empty text once the time is over: Tools report it some time after they have started."""
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
    """The values of the .vmx. None if it is on another machine or cannot be read."""
    try:
        return vmx.read(path)
    except (OSError, vmx.BrokenFile):
        return None
