# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    # Mirrors GUEST_FAMILY in module_utils/_options.py.
    DOCUMENTATION = r"""
options:
  guest_family:
    description:
      - Family of the guest operating system. It determines the path syntax and the commands that are used.
      - V(linux) uses C(/bin/sh). It is also suitable for macOS, the BSDs and other systems with this shell.
      - V(windows) uses PowerShell.
      - V(auto) uses the operating system that is configured for the VM (C(guestOS) in its C(.vmx) file).
    type: str
    choices: [auto, linux, windows]
    default: auto
"""
