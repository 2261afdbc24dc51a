# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    # Mirrors VMS in module_utils/_options.py.
    DOCUMENTATION = r"""
options:
  vm:
    description:
      - Path of the C(.vmx) file of the VM on the VM host, or the display name of the VM. The display name must be
        unique on the VM host.
      - A value that contains a slash or ends with C(.vmx) or C(.vmwarevm) is used as a path. It can also be the path of
        a directory, such as a bundle of VMware Fusion, that contains a single C(.vmx) file.
      - A display name is searched for among the running VMs and in VMware's lists, then in O(vm_directories), in
        VMware's default directories and in the directories beside known VMs. For a remote host, only the names of
        running VMs are known.
      - Mutually exclusive with O(vms).
    type: path
  vms:
    description:
      - Paths or display names of several VMs, which are processed in parallel.
      - Mutually exclusive with O(vm).
      - If some VMs fail, the others are still processed. The task fails afterwards, and RV(results) contains the
        result of each VM.
    type: list
    elements: path
  concurrency:
    description:
      - Number of O(vms) to process at the same time.
    type: int
    default: 4
  vm_directories:
    description:
      - Directories on the VM host in which to search for a VM by its display name, if it does not run and is in none
        of VMware's lists. They are searched four levels deep.
      - If not set, the directories in the environment variable E(VIX_VM_DIRECTORIES) are used, separated by colons.
    type: list
    elements: path
    version_added: 0.1.0
  vm_password:
    description:
      - Password of encrypted VMs.
    type: str
"""
