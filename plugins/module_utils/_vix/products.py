# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What each kind of host is called, and what it lacks, in words: imported when somebody asks for it."""

from __future__ import annotations

from . import support

NAMES = {
    "workstation": "VMware Workstation",
    "player": "VMware Player",
    "workstation_shared": "a Workstation server",
    "vi_server": "a VI server",
}
# The feature of a function, by a part of its name.
NOUNS = (
    ("Snapshot", "snapshots"),
    ("VixVM_Clone", "clones"),
    ("ause", "paused VMs"),
    ("UpgradeVirtualHardware", "upgrades of virtual hardware"),
    ("SharedFolder", "shared folders"),
    ("egisterVM", "inventory of VMs"),
)


def lacks(provider: str) -> list[str]:
    """Return the features that a provider lacks, according to the last manual."""
    nouns = {_noun(call) for call in support.LACKS.get(provider, ())}
    return [noun for dummy, noun in NOUNS if noun in nouns]


def lack(provider: str, call: str) -> str:
    """Return why a provider refused a function of VIX, as part of a message."""
    name, noun = NAMES.get(provider, "this product"), _noun(call)
    if noun not in lacks(provider):
        return f"{name} does not offer it, or not for this kind of VM"
    others = "" if noun in lacks("workstation") else f", as {NAMES['workstation']} has"
    return f"{name} has no {noun}{others}"


def _noun(call: str) -> str | None:
    return next((noun for part, noun in NOUNS if part in call), None)
