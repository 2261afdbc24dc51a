# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Transfer the screenshot that the module of the same name has taken to the controller, if the task requests it."""

from __future__ import annotations

import hashlib

from ansible.errors import AnsibleActionFail
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible_collections.vmlab.vix.plugins.module_utils._state import screens
from ansible_collections.vmlab.vix.plugins.plugin_utils import _collection, _delivery

MODULE = "vmlab.vix.vm_screenshot"
MODE = "0600"  # also the default of the module


class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        wanted = self._task.args
        if "dest" not in wanted or not boolean(wanted.get("fetch", False), strict=False):
            return self._execute_module(module_name=MODULE, task_vars=task_vars)
        path = self._loader.path_dwim(str(wanted["dest"]))
        with _collection.as_action_errors(path):
            path, mode = screens.checked(path, wanted.get("mode", MODE), "the controller")
            before = screens.look(path)
        if _delivery.is_shared(self):
            return self._execute(path, f"{mode:04o}", task_vars)
        with _collection.left_behind(self) as place:
            answer = self._execute(place, MODE, task_vars)
            if answer.get("failed"):
                return answer
            if not self._task.check_mode:
                self._bring(place, path, mode, answer["checksum"])
        answer["diff"] = {"before": before, "after": {**answer["diff"]["after"], "path": path, "mode": f"{mode:04o}"}}
        return answer

    def _execute(self, path, mode, task_vars):
        return self._execute_module(module_name=MODULE, module_args={**self._task.args, "dest": path, "mode": mode}, task_vars=task_vars)

    def _bring(self, place, path, mode, checksum):
        with _collection.as_action_errors(path):
            picture = _collection.content(self, place)
            if hashlib.sha256(picture).hexdigest() != checksum:
                raise AnsibleActionFail(f"saving the screenshot as {path}: the file was damaged during the transfer from the VM host; run the task again")
            screens.write(path, mode, picture)
