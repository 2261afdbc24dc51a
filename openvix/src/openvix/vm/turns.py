# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The time that guest operations take with VMware Tools, by the settings of the VM (docs/world-file.md, "VMware Tools").

VMware Tools log in anew for each operation, and carry out one at a time. A turn is the time in which they serve one call.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import TypeVar

from openvix.vix import constants
from openvix.vix.errors import VixError
from openvix.vm.machine import Machine

T = TypeVar("T")


class _Thread(threading.local):
    turn: contextlib.ExitStack | None = None


_thread = _Thread()


@contextlib.contextmanager
def ended() -> Iterator[None]:
    """End a turn that the block begins on this thread."""
    with contextlib.ExitStack() as turn:
        _thread.turn = turn
        try:
            yield
        finally:
            _thread.turn = None


def begin(vm: Machine) -> None:
    """Wait for the turn of this call, and for the login that an operation begins with."""
    _take(vm)
    _sleep(vm, "login_seconds")


def end() -> None:
    """End the turn of this call before the call ends."""
    if _thread.turn is not None:
        _thread.turn.close()


def login(vm: Machine, log_in: Callable[[], T]) -> T:
    """Log in within a turn, which a refused login makes longer."""
    _take(vm)
    try:
        found = log_in()
    except VixError as refused:
        if refused.code == constants.VIX_E_GUEST_USER_PERMISSIONS:
            _sleep(vm, "refusal_seconds")
        raise
    _sleep(vm, "login_seconds")
    return found


def await_look(vm: Machine, begun: float) -> None:
    """Wait until Tools look for programs that have ended, which they do in intervals since a program began."""
    interval = vm.settings["tools_options"]["program_seconds"]
    if interval:
        now = vm.clock.now()
        vm.clock.sleep_until(now + interval - (now - begun) % interval)


def _take(vm: Machine) -> None:
    if _thread.turn is not None and vm.settings["tools_options"]["one_at_a_time"]:
        _thread.turn.enter_context(vm.guest_turn)


def _sleep(vm: Machine, key: str) -> None:
    seconds = vm.settings["tools_options"][key]
    if seconds:
        vm.clock.sleep_until(vm.clock.now() + seconds)
