# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What VMs are, in the words of Ansible."""

from __future__ import annotations

import os
from functools import partial

from .._files import library, vmx
from .._vix import states
from .._vix.errors import NoToolsInGuest, NotRunning, NotSupported, Refused, TimedOut, VixError
from .._vix.snapshot import flat

ADDRESS_POLL = 0.5  # seconds between two questions for an address


def describe(host, path, password=None, gather=(), address_timeout=0):
    """Return path, name, power, tools, guest_os, cpus and memory (MB) of a VM; and more with gather: of snapshots, shared_folders, addresses.

    address_timeout: seconds to wait until the guest of a running VM has told an address.
    """
    with host.open_vm(path, password) as vm:
        found = vm.describe()
        facts = {
            "path": found["path"],
            "name": found["name"],
            "power": states.word(states.POWER, found["power_bits"] or 0) or vm.power,
            "tools": found["tools"],
            "guest_os": found["guest_os"],
            "cpus": found["cpus"],
            "memory": found["memory"],
        }
        if gather:
            facts.update(_more(vm, facts, gather, address_timeout))
        return facts


def running(host, gather=(), address_timeout=0):
    """Return the same of every running VM; path and error of one that is listed and cannot be opened."""
    return [_describe_listed(host, path, gather, address_timeout) for path in host.running()]


def known(host, home, gather=(), address_timeout=0):
    """Return the same of the running VMs and of those that VMware's own lists name, each once. home: of the user whose lists they are,
    None for a host elsewhere."""
    try:
        listed = [path for path, dummy in library.known_vms(home)] if home else []
    except vmx.BrokenFile as error:
        raise Refused(f"a list of VMware's cannot be read: {error}", doing="listing the known VMs") from error
    paths = {os.path.realpath(path): path for path in [*listed, *host.running()]}
    return [_describe_listed(host, path, gather, address_timeout) for path in paths.values()]


def _describe_listed(host, path, gather, address_timeout):
    try:
        return describe(host, path, gather=gather, address_timeout=address_timeout)
    except TimedOut:  # nothing is left for the others either
        raise
    except VixError as error:  # VMware lists VMs that died; one of them must not hide the others
        return {"path": path, "error": str(error)}


def _more(vm, facts, gather, address_timeout):
    bits, config = vm.power_bits, _config(facts["path"])
    details = states.words(states.ON_THE_WAY, bits)
    gathered = {
        "snapshots": partial(_snapshots, vm),
        "shared_folders": partial(_shared_folders, vm, facts),
        "addresses": partial(_addresses, vm, facts, config, address_timeout),
    }
    return {
        "power_details": details,
        "power_unknown_bits": states.unknown(bits, states.POWER, states.ON_THE_WAY),
        "question_pending": "question_pending" in details,
        "features": vm.features,
        "encrypted": None if config is None else config.is_encrypted,
        "locked": os.path.isdir(f"{facts['path']}.lck"),
        **{name: gathered[name]() for name in gather},
    }


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


def _addresses(vm, facts, config, seconds):
    """Each address with its source: what Tools report, and what somebody wrote into the .vmx."""
    reported = _reported(vm, seconds) if facts["power"] == "powered_on" else ""
    written = (config or {}).get("guestinfo.ip", "")
    return [{"address": address, "source": source} for address, source in ((reported, "tools"), (written, "vmx")) if address]


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
