# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""VMware products: their features in each version, and how they write paths (docs/vix-semantics.md, sections 9, 10 and 25)."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, TypeVar

from openvix.vix import constants

T = TypeVar("T")

TITLES = {
    "workstation": "VMware Workstation",
    "player": "VMware Player",
    "fusion": "VMware Fusion",
    "workstation_shared": "VMware Workstation Shared",
    "vi_server": "VMware vSphere",
    "server": "VMware Server",
}
VERSIONS = {"workstation": "17.6.0", "player": "17.6.0", "fusion": "13.6.0", "workstation_shared": "15.5.0", "vi_server": "5.5.0", "server": "2.0.2"}
# The newest virtual hardware from each version on.
WORKSTATION_HARDWARE = {
    (6, 0): 6,
    (6, 5): 7,
    (8, 0): 8,
    (9, 0): 9,
    (10, 0): 10,
    (11, 0): 11,
    (12, 0): 12,
    (14, 0): 14,
    (15, 0): 16,
    (16, 0): 18,
    (16, 2): 19,
    (17, 0): 20,
    (17, 5): 21,
    (25, 0): 22,
}
HARDWARE = {
    "workstation": WORKSTATION_HARDWARE,
    "workstation_shared": WORKSTATION_HARDWARE,
    "player": {
        (3, 0): 7,
        (4, 0): 8,
        (5, 0): 9,
        (6, 0): 10,
        (7, 0): 11,
        **{version: number for version, number in WORKSTATION_HARDWARE.items() if version >= (12, 0)},
    },
    "fusion": {
        (5, 0): 9,
        (6, 0): 10,
        (7, 0): 11,
        (8, 0): 12,
        (10, 0): 14,
        (11, 0): 16,
        (12, 0): 18,
        (12, 2): 19,
        (13, 0): 20,
        (13, 5): 21,
        (25, 0): 22,
    },
    "vi_server": {(4, 0): 7, (5, 0): 8, (5, 1): 9, (5, 5): 10, (6, 0): 11, (6, 5): 13, (6, 7): 14, (7, 0): 17, (8, 0): 20},
    "server": {(1, 0): 4, (2, 0): 7},
}
# Success without any effect, though the matrix does not tick them (docs/vix-semantics.md, section 10).
IDLE = ("VixHost_RegisterVM", "VixHost_UnregisterVM")
# The datastore in the paths of a product with remote paths.
STORE = "[standard] "
PROVIDERS = {
    "workstation": constants.VIX_SERVICEPROVIDER_VMWARE_WORKSTATION,
    "fusion": constants.VIX_SERVICEPROVIDER_VMWARE_WORKSTATION,
    "player": constants.VIX_SERVICEPROVIDER_VMWARE_PLAYER,
    "workstation_shared": constants.VIX_SERVICEPROVIDER_VMWARE_WORKSTATION_SHARED,
    "vi_server": constants.VIX_SERVICEPROVIDER_VMWARE_VI_SERVER,
}
FEATURES = {
    "VixVM_AddSharedFolder": constants.VIX_VM_SUPPORT_SHARED_FOLDERS,
    "VixVM_InstallTools": constants.VIX_VM_SUPPORT_TOOLS_INSTALL,
    "VixVM_UpgradeVirtualHardware": constants.VIX_VM_SUPPORT_HARDWARE_UPGRADE,
}

# Not in any header, but required by Fusion from this version on (docs/vix-semantics.md, section 2.2).
FUSION_OPTION, FROM_FUSION = 0x200, (26, 0)


class Product(NamedTuple):
    """A product in one version; lacks: the functions that it does not support, hardware: its newest virtual hardware."""

    name: str
    version: str
    lacks: frozenset[str]
    hardware: int

    @property
    def title(self) -> str:
        return TITLES[self.name]

    @property
    def provider(self) -> int:
        """Return the provider that a client passes to VixHost_Connect; Server 2 uses that of vSphere."""
        older = constants.VIX_SERVICEPROVIDER_VMWARE_SERVER if _number(self.version) < (2, 0) else constants.VIX_SERVICEPROVIDER_VMWARE_VI_SERVER
        return PROVIDERS.get(self.name, older)

    @property
    def is_remote(self) -> bool:
        """Return whether clients pass a host name, a user and a password, and paths in a datastore."""
        return self.provider in (constants.VIX_SERVICEPROVIDER_VMWARE_VI_SERVER, constants.VIX_SERVICEPROVIDER_VMWARE_WORKSTATION_SHARED)

    @property
    def has_inventory(self) -> bool:
        return self.name in ("workstation_shared", "vi_server", "server")

    @property
    def keeps_one_snapshot(self) -> bool:
        return self.name == "server"

    @property
    def required_option(self) -> int:
        """Return the option bits without which VixHost_Connect fails with VIX_E_LICENSE."""
        return FUSION_OPTION if self.name == "fusion" and _number(self.version) >= FROM_FUSION else 0

    @property
    def features(self) -> int:
        """Return the bits of VIX_PROPERTY_VM_SUPPORTED_FEATURES."""
        bits = 0 if self.keeps_one_snapshot or "VixVM_CreateSnapshot" in self.lacks else constants.VIX_VM_SUPPORT_MULTIPLE_SNAPSHOTS
        return bits | sum(bit for function, bit in FEATURES.items() if function not in self.lacks)

    def format_path(self, directory: Path, path: str) -> str:
        """Return the path of a VM as this product writes it; directory: that of the host."""
        return STORE + path.removeprefix(f"{directory}/vms/") if self.is_remote else path

    def parse_path(self, directory: Path, text: str) -> str | None:
        """Return the local path for a path in the notation of this product, None if it is not valid there."""
        if not self.is_remote:
            return text if text.startswith("/") else None
        return f"{directory}/vms/{text.removeprefix(STORE)}" if text.startswith(STORE) else None


def get(name: str, version: str) -> Product:
    """Return a product with the features that the manual's matrix lists for the nearest version."""
    number = _number(version)
    columns = {
        _number(column[len(TITLES[name]) :]): lacks for column, lacks in constants.LACKS.items() if re.fullmatch(rf"{TITLES[name]} \d[\d. and]*", column)
    }
    lacks = frozenset(_latest(columns, number)) - (frozenset(IDLE) if name in ("workstation", "player") else frozenset())
    return Product(name, version, lacks, _latest(HARDWARE[name], number))


def _latest(table: Mapping[tuple[int, int], T], number: tuple[int, int]) -> T:
    """Return the entry of the newest version that is not newer than this one, else that of the oldest."""
    return table[max((version for version in table if version <= number), default=min(table))]


@functools.cache
def _number(version: str) -> tuple[int, int]:
    major, minor, *_ = (*map(int, re.findall(r"\d+", version)), 0, 0)
    return major, minor
