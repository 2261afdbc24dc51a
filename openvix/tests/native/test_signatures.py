# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""libvix.so puts what the signature of each call has: one table for the client and the daemon."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys

import pytest
from checkout import VIX_API

from openvix.system import c_build
from openvix.vix.signatures import SIGNATURES

# Nothing is right about these arguments, so no daemon is asked. A variadic function reads no further than a property id of 0.
CALL = """
import ctypes, sys
path, name, count = sys.argv[1:]
getattr(ctypes.CDLL(path), name)(*[ctypes.c_void_p()] * int(count))
"""

# In the source of libvix: a text, the text in its place, the call that finds it, what libvix says.
WRONG = {
    "another kind": ("vm.c", "put_number(&call, powerOnOptions);", "put_null(&call, NULL);", "VixVM_PowerOn", "puts 's' where its signature has 'il'"),
    "too few": ("vm.c", "    put_number(&call, powerOffOptions);\n", "", "VixVM_PowerOff", "puts '' where its signature has 'i'"),
    "too many": (
        "vm.c",
        "put_number(&call, resetOptions);",
        "put_number(&call, 0); put_fixed(&call, 0, 0);",
        "VixVM_Reset",
        "puts 'i' where its signature has ''",
    ),
    "another object": (
        "snapshot.c",
        "put_handle(&call, VIX_HANDLETYPE_SNAPSHOT, parentSnapshotHandle);\n    put_number",
        "put_handle(&call, VIX_HANDLETYPE_VM, parentSnapshotHandle);\n    put_number",
        "VixSnapshot_GetChild",
        "puts 'v' where its signature has 'pi'",
    ),
    "wrong row": ("signatures.inc", '{"VixVM_Suspend", "vi"}', '{"VixVM_Suspend", "vs"}', "VixVM_Suspend", "puts 'i' where its signature has 's'"),
    "no row": ("signatures.inc", '{"VixVM_Delete", "vi"},\n', "", "VixVM_Delete", "puts 'v' where its signature has ''"),
}
PARAMETERS = {function["name"]: len(function["params"]) for function in json.loads(VIX_API.read_text(encoding="utf-8"))["functions"]}


def run_call(library, name):
    """Call a function with zeros in a child process."""
    # More than a function takes are passed where it does not look, and a list of property ids ends with the first.
    command = [sys.executable, "-c", CALL, str(library), name, str(PARAMETERS[name])]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={})


@pytest.fixture(scope="module")
def wrong_library(tmp_path_factory):
    """libvix.so with every fault of WRONG in it."""
    folder = tmp_path_factory.mktemp("wrong")
    shutil.copytree(c_build.source_directory("libvix"), folder / "libvix")
    for file, text, other, _, _ in WRONG.values():
        path = folder / "libvix" / file
        source = path.read_text(encoding="utf-8")
        assert source.count(text) == 1, text
        path.write_text(source.replace(text, other), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(c_build, "source_directory", lambda name: folder / name)
        patch.setenv("OPENVIX_CACHE", str(folder / "cache"))
        return c_build.build()


# Vix_GetProperties asks the daemon of handles that exist only: test_libvix.py calls it with those.
@pytest.mark.parametrize("name", sorted(SIGNATURES.keys() - {"Vix_GetProperties"}))
def test_call_sends_its_signature(name):
    done = run_call(c_build.build(), name)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_argument_aborts(wrong_library, wrong):
    *_, name, said = WRONG[wrong]
    done = run_call(wrong_library, name)
    assert (done.returncode, done.stderr) == (-signal.SIGABRT, f"libvix: {name} {said}\n")
