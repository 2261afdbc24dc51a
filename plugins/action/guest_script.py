# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Transfer a script of the controller to the VM host. The module of the same name runs it in the guest."""

from __future__ import annotations

import os

from ansible.errors import AnsibleActionFail
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible_collections.vmlab.vix.plugins.plugin_utils import _delivery

MODULE = "vmlab.vix.guest_script"


class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        wanted = self._task.args
        if "_name" in wanted:
            raise AnsibleActionFail("_name cannot be used in tasks")
        src = wanted.get("src")
        if src is None or wanted.get("content") is not None or boolean(wanted.get("remote_src", False), strict=False):
            return self._execute_module(module_name=MODULE, task_vars=task_vars)  # it also reports invalid options
        path = _delivery.find(self, str(src))
        if os.path.isdir(path):
            raise AnsibleActionFail(f"finding src: {path} is a directory, not a script")
        brought = {**wanted, "src": _delivery.deliver(self, path), "_name": os.path.basename(path)}
        return self._execute_module(module_name=MODULE, module_args=brought, task_vars=task_vars)
