# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.vmlab.vix.plugins.module_utils._state.plan import Plan


def test_check_mode_takes_no_step_and_foretells_what_a_run_reports():
    lamp = {"lit": False}
    plan = Plan({"lit": False}, {"lit": True}, [lambda: lamp.update(lit=True)], lambda: dict(lamp))

    foretold = plan.carry_out(check_mode=True)
    assert lamp == {"lit": False}

    assert plan.carry_out(check_mode=False) == foretold == {"changed": True, "diff": {"before": {"lit": False}, "after": {"lit": True}}}
    assert lamp == {"lit": True}


def test_a_run_reports_what_it_observes_and_not_what_it_hoped_for():
    plan = Plan({"lit": False}, {"lit": True}, [lambda: None], lambda: {"lit": False})

    assert plan.carry_out(check_mode=False)["diff"]["after"] == {"lit": False}


def test_without_steps_nothing_changes_and_nothing_is_observed_again():
    plan = Plan({"lit": True}, {"lit": True}, [], lambda: 1 / 0)

    assert plan.carry_out(check_mode=False) == {"changed": False, "diff": {"before": {"lit": True}, "after": {"lit": True}}}


def test_a_run_waits_whether_it_had_anything_to_do_or_not_and_a_check_does_not():
    waited = []
    plan = Plan({}, {}, [], lambda: 1 / 0, waits=[lambda: waited.append("tools")])

    assert not plan.carry_out(check_mode=True)["changed"]
    assert waited == []
    assert not plan.carry_out(check_mode=False)["changed"]
    assert waited == ["tools"]
