# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Words for VIX's bit sets, which hold undocumented bits beside the known ones (docs/vix-semantics.md, section 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import constants as vix

if TYPE_CHECKING:
    from typing import Sequence, Tuple

    Table = Sequence[Tuple[int, str]]  # bits and their words

# The first row whose bit is set is the state.
POWER = (
    (vix.VIX_POWERSTATE_PAUSED, "paused"),
    (vix.VIX_POWERSTATE_SUSPENDED, "suspended"),
    (vix.VIX_POWERSTATE_POWERED_ON, "powered_on"),
    (vix.VIX_POWERSTATE_POWERED_OFF, "powered_off"),
)
TOOLS = (
    (vix.VIX_TOOLSSTATE_RUNNING, "running"),
    (vix.VIX_TOOLSSTATE_NOT_INSTALLED, "not_installed"),
)
FEATURES = (
    (vix.VIX_VM_SUPPORT_SHARED_FOLDERS, "shared_folders"),
    (vix.VIX_VM_SUPPORT_MULTIPLE_SNAPSHOTS, "multiple_snapshots"),
    (vix.VIX_VM_SUPPORT_TOOLS_INSTALL, "tools_install"),
    (vix.VIX_VM_SUPPORT_HARDWARE_UPGRADE, "hardware_upgrade"),
)
# Bits of a power state that the name of the state does not include.
DETAILS = (
    (vix.VIX_POWERSTATE_TOOLS_RUNNING, "tools_running"),
    (vix.VIX_POWERSTATE_BLOCKED_ON_MSG, "question_pending"),
    (vix.VIX_POWERSTATE_POWERING_ON, "powering_on"),
    (vix.VIX_POWERSTATE_POWERING_OFF, "powering_off"),
    (vix.VIX_POWERSTATE_SUSPENDING, "suspending"),
    (vix.VIX_POWERSTATE_RESUMING, "resuming"),
    (vix.VIX_POWERSTATE_RESETTING, "resetting"),
)


def word(table: Table, bits: int) -> str | None:
    """The word of the first row whose bit is set, or None."""
    return next((name for bit, name in table if bits & bit), None)


def words(table: Table, bits: int) -> list[str]:
    """The words of all rows whose bits are set."""
    return [name for bit, name in table if bits & bit]


def unknown(bits: int, *tables: Table) -> int:
    """The bits that no table has a word for."""
    for table in tables:
        for row in table:
            bits &= ~row[0]
    return bits
