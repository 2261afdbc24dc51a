# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Descriptions of the attributes. A module documents its support for each."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description:
      - In check mode the task reports the changes that a run would make, without making them.
  diff_mode:
    description:
      - In diff mode the task returns the state before and after the change.
  idempotent:
    description:
      - Running the task again with the same options makes no further changes, unless the VM was changed otherwise in
        the meantime.
      - Check mode is not considered.
"""

    # For modules that only read.
    INFO_MODULE = r"""
options: {}
attributes:
  check_mode:
    support: full
    details:
      - This module does not modify state. It behaves the same in check mode.
  diff_mode:
    support: N/A
    details:
      - This module does not modify state.
  idempotent:
    support: full
    details:
      - This module does not modify state.
"""

    ACTIONGROUP_VIX = r"""
options: {}
attributes:
  action_group:
    description:
      - Use C(group/vmlab.vix.vix) in C(module_defaults) to set defaults for all modules of this collection.
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
      - Use C(group/vmlab.vix.vix) in C(module_defaults) to set defaults for all modules of this collection.
      - Use C(group/vmlab.vix.guest) to set defaults for the modules that log in to a guest.
    support: full
    membership:
      - vmlab.vix.vix
      - vmlab.vix.guest
"""
