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
      - A value that contains a slash or ends with C(.vmx) is used as a path.
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
  vm_password:
    description:
      - Password of encrypted VMs.
    type: str
"""
