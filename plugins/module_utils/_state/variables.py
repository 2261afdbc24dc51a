# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The variables of a VM and of its guest."""

from __future__ import annotations

from functools import partial

from .._vix.errors import Refused
from .plan import Plan

WITH_LOGIN = ("guest_environment",)
BLIND = ("runtime_config",)  # read from the .vmx but set in the running VM (docs/vix-semantics.md, section 21): a new value cannot be read back


def checked(kind, wanted):
    """Return the wanted variables, a value or None by name, with all values as texts.

    Raise Refused for what VIX does not take (docs/vix-semantics.md, section 21).
    """
    for name, value in wanted.items():
        doing = f"reading the name of the variable {name}"
        if not name:
            raise Refused("the name of a variable cannot be empty", doing="reading the names of the variables")
        if "/" in name and kind == "guest_variable":
            raise Refused("the name of a guest variable cannot contain a slash", doing=doing)
        if "=" in name and value is not None:
            raise Refused("the name of a variable that is set cannot contain an equals sign", doing=doing)
    return {name: _text(name, value) for name, value in wanted.items()}


def _text(name, value):
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    raise Refused(f"{value!r} is not a string: put it in quotes", doing=f"reading the value of the variable {name}")


def plan(vm, kind, wanted):
    """Return the plan that sets variables. Those whose value is None are only read.

    Variables of a kind in WITH_LOGIN belong to the user who is logged in to the guest.
    """
    before = {"variables": _read(vm, kind, wanted)}
    now = before["variables"]
    after = {"variables": {name: now[name] if value is None else value for name, value in wanted.items()}}
    steps = [partial(vm.write_variable, kind, name, value) for name, value in wanted.items() if value is not None and (value != now[name] or kind in BLIND)]
    return Plan(before, after, steps, lambda: after if kind in BLIND else {"variables": _read(vm, kind, wanted)})


def _read(vm, kind, names):
    return {name: vm.read_variable(kind, name) for name in names}
