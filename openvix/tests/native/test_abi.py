# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The C interface is what the facts say: names, prototypes, sizes, numbers, types of properties, texts of errors."""

from __future__ import annotations

import ctypes
import json
import struct
import subprocess

import pytest
from checkout import OPENVIX, VIX_API

from openvix.system import c_build
from openvix.vix import constants

FACTS = json.loads(VIX_API.read_text(encoding="utf-8"))
# docs/vix-semantics.md, section 3; a callback is a function.
SIZES = {name: {"Bool": 1, "uint64": 8, "VixError": 8}.get(name, 4) for name in FACTS["types"] if name != "VixEventProc"}
KINDS = {name: {1: "char", 4: "int", 8: "uint64_t"}[size] for name, size in SIZES.items()}
SPELT = {"int": "INTEGER", "string": "STRING", "bool": "BOOL", "handle": "HANDLE", "int64": "INT64", "blob": "BLOB"}


@pytest.fixture
def compiles(tmp_path):
    """Compile statements for the body of a program that includes the header, with every warning an error; whether it runs well."""

    def check(*statements: str) -> bool:
        (tmp_path / "vix.h").symlink_to(c_build.source_directory("libvix") / "vix.h")
        lines = ['#include "vix.h"', "int main(void)", "{", *(f"    {each}" for each in statements), "    return 0;", "}", ""]
        (tmp_path / "checks.c").write_text("\n".join(lines))
        return subprocess.run([c_build.compile_client(tmp_path / "checks.c")], check=False).returncode == 0

    return check


def test_library_exports_only_listed_symbols():
    wanted = {each["name"] for each in FACTS["functions"]} | {"FoundryInitializeHandleDllID"}
    wanted |= {f"{each['name']}Vargs" for each in FACTS["functions"] if each["variadic"]}

    # Older clients bind these when they load, and VMware's library still exports them (docs/vix-semantics.md, section 2.6).
    removed = {f"VixVM_{each}" for each in ("BeginRecording", "EndRecording", "BeginReplay", "EndReplay", "OpenUrlInGuest")} | {"Vix_PumpEvents"}

    assert exported(c_build.build().read_bytes()) == wanted | removed
    assert len(wanted) == 72


def exported(elf: bytes) -> set[str]:
    """Return the names that a 64-bit ELF library defines for others."""
    (sections,) = struct.unpack_from("<Q", elf, 40)
    size, count = struct.unpack_from("<HH", elf, 58)
    table = [struct.unpack_from("<IIQQQQIIQQ", elf, sections + size * each) for each in range(count)]
    (symbols,) = [each for each in table if each[1] == 11]
    texts = table[symbols[6]][4]
    names = set()
    for at in range(symbols[4], symbols[4] + symbols[5], 24):
        name, _, _, section = struct.unpack_from("<IBBH", elf, at)
        if section:
            names.add(elf[texts + name : elf.index(b"\0", texts + name)].decode())
    return names


def test_header_declares_functions_as_the_facts_do(compiles):
    """A C compiler compares each function's type with the one made from the facts here; the twins with a va_list likewise."""
    statements = ['_Static_assert(_Generic(&FoundryInitializeHandleDllID, VixError (*)(int): 1, default: 0), "id");']
    for each in FACTS["functions"]:
        parameters = ", ".join(parameter["ctype"] for parameter in each["params"])
        for name, rest in [(each["name"], ", ..."), (f"{each['name']}Vargs", ", va_list")] if each["variadic"] else [(each["name"], "")]:
            statements.append(f'_Static_assert(_Generic(&{name}, {each["returns"]} (*)({parameters}{rest}): 1, default: 0), "{name}");')

    assert len(statements) == 72
    assert compiles(*statements)


def test_types_have_size_and_sign(compiles):
    statements = [f'_Static_assert(sizeof({name}) == {size}, "{name}");' for name, size in SIZES.items()]
    statements += [f'_Static_assert(_Generic(({name})0, {kind}: 1, default: 0), "{name}");' for name, kind in KINDS.items()]
    statements.append('_Static_assert(_Generic((VixEventProc *)0, void (*)(int, int, int, void *): 1, default: 0), "VixEventProc");')

    assert len(SIZES) == 22
    assert compiles(*statements)


