# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""VMs as a whole: whether they are in the inventory of a host, and whether they exist."""

from __future__ import annotations

import os
from contextlib import contextmanager
from functools import partial

from .._files import lineage, vmx
from .._vix.errors import NotSupported, Refused, VMNotFound
from .plan import Plan

NO_INVENTORY = ("default", "workstation", "player")  # docs/vix-semantics.md, section 10
PRESENT, ABSENT = {"state": "present"}, {"state": "absent"}


def registered(host, path, password, wanted):
    """Return the plan that adds a VM to the host's inventory (wanted: True) or removes it."""
    places = _inventory(host, path)
    if places is None:
        if wanted:
            host.open_vm(path, password).release()  # a VM that does not exist could not be registered anywhere
        return Plan({"has_inventory": False}, {"has_inventory": False}, [], None)
    now = _place(path) in places
    step = partial(host.register if wanted else host.unregister, path)
    return Plan(_entry(now), _entry(wanted), [] if now == wanted else [step], lambda: _entry(_place(path) in _inventory(host, path)))


def _entry(is_registered):
    return {"has_inventory": True, "registered": is_registered}


def _inventory(host, path):
    """Paths of the VMs in the host's inventory. None if it has none, which VIX reports as an error or as an empty list. path: the VM to look for."""
    doing = f"looking for {path} among the registered VMs"
    try:
        found = host.registered(doing)
    except NotSupported:
        return None
    if not found and host.describe(doing)["provider"] in NO_INVENTORY:
        return None
    return {_place(path) for path in found}


def _place(path):
    return os.path.realpath(path) if os.path.isabs(path) else path


@contextmanager
def opened(host, path, password):
    """The VM at a path for as long as the "with" lasts. None if it does not exist."""
    try:
        vm = host.open_vm(path, password)
    except VMNotFound:
        if not _is_gone(path):
            raise
        vm = None
    if vm is None:
        yield None
    else:
        with vm:
            yield vm


def _is_gone(path):
    """Whether no file is at the path, so that the VM is not merely invisible to VIX."""
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


class Deleting:
    """How a VM may be deleted.

    Args:
        disks: Whether to delete its disks as well.
        force: Whether to delete it even if linked clones depend on its disks.
        stop: Called as stop(vm) to power off a VM that is on, a step of the plan. None: refuse to delete such a VM.
        home: Home directory of the user whose VMs these are.
    """

    def __init__(self, disks=False, force=False, stop=None, home=None):
        self.disks, self.force, self.stop, self.home = disks, force, stop, home


def absent(host, vm, path, password, deleting):
    """Return the plan that deletes a VM, as opened() yields it. Its facts: linked_clones, and after a run remaining, what is left in the VM's directory."""
    if vm is None:
        return Plan(ABSENT, ABSENT, [], None, facts={"linked_clones": []})
    doing, power = f"deleting {vm.label}", vm.power
    if not deleting.disks and host.describe(doing)["provider"] == "vi_server":
        raise Refused("a VI server cannot keep the disks of a deleted VM: set delete_disks=true, or use state=unregistered", doing=doing)
    clones = _linked_clones(vm, deleting, doing)
    runs = power not in ("powered_off", "suspended")
    if runs and not deleting.stop:
        raise Refused(f"the VM is {power}: set power_off=true to power it off first", doing=doing)
    steps = [partial(deleting.stop, vm)] if runs else []
    return Plan(PRESENT, ABSENT, [*steps, partial(_delete, vm, deleting)], partial(_look, host, path, password), facts={"linked_clones": clones})


def _linked_clones(vm, deleting, doing):
    """The linked clones of a VM; raise Refused if there are any, or may be, unless force is set."""
    try:
        clones = lineage.linked_clones(vm.path, deleting.home)
    except vmx.BrokenFile as error:
        if not deleting.force:
            raise Refused(f"the linked clones of this VM cannot be determined ({error}): set force=true to delete it anyway", doing=doing) from error
        return []
    if clones and not deleting.force:
        raise Refused(f"linked clones depend on this VM's disks: {', '.join(clones)}; delete them first, or set force=true", doing=doing)
    return clones


def _delete(vm, deleting):
    folder = os.path.dirname(vm.path)
    vm.delete(deleting.disks)
    vm.release()  # VIX frees the object with its last reference; whether the VM still exists is checked anew
    if not os.path.isabs(folder):  # on another machine
        return None
    return {"remaining": sorted(os.listdir(folder)) if os.path.isdir(folder) else []}


def _look(host, path, password):
    with opened(host, path, password) as vm:
        return ABSENT if vm is None else PRESENT
