# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Transfer the source to the VM host. The module of the same name copies it into the guest."""

from __future__ import annotations

import json

from ansible.errors import AnsibleActionFail
from ansible.module_utils.common.text.converters import to_bytes
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible_collections.vmlab.vix.plugins.module_utils._state import sources
from ansible_collections.vmlab.vix.plugins.plugin_utils import _delivery

MODULE = "vmlab.vix.guest_copy"
# More than LARGE bytes are compared in the guest before they are sent over the network to the VM host. With more than MANY files this is skipped,
# since the list of the files would be as large as their content.
LARGE, MANY = 1 << 20, 10000


class ActionModule(ActionBase):
    label = None  # name of the source in messages, if its path is not meaningful

    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        wanted = self._task.args
        if "_source" in wanted:
            raise AnsibleActionFail("_source cannot be used in tasks")
        src, content = wanted.get("src"), wanted.get("content")
        if content is not None:
            if src is not None:
                raise AnsibleActionFail("parameters are mutually exclusive: src|content")  # the module does not get the content
            return self._copy_text(content, task_vars)
        if src is None or boolean(wanted.get("remote_src", False), strict=False):
            return self._execute_module(module_name=MODULE, task_vars=task_vars)
        return self._copy(str(src), boolean(wanted.get("decrypt", True), strict=False), task_vars)

    def _copy_text(self, content, task_vars):
        text = json.dumps(content) if isinstance(content, (dict, list)) else content
        path = _delivery.send_text(self, to_bytes(text, nonstring="simplerepr"))
        text = {"name": "", "label": "content", "is_directory": False, "is_whole": True, "path": path, "mode": None, "modified": None}
        return self._execute(text, task_vars, content="")

    def _copy(self, src, decrypt, task_vars):
        path = _delivery.find(self, src)
        is_vaulted = _delivery.has_vaulted(path, decrypt)
        if _delivery.is_shared(self) and not is_vaulted:
            return self._execute({"here": path}, task_vars)
        with _delivery.as_action_errors():
            source = sources.of_path(path)
        size = sum(item.size for item in source.items)
        if size > LARGE and len(source.items) <= MANY and not is_vaulted:
            with _delivery.as_action_errors():
                description = sources.describe(source, self._task.args.get("compare") or "checksum", self._is_enough(source))
            answer = self._execute(description, task_vars)
            if answer.get("failed") or not answer.get("changed") or self._is_enough(source):
                return answer
        send = _delivery.send_folder if source.is_directory else _delivery.send_file
        return self._execute(sources.brought(source, send(self, path, decrypt)), task_vars)

    def _is_enough(self, source):
        """Whether a prediction is enough: in check mode, unless the diff must contain the files of a directory."""
        return self._task.check_mode and not (source.is_directory and self._task.diff)

    def _execute(self, source, task_vars, **others):
        """Run the module with the description of the source, and remove the description from the result."""
        source = {**source, "label": self.label} if self.label else source
        answer = self._execute_module(module_name=MODULE, module_args={**self._task.args, **others, "_source": source}, task_vars=task_vars)
        answer.get("invocation", {}).get("module_args", {}).pop("_source", None)
        return answer
