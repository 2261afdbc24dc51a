# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.vmlab.vix.plugins.module_utils._state.plan import Plan


def test_check_mode_predicts_without_steps():
    lamp = {"lit": False}
    plan = Plan({"lit": False}, {"lit": True}, [lambda: lamp.update(lit=True)], lambda: dict(lamp))

    predicted = plan.carry_out(check_mode=True)
    assert lamp == {"lit": False}

    assert plan.carry_out(check_mode=False) == predicted == {"changed": True, "diff": {"before": {"lit": False}, "after": {"lit": True}}}
    assert lamp == {"lit": True}


def test_run_reports_observed_state():
    plan = Plan({"lit": False}, {"lit": True}, [lambda: None], lambda: {"lit": False})

    assert plan.carry_out(check_mode=False)["diff"]["after"] == {"lit": False}


def test_no_steps_no_change_no_observation():
    plan = Plan({"lit": True}, {"lit": True}, [], lambda: 1 / 0)

    assert plan.carry_out(check_mode=False) == {"changed": False, "diff": {"before": {"lit": True}, "after": {"lit": True}}}


def test_run_waits_check_does_not():
    waited = []
    plan = Plan({}, {}, [], lambda: 1 / 0, waits=[lambda: waited.append("tools")])

    assert not plan.carry_out(check_mode=True)["changed"]
    assert waited == []
    assert not plan.carry_out(check_mode=False)["changed"]
    assert waited == ["tools"]


def test_facts_of_steps_and_waits_returned():
    steps, waits = [lambda: {"stopped": "soft", "power": "off"}, lambda: None], [lambda: {"power": "on"}]
    plan = Plan({"lit": False}, {"lit": True}, steps, None, waits, facts={"power": "unknown", "transitions": ["off", "on"]})

    predicted, done = plan.carry_out(check_mode=True), plan.carry_out(check_mode=False)

    assert (predicted["power"], predicted["transitions"], "stopped" in predicted) == ("unknown", ["off", "on"], False)
    assert (done["power"], done["transitions"], done["stopped"]) == ("on", ["off", "on"], "soft")
    assert done["diff"] == predicted["diff"]
