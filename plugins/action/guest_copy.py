# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Brings what is copied to the VM host, where the module of the same name sends it into the guest."""

from __future__ import annotations

import json

from ansible.errors import AnsibleActionFail
from ansible.module_utils.common.text.converters import to_bytes
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible_collections.vmlab.vix.plugins.module_utils._state import sources
from ansible_collections.vmlab.vix.plugins.plugin_utils import _delivery

MODULE = "vmlab.vix.guest_copy"
# Bytes beyond which a guest is asked whether it has them before they go over the network to the VM host, and files beyond which it is not:
# a longer list of them costs as much as they do.
LARGE, MANY = 1 << 20, 10000


class ActionModule(ActionBase):
    label = None  # how messages call what is copied, where its own path says nothing

    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        wanted = self._task.args
        if "_source" in wanted:
            raise AnsibleActionFail("_source is no option of a task")
        src, content = wanted.get("src"), wanted.get("content")
        if content is not None:
            if src is not None:
                raise AnsibleActionFail("parameters are mutually exclusive: src|content")  # the module is never told a content
            return self._copy_text(content, task_vars)
        if src is None or boolean(wanted.get("remote_src", False), strict=False):
            return self._execute_module(module_name=MODULE, task_vars=task_vars)
        return self._copy(str(src), boolean(wanted.get("decrypt", True), strict=False), task_vars)

    def _copy_text(self, content, task_vars):
        text = json.dumps(content) if isinstance(content, (dict, list)) else content
        path = _delivery.send_text(self, to_bytes(text, nonstring="simplerepr"))
        text = {"name": "", "label": "a text", "is_folder": False, "is_whole": True, "path": path, "mode": None, "modified": None}
        return self._execute(text, task_vars, content="")

    def _copy(self, src, decrypt, task_vars):
        path = _delivery.find(self, src)
        is_vaulted = _delivery.has_vaulted(path, decrypt)
        if _delivery.is_shared(self) and not is_vaulted:
            return self._execute({"here": path}, task_vars)
        with _delivery.told():
            source = sources.of_path(path)
        size = sum(item.size for item in source.items)
        if size > LARGE and len(source.items) <= MANY and not is_vaulted:
            with _delivery.told():
                description = sources.describe(source, self._task.args.get("compare") or "checksum", self._is_enough(source))
            answer = self._execute(description, task_vars)
            if answer.get("failed") or not answer.get("changed") or self._is_enough(source):
                return answer
        send = _delivery.send_folder if source.is_folder else _delivery.send_file
        return self._execute(sources.brought(source, send(self, path, decrypt)), task_vars)

    def _is_enough(self, source):
        """Whether what a run would do is all that is asked for; the texts of the files of a folder are not in it."""
        return self._task.check_mode and not (source.is_folder and self._task.diff)

    def _execute(self, source, task_vars, **others):
        """Run the module with what an option of its own tells of the source, and which nobody wants to read in its result."""
        source = {**source, "label": self.label} if self.label else source
        answer = self._execute_module(module_name=MODULE, module_args={**self._task.args, **others, "_source": source}, task_vars=task_vars)
        answer.get("invocation", {}).get("module_args", {}).pop("_source", None)
        return answer
