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
      - Path of the C(.vmx) file of one VM on the machine that runs VMware, or its display name when exactly one VM of the host is called so.
      - What has a slash in it or ends in C(.vmx) is taken as a path.
    type: path
  vms:
    description:
      - Several VMs by path or display name, which are worked on side by side.
      - One that fails does not hide the others. The task then fails when all have ended, and RV(results) tells of each.
    type: list
    elements: path
  concurrency:
    description:
      - How many of O(vms) are worked on at once.
    type: int
    default: 4
  vm_password:
    description:
      - Password of the VMs that are encrypted.
    type: str
"""
