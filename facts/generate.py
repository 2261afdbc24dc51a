#!/usr/bin/env python
# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write what both inhabitants know of vix.h from the one place that knows it: "generate.py" writes, "generate.py --check" compares.

No number of the header is typed by hand anywhere: the collection and OpenVIX each get separate files, so that neither imports the other.
"""

from __future__ import annotations

import ast
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FACTS = json.loads((ROOT / "facts" / "vix-api.json").read_text(encoding="utf-8"))
ENCODINGS = json.loads((ROOT / "facts" / "encodings.json").read_text(encoding="utf-8"))["codecs"]
WIRE = json.loads((ROOT / "facts" / "wire.json").read_text(encoding="utf-8"))
ENUMS = FACTS["enums"]
MATRIX = FACTS["support_matrix"]
# By the binding's name of a provider.
NEWEST_PRODUCTS = {
    "workstation": "VMware Workstation 10.0",
    "player": "VMware Player 6.0",
    "workstation_shared": "VMware Workstation Shared 10.0",
    "vi_server": "VMware vSphere 4 and 5",
}
UNOFFICIAL = FACTS["unofficial"]["error_codes"]
VARGS = "Vargs"
# Functions that the header has no more, and VMware's library still exports: older clients bind them when they load.
REMOVED = ("VixVM_BeginRecording", "VixVM_EndRecording", "VixVM_BeginReplay", "VixVM_EndReplay", "VixVM_OpenUrlInGuest", "Vix_PumpEvents")

MARK = "Written by facts/generate.py from facts/vix-api.json; do not edit."
NOTICE = (
    "Copyright (c) 2026 vmlab",
    "GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)",
    "SPDX-License-Identifier: GPL-3.0-or-later",
)


def python_head(docstring):
    yield from (f"# {line}" for line in NOTICE)
    yield from ("", f'"""{docstring}', "", f"{MARK}", '"""', "", "from __future__ import annotations", "")


def c_head(purpose):
    yield "/*"
    yield from (f" * {line}" for line in NOTICE)
    yield from (" *", f" * {purpose}", f" * {MARK}", " */", "")


def groups(*left_out):
    """Every enumeration of the header but those left out, in its order."""
    return [(name, values) for name, values in ENUMS.items() if name not in left_out]


def property_types():
    """Property id: the name of its type, as VixPropertyType spells it; for the ids that the header defines."""
    spelt, defined = {"int": "INTEGER"}, ENUMS["VixPropertyID"].values()
    return {fact["id"]: f"VIX_PROPERTYTYPE_{spelt.get(fact['type'], fact['type'].upper())}" for fact in FACTS["properties"] if fact["id"] in defined}


def binding_constants():
    yield from python_head("Numbers of vix.h that the binding uses: enumerators and the types of properties.")
    for group, values in groups("VixError"):
        yield f"# {group}"
        yield from (f"{name} = {value}" for name, value in values.items())
        yield ""
    yield "# The cell that a property is read into (docs/vix-semantics.md, section 5)."
    yield "PROPERTY_TYPES = {"
    yield from (f"    {name}: {kind}," for kind, name in ((kind, property_name(number)) for number, kind in property_types().items()))
    yield "}"


def property_name(number):
    return next(fact["name"] for fact in FACTS["properties"] if fact["id"] == number)


def binding_error_names():
    yield from python_head("Names of VIX's error codes, those of newer guests included: imported only when an error is reported.")
    yield "NAMES = {"
    yield from (f'    {code}: "{name}",' for code, name in sorted(error_names().items()))
    yield "}"


def error_names():
    names = {code: name for name, code in UNOFFICIAL.items()}
    names.update({fact["code"]: fact["name"] for fact in FACTS["errors"]})
    return names


def world_facts():
    yield from python_head("Numbers of vix.h that the world uses.")
    for group, values in groups():
        yield f"# {group}"
        yield from (f"{name} = {value}" for name, value in values.items())
        yield ""
    yield "# Property id: its VixPropertyType."
    yield "PROPERTY_TYPES = {"
    yield from (f"    {property_name(number)}: {kind}," for number, kind in property_types().items())
    yield "}"
    yield ""
    yield from lacks("Product of the manual's support matrix: the functions that it does not have.", {product: product for product in MATRIX["products"]})


def lacks(comment, products):
    """A table LACKS: for each key, what the product at it does not have by the manual's support matrix."""
    yield f"# {comment}"
    yield "LACKS = {"
    for key, product in products.items():
        yield f'    "{key}": ('
        yield from (f'        "{name}",' for name, having in MATRIX["functions"].items() if product not in having)
        yield "    ),"
    yield "}"


