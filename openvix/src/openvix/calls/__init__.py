# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The functions of vix.h: their implementations, and the resolution of their arguments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from openvix.calls import files, folders, hosts, power, programs, properties, snapshots, tools, variables, vms  # noqa: F401 - they register the implementations
from openvix.calls.client import Client
from openvix.calls.properties import HOST_PROPERTIES, SNAPSHOT_PROPERTIES, VM_PROPERTIES  # noqa: F401
from openvix.calls.table import TABLE, Answer, named, refusal, snapshot_of
from openvix.protocol.frames import ProtocolError
from openvix.vix import constants
from openvix.vix.signatures import SIGNATURES
from openvix.vm.machine import Machine


def resolve(client: Client, function: str, arguments: list) -> tuple[Answer, Sequence[Any], Machine | None]:
    """Resolve a call; return its implementation, its arguments with references replaced by objects, and its VM or None. Raises ProtocolError."""
    world = client.world
    answer: Answer | None = TABLE.get(function)
    first = arguments[0] if arguments and isinstance(arguments[0], str) else ""
    if answer is None:
        return refusal(constants.VIX_E_NOT_SUPPORTED), (), world.machines.get(first)
    signature = SIGNATURES[function]
    if signature[0] in "hvp":
        machine = world.machines.get(first.rpartition("#")[0] if signature[0] == "p" else first)
        host = machine.host if machine else client.hosts.get(first, world.local)
        if function in host.product.lacks:
            return refusal(constants.VIX_E_NOT_SUPPORTED), (), machine
    if len(arguments) != len(signature):
        raise ProtocolError(f"{function} takes {len(signature)} arguments, got {len(arguments)}")
    machine_of_call = None
    resolved: list[Any] = []
    for letter, value in zip(signature, arguments, strict=True):
        if type(value) is not FORMS[letter] and not (value is None and letter in "spor"):
            raise ProtocolError(f"an argument of {function} must be {FORMS[letter].__name__}, got {type(value).__name__}")
        if letter == "v":
            if value in world.deleted:
                answer = refusal(constants.VIX_E_VM_NOT_FOUND)
                letter = "s"
            value = machine_of_call = world.machines.get(value)
        elif letter == "p" or (letter == "o" and value is not None):
            value = snapshot_of(world, value)
            machine_of_call = machine_of_call or (value and value[0])
            letter = "p"
        elif letter == "h" and value not in client.hosts:
            value = None
        if value is None and letter in "hvp":
            answer = refusal(constants.VIX_E_INVALID_HANDLE)
        resolved.append(value)
    if function in NAMES and resolved[1]:
        machine_of_call = named(world, client.hosts.get(resolved[0], world.local), resolved[1])
    elif function == "Vix_GetProperties":
        snapshot = snapshot_of(world, resolved[1])
        machine_of_call = snapshot[0] if snapshot else world.machines.get(resolved[1])
    return answer, resolved, machine_of_call


FORMS: dict[str, type[Any]] = {"h": str, "v": str, "p": str, "o": str, "r": str, "s": str, "i": int, "l": list}
# Functions that take the path of a .vmx instead of a handle.
NAMES = ("VixHost_OpenVM", "VixVM_Open", "VixHost_RegisterVM", "VixHost_UnregisterVM")
