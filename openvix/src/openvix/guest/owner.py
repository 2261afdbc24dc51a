# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a machine backend knows of the VM that it runs."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Protocol


class Owner(Protocol):
    """The VM that a backend belongs to."""

    @property
    def name(self) -> str:
        """Name of its .vmx, without the suffix."""

    @property
    def power(self) -> str:
        """ "powered_off", "powered_on", "suspended" or "paused"."""

    @property
    def settings(self) -> Mapping[str, object]:
        """What the world file says of it, as openvix.config.worldfile returns it."""

    @property
    def changed(self) -> threading.Condition:
        """Notified when something may have changed for which calls wait, such as Tools that run now."""

    def number(self, key: str, default: int) -> int:
        """Return a number of its .vmx, the default where the key is missing. Raises VixError for a value that is not a number."""

    def ended(self) -> None:
        """Have the VM off, as its guest has ended by itself. Not to be called with a lock of the backend held."""

    def restarted(self) -> None:
        """Know that the guest has restarted by itself. Not to be called with a lock of the backend held."""
