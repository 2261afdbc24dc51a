# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""_session of module_utils for plugins on the controller: options by get_option, failures as AnsibleError."""

from __future__ import annotations

from ansible.errors import AnsibleError
from ansible_collections.vmlab.vix.plugins.module_utils import _session, _worker

OPTIONS = (*_session.CONNECTION, "library", "timeout")


def run(work, plugin):
    """Return work(host) on the host of the plugin's options; raise AnsibleError if it fails."""
    try:
        return _session.run(work, {name: plugin.get_option(name) for name in OPTIONS})
    except _worker.Failure as failure:
        raise AnsibleError(str(failure)) from failure
