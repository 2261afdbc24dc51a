# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The interface of a VM for its machine backend."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Protocol


class Owner(Protocol):
    """The VM that a backend runs."""

    @property
    def name(self) -> str:
        """The file name of the .vmx without its suffix."""

    @property
    def power(self) -> str:
        """ "powered_off", "powered_on", "suspended" or "paused"."""

    @property
    def settings(self) -> Mapping[str, object]:
        """The settings of the VM, as openvix.config.worldfile returns them."""

    @property
    def changed(self) -> threading.Condition:
        """Notified after changes for which calls may wait, such as the start of the guest tools."""

    def number(self, key: str, default: int) -> int:
        """Return a number in the .vmx, or the default if the key is missing. Raises VixError for an invalid value."""

    def guest_variable(self, name: str) -> str | None:
        """Return a guest variable that VIX or the guest has set, or that is in the .vmx; None without one. Raises VixError."""

    def set_guest_variable(self, name: str, value: str) -> None:
        """Set a guest variable for the guest. Raises VixError, OSError."""

    def ended(self) -> None:
        """Power off the VM after its guest has ended by itself. Must not be called with a lock of the backend held."""

    def restarted(self) -> None:
        """Record that the guest has restarted by itself. Must not be called with a lock of the backend held."""
