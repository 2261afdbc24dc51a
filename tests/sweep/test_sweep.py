# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every call of every module and action plugin fails in turn: see "The sweep" in CONTRIBUTING.md.

A case is one scenario, one fault and the number of the call that it is applied to. A fault that was applied to no call does not count as tried.
"""

from __future__ import annotations

import contextlib
import fnmatch
import json
import os
import pathlib
import random
import shutil
import signal
import time

import judge
import observed
import pytest
import runs
from scenarios import FAULTS, SIGNALS, TO_DAEMON, WAIT_SECONDS, scenarios

from openvix.daemon import control
from openvix.vix import constants

SCENARIOS = scenarios()
ROOT = pathlib.Path(__file__).resolve().parents[2]
# The deadline of a task that meets a hang, in seconds, and of any other.
HANG_SECONDS, SECONDS = 3, 60
# More calls than any task makes.
MOST_CALLS = 120
PAGE = "Welcome to {{ inventory_hostname }}\n"


class Case:
    """The world of one scenario: a VM that is made anew for each case, and directories of the VM host."""

    def __init__(self, openvix, start, place: pathlib.Path, name: str):
        self.world, self._start, self.name, self.scenario = openvix, start, name, SCENARIOS[name]
        self.host, self.out, self._tmp = place / "host", place / "out", place / "run"
        for folder in (self.host / "site" / "deep", self._tmp):
            folder.mkdir(parents=True)
        for file, text in (
            ("site/index.html", "<p>new</p>\n"),
            ("site/deep/data", "9876543210" * 3000),
            ("page.j2", PAGE),
            ("script.sh", "echo done > /srv/done\n"),
        ):
            (self.host / file).write_text(text, encoding="utf-8")
        self._endless: set[int] = set()
        self.vm = str(openvix.directory / "vms" / "web" / "web.vmx")

    def renew(self) -> None:
        """Make the VM and the directory for results anew, and do what the scenario does before its task."""
        self.remove()
        self.out.mkdir()
        self.world.add_vm("web", **(self.scenario.vm or {}))
        for module, options in self.scenario.prepare:
            done = self.run(options, module)
            assert (done.result or {"failed": True}).get("failed") in (None, False), f"the task before it failed: {done}"

    def remove(self) -> None:
        self.settle()
        for path, power in self.world.vms.items():
            connection = control.connect(self.world.directory)
            with connection:
                host = connection.call("VixHost_Connect", -1, constants.VIX_SERVICEPROVIDER_DEFAULT, None, 0, None, None, 0, [])[1][0][1]
                if power in ("powered_on", "paused"):
                    connection.call("VixVM_PowerOff", path, 0)
                connection.call("VixVM_Open", host, path)
                connection.call("VixVM_Delete", path, constants.VIX_VMDELETE_DISK_FILES)
        shutil.rmtree(pathlib.Path(self.vm).parent, ignore_errors=True)
        shutil.rmtree(self.out, ignore_errors=True)
        with contextlib.suppress(OSError):
            self.world._ask("OpenVIX_ForgetHandles")

    def settle(self) -> None:
        """Wait until no call runs, also of clients that have ended. One that hangs has no end."""
        end = time.monotonic() + 10
        while time.monotonic() < end:
            if not any(call["error"] is None and number not in self._endless for number, call in enumerate(self.world.calls())):
                return
            time.sleep(0.01)

    def seen(self) -> dict:
        return observed.everything(self.world, self.vm, self.out)

    def run(self, options: dict | None = None, module: str | None = None, seconds: float = SECONDS, meanwhile=None) -> runs.Outcome:
        """Run the task, or another one, with this deadline."""
        places = {"{vm}": self.vm, "{host}": str(self.host), "{out}": str(self.out)}
        filled = json.dumps({"timeout": seconds, **(self.scenario.options if options is None else options)})
        for mark, path in places.items():
            filled = filled.replace(mark, path)
        module = module or self.scenario.module
        given = {**json.loads(filled), **({} if module == "host_info" else {"vm": self.vm})}
        if self.scenario.play:
            return runs.run_playbook(self._tmp, module, given, meanwhile)
        return runs.run_module(self._start, self._tmp, module, given, meanwhile)

    def attempt(self, fault: str, number: int) -> dict:
        """Carry out one case; return what is written to the log: "applied" says whether the fault was applied to a call."""
        self.renew()
        signalled = fault if fault in SIGNALS else None
        sends = fault in (*SIGNALS, *TO_DAEMON)
        effect = {"delay": WAIT_SECONDS} if sends else FAULTS[fault]
        self.world.fault(call="*", per="client", times=1, from_=number, **effect)
        timeout = HANG_SECONDS if fault.startswith("hang") else SECONDS
        done = self.run(seconds=timeout, meanwhile=self._sender(fault) if sends else None)
        # A daemon that was killed from outside forgets its rules.
        rule = next(iter(self.world.faults()), None) or self._rule
        self.world.clear_faults()
        # The preparation is before the rule, so that the call is one of the task.
        call = rule["calls"][0]["call"] if rule["applied"] else ""
        case = {"scenario": self.name, "fault": fault, "number": number, "applied": bool(rule["applied"]), "call": call, "violations": [], "exceptions": []}
        if not rule["applied"]:
            return case
        if fault.startswith("hang"):
            self._endless |= {each["number"] for each in rule["calls"]}
        self.settle()
        names = [] if self.scenario.module == "host_info" else [self.vm, str(self.out)]
        beside = self.seconds if self.scenario.play else 0
        found = judge.of_outcome(done, signalled=signalled, seconds=timeout + beside, names=names)
        succeeded = bool(done.result) and not done.result.get("failed")
        after = self.seen()
        if signalled != "SIGKILL":
            found += [("left on the host", f"half a file: {each}") for each in observed.half_files(self.out)]
        found += judge.of_state(after, self.old, self.new, succeeded=succeeded)
        if not signalled and fault.startswith(("error", "lost", "daemon")):
            found += judge.of_handles(self._handles())
        again = self.run()
        self.settle()
        found += [(name, f"second run: {what}") for name, what in judge.of_repeat(again, self.seen(), self.new, names)]
        case["found"] = [judge.Violation(name, self.name, fault, call, number, what) for name, what in found]
        return case

    def observe(self) -> None:
        """Find out what the task does where nothing fails."""
        self.renew()
        self.old = self.seen()
        before = len(self.world.calls())
        done = self.run()
        self.calls = len(self.world.calls()) - before
        # Under load, ansible-playbook takes its time.
        self.seconds = 2 * done.seconds
        assert done.result, f"the task ended without a result: {done}"
        assert not done.result.get("failed"), f"the task fails without a fault: {done.result.get('msg')}"
        assert not done.left, f"the task leaves something on the host: {done.left}"
        self.settle()
        self.new = self.seen()

    def _handles(self) -> list[dict]:
        """Return the rows of clients that have left something open, when all have ended."""
        end = time.monotonic() + 5
        while any(not row["ended"] for row in self.world.handles()) and time.monotonic() < end:
            time.sleep(0.01)
        return self.world.handles()

    def _sender(self, name: str):
        """Return what sends a signal to the task or the daemon once the fault has been applied. SIGINT goes to all processes of the task, as by a terminal."""
        number = signal.Signals[name.removeprefix("daemon ")]
        self._rule = {"applied": 0, "calls": []}

        def send(pid: int) -> None:
            end = time.monotonic() + SECONDS
            connection = control.connect(self.world.directory)
            with connection:
                daemon = connection.ask("OpenVIX_Status")["pid"]
                while time.monotonic() < end and pathlib.Path("/proc", str(pid)).exists():
                    [self._rule] = connection.ask("OpenVIX_Faults")
                    if self._rule["applied"]:
                        with contextlib.suppress(ProcessLookupError):
                            if name in TO_DAEMON:
                                os.kill(daemon, number)
                            else:
                                os.killpg(pid, number) if number == signal.SIGINT else os.kill(pid, number)
                        return
                    time.sleep(0.005)

        return send


def plan(config, name: str, calls: int):
    """Yield (fault, number) of the cases of a scenario: all, each fault until it is applied no more; or some at random while there is time."""
    seconds = config.getoption("sweep_seconds")
    if not seconds:
        for fault in (*FAULTS, *SIGNALS, *TO_DAEMON):
            number, applied = 1, True
            while applied and number < MOST_CALLS:
                applied = yield fault, number
                number += 1
        return
    chosen = random.Random(f"{config.getoption('sweep_seed')} {name}")
    left = [(fault, number) for fault in (*FAULTS, *SIGNALS, *TO_DAEMON) for number in range(1, calls + 1)]
    chosen.shuffle(left)
    end = time.monotonic() + seconds / len(SCENARIOS)
    while left and time.monotonic() < end:
        yield left.pop()


def test_each_module_has_a_scenario():
    modules = {path.stem for path in (ROOT / "plugins" / "modules").glob("*.py") if path.stem != "__init__"}
    actions = {path.stem for path in (ROOT / "plugins" / "action").glob("*.py") if path.stem != "__init__"}
    assert modules == {scenario.module for scenario in SCENARIOS.values()}
    assert actions == {scenario.module for scenario in SCENARIOS.values() if scenario.play}


def test_each_exception_names_a_scenario():
    for entry in judge.Exceptions().entries:
        assert any(fnmatch.fnmatchcase(name, entry.get("scenario", "*")) for name in SCENARIOS), entry


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_call_of_a_task(openvix, start_module, tmp_path, name, pytestconfig, record_property):
    case, exceptions, cases, wrong = Case(openvix, start_module, tmp_path, name), judge.Exceptions(), [], []
    case.observe()
    planned = plan(pytestconfig, name, case.calls)
    with contextlib.suppress(StopIteration):
        fault, number = next(planned)
        while True:
            done = case.attempt(fault, number)
            for violation in done.pop("found", []):
                allowed = exceptions.allow(violation)
                done["exceptions" if allowed else "violations"].append(violation.name)
                wrong += [] if allowed else [violation]
            cases.append(done)
            fault, number = planned.send(done["applied"])
    case.remove()
    openvix.forgive_leaks("clients were ended in the middle of their calls")
    record_property("cases", json.dumps(cases))
    assert not wrong, "\n".join([f"{len(wrong)} violations", *(f"{each.name}: {each.fault} {each.number} {each.call}: {each.what}" for each in wrong)])
