# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of differences (differences.toml): where OpenVIX's guests answer otherwise than VMware Tools, and what each answers then."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import NamedTuple

TABLE = Path(__file__).with_name("differences.toml")
OWNER = re.compile(r"(?m)^(/\S+: (?:file|directory|pipe|link)(?: \d+)?) of \w+")


class Difference(NamedTuple):
    """One row. case, tools, openvix and reason: texts; outcomes: for each case that it explains, what each kind of guest that differs answers."""

    case: str
    tools: str
    openvix: str
    reason: str
    outcomes: dict[str, dict[str, str]]


def read() -> list[Difference]:
    return [Difference(**row) for row in tomllib.loads(TABLE.read_text(encoding="utf-8"))["difference"]]


def known(rows: list[Difference]) -> dict[str, dict[str, str]]:
    """Return the outcomes of all rows by their cases; a case is in one row alone."""
    found: dict[str, dict[str, str]] = {}
    for row in rows:
        for name, outcomes in row.outcomes.items():
            assert name not in found, f"{name} is in two rows"
            found[name] = outcomes
    return found


def differing(outcomes: dict[str, str]) -> dict[str, str]:
    """Return the outcomes of vmtoolsd and of the guests that differ from it, {} where all agree. Files of a simulated guest have no owners."""
    tools = outcomes["vmtoolsd"]
    wanted = {"simulated": OWNER.sub(r"\1", tools), "agent": tools}
    others = {name: outcome for name, outcome in outcomes.items() if name in wanted and outcome != wanted[name]}
    return {"vmtoolsd": tools, **others} if others else {}


def as_toml(name: str, outcomes: dict[str, str]) -> str:
    """Return the lines of a case for the table."""
    quoted = (f"{kind} = {_string(outcome)}" for kind, outcome in outcomes.items())
    return "\n".join([f"[difference.outcomes.{_string(name)}]", *quoted])


def _string(text: str) -> str:
    escaped = "".join({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t"}.get(each, each if each.isprintable() else f"\\u{ord(each):04X}") for each in text)
    return f'"{escaped}"'


def page(rows: list[Difference]) -> list[str]:
    """Return the table as it stands in openvix/docs/differences.md."""
    return ["| case | VMware Tools | OpenVIX | why |", "|---|---|---|---|", *(f"| {row.case} | {row.tools} | {row.openvix} | {row.reason} |" for row in rows)]
