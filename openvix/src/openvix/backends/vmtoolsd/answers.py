# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What vmtoolsd answers about files and processes: elements like those of XML, with %XX for what would end one."""

from __future__ import annotations

import os
import re

from openvix.backends.vmtoolsd.guestrpc import NoAnswer
from openvix.guest.files import FileInfo
from openvix.guest.processes import Process


def processes(answer: bytes) -> list[Process]:
    """Return the processes of an answer in their order. Raises NoAnswer for another answer."""
    found = []
    for each in re.findall(rb"<proc>(.*?)</proc>", answer, re.DOTALL):
        # The element "name" is the whole command line.
        name, command, owner = (_text(_element(each, tag)) for tag in ("cmd", "name", "user"))
        found.append(Process(name, _number(each, "pid"), owner, command, _number(each, "start")))
    return found


def file_info(answer: bytes, name: str) -> FileInfo:
    """Return the file that an answer describes, which has this name. Raises NoAnswer for another answer."""
    return FileInfo(name, _number(answer, "FileSize"), _number(answer, "FileFlags"), _number(answer, "ModTime"))


def listing(answer: bytes) -> tuple[list[FileInfo], bool]:
    """Return the files of a page of a listing in their order, and whether more follow. Raises NoAnswer for another answer."""
    files = [file_info(each, _text(_element(each, "Name"))) for each in re.findall(rb"<FileInfo>(.*?)</FileInfo>", answer, re.DOTALL)]
    return files, answer.startswith(b"1")


def _element(answer: bytes, tag: str) -> bytes:
    found = re.search(rb"<%b>(.*?)</%b>" % (tag.encode(), tag.encode()), answer, re.DOTALL)
    if not found:
        raise NoAnswer(f"vmtoolsd leaves out {tag} in {answer[:80]!r}")
    return found[1]


def _number(answer: bytes, tag: str) -> int:
    found = _element(answer, tag)
    try:
        return int(found)
    except ValueError:
        raise NoAnswer(f"vmtoolsd says {found[:80]!r} for {tag}") from None


def _text(escaped: bytes) -> str:
    """Return a text as VIX reports it: in VIX all text is UTF-8."""
    return re.sub(rb"%([0-9A-Fa-f]{2})", lambda match: bytes([int(match[1], 16)]), escaped).decode("utf-8", "replace")


def name_of(path: str) -> str:
    """Return the name of what is at a path, without its directory."""
    return os.path.basename(path.rstrip("/"))


def environment(answer: bytes) -> dict[str, str]:
    """Return the environment of an answer."""
    pairs = (each.partition(b"=") for each in re.findall(rb"<ev>(.*?)</ev>", answer, re.DOTALL))
    return {name.decode("utf-8", "surrogateescape"): value.decode("utf-8", "surrogateescape") for name, _, value in pairs}
