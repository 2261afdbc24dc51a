# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options in, the work in a child process, the result out: the only exit_json and fail_json."""

from __future__ import annotations

import glob
import os
import secrets
import tempfile
import time
from contextlib import contextmanager, suppress
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING

from ansible.module_utils.basic import AnsibleModule

from . import _options, _session, _worker

if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Iterator, Mapping, Sequence

    Result = Dict[str, Any]
    Options = Mapping[str, Dict[str, Any]]
    Work = Callable[[Any, SimpleNamespace], Result]

MASKED = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"  # as Ansible itself masks them
OLD = 24 * 60 * 60  # seconds after which a file beside a destination, which a killed task has left there, is removed
LONGEST_NAME = 200  # characters of a destination's name in that of a file beside it


def run_module(
    work: Work,
    *fragments: Options,
    options: Options | None = None,
    together: Callable[[list[Result]], Result] | None = None,
    connected: bool = True,
    prepare: Callable[[SimpleNamespace], Any] | None = None,
    sayable: Sequence[str] = (),
    replaced: Sequence[str] = (),
    **rules: Any,
) -> None:
    """Parse the options, do the work on a connected host in a worker process, and end the module with what it returns.

    Args:
        work: Called as work(host, wanted). wanted has the options as attributes, and check_mode, diff_mode, prepared, home (home directory of the user
            whose lists of VMs are searched, None if the host is another machine) and workdir (a directory for files of this task). With the option vms
            it is called for each VM, with that one as wanted.vm.
        fragments: Dictionaries of _options.
        options: The module's own options.
        together: Called as together(results) with the results of the option vms; what it returns is added to the result.
        connected: False for work that connects to the host itself, called as work(connect, wanted).
        prepare: Called as prepare(wanted) before VIX is called; its result is wanted.prepared.
        replaced: Options that name files of this machine. wanted.parts has the path of a new file beside each, which the work may create and rename.
        sayable: Options with no_log whose values are masked among the task's arguments only, as the guest may write them to its output.
        rules: required_if and the like.
    """
    spec: dict[str, dict[str, Any]] = dict(_options.HOST)
    for fragment in (*fragments, options or {}):
        spec.update(fragment)
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True, **rules)
    interrupts = _worker.Interrupts()
    with tempfile.TemporaryDirectory(dir=module.tmpdir) as workdir, _parts({name: module.params[name] for name in replaced}) as parts:
        wanted = {
            **module.params,
            "check_mode": module.check_mode,
            "diff_mode": module._diff and not module.no_log,
            "home": None if module.params["hostname"] else os.path.expanduser("~"),
            "workdir": workdir,
            "parts": parts,
        }
        _mask_arguments_only(module, spec, sayable)
        if module.params["hostname"]:
            module.params["hostname"] = _session.without_password(module.params["hostname"])
        run = _session.run if connected else _session.run_unconnected
        run = partial(_run_prepared, prepare) if prepare else run
        try:
            with interrupts.raised():
                result = _run_each(work, wanted, together) if module.params.get("vms") else _run(work, wanted, run)
        except _worker.Interrupted as interrupted:
            result = _interrupted(interrupted, module.params.get("vm"))
    for message in result.pop("warnings", ()):
        module.warn(message)
    if result.pop("failed", False):
        module.fail_json(**result)
    module.exit_json(**result)


def run_on_vm(work: Work, *fragments: Options, **rules: Any) -> None:
    """As run_module, for work(vm, wanted) on the VM that the task names. The result names it by its path."""
    run_module(partial(_session.on_vm, work), *fragments, **rules)


def run_in_guest(work: Work, *fragments: Options, **rules: Any) -> None:
    """As run_module, for work(session, wanted) with a login in the guest of the VM that the task names. The result names the VM by its path."""
    run_module(partial(_session.in_guest, work), _options.VM, _options.GUEST, *fragments, **rules)


