# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A VIX client that uses the protocol of the daemon directly, without libvix.so."""

from __future__ import annotations

from pathlib import Path

from openvix.daemon import control
from openvix.vix import constants
from openvix.world import layout

# Time limit for an answer.
SECONDS = 200


class Client:
    """One connection to a host. code() and items() call a function of vix.h by name and wait for its result."""

    def __init__(
        self,
        directory: Path,
        ledger: str = "",
        provider: int = constants.VIX_SERVICEPROVIDER_VMWARE_WORKSTATION,
        options: int = 0,
        at: tuple = (None, None, None),
    ):
        """Connect; at: host name, user and password."""
        host, user, password = at
        socket = layout.dial(directory)
        socket.settimeout(SECONDS)
        self.connection = control.Connection(socket, ledger)
        connected = self.items("VixHost_Connect", constants.VIX_API_VERSION, provider, host, 0, user, password, options, [])
        self.host = connected[0][1]

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_):
        self.connection.close()

    def code(self, function: str, *arguments) -> int:
        """Return the error of a call."""
        return self.connection.call(function, *arguments)[0]

    def items(self, function: str, *arguments) -> list:
        """Return the items of a successful call."""
        error, items, _ = self.connection.call(function, *arguments)
        assert error == 0, f"{function} ended with {error}"
        return items

    def one(self, function: str, *arguments):
        """Return the only value of a successful call."""
        [[_, value]] = self.items(function, *arguments)
        return value

    def get(self, vm: str, key: int):
        [[_, value]] = self.items("Vix_GetProperties", constants.VIX_HANDLETYPE_VM, vm, [key])
        return value

    def power(self, vm: str) -> int:
        return self.get(vm, constants.VIX_PROPERTY_VM_POWER_STATE)

    def log_in(self, vm: str, name: str = "lab", password: str = "lab"):
        self.items("VixVM_LoginInGuest", vm, name, password, 0)

    def is_logged_in(self, vm: str) -> bool:
        return self.code("VixVM_ListProcessesInGuest", vm, 0) != constants.VIX_E_ANON_GUEST_OPERATIONS_PROHIBITED

    def take(self, vm: str, name: str = "one", memory: bool = False) -> str:
        """Take a snapshot and return its reference."""
        return self.one("VixVM_CreateSnapshot", vm, name, None, constants.VIX_SNAPSHOT_INCLUDE_MEMORY if memory else 0, [])

    def revert(self, vm: str, snapshot: str, options: int = 0) -> int:
        return self.code("VixVM_RevertToSnapshot", vm, snapshot, options, [])
