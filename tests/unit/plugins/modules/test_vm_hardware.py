# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pathlib

import pytest

UPGRADE = "VixVM_UpgradeVirtualHardware"


def test_old_hardware_upgraded(openvix, ladder):
    web = openvix.add_vm("web", hardware=19)

    done = ladder("vm_hardware", lambda: pathlib.Path(web).read_bytes(), vm=web)

    assert done["diff"] == {"before": {"hardware": "upgradable", "power": "powered_off"}, "after": {"hardware": "latest", "power": "powered_off"}}
    assert (done["version"], done["power"]) == (21, "powered_off")
    assert len(openvix.calls(UPGRADE)) == 1


@pytest.mark.parametrize("power", ["powered_off", "powered_on", "suspended", "paused"])
@pytest.mark.parametrize("check_mode", [True, False])
def test_newest_hardware_unchanged_any_power(openvix, run_module, power, check_mode):
    web = openvix.add_vm("web", power=power)

    result = run_module("vm_hardware", vm=web, power_off=True, check_mode=check_mode)

    assert (result["changed"], result["version"], result["power"]) == (False, 21, power)
    assert openvix.calls(UPGRADE) == []
    assert openvix.vms[web] == power


@pytest.mark.parametrize(
    ("power", "words"), [("powered_on", "set power_off"), ("paused", "set power_off"), ("suspended", "its virtual hardware cannot be upgraded")]
)
@pytest.mark.parametrize("check_mode", [True, False])
def test_running_vm_refused(openvix, run_module, power, words, check_mode):
    web = openvix.add_vm("web", hardware=19, power=power)

    result = run_module("vm_hardware", vm=web, check_mode=check_mode)

    assert result["msg"].startswith(f"upgrading the virtual hardware of {web}: the VM is {power}")
    assert words in result["msg"]
    assert openvix.vms[web] == power


@pytest.mark.parametrize("power", ["powered_on", "paused"])
def test_power_off_upgrades_and_stays_off(openvix, ladder, power):
    web = openvix.add_vm("web", hardware=19, power=power)

    done = ladder("vm_hardware", lambda: openvix.vms, ["stopped"], vm=web, power_off=True)

    assert (done["stopped"], done["power"], openvix.vms[web]) == ("soft", "powered_off", "powered_off")


def test_suspended_vm_not_resumed(openvix, run_module):
    web = openvix.add_vm("web", hardware=19, power="suspended")

    assert run_module("vm_hardware", vm=web, power_off=True)["error"] == "Refused"
    assert openvix.vms[web] == "suspended"


@pytest.mark.openvix(version="99.1")
def test_unknown_product_tried_once(openvix, run_module):
    web = openvix.add_vm("web")

    first = run_module("vm_hardware", vm=web)
    again = run_module("vm_hardware", vm=web)
    checked = run_module("vm_hardware", vm=web, check_mode=True)

    assert (first["changed"], again["changed"], checked["changed"]) == (False, False, False)
    assert first["diff"] == again["diff"] == checked["diff"]
    assert len(openvix.calls(UPGRADE)) == 1


@pytest.mark.openvix(version="99.1")
def test_unknown_product_upgraded_once(openvix, ladder):
    web = openvix.add_vm("web", hardware=10)

    done = ladder("vm_hardware", lambda: pathlib.Path(web).read_bytes(), ["version"], vm=web)

    assert done["version"] > 10
    assert len(openvix.calls(UPGRADE)) == 1


@pytest.mark.openvix(version="99.1")
def test_record_of_other_version_ignored(openvix, run_module):
    web = openvix.add_vm("web")
    run_module("vm_hardware", vm=web)
    path = pathlib.Path(web)
    path.write_text(path.read_text().replace("99.1", "98.7"))

    run_module("vm_hardware", vm=web)

    assert len(openvix.calls(UPGRADE)) == 2


@pytest.mark.openvix(version="99.1")
def test_power_off_without_upgrade_changed(openvix, run_module):
    web = openvix.add_vm("web", power="powered_on")

    result = run_module("vm_hardware", vm=web, power_off=True)

    assert result["diff"] == {"before": {"hardware": "latest", "power": "powered_on"}, "after": {"hardware": "latest", "power": "powered_off"}}
    assert result["changed"]


def test_already_current_of_old_product_unchanged(openvix, run_module):
    web = openvix.add_vm("web", hardware=19)
    openvix.fault(call=UPGRADE, error=4006)

    assert (run_module("vm_hardware", vm=web)["changed"], run_module("vm_hardware", vm=web)["changed"]) == (False, False)
    assert len(openvix.calls(UPGRADE)) == 1


@pytest.mark.parametrize(("error", "name"), [(15, "VIX_E_FILE_ALREADY_LOCKED"), (3007, "VIX_E_VM_IS_RUNNING")])
def test_failure_reported(openvix, run_module, error, name):
    web = openvix.add_vm("web", hardware=19)
    openvix.fault(call=UPGRADE, error=error)

    result = run_module("vm_hardware", vm=web)

    assert result["msg"].startswith(f"upgrading the virtual hardware of {web}: ")
    assert f"({name}, {error})" in result["msg"]


@pytest.mark.openvix(product="player")
@pytest.mark.parametrize("check_mode", [True, False])
def test_player_unsupported(openvix, run_module, check_mode):
    web = openvix.add_vm("web", hardware=10)

    result = run_module("vm_hardware", vm=web, check_mode=check_mode)

    assert result["error"] == "NotSupported"
    assert "VMware Player 17.6.0 (OpenVIX) does not support upgrading the virtual hardware of this VM" in result["msg"]


@pytest.mark.parametrize(
    ("settings", "newest"),
    [
        ({"version": "17.0.1"}, 20),
        ({"version": "16.2.5"}, 19),
        ({"version": "12.5.9"}, 12),
        ({"version": "25.0.0"}, 22),
        ({"product": "fusion", "version": "13.0.2"}, 20),
    ],
)
def test_newest_versions_known(openvix_of, ladder, settings, newest):
    openvix = openvix_of(settings)
    web = openvix.add_vm("web", hardware=10)

    assert ladder("vm_hardware", vm=web)["version"] == newest


@pytest.fixture
def openvix_of(request):
    def make(settings):
        request.node.add_marker(pytest.mark.openvix(**settings))
        return request.getfixturevalue("openvix")

    return make