def binding_support():
    yield from python_head("What each kind of host lacks by VIX's manual (docs/vix-semantics.md, section 25): imported when somebody asks for it.")
    yield from lacks("Provider: the functions that its newest product in the manual of VIX 1.13 does not have.", NEWEST_PRODUCTS)


def encoding_names():
    """The table of encodings for both inhabitants. Names are reduced to letters and digits, in lower case, as VMware compares them."""
    docstring = "VMware's names of the encodings of its files: the Python codec by name, reduced to letters and digits."
    yield from (f"# {line}" for line in NOTICE)
    yield from ("", f'"""{docstring}', "", MARK.replace("vix-api.json", "encodings.json"), '"""', "", "from __future__ import annotations", "")
    yield "CODECS = {"
    codecs = {re.sub("[^0-9a-z]", "", name.lower()): codec for codec, names in ENCODINGS.items() for name in names}
    yield from (f'    "{name}": "{codec}",' for name, codec in codecs.items())
    yield "}"


def c_parameter(parameter):
    ctype = parameter["ctype"]
    return f"{ctype}{'' if ctype.endswith('*') else ' '}{parameter['name']}"


def c_prototype(function, *, vargs=False):
    returns = function["returns"]
    parameters = [c_parameter(parameter) for parameter in function["params"]]
    if function["variadic"]:
        parameters.append("va_list arguments" if vargs else "...")
    name = function["name"] + (VARGS if vargs else "")
    return f"{returns}{'' if returns.endswith('*') else ' '}{name}({', '.join(parameters)})"


def header():
    yield from c_head("The C interface of VIX: types, enumerators and the 67 functions, for OpenVIX and for C programs that use it.")
    yield from ("#ifndef OPENVIX_VIX_H", "#define OPENVIX_VIX_H", "", "#include <stdarg.h>", "#include <stdint.h>", "")
    yield from ("#ifdef __cplusplus", 'extern "C" {', "#endif", "")
    for name, ctype in FACTS["types"].items():
        if name == "VixEventProc":
            yield "typedef void VixEventProc(VixHandle handle, VixEventType eventType, VixHandle moreEventInfo, void *clientData);"
        elif name != "uint64":
            yield f"typedef {'uint64_t' if ctype == 'uint64' else ctype} {name};"
        else:
            yield "typedef uint64_t uint64;"
    yield ""
    for group, values in groups():
        yield f"/* {group} */"
        yield "enum {"
        yield from (f"    {name} = {value}," for name, value in values.items())
        yield from ("};", "")
    yield from (f"#define {macro} {body}" for macro, body in FACTS["macros"].items())
    yield ""
    yield from (f"{c_prototype(function)};" for function in FACTS["functions"])
    yield ""
    yield "/* VMware's wrapper calls these in place of the variadic ones (docs/vix-semantics.md, section 2.5). */"
    yield "VixError FoundryInitializeHandleDllID(int dllId);"
    yield from (f"{c_prototype(function, vargs=True)};" for function in FACTS["functions"] if function["variadic"])
    yield from ("", "#ifdef __cplusplus", "}", "#endif", "", "#endif")


