# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The child process that serves requests, without VIX: the same with it stands in tests/unit/plugins/connection."""

from __future__ import annotations

import faulthandler
import os
import signal
import threading
import time

import pytest
from ansible_collections.vmlab.vix.plugins.module_utils import _conversation, _worker
from ansible_collections.vmlab.vix.plugins.module_utils._vix.errors import Refused


class Server:
    """Does what the message says, and writes to a file what became of it."""

    def __init__(self, log, crumb):
        self._log, self._crumb, self._count = log, crumb, 0

    def answer(self, message, content):
        self._count += 1
        self._crumb("VixVM_PowerOn", "powering on web")
        if message["do"] == "fail":
            raise Refused("the VM is busy", code=5, doing="powering on web")
        if message["do"] == "break":
            raise ValueError("no such thing")
        if message["do"] == "crash":
            faulthandler.disable()
            os.kill(os.getpid(), signal.SIGSEGV)
        if message["do"] == "hang":
            self._log.write_text("hangs")
            time.sleep(300)
        return {"count": self._count, "seconds": message["seconds"]}, content[::-1]

    def end(self):
        self._log.write_text("ended")

    def abandon(self):
        self._log.write_text("abandoned")


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log"


@pytest.fixture
def conversation(log, monkeypatch):
    monkeypatch.setattr(_worker, "GRACE", 0.2)
    conversation = _conversation.Conversation(lambda crumb: Server(log, crumb))
    yield conversation
    conversation.kill()


def test_one_child_serves_all_requests(conversation, log):
    block = os.urandom(3_000_000)

    assert conversation.ask({"do": "it"}, block, 5) == ({"count": 1, "seconds": 5}, block[::-1])
    assert conversation.ask({"do": "it"}) == ({"count": 2, "seconds": 0}, b"")
    assert conversation.is_open
    conversation.end()
    assert log.read_text() == "ended"
    assert not conversation.is_open


def test_error_is_answer_like_another(conversation):
    with pytest.raises(_worker.Failure, match=r"powering on web: the VM is busy \(VIX_E_OBJECT_IS_BUSY, 5\)") as raised:
        conversation.ask({"do": "fail"})
    assert (raised.value.kind, raised.value.code) == ("Refused", 5)
    with pytest.raises(_worker.Bug, match="ValueError: no such thing"):
        conversation.ask({"do": "break"})

    assert conversation.ask({"do": "it"})[0]["count"] == 3


def test_crash_names_call(conversation):
    with pytest.raises(_worker.Failure, match=r"powering on web: the VIX library crashed in VixVM_PowerOn \(SIGSEGV\)"):
        conversation.ask({"do": "crash"})

    assert not conversation.is_open


def test_hang_ends_at_deadline(conversation):
    with pytest.raises(_worker.Failure, match="the VIX library hangs in VixVM_PowerOn"):
        conversation.ask({"do": "hang"}, seconds=0.1)

    assert not conversation.is_open


def test_interrupted_request_is_abandoned(conversation, log):
    def ring(*dummy):
        raise InterruptedError

    old = signal.signal(signal.SIGUSR1, ring)
    caller = threading.Thread(target=lambda: (wait_for(log, "hangs"), os.kill(os.getpid(), signal.SIGUSR1)))
    caller.start()
    try:
        with pytest.raises(InterruptedError):
            conversation.ask({"do": "hang"})
    finally:
        caller.join()
        signal.signal(signal.SIGUSR1, old)

    assert log.read_text() == "abandoned"
    assert not conversation.is_open


@pytest.mark.parametrize(("do", "result"), [("hang", "abandoned"), ("it", "ended")])
def test_parent_that_dies(log, do, result):
    """In a request the child breaks it off; between two it ends as usual."""
    process = os.fork()
    if process == 0:
        try:
            own = _conversation.Conversation(lambda crumb: Server(log, crumb))
            own.ask({"do": "it"})
            log.write_text("ready")
            if do == "hang":
                own.ask({"do": do})
            time.sleep(300)
        finally:
            os._exit(0)
    wait_for(log, "hangs" if do == "hang" else "ready")

    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)

    wait_for(log, result)


def wait_for(log, text):
    end = time.monotonic() + 60
    while not (log.exists() and log.read_text() == text):
        assert time.monotonic() < end
        time.sleep(0.005)
