# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is written down twice, once as facts and once as code, says the same."""

from __future__ import annotations

import ast
import json
import pathlib
import subprocess
import sys
from ctypes import POINTER, c_byte, c_char_p, c_int, c_uint64, c_void_p

import pytest
import yaml
from ansible_collections.vmlab.vix.plugins.module_utils._vix import capi

ROOT = pathlib.Path(__file__).resolve().parents[2]
FACTS = json.loads((ROOT / "facts" / "vix-api.json").read_text(encoding="utf-8"))
FUNCTIONS = {function["name"]: function for function in FACTS["functions"]}

BASE_TYPES = {"void": None, "char": c_byte, "int": c_int, "uint64": c_uint64, "unsigned long long or unsigned long (64 bit)": c_uint64}
POINTERS = {"const char *": c_char_p, "void *": c_void_p}


def python_type(ctype):
    """What ctypes calls a type of vix.h."""
    if ctype in POINTERS:
        return POINTERS[ctype]
    if ctype == "VixEventProc *":
        return capi.EVENT_PROC
    if ctype.endswith(" *"):
        return POINTER(python_type(ctype.removesuffix(" *")))
    return BASE_TYPES[ctype] if ctype in BASE_TYPES else python_type(FACTS["types"][ctype])


def failure_kind(function):
    """What counts as failure: an error code in a VixError, no handle in a VixHandle."""
    kinds = {"void": capi.VOID, "const char *": capi.TEXT, "VixError": capi.ERROR, "VixHandle": capi.JOB}
    return kinds.get(function["returns"], capi.NUMBER)


def test_generated_files_match_facts():
    done = subprocess.run([sys.executable, ROOT / "facts" / "generate.py", "--check"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_prototypes_in_header_order():
    assert list(capi.PROTOTYPES) == list(FUNCTIONS)


def test_stub_has_the_binding_names():
    """Tools see capi.py as its stub says."""
    stub = ast.parse(pathlib.Path(capi.__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
    defined = {node.name: node for node in stub.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    names = {*defined, *(node.target.id for node in stub.body if isinstance(node, ast.AnnAssign))}
    names |= {target.id for node in stub.body if isinstance(node, ast.Assign) for target in node.targets}
    source = ast.parse(pathlib.Path(capi.__file__).read_text(encoding="utf-8"))
    own = {node.name for node in source.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    own |= {name.id for node in source.body if isinstance(node, ast.Assign) for target in node.targets for name in ast.walk(target) if hasattr(name, "id")}
    assert {name for name in names if not name.startswith("_")} == {name for name in own if not name.startswith("_")}

    methods = {node.name: node.args for node in defined["Library"].body if isinstance(node, ast.FunctionDef)}
    assert {name: len(methods[name].posonlyargs) - 1 for name in capi.PROTOTYPES} == {name: len(row) - 1 for name, row in capi.PROTOTYPES.items()}
    assert {name for name in capi.PROTOTYPES if methods[name].vararg} == {name for name, function in FUNCTIONS.items() if function["variadic"]}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_prototype_matches_header(name):
    (restype, check), *arguments = capi.PROTOTYPES[name]
    function = FUNCTIONS[name]
    assert restype is python_type(function["returns"])
    assert (restype, check) == failure_kind(function)
    assert arguments == [python_type(parameter["ctype"]) for parameter in function["params"]]


def test_callback_matches_header():
    assert capi.EVENT_PROC._restype_ is None
    assert FACTS["types"]["VixEventProc"] == "void (VixHandle handle, VixEventType eventType, VixHandle moreEventInfo, void *clientData)"
    assert capi.EVENT_PROC._argtypes_ == tuple(map(python_type, ("VixHandle", "VixEventType", "VixHandle", "void *")))


def test_each_module_in_action_group():
    runtime = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text(encoding="utf-8"))
    assert sorted(runtime["action_groups"]["vix"]) == sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("[a-z]*.py"))
