# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    # Mirrors GUEST_OPTIONAL in module_utils/_options.py.
    DOCUMENTATION = r"""
options:
  guest_username:
    description:
      - User name for the login to the guest operating system, if a login is needed.
      - Write a Windows domain user as V(domain\\user).
      - Required together with O(guest_password).
    type: str
  guest_password:
    description:
      - Password for O(guest_username).
      - Required together with O(guest_username).
    type: str
  guest_interactive:
    description:
      - Whether to run in the desktop session of O(guest_username).
      - The user must be logged in to the desktop of the guest.
    type: bool
    default: false
  tools_timeout:
    description:
      - Seconds to wait for the guest tools to run.
    type: int
    default: 60
notes:
  - The module uses only the guest tools (VMware Tools or open-vm-tools). The guest needs no network connection, no
    SSH server and no additional agent.
"""
