# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    # Mirrors VM in module_utils/_options.py.
    DOCUMENTATION = r"""
options:
  vm:
    description:
      - Path of the VM's C(.vmx) file on the machine that runs VMware, or its display name when exactly one VM of the host is called so.
      - What has a slash in it or ends in C(.vmx) is taken as a path.
    type: path
    required: true
  vm_password:
    description:
      - Password of an encrypted VM.
    type: str
"""
