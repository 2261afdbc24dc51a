# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The virtual hardware of a VM.

VIX returns neither the version of a VM, which is in its .vmx, nor the newest version of the product; and the upgrade of a current VM
succeeds, or ends in 4006 in older products (docs/vix-semantics.md, sections 24 and 26). NEWEST
lists the newest versions of known products. For others, an upgrade is noted in the .vmx together with the product, for the next run.
"""

from __future__ import annotations

import re
from contextlib import suppress
from functools import partial

from .._files import rewrite, vmx
from .._vix.errors import AlreadyCurrent, NotSupported, Refused, VixError
from .plan import Plan

VERSION = "virtualHW.version"
NOTE = "vmlab.vix.newestHardware"
PRODUCT = re.compile(r"(Workstation|Fusion)[^0-9]*([0-9]{1,3})\.([0-9]{1,3})")
# By product and major version: minor versions and the newest hardware since then, as VMware publishes it; the newest first.
NEWEST = {
    ("Workstation", 25): ((0, 22),),
    ("Workstation", 17): ((5, 21), (0, 20)),
    ("Workstation", 16): ((2, 19), (0, 18)),
    ("Workstation", 15): ((0, 16),),
    ("Workstation", 14): ((0, 14),),
    ("Workstation", 12): ((0, 12),),
    ("Fusion", 25): ((0, 22),),
    ("Fusion", 13): ((5, 21), (0, 20)),
    ("Fusion", 12): ((2, 19), (0, 18)),
    ("Fusion", 11): ((0, 16),),
    ("Fusion", 10): ((0, 14),),
    ("Fusion", 8): ((0, 12),),
}


def upgrade(host, vm, stop, check_mode):
    """Upgrade the virtual hardware unless it is the product's newest; return what Ansible reports, with the version where it is known.

    Args:
        host: The host of the VM.
        vm: The VM.
        stop: Called as stop(vm) to power off a VM that is on, a step of the plan. None: refuse to upgrade such a VM.
        check_mode: Whether to change nothing.
    """
    described = host.describe(f"upgrading the virtual hardware of {vm.label}")
    product = described["software_version"] or f"{described['provider']} {described['api_version']}"
    plan, before = _plan(vm, product, stop), _version(vm)
    result = plan.carry_out(check_mode)
    version = _newest(product) if check_mode and plan.steps else _version(vm)
    if plan.steps and not check_mode and version is not None and version == before:
        was = {**plan.before, "hardware": "latest"}  # only the attempt has shown that
        result = {**result, "changed": was != result["diff"]["after"], "diff": {**result["diff"], "before": was}}
    return {**result, **({} if version is None else {"version": version})}


def _plan(vm, product, stop):
    doing, power = f"upgrading the virtual hardware of {vm.label}", vm.power
    if _is_newest(vm, product):
        latest = {"hardware": "latest", "power": power}
        return Plan(latest, latest, [], None)
    if "hardware_upgrade" not in vm.features:
        raise NotSupported(
            f"{product} does not support upgrading the virtual hardware of this VM; VMware Workstation and Fusion do", code=6, doing=doing, advice=""
        )
    if power == "suspended":
        raise Refused("the VM is suspended, and its virtual hardware cannot be upgraded: power it on and off first (vmlab.vix.vm_power)", doing=doing)
    runs = power != "powered_off"
    if runs and not stop:
        raise Refused(f"the VM is {power}: set power_off=true to power it off for the upgrade; it then stays off", doing=doing)
    return Plan(
        before={"hardware": "upgradable", "power": power},
        after={"hardware": "latest", "power": "powered_off"},
        steps=[*([partial(stop, vm)] if runs else []), partial(_upgrade, vm, product)],
        # The success of VIX is the only sign of the newest version for other products: _upgrade has noted it.
        observe=lambda: {"hardware": "latest" if _is_newest(vm, product) else "upgradable", "power": vm.power},
    )


def _is_newest(vm, product):
    """Whether the hardware is known to be the newest version of the product."""
    config = _config(vm)
    if config.get(NOTE, "") == _note(config, product):
        return True
    newest, version = _newest(product), _version(vm)
    return newest is not None and version is not None and version >= newest


def _newest(product):
    found = PRODUCT.search(product)
    if not found:
        return None
    rows = NEWEST.get((found[1], int(found[2])), ())
    return next((version for minor, version in rows if int(found[3]) >= minor), None)


def _note(config, product):
    return f"{config.get(VERSION)} with {product}"


def _version(vm):
    return vmx.to_number(_config(vm).get(VERSION, ""))


def _config(vm):
    """The values of the .vmx. Empty if it is not on this machine."""
    try:
        return vmx.read(vm.path)
    except (FileNotFoundError, vmx.BrokenFile):
        return {}


def _upgrade(vm, product):
    with suppress(AlreadyCurrent):
        vm.upgrade_hardware()
    config = _config(vm)
    if config and not _is_newest(vm, product):
        try:
            rewrite.set_values(vm.path, {NOTE: _note(config, product)})
        except (OSError, vmx.BrokenFile) as error:
            raise VixError(
                f"the hardware was upgraded, but this cannot be noted in the .vmx ({error})", doing=f"upgrading the virtual hardware of {vm.label}"
            ) from error
