# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    # Mirrors STOP in module_utils/_options.py.
    DOCUMENTATION = r"""
options:
  stop:
    description:
      - How to power off.
      - V(soft) has the guest shut itself down, which needs VMware Tools in it.
      - V(hard) pulls the plug; what the guest has not written is lost.
      - V(soft_then_hard) pulls the plug when the guest has not shut down within O(soft_timeout), or cannot be asked.
    type: str
    choices: [soft, hard, soft_then_hard]
    default: soft_then_hard
  soft_timeout:
    description:
      - Seconds that the guest is given to shut down.
    type: int
    default: 60
"""
