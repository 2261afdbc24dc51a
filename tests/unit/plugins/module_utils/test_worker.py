# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The process that may be lost, without VIX: the same with it stands in tests/unit/plugins/modules/test_losses.py."""

from __future__ import annotations

import ctypes
import faulthandler
import glob
import mmap
import os
import pathlib
import resource
import select
import signal
import sys
import threading
import time
from functools import partial

import pytest
from ansible_collections.vmlab.vix.plugins.module_utils import _worker
from ansible_collections.vmlab.vix.plugins.module_utils._vix.errors import Refused


@pytest.fixture(autouse=True)
def _short_grace(monkeypatch):
    monkeypatch.setattr(_worker, "GRACE", 0.2)


class Clock:
    """A time that stands still until all work that should hang does so, for a minute at most. After that, each call is a second later."""

    def __init__(self, hanging=1):
        self._hangs, self._looks, self._end = mmap.mmap(-1, hanging), 0, time.monotonic() + 60

    def monotonic(self):
        self._looks += all(self._hangs[:]) or time.monotonic() > self._end
        return self._looks

    def hang(self, number=0):
        """Called in a child process, by the work with this number."""
        self._hangs[number] = 1
        time.sleep(300)


@pytest.fixture
def clock(monkeypatch):
    """The clock of whoever waits for the work."""

    def make(hanging=1):
        clock = Clock(hanging)
        monkeypatch.setattr(_worker, "time", clock)
        return clock

    return make


def children():
    """The child processes there are, ended ones that nobody has waited for included; other tests in this process may have theirs."""
    return {pid for path in glob.glob("/proc/self/task/*/children") for pid in pathlib.Path(path).read_text().split()}


@pytest.fixture(autouse=True)
def _nothing_left():
    descriptors, before = set(os.listdir("/proc/self/fd")), children()
    yield
    assert children() <= before
    assert set(os.listdir("/proc/self/fd")) == descriptors


def test_result_returned_complete():
    big = {"text": "ü" * 3_000_000, "numbers": [1, None, 2.5]}

    assert _worker.run(lambda crumb: big, 60) == big


def test_failure_has_text_kind_and_code():
    def work(crumb):
        raise Refused("it is not allowed", code=13017, doing="trying")

    with pytest.raises(_worker.Failure) as raised:
        _worker.run(work, 60)

    sentence = "trying: it is not allowed (VIX_E_SNAPSHOT_NONUNIQUE_NAME, 13017); give the path of the snapshot, as in base/patched"
    assert (str(raised.value), raised.value.kind, raised.value.code) == (sentence, "Refused", 13017)


def test_bug_keeps_traceback():
    def work(crumb):
        return {}["no such key"]

    with pytest.raises(_worker.Bug, match="KeyError: 'no such key'"):
        _worker.run(work, 60)


def test_exiting_work_is_failure():
    with pytest.raises(_worker.Bug, match="SystemExit"):
        _worker.run(lambda crumb: sys.exit(0), 60)


def test_hanging_work_killed_call_named(clock):
    clock = clock()

    def work(crumb):
        crumb("VixVM_PowerOn", "powering on web")
        clock.hang()

    with pytest.raises(_worker.Failure) as raised:
        _worker.run(work, 0.3)

    assert (
        str(raised.value)
        == "powering on web: timed out after 0.3 s: the VIX library hangs in VixVM_PowerOn; its process was killed, and VMware may still finish"
    )
    assert raised.value.kind == "TimedOut"


@pytest.mark.parametrize(
    ("death", "words"),
    [
        (lambda: ctypes.string_at(0), "crashed in VixVM_PowerOn (SIGSEGV)"),
        (os.abort, "crashed in VixVM_PowerOn (SIGABRT)"),
        (lambda: os._exit(3), "exited in VixVM_PowerOn (exit code 3)"),
        (lambda: os._exit(0), "exited in VixVM_PowerOn (exit code 0)"),
        (lambda: os.kill(os.getpid(), signal.SIGKILL), "crashed in VixVM_PowerOn (SIGKILL)"),
    ],
)
def test_dying_process_call_named(death, words):
    def work(crumb):
        faulthandler.disable()  # pytest's, whose report of the wanted crash would only frighten
        crumb("VixVM_PowerOn", "powering on web")
        death()

    with pytest.raises(_worker.Failure) as raised:
        _worker.run(work, 60)

    assert str(raised.value).startswith("powering on web: the VIX library ")
    assert words in str(raised.value)
    assert raised.value.kind == "LibraryCrashed"


def test_last_call_named_exactly():
    def work(crumb):
        crumb("VixVM_CopyFileFromHostToGuest", "copying a long name to a longer one in the guest of web")
        crumb("VixVM_Pause", "pausing web")
        os._exit(1)

    with pytest.raises(_worker.Failure, match=r"^pausing web: the VIX library exited in VixVM_Pause \(exit code 1\)"):
        _worker.run(work, 60)


def test_library_process_with_pipe_no_delay():
    readable, writable = os.pipe()

    def work(crumb):
        if os.fork() == 0:
            os.close(writable)
            os.read(readable, 1)  # until the test is over
            os._exit(0)
        return "done"

    begin = time.monotonic()
    try:
        assert _worker.run(work, 300) == "done"
    finally:
        os.close(writable)
        os.close(readable)
    assert time.monotonic() - begin < 200


def test_child_silent_on_standard_streams(capfd):
    def work(crumb):
        os.write(1, b"out")
        os.write(2, b"err")
        return os.read(0, 1).decode()

    assert _worker.run(work, 60) == ""
    assert capfd.readouterr() == ("", "")


