# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

LOGIN = {"guest_username": "lab", "guest_password": "s3cret-lab"}
VISITOR = {"guest_username": "visitor", "guest_password": "s3cret-visitor"}
ACCOUNTS = [{"name": "lab", "password": "s3cret-lab", "administrator": True}, {"name": "visitor", "password": "s3cret-visitor"}]


@pytest.fixture
def web(openvix):
    return openvix.add_vm("web", power="powered_on", accounts=ACCOUNTS, ip="192.0.2.7")


KINDS = {"guest_variable": {}, "guest_environment": {"kind": "guest_environment", **LOGIN}}
VALUES = ["webserver", "", 'zwölf = 12, "quoted" /path\nline', "0"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", VALUES[::2])
def test_variable_set_changed_and_cleared(openvix, ladder, run_module, web, kind, value):
    def untouched():
        return run_module("vm_variable", vm=web, name="role", state="read", **KINDS[kind])["value"]

    done = ladder("vm_variable", untouched, vm=web, name="role", value=value, **KINDS[kind])
    assert done["diff"] == {"before": {"variables": {"role": ""}}, "after": {"variables": {"role": value}}}
    assert (done["vm"], done["value"], done["variables"]) == (web, value, {"role": value})

    changed = ladder("vm_variable", untouched, vm=web, name="role", value="other", **KINDS[kind])
    assert changed["diff"]["before"] == {"variables": {"role": value}}

    gone = ladder("vm_variable", untouched, vm=web, name="role", state="absent", **KINDS[kind])
    assert gone["diff"] == {"before": {"variables": {"role": "other"}}, "after": {"variables": {"role": ""}}}


def test_empty_value_equals_unset(run_module, web):
    assert not run_module("vm_variable", vm=web, name="role", value="")["changed"]
    assert not run_module("vm_variable", vm=web, name="role", state="absent")["changed"]


def test_only_different_variables_set(openvix, ladder, run_module, web):
    run_module("vm_variable", vm=web, name="role", value="webserver")
    before = len(openvix.calls("VixVM_WriteVariable"))

    done = ladder("vm_variable", vm=web, variables={"role": "webserver", "port": 8080, "load": 1.5})

    assert done["variables"] == {"role": "webserver", "port": "8080", "load": "1.5"}
    assert "value" not in done
    assert len(openvix.calls("VixVM_WriteVariable")) == before + 2
    assert ladder("vm_variable", vm=web, names=["port", "load", "none"], state="absent")["variables"] == {"port": "", "load": "", "none": ""}


@pytest.mark.parametrize("check_mode", [True, False])
def test_read_changes_nothing(openvix, run_module, web, check_mode):
    result = run_module("vm_variable", vm=web, names=["ip", "none"], state="read", check_mode=check_mode)

    assert (result["changed"], result["variables"]) == (False, {"ip": "192.0.2.7", "none": ""})
    assert openvix.calls("VixVM_WriteVariable") == []


def test_config_entry_read(run_module, web):
    result = run_module("vm_variable", vm=web, kind="runtime_config", name="displayName", state="read")

    assert (result["changed"], result["value"]) == (False, "web")


@pytest.mark.parametrize("options", [{"value": "other"}, {"value": "web"}, {"state": "absent"}])
def test_config_entry_set_each_time(openvix, run_module, web, options):
    wanted = {"vm": web, "kind": "runtime_config", "name": "displayName", **options}

    predicted, done, again = run_module("vm_variable", check_mode=True, **wanted), run_module("vm_variable", **wanted), run_module("vm_variable", **wanted)

    assert predicted == done == again
    assert done["changed"]
    assert done["value"] == options.get("value", "")
    assert len(openvix.calls("VixVM_WriteVariable")) == 2


def test_only_environment_needs_login(openvix, run_module, web):
    assert run_module("vm_variable", vm=web, kind="guest_environment", name="HOME", state="read")["msg"] == (
        "kind is guest_environment but all of the following are missing: guest_username, guest_password"
    )
    run_module("vm_variable", vm=web, name="role", value="webserver", **LOGIN)
    assert openvix.calls("VixVM_LoginInGuest") == []


def test_environment_needs_administrator(run_module, web):
    result = run_module("vm_variable", vm=web, kind="guest_environment", name="ROLE", value="x", secrets=["s3cret-visitor"], **VISITOR)

    assert result["vix_code"] == 3015
    assert result["msg"].startswith(f"setting the variable ROLE of {web}: ")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"name": "a/b", "value": "x"}, "reading the name of the variable a/b: the name of a guest variable cannot contain a slash"),
        ({"name": "a/b", "state": "read"}, "reading the name of the variable a/b: the name of a guest variable cannot contain a slash"),
        ({"variables": {"a=b": "x"}}, "reading the name of the variable a=b: the name of a variable that is set cannot contain an equals sign"),
        ({"name": "a=b", "state": "absent"}, "reading the name of the variable a=b: the name of a variable that is set cannot contain an equals sign"),
        ({"name": "", "value": "x"}, "reading the names of the variables: the name of a variable cannot be empty"),
        ({"variables": {"on": True}}, "reading the value of the variable on: True is not a string: put it in quotes"),
        ({"name": "role"}, "state is present but any of the following are missing: value, variables"),
        ({"variables": {"a": "b"}, "state": "read"}, "state is read but any of the following are missing: name, names"),
    ],
)
def test_invalid_name_reported_before_vix(openvix, run_module, web, options, sentence):
    assert run_module("vm_variable", vm=web, **options)["msg"] == sentence
    assert openvix.calls("VixHost_OpenVM") == []


def test_slash_accepted_if_vix_accepts(run_module, web):
    assert run_module("vm_variable", vm=web, kind="runtime_config", name="a/b", state="read")["value"] == ""


@pytest.mark.parametrize("check_mode", [True, False])
def test_powered_off_vm_refused(openvix, run_module, check_mode):
    vm = openvix.add_vm("db")

    result = run_module("vm_variable", vm=vm, name="role", value="x", check_mode=check_mode)

    assert (result["error"], result["vix_code"]) == ("NotRunning", 3006)
    assert result["msg"].startswith(f"reading the variable role of {vm}: ")
    assert result["msg"].endswith("the VM must be powered on for this")


def test_fault_between_variables_reported(openvix, run_module, web):
    openvix.fault(call="VixVM_WriteVariable", from_=2, error=5)

    result = run_module("vm_variable", vm=web, variables={"one": "1", "two": "2"})

    assert result["msg"].startswith(f"setting the variable two of {web}: ")
    assert result["vix_code"] == 5
