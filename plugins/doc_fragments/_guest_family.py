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
      - What kind of operating system is in the guest, which decides how its paths are written and how it is spoken with.
      - V(linux) speaks by C(/bin/sh) and also serves macOS, the BSDs and others that have it; V(windows) speaks by PowerShell.
      - With V(auto) it is what the VM says (C(guestOS) in its C(.vmx) file).
    type: str
    choices: [auto, linux, windows]
    default: auto
"""
