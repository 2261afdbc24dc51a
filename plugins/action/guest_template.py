# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Template a file with the action plugin of ansible.builtin.template, and copy it with guest_copy."""

from __future__ import annotations

from ansible.errors import AnsibleActionFail
from ansible.plugins.action.template import ActionModule as TemplateAction
from ansible_collections.vmlab.vix.plugins.plugin_utils import _delivery

COPY = "vmlab.vix.guest_copy"
# Options of ansible.builtin.copy and guest_copy that do not apply to templates.
FOREIGN = ("content", "decrypt", "follow", "remote_src")


class ActionModule(TemplateAction):
    def run(self, tmp=None, task_vars=None):
        for name in FOREIGN:
            if name in self._task.args:
                raise AnsibleActionFail(f"{name} is not supported by guest_template")
        if isinstance(self._task.args.get("src"), str):
            _delivery.find(self, self._task.args["src"], within="templates")  # its error message lists the searched paths
        self._shared_loader_obj = _Loaders(self._shared_loader_obj, self._task.args.get("src"))
        return super().run(tmp, task_vars)


class _Loaders:
    """The plugin loaders of Ansible, with an action loader that always returns guest_copy. label: the name of the source in messages."""

    def __init__(self, loaders, label):
        self._loaders, self._label = loaders, label

    def __getattr__(self, name):
        return getattr(self._loaders, name)

    @property
    def action_loader(self):
        return self

    def get(self, name, task, shared_loader_obj, **rest):
        task.args.pop("follow", None)  # the template action always sets it
        action = self._loaders.action_loader.get(COPY, task=task, shared_loader_obj=self._loaders, **rest)
        action.label = self._label
        return action
