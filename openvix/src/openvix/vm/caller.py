# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The call for which something is done with a VM, as the operations know it."""

from __future__ import annotations

from typing import Protocol


class Caller(Protocol):
    """A call of a client, which may wait for its end."""

    @property
    def since(self) -> float:
        """When it began, by the clock of the world."""

    @property
    def presence(self) -> tuple[bool, int]:
        """What presence() of its VM returned when it began."""

    def progress(self) -> None:
        """Report to the client that it is under way."""

    def is_orphan(self) -> bool:
        """Return whether nobody waits for it any longer: its client has left, or the world closes."""
