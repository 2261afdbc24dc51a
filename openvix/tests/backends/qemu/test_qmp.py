# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Talking to a QEMU, here one that the test plays: what it says is not trusted."""

from __future__ import annotations

import json
import socket
import threading

import pytest
from waiting import eventually

from openvix.backends.qemu.qmp import Qmp, QmpDisconnected, QmpError

GREETING = {"QMP": {"version": {}, "capabilities": []}}


class Played:
    """The other side: says each of its lines when it has heard a command, a function of what it heard."""

    def __init__(self, *answers, greeting=GREETING):
        self.ours, self._theirs = socket.socketpair()
        self.heard, self.events = [], []
        self._answers = [lambda asked: [{"return": {}, "id": asked["id"]}], *answers]
        self._say(greeting)
        self._thread = threading.Thread(target=self._play, daemon=True)
        self._thread.start()

    def talk(self):
        return Qmp(self.ours, self.events.append)

    def _say(self, said):
        self._theirs.sendall(said if isinstance(said, bytes) else json.dumps(said).encode() + b"\n")

    def _play(self):
        lines = self._theirs.makefile("rb")
        for answer in self._answers:
            line = lines.readline()
            if not line:
                return
            asked = json.loads(line)
            self.heard.append((asked["execute"], asked["arguments"]))
            for said in answer(asked):
                self._say(said)
        # For one moment more: what is said just before the end is heard.
        lines.close()
        self._theirs.close()


def returned(value):
    return lambda asked: [{"return": value, "id": asked["id"]}]


def refused(text):
    return lambda asked: [{"error": {"class": "GenericError", "desc": text}, "id": asked["id"]}]


def status(job, *statuses):
    return [{"event": "JOB_STATUS_CHANGE", "data": {"id": job, "status": each}} for each in statuses]


def test_command_returns_answer_or_raises_reason():
    played = Played(returned({"running": True}), refused("no such device"))
    qmp = played.talk()
    assert qmp.ask("query-status") == {"running": True}
    with pytest.raises(QmpError, match=r"^screendump: no such device$"):
        qmp.ask("screendump", filename="/x")
    assert played.heard == [("qmp_capabilities", {}), ("query-status", {}), ("screendump", {"filename": "/x"})]


def test_late_answer_is_not_used_for_next_command():
    late = {}

    def silent(asked):
        late.update(asked)
        return []

    played = Played(silent, lambda asked: [{"return": "late", "id": late["id"]}, {"return": "right", "id": asked["id"]}])
    qmp = played.talk()
    with pytest.raises(QmpDisconnected, match=r"did not answer stop within 0\.05 s"):
        qmp.ask("stop", seconds=0.05)
    assert qmp.ask("cont") == "right"


def test_job_ends_by_event_and_fails_with_reason():
    done = [
        lambda asked: [*status("save1", "created", "running"), {"return": {}, "id": asked["id"]}, *status("save1", "concluded")],
        returned([{"id": "save1", "status": "concluded"}, {"id": "other", "error": "not ours"}]),
        returned({}),
        lambda asked: [{"return": {}, "id": asked["id"]}, *status("save2", "concluded")],
        returned([{"id": "save2", "error": "no space"}]),
        returned({}),
    ]
    played = Played(*done)
    qmp = played.talk()
    qmp.job("snapshot-save", "save1", tag="1")
    with pytest.raises(QmpError, match=r"^snapshot-save: no space$"):
        qmp.job("snapshot-save", "save2", tag="2")
    commands = [command for command, _ in played.heard]
    assert commands == ["qmp_capabilities", *["snapshot-save", "query-jobs", "job-dismiss"] * 2]
    assert played.heard[1][1] == {"job-id": "save1", "tag": "1"}


def test_events_are_passed_on_and_end_once():
    played = Played(lambda asked: [{"event": "SHUTDOWN", "data": {"guest": True}}, {"return": {}, "id": asked["id"]}])
    qmp = played.talk()
    qmp.ask("quit")
    eventually(lambda: played.events == [{"event": "SHUTDOWN", "data": {"guest": True}}, None])
    with pytest.raises(QmpDisconnected):
        qmp.ask("stop")


def test_event_handler_may_wait_for_an_answer():
    answered, waited = threading.Event(), []
    played = Played(lambda asked: [{"event": "RESET", "data": {"guest": True}}, {"return": {}, "id": asked["id"]}])
    Qmp(played.ours, lambda event: waited.append(answered.wait(10))).ask("query-status")
    answered.set()
    eventually(lambda: waited == [True, True])


def test_closed_connection_passes_on_no_events():
    played = Played(returned({}), returned({}))
    qmp = played.talk()
    qmp.close()
    qmp._reader.join(60)
    assert (qmp._reader.is_alive(), played.events) == (False, [])


@pytest.mark.parametrize("said", [b"", b"no JSON\n", b"[]\n", b"7\n", b"{}\n", b'{"QMP": 1', b"\xff\xfe\n"])
def test_peer_without_greeting_is_rejected(said):
    ours, theirs = socket.socketpair()
    theirs.sendall(said)
    theirs.close()
    with pytest.raises(QmpDisconnected):
        Qmp(ours, lambda event: None)


@pytest.mark.parametrize("said", [b"no JSON\n", b"[]\n", b'"text"\n', b"x" * (5 << 20), b'{"return": 1', b'{"event": '])
def test_invalid_message_means_disconnected(said):
    played = Played(lambda asked: [said])
    qmp = played.talk()
    with pytest.raises(QmpDisconnected):
        qmp.ask("query-status", seconds=60)
    eventually(lambda: played.events == [None])
