# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Transfer the files that the module of the same name has fetched to the VM host to the controller."""

from __future__ import annotations

import os

from ansible.errors import AnsibleActionFail
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible_collections.vmlab.vix.plugins.module_utils._state import guest_fetches
from ansible_collections.vmlab.vix.plugins.plugin_utils import _collection, _delivery

MODULE = "vmlab.vix.guest_fetch"


class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        wanted = self._task.args
        if "_place" in wanted:
            raise AnsibleActionFail("_place cannot be used in tasks")
        src, dest = wanted.get("src"), wanted.get("dest")
        if src is None or dest is None or boolean(wanted.get("remote_dest", False), strict=False):
            return self._execute_module(module_name=MODULE, task_vars=task_vars)  # it also reports invalid options
        path = self._path(str(src), str(dest), task_vars or {})
        if _delivery.is_shared(self):
            return self._execute({"path": path}, task_vars)
        place = {"path": path, "known": _collection.content_of(path), "bundle": ""}
        if self._task.check_mode:
            return self._execute(place, task_vars)
        with _collection.left_behind(self) as bundle:
            answer = self._execute({**place, "bundle": bundle}, task_vars)
            if answer.get("changed"):
                _collection.collect(self, bundle, path)
        return answer

    def _path(self, src, dest, task_vars):
        """Return the destination of the file or directory on the controller."""
        name = guest_fetches.local_name(src)
        if boolean(self._task.args.get("flat", False), strict=False):
            own = name.rpartition("/")[2] if dest.endswith("/") else ""
        else:
            host = str(task_vars.get("inventory_hostname", self._play_context.remote_addr))
            vm = os.path.basename(str(self._task.args.get("vm", "")).rstrip("/"))
            own = "/".join([_directory_name(host), _directory_name(vm.removesuffix(".vmx")), name])
        return os.path.normpath(os.path.join(self._loader.path_dwim(dest), own))

    def _execute(self, place, task_vars):
        return self._execute_module(module_name=MODULE, module_args={**self._task.args, "_place": place}, task_vars=task_vars)


def _directory_name(name):
    """Return a name that is valid as the name of one directory."""
    return name.replace("/", "_") if name.strip(".") else "_"
