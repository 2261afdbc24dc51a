# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What .ci/run says of its stages at its end."""

from __future__ import annotations

import importlib.util
import json
import pathlib
import re
import sys
import tomllib

import pytest

CI = pathlib.Path(__file__).resolve().parents[2] / ".ci"
spec = importlib.util.spec_from_file_location("stages", CI / "stages.py")
stages = importlib.util.module_from_spec(spec)
spec.loader.exec_module(stages)


def record(stage, seconds, busy=0.5, code=0):
    return {"stage": stage, "seconds": seconds, "busy": busy, "code": code}


@pytest.mark.parametrize(("seconds", "over"), [(99, False), (100, False), (125, False), (126, True)])
def test_red_over_a_quarter_more(seconds, over):
    lines = stages.table([record("make test", seconds)], {"make test": 100, "total": 1000})

    assert [line.startswith(stages.RED) for line in lines] == [False, over, False]
    assert ("over its budget" in lines[1]) == over


def test_total_has_a_budget_too():
    lines = stages.table([record("one", 100, 1.0), record("two", 300, 0.5)], {"total": 300})

    assert lines[-1].startswith(stages.RED)
    assert lines[-1].split()[:4] == [f"{stages.RED}total", "400", "300", "62%"]


def test_no_color_still_says_it():
    lines = stages.table([record("one", 200), record("two", 1, code=2)], {"one": 100}, color=False)

    assert not any("\033" in line for line in lines)
    assert (lines[1][-15:], lines[2][-13:]) == ("over its budget", "failed with 2")


@pytest.mark.parametrize("code", [0, 3])
def test_run_records_and_returns_code(tmp_path, code):
    records = tmp_path / "records"
    for name in ("one", "two"):
        assert stages.main(["run", str(records), name, sys.executable, "-c", f"import time; time.sleep(0.05); raise SystemExit({code})"]) == code

    found = [json.loads(line) for line in records.read_text(encoding="utf-8").splitlines()]
    assert [(each["stage"], each["code"]) for each in found] == [("one", code), ("two", code)]
    assert all(0.05 <= each["seconds"] < 60 and 0 <= each["busy"] <= 1 for each in found)


def test_table_reads_budgets_of_the_file(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    budget = tomllib.loads((CI / "budgets.toml").read_text(encoding="utf-8"))["seconds"]["make test"]
    records = tmp_path / "records"
    records.write_text("".join(json.dumps(record("make test", seconds)) + "\n" for seconds in (budget, 2 * budget)), encoding="utf-8")

    assert stages.main(["table", str(records)]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert [line.startswith(stages.RED) for line in shown] == [False, False, True, False]


def test_each_stage_has_a_budget():
    named = re.findall(r'^ *stage "([^"]+)"', (CI / "run").read_text(encoding="utf-8"), re.MULTILINE)
    budgets = tomllib.loads((CI / "budgets.toml").read_text(encoding="utf-8"))["seconds"]

    assert sorted([*named, "total"]) == sorted(budgets)
    assert sum(budgets[name] for name in named) <= budgets["total"]
