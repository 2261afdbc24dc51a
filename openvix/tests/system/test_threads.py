# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import queue
import threading
import time

import pytest
from waiting import eventually

from openvix.system import threads


@pytest.fixture
def none_idle(monkeypatch):
    """Have no thread left from before, and none kept long."""
    monkeypatch.setattr(threads, "IDLE_SECONDS", 0.2)
    monkeypatch.setattr(threads, "_idle", [])


def test_idle_thread_is_reused(none_idle, monkeypatch):
    monkeypatch.setattr(threads, "IDLE_SECONDS", 200)
    used = queue.SimpleQueue()
    for _ in range(5):
        threads.start(lambda: used.put(threading.current_thread()))
        eventually(lambda: threads._idle)

    assert len({used.get(timeout=60) for _ in range(5)}) == 1


def test_blocked_task_blocks_no_other(none_idle):
    done, gate = queue.SimpleQueue(), threading.Event()
    for number in range(20):
        threads.start(lambda number=number: (gate.wait(60), done.put(number)))
    threads.start(done.put, "beside")

    assert done.get(timeout=60) == "beside"
    gate.set()
    assert sorted(done.get(timeout=60) for _ in range(20)) == list(range(20))


def test_idle_threads_exit(none_idle):
    gate, used = threading.Event(), queue.SimpleQueue()
    for _ in range(10):
        threads.start(lambda: (used.put(threading.current_thread()), gate.wait(60)))
    known = [used.get(timeout=60) for _ in range(10)]
    gate.set()

    eventually(lambda: not any(thread.is_alive() for thread in known))
    assert threads._idle == []


def test_task_during_thread_exit_is_run(none_idle, monkeypatch):
    monkeypatch.setattr(threads, "IDLE_SECONDS", 0.0005)
    done = queue.SimpleQueue()
    for number in range(2000):
        threads.start(done.put, number)
        if not number % 3:
            time.sleep(0.0005)

    assert {done.get(timeout=60) for _ in range(2000)} == set(range(2000))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_exception_is_logged_and_ends_its_thread(none_idle, monkeypatch):
    result, done = queue.SimpleQueue(), queue.SimpleQueue()
    monkeypatch.setattr(threading, "excepthook", lambda said: result.put((said.exc_type, said.thread)))

    threads.start(int, "no number")
    kind, thread = result.get(timeout=60)
    threads.start(lambda: done.put(threading.current_thread()))

    assert kind is ValueError
    assert done.get(timeout=60) is not thread
