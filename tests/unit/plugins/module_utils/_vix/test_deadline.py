# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.vmlab.vix.plugins.module_utils._vix.deadline import Deadline
from ansible_collections.vmlab.vix.plugins.module_utils._vix.errors import TimedOut


class Time:
    """A clock that only sleeping moves."""

    def __init__(self):
        self.now, self.sleeps = 100.0, []

    def clock(self):
        return self.now

    def sleep(self, seconds):
        self.sleeps.append(seconds)
        self.now += seconds


@pytest.fixture
def passing():
    return Time()


def test_pause_within_deadline(passing):
    deadline = Deadline(10, passing.clock, passing.sleep)

    deadline.pause(7, "waiting")
    deadline.pause(7, "waiting")

    assert passing.sleeps == [7, 3]
    assert deadline.left() == 0


def test_timeout_names_operation(passing):
    deadline = Deadline(0, passing.clock, passing.sleep)

    with pytest.raises(TimedOut) as raised:
        deadline.pause(1, "powering on web")

    assert str(raised.value) == "powering on web: timed out after 0 s; VIX cannot cancel the operation, so it may still finish"
    assert passing.sleeps == []


@pytest.mark.parametrize(("part", "left"), [(3, 3), (30, 10)])
def test_part_within_whole(passing, part, left):
    assert Deadline(10, passing.clock, passing.sleep).within(part).left() == left
