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
      - How to power off the VM.
      - V(soft) shuts down the guest operating system. This requires the guest tools.
      - V(hard) powers off the VM without a shutdown. Data that the guest has not written to disk is lost.
      - V(soft_then_hard) shuts down the guest. If it has not shut down within O(soft_timeout), or if the guest tools
        do not run, the VM is powered off (hard).
    type: str
    choices: [soft, hard, soft_then_hard]
    default: soft_then_hard
  soft_timeout:
    description:
      - Seconds to wait for the guest to shut down.
    type: int
    default: 60
"""
