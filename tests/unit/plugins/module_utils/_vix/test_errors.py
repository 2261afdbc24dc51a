# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.vmlab.vix.plugins.module_utils._vix import advice, error_names, errors


def test_code_in_low_16_bits():
    error = errors.error_for(0x7FFF_0001_0203_0000 | 13003, "no such snapshot.")

    assert isinstance(error, errors.SnapshotNotFound)
    assert (error.code, error.raw) == (13003, 0x7FFF_0001_0203_0000 | 13003)


def test_message_has_operation_code_and_advice():
    error = errors.error_for(3015, "The user may not do that.")
    error.doing = "logging lab in to the guest of /vms/web.vmx"

    assert str(error) == (
        "logging lab in to the guest of /vms/web.vmx: The user may not do that (VIX_E_GUEST_USER_PERMISSIONS, 3015); "
        "check guest_username and guest_password, and that this user may do it in the guest; "
        "a Linux guest also refuses accounts that are locked or expired, or whose shell is not in /etc/shells (pam_shells)"
    )


@pytest.mark.parametrize(("advice", "end"), [("try another", "(VIX_E_SNAPSHOT_NOTFOUND, 13003); try another"), ("", "(VIX_E_SNAPSHOT_NOTFOUND, 13003)")])
def test_own_advice_replaces_table(advice, end):
    assert str(errors.SnapshotNotFound("there is none", code=13003, advice=advice)) == f"there is none {end}"


@pytest.mark.parametrize("code", advice.ADVICE)
def test_advice_has_no_period_or_capital(code):
    assert not advice.ADVICE[code].endswith(".")
    assert advice.ADVICE[code][0].islower() or advice.ADVICE[code].startswith("VM")


def test_unknown_code_reported():
    assert str(errors.error_for(64999, "odd")) == "odd (unknown to this version, 64999)"


@pytest.mark.parametrize("code", [*errors.BY_CODE, *advice.ADVICE])
def test_handled_codes_exist_in_vix(code):
    assert code in error_names.NAMES
