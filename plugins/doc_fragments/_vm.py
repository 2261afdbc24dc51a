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
      - Path of the C(.vmx) file of the VM on the VM host, or the display name of the VM. The display name must be
        unique on the VM host.
      - A value that contains a slash or ends with C(.vmx) is used as a path.
    type: path
    required: true
  vm_password:
    description:
      - Password of an encrypted VM.
    type: str
"""
