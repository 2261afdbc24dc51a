# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What check mode, diff mode and idempotence mean here, said once; a module says how far it supports each."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description:
      - In check mode the task reports what a run would change, and changes nothing.
  diff_mode:
    description:
      - In diff mode the task returns the state before and the state after.
  idempotent:
    description:
      - A task that is run again with the same options changes nothing, as long as nobody else has changed the virtual machine.
      - This does not take check mode into account.
"""

    # For modules that only read.
    INFO_MODULE = r"""
options: {}
attributes:
  check_mode:
    support: full
    details:
      - The module only reads, so check mode makes no difference.
  diff_mode:
    support: N/A
    details:
      - The module changes nothing.
  idempotent:
    support: full
    details:
      - The module changes nothing.
"""

    ACTIONGROUP_VIX = r"""
options: {}
attributes:
  action_group:
    description:
      - The group C(group/vmlab.vix.vix) has every module of this collection, so that C(module_defaults) can set options for all of them.
    support: full
    membership:
      - vmlab.vix.vix
"""

    # For modules that log in to a guest.
    ACTIONGROUP_GUEST = r"""
options: {}
attributes:
  action_group:
    description:
      - The group C(group/vmlab.vix.vix) has every module of this collection, and C(group/vmlab.vix.guest) those that log in to a guest, so that
        C(module_defaults) can set options for all of them.
    support: full
    membership:
      - vmlab.vix.vix
      - vmlab.vix.guest
"""
