# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""VMware Tools in a guest."""

from __future__ import annotations

from functools import partial

from .._vix.errors import AlreadyCurrent
from .plan import Plan

DOING = {"running": "waiting for VMware Tools in", "mounted": "mounting the VMware Tools installer in", "upgraded": "upgrading VMware Tools in"}


class _Upgrade(Plan):
    """A plan that learns only from its run whether there was anything to do, as VIX does not return versions."""

    def carry_out(self, check_mode):
        result = super().carry_out(check_mode)
        upgraded = result.pop("upgraded", self.after["upgraded"])
        return {**result, "changed": upgraded, "diff": {"before": self.before, "after": {**self.after, "upgraded": upgraded}}}


def plan(vm, wanted, tools_timeout):
    """Return the plan that waits for VMware Tools, mounts their installer, or upgrades them. tools_timeout: seconds of each wait."""
    if vm.power != "powered_on":
        raise vm.no_tools(f"{DOING[wanted]} {vm.label}")
    wait = partial(vm.wait_for_tools, tools_timeout)
    if wanted == "running":
        return Plan({"tools": vm.tools}, {"tools": "running"}, [], None, waits=[wait])
    if wanted == "mounted":
        now = vm.tools
        mounted = {"tools": now, "installer": "mounted"}
        return Plan({"tools": now, "installer": "unknown"}, mounted, [vm.install_tools], lambda: mounted)
    now = {"tools": "running", "upgraded": False}
    return _Upgrade(now, {**now, "upgraded": True}, [wait, partial(_upgrade, vm), wait], None)


def _upgrade(vm):
    try:
        vm.install_tools(upgrade=True, wait=True)
    except AlreadyCurrent:  # only older products say so; the others call it a success (docs/vix-semantics.md, section 24)
        return {"upgraded": False}
    return {"upgraded": True}
