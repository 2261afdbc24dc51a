# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options in, the work in a worker, the result out: the only exit_json and fail_json."""

from __future__ import annotations

import os
import tempfile
import time
from functools import partial
from types import SimpleNamespace

from ansible.module_utils.basic import AnsibleModule

from . import _options, _session, _worker

MASKED = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"  # Ansible's own words


def run_module(work, *fragments, options=None, together=None, connected=True, prepare=None, sayable=(), **rules):
    """Parse the options, carry the work out on a connected host, and end the module with what it returns.

    work: called as work(host, wanted), where wanted has the options as attributes, and check_mode, diff_mode (whether somebody looks at the diff)
    and workdir (a folder for files of this task); fragments: dictionaries of _options; options: the module's own; rules: required_if and its like.
    With the option vms, work is called for each VM, with that one as wanted.vm, and together(results) is added to the result.
    A VM may be called by its display name; work always sees the path. connected: False for work that connects by itself, called as
    work(connect, wanted). prepare: called as prepare(wanted) before VIX is asked for anything; what it returns is wanted.prepared.
    sayable: options with no_log whose values a result may have in what the guest says, but not among the task's own arguments.
    """
    spec = dict(_options.HOST)
    for fragment in (*fragments, options or {}):
        spec.update(fragment)
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True, **rules)
    with tempfile.TemporaryDirectory(dir=module.tmpdir) as workdir:
        wanted = {**module.params, "check_mode": module.check_mode, "diff_mode": module._diff and not module.no_log, "workdir": workdir}
        _let_be_said(module, spec, sayable)
        run = _session.run if connected else _session.run_unconnected
        run = partial(_run_prepared, prepare) if prepare else run
        result = _run_each(work, wanted, together) if module.params.get("vms") else _run(work, wanted, run)
    for sentence in result.pop("warnings", ()):
        module.warn(sentence)
    if result.pop("failed", False):
        module.fail_json(**result)
    module.exit_json(**result)


def _let_be_said(module, spec, names):
    """Have Ansible mask these options themselves, and not each text of the result in which their values occur."""
    if names:
        masked = [name for name, option in spec.items() if option.get("no_log") and name not in names]
        module.no_log_values = {str(module.params[name]) for name in masked if module.params[name]}
        module.params.update({name: MASKED for name in names if module.params[name] is not None})


def run_in_guest(work, *fragments, **rules):
    """Likewise, for work that is called as work(guest, wanted) with a user logged in to the guest of the VM, which the result then names."""
    run_module(partial(_in_guest, work), _options.VM, _options.GUEST, *fragments, **rules)


def _in_guest(work, host, wanted):
    from ._state import guests

    login = (wanted.guest_username, wanted.guest_password, wanted.guest_interactive, wanted.tools_timeout)
    with host.open_vm(wanted.vm, wanted.vm_password) as vm, guests.logged_in(vm, *login) as guest:
        return {**work(guest, wanted), "vm": wanted.vm}


def _run(work, wanted, run):
    try:
        return run(lambda host: _on(work, host, wanted), wanted)
    except (_worker.Failure, _worker.Bug) as failure:
        return _told(failure)


def _run_prepared(prepare, work, wanted):
    """As _session.run, with what has to be known first, which takes its time from the same budget."""

    def prepared(connect):
        begin = time.monotonic()
        wanted["prepared"] = prepare(SimpleNamespace(**wanted))
        wanted["timeout"] = max(1, wanted["timeout"] - int(time.monotonic() - begin))
        with connect() as host, _session.explained(host):
            return work(host)

    return _session.run_unconnected(prepared, wanted)


def _on(work, host, wanted):
    """The work on a host, with the path of the VM that is called so, and the home whose lists of VMs are meant (None: those of a host elsewhere)."""
    wanted = {**wanted, "home": None if wanted["hostname"] else os.path.expanduser("~")}
    if wanted.get("vm"):
        from ._state import names

        wanted["vm"] = names.find(host, wanted["vm"], wanted["home"])
    return work(host, SimpleNamespace(**wanted))


def _run_each(work, wanted, together):
    """The result of several VMs, worked on side by side: one that fails does not hide the others, and fails the task at its end."""
    vms = list(dict.fromkeys(wanted["vms"]))
    outcomes = _session.run_each(lambda host, vm: _on(work, host, {**wanted, "vm": vm}), vms, wanted, wanted["concurrency"])
    results = [{"changed": False, "vm": vm, **(_told(outcome) if isinstance(outcome, Exception) else outcome)} for vm, outcome in zip(vms, outcomes)]
    result = {
        "changed": any(each["changed"] for each in results),
        "diff": [{"before_header": each["vm"], "after_header": each["vm"], **each.pop("diff")} for each in results if "diff" in each],
        "results": results,
        **(together(results) if together else {}),
    }
    lost = [each["msg"] for each in results if each.get("failed")]
    if lost:
        return {**result, "failed": True, "msg": f"{len(lost)} of {len(vms)} VMs failed: {' | '.join(lost)}"}
    return result


def _told(failure):
    """What a task reports of a failure."""
    if isinstance(failure, _worker.Bug):
        msg = "vmlab.vix failed in a way that it should not; please report it with the traceback"
        return {"failed": True, "msg": msg, "error": "Bug", "exception": str(failure)}
    return {"failed": True, "msg": str(failure), "error": failure.kind, "vix_code": failure.code}
