# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The interface of a client call for operations on a VM."""

from __future__ import annotations

from typing import Protocol


class Caller(Protocol):
    """A call of a client."""

    @property
    def since(self) -> float:
        """The time of its arrival, by the clock of the world."""

    @property
    def presence(self) -> tuple[bool, int]:
        """The result of presence() of its VM at that time."""

    def progress(self) -> None:
        """Send the progress event of the job to the client."""

    def is_orphan(self) -> bool:
        """Return whether the client has disconnected or the world is closing."""