def test_child_exits_with_killed_parent():
    readable, writable = os.pipe()

    def work(crumb):
        os.write(writable, b"x")
        time.sleep(300)

    parent = os.fork()
    if parent == 0:
        _worker.run(work, 300)
    os.close(writable)
    begun = os.read(readable, 1)
    os.kill(parent, signal.SIGKILL)
    os.waitpid(parent, 0)

    # Nobody holds the other end any more.
    ended = select.select([readable], [], [], 60)[0] and os.read(readable, 1)
    os.close(readable)
    assert (begun, ended) == (b"x", b"")


def test_crash_writes_no_core_file():
    assert _worker.run(lambda crumb: resource.getrlimit(resource.RLIMIT_CORE), 60) == [0, 0]


def test_each_part_has_outcome():
    def fail():
        raise Refused("it is not allowed")

    def work(crumb, part):
        part(0, lambda: None)
        part(1, fail)
        part(2, lambda: {}["no such key"])
        part(3, lambda: [3])

    outcomes = _worker.run_parts(work, 4, 60)

    assert (outcomes[0], outcomes[3]) == (None, [3])
    assert (str(outcomes[1]), outcomes[1].kind) == ("it is not allowed", "Refused")
    assert isinstance(outcomes[2], _worker.Bug)


def test_hanging_part_costs_itself(clock):
    clock = clock()

    def hang(crumb, *others):
        crumb("VixVM_PowerOn", "powering on web")
        for other in others:
            other.join()
        clock.hang()

    def work(crumb, part):
        crumb("VixHost_Connect", "connecting")
        others = [
            threading.Thread(target=part, args=(0, lambda: crumb("VixVM_Pause", "pausing db"))),
            threading.Thread(target=part, args=(2, lambda: "done")),
        ]
        threads = [*others, threading.Thread(target=part, args=(1, lambda: hang(crumb, *others)))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    first, second, third = _worker.run_parts(work, 3, 3)

    assert (first, third) == (None, "done")
    assert str(second).startswith("powering on web: timed out after 3 s: the VIX library hangs in VixVM_PowerOn")


def test_unstarted_parts_get_whole_failure():
    def work(crumb, part):
        part(0, lambda: "done")
        crumb("VixHost_Connect", "connecting to this machine")
        os._exit(3)

    first, second = _worker.run_parts(work, 2, 60)

    assert first == "done"
    assert str(second).startswith("connecting to this machine: the VIX library exited in VixHost_Connect (exit code 3)")


def test_whole_failure_of_unanswered_parts():
    def work(crumb, part):
        part(0, lambda: "done")
        raise Refused("no host")

    first, second = _worker.run_parts(work, 2, 60)

    assert (first, str(second)) == ("done", "no host")


# -- several at once


def whole(work):
    """Some work as run_all() takes it, with one part."""
    return lambda crumb, part: part(0, lambda: work(crumb))


def test_works_run_in_parallel_processes():
    readable, writable = os.pipe()
    try:

        def give(crumb):
            os.write(writable, b"x")
            return os.getpid()

        def take(crumb):
            return [os.read(readable, 1).decode(), os.getpid()]  # which waits for the other

        [[taken], [given]] = _worker.run_all([(whole(take), 1, 60), (whole(give), 1, 60)])
    finally:
        os.close(readable)
        os.close(writable)

    assert taken[0] == "x"
    assert len({taken[1], given, os.getpid()}) == 3


def test_hang_or_crash_costs_no_other(clock):
    clock = clock(2)

    def hang(number, crumb):
        crumb("VixHost_Connect", "connecting to one")
        clock.hang(number)

    def die(crumb):
        crumb("VixHost_Connect", "connecting to two")
        os._exit(3)

    one, two, three, four = whole(partial(hang, 0)), whole(die), whole(lambda crumb: "x" * 1_000_000), whole(partial(hang, 1))
    [first], [second], [third], [fourth] = _worker.run_all([(one, 1, 0.5), (two, 1, 1e9), (three, 1, 1e9), (four, 1, 0.4)])

    assert third == "x" * 1_000_000
    assert str(first).startswith("connecting to one: timed out after 0.5 s")
    assert "exit code 3" in str(second)
    assert str(fourth).startswith("connecting to one: timed out after 0.4 s")


def test_hang_outside_libvix_names_no_library(clock):
    clock = clock()

    def read(crumb):
        crumb("", "searching /vms")
        clock.hang()

    with pytest.raises(_worker.Failure) as raised:
        _worker.run(read, 0.3)

    assert str(raised.value) == "searching /vms: timed out after 0.3 s; its process was killed"


def test_answered_child_not_awaited():
    def work(crumb, part):
        part(0, lambda: "answered")
        time.sleep(300)

    begin = time.monotonic()

    assert _worker.run_parts(work, 1, 300) == ["answered"]
    assert time.monotonic() - begin < 200


def test_no_works_no_outcomes():
    assert _worker.run_all([]) == []


def test_interrupt_leaves_no_process():
    parent = os.getpid()

    def interrupt(crumb, part):
        part(0, lambda: "x" * 1_000_000)  # more than a pipe holds: when it is through, the parent has begun to listen
        os.kill(parent, signal.SIGINT)
        time.sleep(300)

    with pytest.raises(KeyboardInterrupt):
        _worker.run_all([(whole(lambda crumb: time.sleep(300)), 1, 300), (interrupt, 2, 300)])