def _mask_arguments_only(module: AnsibleModule, spec: Options, names: Sequence[str]) -> None:
    """Mask these options themselves, but not every text of the result in which their values occur."""
    if names:
        masked = [name for name, option in spec.items() if option.get("no_log") and name not in names]
        module.no_log_values = {str(module.params[name]) for name in masked if module.params[name]}
        module.params.update({name: MASKED for name in names if module.params[name] is not None})


@contextmanager
def _parts(targets: Mapping[str, str | None]) -> Iterator[dict[str, str]]:
    """The path of a file beside each target, by the same keys. It is removed at the end, whoever created it, and so are those that killed tasks have left."""
    found = {}
    for key, target in targets.items():
        if target:
            folder, name = os.path.split(os.path.abspath(target))
            start = os.path.join(folder, f".{name[:LONGEST_NAME]}.")
            found[key] = f"{start}{secrets.token_hex(8)}.part"
            _sweep(f"{glob.escape(start)}{'[0-9a-f]' * 16}.part")
    try:
        yield found
    finally:
        for part in found.values():
            with suppress(OSError):
                os.unlink(part)


def _sweep(pattern: str) -> None:
    """Remove the files of this user that match and that nobody has written to for a long time."""
    for path in glob.glob(pattern):
        with suppress(OSError):
            there = os.lstat(path)
            if there.st_uid == os.geteuid() and time.time() - there.st_mtime > OLD:
                os.unlink(path)


def _interrupted(interrupted: _worker.Interrupted, vm: str | None) -> Result:
    """The result of a task that a signal ended."""
    text = f"the task was ended by {interrupted.signal}; VMware may still finish what it has begun"
    doing = interrupted.doing or (f"working on {vm}" if vm else "")
    return {"failed": True, "msg": f"{doing}: {text}" if doing else text, "error": "Interrupted", "vix_code": None}


def _run(work: Work, wanted: dict[str, Any], run: Callable[..., Result]) -> Result:
    try:
        return run(lambda host: work(host, SimpleNamespace(**wanted)), wanted)
    except (_worker.Failure, _worker.Bug) as failure:
        return _failed(failure)


def _run_prepared(prepare: Callable[[SimpleNamespace], Any], work: Callable[[Any], Result], wanted: dict[str, Any]) -> Result:
    """As _session.run, after prepare, which uses the same budget of time."""

    def prepared(connect: Callable[[], Any]) -> Result:
        begin = time.monotonic()
        wanted["prepared"] = prepare(SimpleNamespace(**wanted))
        wanted["timeout"] = max(1, wanted["timeout"] - int(time.monotonic() - begin))
        with connect() as host, _session.explained(host):
            return work(host)

    return _session.run_unconnected(prepared, wanted)


def _run_each(work: Work, wanted: dict[str, Any], together: Callable[[list[Result]], Result] | None) -> Result:
    """The result for several VMs, processed in parallel. A failed one does not affect the others, but fails the task in the end."""
    vms = list(dict.fromkeys(wanted["vms"]))
    outcomes = _session.run_each(lambda host, vm: work(host, SimpleNamespace(**{**wanted, "vm": vm})), vms, wanted, wanted["concurrency"])
    results = [{"changed": False, "vm": vm, **(_failed(outcome) if isinstance(outcome, Exception) else outcome)} for vm, outcome in zip(vms, outcomes)]
    result = {
        "changed": any(each["changed"] for each in results),
        "diff": [{"before_header": each["vm"], "after_header": each["vm"], **each.pop("diff")} for each in results if "diff" in each],
        "results": results,
        "warnings": [warning for each in results for warning in each.pop("warnings", ())],
        **(together(results) if together else {}),
    }
    lost = [each["msg"] for each in results if each.get("failed")]
    if lost:
        return {**result, "failed": True, "msg": f"{len(lost)} of {len(vms)} VMs failed: {' | '.join(lost)}"}
    return result


def _failed(failure: Exception) -> Result:
    """The result of a failed task."""
    if not isinstance(failure, _worker.Failure):
        msg = "this is a bug in vmlab.vix: please report it with the traceback"
        return {"failed": True, "msg": msg, "error": "Bug", "exception": str(failure)}
    return {"failed": True, "msg": str(failure), "error": failure.kind, "vix_code": failure.code}