def c_string(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def error_table():
    yield from c_head("Text of each error code, ordered by code: {code, text}.")
    texts = {fact["code"]: fact["meaning"] for fact in FACTS["errors"]}
    for code in sorted(texts):
        text = texts[code][0].upper() + texts[code][1:]
        yield f"{{{code}, {c_string(text)}}},"


def property_table():
    yield from c_head("Type of each property, ordered by id: {id, type}.")
    yield from (f"{{{number}, {kind}}}," for number, kind in sorted(property_types().items()))


# The letter of an argument on its way to the daemon: that of a handle by the parameter's name, where it names an object; a property list else.
HANDLE_LETTERS = {"hostHandle": "h", "vmHandle": "v", "snapshotHandle": "p", "parentSnapshotHandle": "p"}
PROPERTY_LIST, TEXT, NUMBER, SNAPSHOT_OR_NONE = "l", "s", "i", "o"


def signature(function):
    """Return the signature of a function that the daemon answers, "" for one that libvix answers by itself.

    The daemon answers what starts a job and what asks about a VM or a snapshot. It is given what the client has passed
    but the callback, its data, and where the results go.
    """
    name, parameters = function["name"], function["params"]
    if name in WIRE["signatures"]:
        return WIRE["signatures"][name]
    if not function["async_job"] and HANDLE_LETTERS.get(parameters[0]["name"], "h") == "h":
        return ""
    letters = ""
    for parameter in parameters:
        ctype = parameter["ctype"]
        if ctype == "const char *":
            letters += TEXT
        elif ctype == "VixHandle":
            optional = WIRE["optional"].get(name) == parameter["name"]
            letters += SNAPSHOT_OR_NONE if optional else HANDLE_LETTERS.get(parameter["name"], PROPERTY_LIST)
        elif not ctype.endswith("*"):
            letters += NUMBER
    return letters


def signatures():
    """Return the signature of each function that the daemon answers, in the header's order."""
    return {function["name"]: signature(function) for function in FACTS["functions"] if signature(function)}


def signature_table():
    yield from c_head("Signature of each function that the daemon answers, ordered by name: {function, signature}.")
    yield from (f'{{"{name}", "{letters}"}},' for name, letters in sorted(signatures().items()))


def world_signatures():
    yield from python_head("The functions of vix.h that the daemon answers, and the arguments that each is sent with (openvix/docs/protocol.md).")
    yield "# One letter for each argument: h a host, v a VM, p a snapshot, o a snapshot or none, r any object,"
    yield "# s a text or NULL, i an integer, l a list."
    yield "SIGNATURES = {"
    yield from (f'    "{name}": "{letters}",' for name, letters in signatures().items())
    yield from ("}", "DAEMON_FUNCTIONS = frozenset(SIGNATURES)", "")
    yield "# Those that are answered as a job: they take a callback."
    yield "JOBS = {"
    yield from (f'    "{function["name"]}",' for function in FACTS["functions"] if function["async_job"])
    yield "}"


def symbols():
    yield f"# {MARK}"
    yield "{"
    yield "  global:"
    yield from (f"    {function['name']};" for function in FACTS["functions"])
    yield "    FoundryInitializeHandleDllID;"
    yield from (f"    {function['name']}{VARGS};" for function in FACTS["functions"] if function["variadic"])
    yield from (f"    {name};" for name in REMOVED)
    yield "  local: *;"
    yield "};"


# What the wrapper of OpenVIX's tests does by hand: it picks the implementation, answers before there is one, and takes the dots.
WRAPPED_BY_HAND = ("VixHost_Connect", "Vix_GetErrorText", "Vix_GetHandleType", "Vix_ReleaseHandle", "VixJob_GetError", "VixJob_CheckCompletion")


def forwarders():
    yield from c_head("The functions that a wrapper library hands on as they are: kind, name, parameters, arguments (openvix/tests/native/c/wrapper.c).")
    for function in FACTS["functions"]:
        if function["variadic"] or function["name"] in WRAPPED_BY_HAND:
            continue
        parameters = [dict(parameter) for parameter in function["params"]]
        kind = "NOTHING" if function["returns"] == "void" else "VALUE"
        if function["async_job"]:
            kind = "JOB"
            parameters[-2]["name"], parameters[-1]["name"] = "callback", "data"
        elif parameters[-1]["ctype"] == "VixHandle *":
            kind, parameters[-1]["name"] = "OUTPUT", "output"
        types = [function["returns"]] if kind == "VALUE" else []
        given = ", ".join(map(c_parameter, parameters)), ", ".join(parameter["name"] for parameter in parameters)
        yield f"{kind}({', '.join([*types, function['name']])}, ({given[0]}), ({given[1]}))"


CAPI = "plugins/module_utils/_vix/capi.py"
# What the binding takes for an argument, by its type in C.
STUB_TYPES = {"const char *": "_Text", "VixHandle": "_Object", "VixEventProc *": "CFuncPtr", "void *": "_Data"}
STUB_RETURNS = {"void": "None", "const char *": "_Text"}
LINE = 160
STUB_HEAD = """\
from _ctypes import CFuncPtr
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from ctypes import _CArgObject, _Pointer, _SimpleCData, c_byte, c_char_p, c_int, c_void_p
from typing import Any, Protocol

class _Handle(Protocol):
    @property
    def _as_parameter_(self) -> int: ...

_Object = int | _Handle
_Text = bytes | None
_Data = c_void_p | None
_Cell = _CArgObject | _Pointer[c_int] | _Pointer[c_byte]  # what byref() and pointer() make
_More = _SimpleCData[Any] | _CArgObject
"""
# What the source gives no type to, as ctypes or a table makes it.
STUB_NAMES = {"EVENT_PROC": "type[CFuncPtr]", "PROTOTYPES": "dict[str, tuple[Any, ...]]", "CELLS": "dict[int, tuple[type[_SimpleCData[Any]], ...]]"}
STUB_ATTRIBUTES = {"path": "str", "callbacks": "list[CFuncPtr]"}
STUB_FUNCTIONS = {"during": 'def during(self, doing: str, job: str = "") -> AbstractContextManager[None]: ...'}


def stub_method(function):
    """Return the method of the binding's Library that is a function of vix.h; a variadic one goes on with ids and cells."""
    types = [STUB_TYPES.get(parameter["ctype"], "_Cell" if parameter["ctype"].endswith("*") else "int") for parameter in function["params"]]
    given = [f"{parameter['name']}: {kind}" for parameter, kind in zip(function["params"], types, strict=True)]
    rest = ["*more: _More"] if function["variadic"] else []
    return define(function["name"], ["self", *given, "/", *rest], STUB_RETURNS.get(function["returns"], "int"))


def define(name, arguments, returns):
    """Return a method on as few lines as it has place on, as ruff lays it out."""
    for before, between, after in (("", ", ", ""), ("\n        ", ", ", "\n    "), ("\n        ", ",\n        ", ",\n    ")):
        text = f"    def {name}({before}{between.join(arguments)}{after}) -> {returns}: ..."
        if max(map(len, text.split("\n"))) <= LINE:
            break
    return text


def stub_function(node):
    """Return a function of the source as a stub, with the types that it is written with."""
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    arguments = re.sub(r"(: \S+)=", r"\1 = ", ast.unparse(node.args))  # as ruff lays out a default beside a type
    return STUB_FUNCTIONS.get(node.name) or f"def {node.name}({arguments}){returns}: ..."


def binding_stub():
    """Give types to what capi.py makes at run time, by setattr, which no tool sees; the rest is as the source has it."""
    yield from (f"# {line}" for line in NOTICE)
    yield from ("", f"# {MARK.replace('vix-api.json', f'vix-api.json and {CAPI}')}", "")
    yield from (STUB_HEAD.rstrip(), "")
    before = None
    for node in ast.parse((ROOT / CAPI).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(before, ast.FunctionDef):
            yield ""
        before = node
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield stub_function(node)
        elif isinstance(node, ast.Assign):
            for name in (name for target in node.targets for name in ast.walk(target) if isinstance(name, ast.Name)):
                alias = isinstance(node.value, ast.Name)
                yield f"{name.id} = {node.value.id}" if alias else f"{name.id}: {STUB_NAMES.get(name.id, 'tuple[Any, ...]')}"
        elif isinstance(node, ast.ClassDef):
            yield from ("", f"class {node.name}:")
            methods = [each for each in node.body if isinstance(each, ast.FunctionDef)]
            attributes = {name.attr for name in ast.walk(methods[0]) if isinstance(name, ast.Attribute) and isinstance(name.ctx, ast.Store)}
            public = sorted(name for name in attributes if not name.startswith("_") and name not in ("restype", "argtypes", "errcheck"))
            yield from (f"    {name}: {STUB_ATTRIBUTES[name]}" for name in public)
            yield from (f"    {stub_function(each)}" for each in methods if each.name == "__init__" or not each.name.startswith("_"))
            yield from map(stub_method, FACTS["functions"])
            yield ""


FILES = {
    "plugins/module_utils/_vix/constants.py": binding_constants,
    "plugins/module_utils/_vix/error_names.py": binding_error_names,
    "plugins/module_utils/_vix/support.py": binding_support,
    "plugins/module_utils/_vix/capi.pyi": binding_stub,
    "plugins/module_utils/_files/encoding_names.py": encoding_names,
    "openvix/src/openvix/vmware/encoding_names.py": encoding_names,
    "openvix/src/openvix/vix/constants.py": world_facts,
    "openvix/src/openvix/vix/signatures.py": world_signatures,
    "openvix/native/libvix/vix.h": header,
    "openvix/native/libvix/error_texts.inc": error_table,
    "openvix/native/libvix/property_types.inc": property_table,
    "openvix/native/libvix/signatures.inc": signature_table,
    "openvix/native/libvix/symbols.map": symbols,
    "openvix/tests/native/c/forwarders.inc": forwarders,
}


def main(arguments):
    stale = []
    for path, lines in FILES.items():
        place, text = ROOT / path, "\n".join(lines()).rstrip("\n") + "\n"
        if arguments == ["--check"]:
            stale += [] if place.exists() and place.read_text(encoding="utf-8") == text else [path]
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8")
    return f"not what the facts say, run facts/generate.py: {', '.join(stale)}" if stale else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
