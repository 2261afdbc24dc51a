# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Shared folders (docs/vix-semantics.md, section 22)."""

from __future__ import annotations

from openvix.calls.table import answers, require, require_bits, require_path
from openvix.vix import constants
from openvix.vmware import shared_folders


@answers("VixVM_EnableSharedFolders")
def enable_shared_folders(call, machine, enabled, options):
    require(enabled in (0, 1) and not options)
    machine.require_tools()
    shared_folders.enable(machine, bool(enabled))
    return []


@answers("VixVM_GetNumSharedFolders")
def get_num_shared_folders(call, machine):
    machine.require_tools()
    return [[constants.VIX_PROPERTY_JOB_RESULT_SHARED_FOLDER_COUNT, len(shared_folders.read(machine.config()))]]


@answers("VixVM_GetSharedFolderState")
def get_shared_folder_state(call, machine, index):
    machine.require_tools()
    folder = shared_folders.at(machine, index)
    return [
        [
            constants.VIX_PROPERTY_JOB_RESULT_ITEM_NAME,
            folder.name,
            constants.VIX_PROPERTY_JOB_RESULT_SHARED_FOLDER_HOST,
            folder.host,
            constants.VIX_PROPERTY_JOB_RESULT_SHARED_FOLDER_FLAGS,
            folder.flags,
        ]
    ]


@answers("VixVM_SetSharedFolderState")
def set_shared_folder_state(call, machine, name, host_path, flags):
    shared_folders.set_state(machine, folder_of(machine, name, host_path, flags))
    return []


@answers("VixVM_AddSharedFolder")
def add_shared_folder(call, machine, name, host_path, flags):
    shared_folders.add(machine, folder_of(machine, name, host_path, flags))
    return []


@answers("VixVM_RemoveSharedFolder")
def remove_shared_folder(call, machine, name, flags):
    require(name and not flags)
    machine.require_tools()
    shared_folders.remove(machine, name)
    return []


def folder_of(machine, name, host_path, flags):
    """Return the shared folder for the arguments of a call. Raises VixError if the VM's shared folders cannot be changed now."""
    require_bits(flags, constants.VIX_SHAREDFOLDER_WRITE_ACCESS)
    require(name and "/" not in name and name not in (".", ".."))
    require_path(host_path)
    machine.require_tools()
    return shared_folders.Folder(name, host_path, bool(flags))
