# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""VMs as a whole: whether a host has them in its inventory, and whether they are there at all."""

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
    """Return the plan that puts a VM into the host's inventory (wanted: True) or takes it out of there."""
    places = _inventory(host)
    if places is None:
        if wanted:
            host.open_vm(path, password).release()  # one that is not there could not be registered anywhere
        return Plan({"has_inventory": False}, {"has_inventory": False}, [], None)
    now = _place(path) in places
    step = partial(host.register if wanted else host.unregister, path)
    return Plan(_entry(now), _entry(wanted), [] if now == wanted else [step], lambda: _entry(_place(path) in _inventory(host)))


def _entry(is_registered):
    return {"has_inventory": True, "registered": is_registered}


def _inventory(host):
    """Where the VMs of the host's inventory lie; None when it has none, be it that VIX says so or that it just finds nothing there."""
    try:
        found = host.registered()
    except NotSupported:
        return None
    if not found and host.describe()["provider"] in NO_INVENTORY:
        return None
    return {_place(path) for path in found}


def _place(path):
    return os.path.realpath(path) if os.path.isabs(path) else path


@contextmanager
def opened(host, path, password):
    """The VM at a path for as long as the "with" lasts, None when there is none."""
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
    """Whether no file is at the path, so that what VIX does not find is not only out of its sight."""
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
    if not deleting.disks and host.describe()["provider"] == "vi_server":
        raise Refused("a VI server keeps no disks without their VM: set delete_disks, or unregister the VM", doing=doing)
    clones = _linked_clones(vm, deleting, doing)
    runs = power not in ("powered_off", "suspended")
    if runs and not deleting.stop:
        raise Refused(f"the VM is {power}: set power_off to have it powered off first", doing=doing)
    steps = [partial(deleting.stop, vm)] if runs else []
    return Plan(PRESENT, ABSENT, [*steps, partial(_delete, vm, deleting)], partial(_look, host, path, password), facts={"linked_clones": clones})


def _linked_clones(vm, deleting, doing):
    """The linked clones of a VM; raise Refused if there are any, or may be, unless force is set."""
    try:
        clones = lineage.linked_clones(vm.path, deleting.home)
    except vmx.BrokenFile as error:
        if not deleting.force:
            raise Refused(f"what linked clones the VM has cannot be known ({error}): set force to delete it all the same", doing=doing) from error
        return []
    if clones and not deleting.force:
        raise Refused(f"linked clones hang on its disks, and would be lost with it: {', '.join(clones)}; delete those first, or set force", doing=doing)
    return clones


def _delete(vm, deleting):
    folder = os.path.dirname(vm.path)
    vm.delete(deleting.disks)
    vm.release()  # the object goes with its last reference; whether the VM is gone is asked afresh
    if not os.path.isabs(folder):  # on another machine
        return None
    return {"remaining": sorted(os.listdir(folder)) if os.path.isdir(folder) else []}


def _look(host, path, password):
    with opened(host, path, password) as vm:
        return ABSENT if vm is None else PRESENT
