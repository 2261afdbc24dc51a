# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A process that is killed at a chosen step. From then on it changes no directory, not even to clean up."""

from __future__ import annotations

import os

from openvix.world import layout
from openvix.world.world import World

CHANGES = ("mkdir", "rename", "replace", "rmdir", "unlink")


class Killed(BaseException):
    pass


class Call:
    """A call without a client."""

    def __init__(self, world):
        self.world, self.client = world, self

    def progress(self):
        pass

    def is_orphan(self):
        return False


def killed_after(monkeypatch, steps, act):
    """Execute act() with at most this many changes of directories; return whether it finished."""
    left = iter(range(steps))

    def killing(change):
        def changed(*arguments, **more):
            if next(left, None) is None:
                raise Killed
            return change(*arguments, **more)

        return changed

    with monkeypatch.context() as patched:
        for name in CHANGES:
            patched.setattr(os, name, killing(getattr(os, name)))
        try:
            act()
        except Killed:
            return False
    return True


def served(directory):
    """Return the world in a directory, as a new daemon loads it."""
    layout.prepare(directory)
    world = World(directory)
    for machine in world.machines.loaded():
        machine.settled()
    return world