def test_enumerators_have_their_values(compiles):
    values = {name: value for group in FACTS["enums"].values() for name, value in group.items()}
    # Some codes stand in the list of errors only, being newer than one of the headers.
    values |= {each["name"]: each["code"] for each in FACTS["errors"] if each["name"] in FACTS["enums"]["VixError"]}

    assert compiles(*(f'_Static_assert({name} == {value}, "{name}");' for name, value in values.items()))
    assert {name: getattr(constants, name) for name in values} == values
    assert len(FACTS["enums"]["VixPropertyID"]) == 50


def test_macros_extract_the_error_code(compiles):
    assert compiles(
        '_Static_assert(VIX_ERROR_CODE(0xABCD000000000FA0ull) == VIX_E_VM_NOT_FOUND, "code");',
        '_Static_assert(VIX_SUCCEEDED(VIX_OK) && !VIX_SUCCEEDED(0x10000ull), "the whole value");',
        '_Static_assert(VIX_FAILED(0x10000ull) && !VIX_FAILED(VIX_OK), "the whole value");',
    )


@pytest.fixture(scope="module")
def loaded() -> ctypes.CDLL:
    return ctypes.CDLL(str(c_build.build()))


def test_every_error_has_a_text(loaded):
    text = loaded.Vix_GetErrorText
    text.restype, text.argtypes = ctypes.c_void_p, [ctypes.c_uint64, ctypes.c_char_p]
    result = {each["code"]: ctypes.string_at(text(each["code"], None)).decode() for each in FACTS["errors"]}
    wanted = {each["code"]: each["meaning"] for each in FACTS["errors"]}

    assert {code: each[0].lower() + each[1:] for code, each in result.items()} == {code: each[0].lower() + each[1:] for code, each in wanted.items()}
    assert len(FACTS["errors"]) == 274
    assert all(len(each) > 5 and "\n" not in each for each in result.values())
    assert ctypes.string_at(text(4242, None)) == b"Unknown error"
    # Only the low 16 bits are the code; the same address each time, for it is never freed.
    assert text(constants.VIX_E_VM_NOT_FOUND | 0xABCD << 16, None) == text(constants.VIX_E_VM_NOT_FOUND, None)
    assert ctypes.string_at(text(constants.VIX_E_VM_NOT_FOUND, b"de")).decode() == result[constants.VIX_E_INVALID_ARG]


def test_every_property_has_its_type(openvix, loaded):
    connect, wait = loaded.VixHost_Connect, loaded.VixJob_Wait
    wait.restype, wait.argtypes = ctypes.c_uint64, [ctypes.c_int, ctypes.c_int]
    loaded.Vix_GetPropertyType.restype = ctypes.c_uint64
    job, host, kind = connect(-1, 1, None, 0, None, None, 0, 0, None, None), ctypes.c_int(), ctypes.c_int()
    assert wait(job, constants.VIX_PROPERTY_JOB_RESULT_HANDLE, ctypes.byref(host), ctypes.c_int(0)) == constants.VIX_OK
    loaded.Vix_ReleaseHandle(job)

    result = {}
    for number in range(8000):
        if loaded.Vix_GetPropertyType(host, number, ctypes.byref(kind)) == constants.VIX_OK:
            result[number] = kind.value
    loaded.VixHost_Disconnect(host)
    defined = set(FACTS["enums"]["VixPropertyID"].values())
    assert result == {each["id"]: getattr(constants, f"VIX_PROPERTYTYPE_{SPELT[each['type']]}") for each in FACTS["properties"] if each["id"] in defined}


def test_functions_page_lists_all_in_header_order():
    page = (OPENVIX / "docs" / "functions.md").read_text(encoding="utf-8")
    table = page.partition("| function | simulated |")[2].partition("\n\n")[0]
    rows = [line.split("|")[1:-1] for line in table.splitlines()[2:]]

    assert [row[0].strip(" `") for row in rows] == [each["name"] for each in FACTS["functions"]]
    assert all(len(row) == 3 and row[1].strip() for row in rows)
