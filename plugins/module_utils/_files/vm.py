# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Facts about a VM of this machine from its files, without VIX."""

from __future__ import annotations

import fnmatch
import re

from . import locks, vmsd, vmx
from .vmx import BrokenFile

GUESTINFO = "guestinfo."
# VMware has ten network cards at most in a VM.
CARDS = [tuple(f"ethernet{number}.{key}" for key in ("present", "address", "generatedaddress")) for number in range(10)]


def stem(path):
    """How the .vmx at a path, in the notation of any host, is called without its end."""
    name = re.split(r"[/\\]", path)[-1]
    return name[:-4] if name.lower().endswith(".vmx") else name


def macs(config):
    """The MAC addresses of the network cards that a .vmx gives the VM, in lower case."""
    found = []
    for present, *keys in CARDS:
        if config.get(present, "").upper() == "TRUE":
            found += [config[key].lower() for key in keys if config.get(key)]
    return found


class VMFiles:
    """Describes VMs by their files.

    gather: facts beyond the .vmx, of addresses and snapshots; guestinfo_exclude: patterns of names that are left out, in lower case;
    leases: (address, source) by MAC address.
    """

    def __init__(self, gather, guestinfo_exclude, leases):
        self._gather, self._leases = gather, leases
        self._is_hidden = re.compile("|".join(map(fnmatch.translate, guestinfo_exclude))).match if guestinfo_exclude else lambda name: False

    def describe(self, path):
        """Return the facts of the VM with this .vmx, and messages about what was skipped. Raises FileNotFoundError and BrokenFile."""
        config = vmx.read(path)
        if not config:
            raise BrokenFile(path, "it is empty")
        problems = [f"{path}: {'; '.join(config.problems)}"] if config.problems else []
        is_run = locks.is_run(path)
        facts = {
            "name": config.display_name,
            "power": _power(config, is_run),
            "guest_os": config.guest_os,
            "cpus": config.number("numvcpus", 1),
            "memory": config.number("memsize"),
            "encrypted": config.is_encrypted,
            "locked": is_run is not False,
            "annotation": config.get("annotation", ""),
            "guestinfo": self._guestinfo(config),
        }
        if "addresses" in self._gather:
            facts["addresses"] = self._addresses(config)
        if "snapshots" in self._gather:
            facts.update(_snapshots(path, problems))
        return facts, problems

    def _guestinfo(self, config):
        names = [key[len(GUESTINFO) :] for key in config if key.startswith(GUESTINFO)]
        return {name: config[GUESTINFO + name] for name in names if not self._is_hidden(name)}

    def _addresses(self, config):
        found = [each for mac in macs(config) for each in self._leases.get(mac, ())] if self._leases else []
        written = config.get("guestinfo.ip")
        return [{"address": address, "source": source} for address, source in [*found, *([(written, "vmx")] if written else [])]]


def _power(config, is_run):
    if is_run is None:
        return "unknown"
    if is_run:
        return "powered_on"
    return "suspended" if config.get("checkpoint.vmstate") else "powered_off"


def _snapshots(path, problems):
    beside = vmsd.beside(path)
    try:
        found = vmsd.read(beside)
    except BrokenFile as error:
        problems.append(str(error))
        return {}
    if found.problems:
        problems.append(f"{beside}: {'; '.join(found.problems)}")
    return snapshot_facts([(each.name, each.path, each.uid == found.current) for each in found.snapshots])


def snapshot_facts(snapshots):
    """The facts of snapshots. snapshots: (name, path, whether it is the current one), each before its children."""
    return {
        "snapshots": [path for dummy, path, is_current in snapshots],
        "snapshot_names": [name for name, dummy, is_current in snapshots],
        "snapshot_current": next((path for dummy, path, is_current in snapshots if is_current), None),
    }
