# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A daemon that is killed by SIGKILL at each step of each operation: the next one finds every VM as before the operation or as after it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from operations import DISKS, OPERATIONS, PROCESS, different, seen, settled
from protocol_client import Client

from openvix.daemon import control

# More steps than any operation has.
END = 1000


def attempt(openvix, place, name, step):
    """Carry out an operation on a new VM, with the daemon killed at this step of it; return whether it was killed, and what was there before and after."""
    settings, operation = OPERATIONS[name]
    vm = openvix.add_vm("web", processes=[PROCESS], snapshots=[{"name": "base"}], **settings)
    clone = place / "folder" / "copy" / "copy.vmx"
    killed = False
    with Client(openvix.directory) as client:
        settled(openvix, client)
        before = seen(openvix, client, vm, clone)
        call = operation(client, vm, str(clone))
        openvix.fault(call=call[0], kill=True, step=step)
        try:
            assert client.code(*call) == 0
        except (control.Unserved, ConnectionError):
            killed = True
    openvix.clear_faults()
    with Client(openvix.directory) as client:
        settled(openvix, client)
        after = seen(openvix, client, vm, clone)
        if killed and after == before:
            # It has not happened, and nothing stands in its way now.
            assert client.code(*operation(client, vm, str(clone))) == 0
            settled(openvix, client)
            again = seen(openvix, client, vm, clone)
        else:
            again = after
        for left in openvix.vms:
            client.code("VixVM_PowerOff", left, 0)
            client.items("VixVM_Delete", left, DISKS)
    for folder in (Path(vm).parent, clone.parent):
        shutil.rmtree(folder, ignore_errors=True)
    return killed, before, after, again


@pytest.mark.parametrize("name", OPERATIONS)
def test_operation_killed_at_any_step_is_atomic(openvix, tmp_path, name):
    _, _, whole, _ = attempt(openvix, tmp_path, name, END)
    step, killed = 0, True
    while killed:
        # Copying and removing a disk are many steps alike.
        step += 1 if step < 12 else STRIDE
        killed, before, after, again = attempt(openvix, tmp_path, name, step)
        assert after in (before, whole), (step, different(before, after), different(after, whole))
        assert again == whole, f"step {step}"
    assert step > 1


STRIDE = 1 if os.environ.get("OPENVIX_TEST_EVERY_STEP") else 7
