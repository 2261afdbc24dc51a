# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Windows guest without a VM: its system and its guest tools."""

from __future__ import annotations

import types
from pathlib import Path

import pytest

from openvix.backends.wine.system import WindowsSystem
from openvix.backends.wine.tools import WindowsTools
from openvix.vix.errors import VixError

ACCOUNTS = [
    {"name": "lab", "password": "s3cret-lab", "administrator": True},
    {"name": "ann", "password": "s3cret-ann"},
    {"name": "guest", "password": ""},
]


def make_guest(runtime: Path, *, processes: list[dict], tools: type = WindowsTools, system: type = WindowsSystem):
    """Return guest tools that also have the methods of the system to boot and halt it."""
    runtime.mkdir(parents=True, exist_ok=True)
    made = system(runtime, hostname="win", declared=processes)
    guest = tools(made, ACCOUNTS, lambda: "")
    guest.system = made
    for name in ("boot", "attach", "halt", "freeze", "thaw", "share"):
        setattr(guest, name, getattr(made, name))
    return guest


def code(function: types.FunctionType, *arguments: object, **more: object) -> int:
    """Return the VIX error that a call raises."""
    with pytest.raises(VixError) as raised:
        function(*arguments, **more)
    return raised.value.code
