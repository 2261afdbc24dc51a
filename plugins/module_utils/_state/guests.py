# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Being logged in to the guest of a VM."""

from __future__ import annotations


def logged_in(vm, username, password, interactive, tools_timeout):
    """Wait for VMware Tools, so many seconds at most, log in, and return the Guest, which logs out at the end of its "with"."""
    vm.wait_for_tools(tools_timeout)
    return vm.log_in(username, password, interactive)
