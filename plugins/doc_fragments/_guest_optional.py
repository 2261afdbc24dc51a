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
      - User to log in as in the guest operating system, where that is needed. A domain user of Windows is written V(domain\\user).
    type: str
  guest_password:
    description:
      - Password of that user. One goes with the other.
    type: str
  guest_interactive:
    description:
      - Whether to work in the desktop session of O(guest_username), who must be logged in there.
    type: bool
    default: false
  tools_timeout:
    description:
      - Seconds to wait for VMware Tools to run in the guest.
    type: int
    default: 60
notes:
  - Everything goes through VMware Tools, so that the guest needs no network, no ssh and no agent.
"""
