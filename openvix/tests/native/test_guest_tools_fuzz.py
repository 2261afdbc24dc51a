# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The agent in the guests of QEMU, built with sanitizers where there are some, under frames that nobody would send: it answers or begins anew, and never dies.

For longer, and led by what of the code is reached, this is done by "nox -s fuzz".
"""

from __future__ import annotations

import contextlib
import os
import subprocess

import pytest
import tools_frames
import tools_guest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openvix.backends.qemu.channel import Channel
from openvix.backends.simulated import sandbox
from openvix.protocol import frames
from openvix.system import c_build

pytestmark = pytest.mark.skipif(os.geteuid() != 0 and not sandbox.is_allowed(), reason="this machine allows no user namespaces")

ACCOUNTS = [{"name": "lab", "password": "lab", "administrator": True}, {"name": "ann", "password": "a"}]

numbers = st.integers(-(2**63), 2**63 - 1) | st.integers(-2, 5)
texts = st.sampled_from(["", "lab", "ann", "/", "/tmp", "/etc/motd", "..", "a/b", "/tmp/a"]) | st.binary(max_size=20) | st.just(b"x" * 70_000)
values = st.none() | numbers | texts | st.lists(texts | numbers, max_size=4) | st.lists(st.lists(texts, max_size=2), max_size=2)
any_values = st.builds(lambda name, rest: frames.encode(name, *rest), st.sampled_from(tools_frames.OPERATIONS) | values, st.lists(values, max_size=9))


@st.composite
def nearly_right(draw):
    """A request of which one value is another."""
    request = list(draw(st.sampled_from([request for request in tools_frames.REQUESTS if len(request) > 1])))
    request[draw(st.integers(1, len(request) - 1))] = draw(values)
    return frames.encode(*request)


@st.composite
def mutated(draw):
    """A right request of which some bytes are others, or missing, or too many."""
    frame = bytearray(frames.encode(*draw(st.sampled_from(tools_frames.REQUESTS))))
    at = draw(st.integers(0, len(frame)))
    frame[at : at + draw(st.integers(0, 9))] = draw(st.binary(max_size=9))
    # Of a length that is not its own, the rest is awaited: that takes a second each time, and is tried elsewhere.
    return frames.LENGTH.pack(len(frame[4:])) + frame[4:] if draw(st.integers(0, 9)) else bytes(frame)


@st.composite
def stretched(draw):
    """A right operation, and a value of a length that need not be its own at the end of the frame."""
    begin = frames.encode(draw(st.sampled_from(tools_frames.OPERATIONS)))[4:]
    size = draw(st.integers(0, 40) | st.integers(0, 100_000) | st.integers(0, 2**32 - 1))
    body = begin + draw(st.sampled_from([b"s", b"b", b"l", b"i"])) + frames.LENGTH.pack(size) + draw(st.binary(max_size=20))
    return frames.LENGTH.pack(len(body)) + body


def is_sanitized() -> bool:
    with contextlib.suppress(c_build.CannotBuild):
        # Built, it may still not run: a sanitizer wants more memory and rights than some containers give.
        return subprocess.run([tools_guest.build(tools_guest.SANITIZE)], capture_output=True, check=False).returncode == 2
    return False


@pytest.fixture(scope="module")
def channel(tmp_path_factory):
    disk = tmp_path_factory.mktemp("fuzz") / "disk"
    tools_guest.make_disk(disk, ACCOUNTS, {"/etc/motd": "Welcome"})
    # What the frames say is done: nothing of the host is there to be changed.
    with tools_guest.serving(disk, tools_guest.SANITIZE if is_sanitized() else [], shown=("/usr", "/lib", "/lib64")) as port:
        yield Channel(port)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(any_values | nearly_right() | mutated() | stretched(), min_size=1, max_size=5))
def test_tools_survive_any_frames(channel, frames):
    channel.sync(60)
    boot = channel.call("hello", answer="ibii")[1]
    channel._connection.settimeout(60)
    channel._connection.sendall(b"".join(frames))
    channel._in_step = False
    assert channel.call("hello", answer="ibii", seconds=120)[1] == boot
    assert [said for said in listed(channel) if said[2] == b"openvix-tools"]


def listed(channel):
    said = channel.call("processes", each="ibbbi")
    return [said[at : at + 5] for at in range(0, len(said), 5)]


def test_sanitizers_are_active_if_available(tmp_path):
    """What they find would end the fixture: here they have something to find."""
    if not is_sanitized():
        pytest.skip("no compiler here has them")
    source = tmp_path / "wrong.c"
    source.write_text("int main(int count, char **a) { char b[4] = {0}; (void)a; return b[count + 3]; }\n")
    program = c_build._compiled("wrong", [source], [*c_build.FLAGS, "-O0", *tools_guest.SANITIZE, str(source)])
    ended = subprocess.run([program], capture_output=True, env={**os.environ, **tools_guest.FOUND}, check=False)
    assert (ended.returncode, b"stack-buffer-overflow" in ended.stderr or b"out of bounds" in ended.stderr) == (99, True)
