# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What each kind of host lacks by VIX's manual (docs/vix-semantics.md, section 25): imported when somebody asks for it.

Written by facts/generate.py from facts/vix-api.json; do not edit.
"""

from __future__ import annotations

# Provider: the functions that its newest product in the manual of VIX 1.13 does not have.
LACKS = {
    "workstation": (
        "VixHost_RegisterVM",
        "VixHost_UnregisterVM",
    ),
    "player": (
        "VixHost_RegisterVM",
        "VixHost_UnregisterVM",
        "VixSnapshot_GetChild",
        "VixSnapshot_GetNumChildren",
        "VixSnapshot_GetParent",
        "VixVM_Clone",
        "VixVM_CreateSnapshot",
        "VixVM_GetCurrentSnapshot",
        "VixVM_GetNamedSnapshot",
        "VixVM_GetNumRootSnapshots",
        "VixVM_GetRootSnapshot",
        "VixVM_Pause",
        "VixVM_RemoveSnapshot",
        "VixVM_RevertToSnapshot",
        "VixVM_Unpause",
        "VixVM_UpgradeVirtualHardware",
    ),
    "workstation_shared": (
        "VixVM_AddSharedFolder",
        "VixVM_Clone",
        "VixVM_EnableSharedFolders",
        "VixVM_GetNumSharedFolders",
        "VixVM_GetSharedFolderState",
        "VixVM_Pause",
        "VixVM_RemoveSharedFolder",
        "VixVM_SetSharedFolderState",
        "VixVM_Unpause",
    ),
    "vi_server": (
        "VixVM_AddSharedFolder",
        "VixVM_Clone",
        "VixVM_EnableSharedFolders",
        "VixVM_GetNumSharedFolders",
        "VixVM_GetSharedFolderState",
        "VixVM_Pause",
        "VixVM_RemoveSharedFolder",
        "VixVM_SetSharedFolderState",
        "VixVM_Unpause",
    ),
}
