# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of modules share: the ladder that every transition climbs."""

from __future__ import annotations

import pytest


@pytest.fixture
def ladder(run_module):
    """Climb the ladder: check mode, run, run again, check mode again. Returns the result of the run, which check mode predicted exactly.

    unpredicted: the values that only a run returns; untouched: called before anything and after each check; what it returns must be the same.
    """

    def climb(name, untouched=lambda: None, unpredicted=(), /, **options):
        begin = untouched()
        predicted = run_module(name, check_mode=True, **options)
        assert untouched() == begin, "check mode touched something"
        done = run_module(name, **options)
        assert predicted == {key: value for key, value in done.items() if key not in unpredicted}, "check mode predicted something else"
        assert done["changed"], done
        again, checked = run_module(name, **options), run_module(name, check_mode=True, **options)
        assert not again["changed"]
        assert not checked["changed"]
        for after, unchanged in zip(*(diff if isinstance(diff, list) else [diff] for diff in (done["diff"], again["diff"]))):
            assert unchanged["before"] == unchanged["after"] == after["after"]
        assert again == checked
        return done

    return climb
