# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files and directories of a guest (docs/vix-semantics.md, section 20)."""

from __future__ import annotations

from openvix.calls.table import account_of, answers, require, require_path
from openvix.system import fault_context
from openvix.vix import constants


@answers("VixVM_CopyFileFromHostToGuest")
def copy_file_from_host_to_guest(call, machine, host_path, guest_path, options, properties):
    require_path(host_path, guest_path)
    require(not options and not properties)
    with fault_context.paced(machine.pace()):
        machine.tools.copy_in(account_of(call, machine), host_path, guest_path)
    return []


@answers("VixVM_CopyFileFromGuestToHost")
def copy_file_from_guest_to_host(call, machine, guest_path, host_path, options, properties):
    require_path(guest_path, host_path)
    require(not options and not properties)
    with fault_context.paced(machine.pace()):
        machine.tools.copy_out(account_of(call, machine), guest_path, host_path)
    return []


@answers("VixVM_FileExistsInGuest")
def file_exists_in_guest(call, machine, path):
    require_path(path)
    return [[constants.VIX_PROPERTY_JOB_RESULT_GUEST_OBJECT_EXISTS, int(machine.tools.file_exists(account_of(call, machine), path))]]


@answers("VixVM_DirectoryExistsInGuest")
def directory_exists_in_guest(call, machine, path):
    require_path(path)
    return [[constants.VIX_PROPERTY_JOB_RESULT_GUEST_OBJECT_EXISTS, int(machine.tools.directory_exists(account_of(call, machine), path))]]


def file_properties(info):
    return [
        constants.VIX_PROPERTY_JOB_RESULT_FILE_SIZE,
        info.size,
        constants.VIX_PROPERTY_JOB_RESULT_FILE_FLAGS,
        info.flags,
        constants.VIX_PROPERTY_JOB_RESULT_FILE_MOD_TIME,
        int(info.modified),
    ]


@answers("VixVM_GetFileInfoInGuest")
def get_file_info_in_guest(call, machine, path):
    require_path(path)
    return [file_properties(machine.tools.file_info(account_of(call, machine), path))]


@answers("VixVM_ListDirectoryInGuest")
def list_directory_in_guest(call, machine, path, options):
    require_path(path)
    require(not options)
    found: list = []
    size = machine.settings["tools_options"]["page_files"]
    while True:
        # Each page is asked for by the number of entries before it, and each time the directory is read anew (docs/vix-semantics.md, section 20).
        listed = machine.tools.list_directory(account_of(call, machine), path)
        first = len(found)
        found += listed[first : first + size] if size else listed
        if not size or first + size >= len(listed):
            break
    return [[constants.VIX_PROPERTY_JOB_RESULT_ITEM_NAME, info.name, *file_properties(info)] for info in found]


@answers("VixVM_CreateDirectoryInGuest")
def create_directory_in_guest(call, machine, path, properties):
    require_path(path)
    require(not properties)
    machine.tools.create_directory(account_of(call, machine), path)
    return []


@answers("VixVM_DeleteDirectoryInGuest")
def delete_directory_in_guest(call, machine, path, options):
    require_path(path)
    require(not options)
    machine.tools.delete_directory(account_of(call, machine), path)
    return []


@answers("VixVM_DeleteFileInGuest")
def delete_file_in_guest(call, machine, path):
    require_path(path)
    machine.tools.delete_file(account_of(call, machine), path)
    return []


@answers("VixVM_RenameFileInGuest")
def rename_file_in_guest(call, machine, old, new, options, properties):
    require_path(old, new)
    require(not options and not properties)
    machine.tools.rename(account_of(call, machine), old, new)
    return []


@answers("VixVM_CreateTempFileInGuest")
def create_temp_file_in_guest(call, machine, options, properties):
    require(not options and not properties)
    return [[constants.VIX_PROPERTY_JOB_RESULT_ITEM_NAME, machine.tools.create_temp_file(account_of(call, machine))]]
