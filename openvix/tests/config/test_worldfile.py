# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from openvix.config import worldfile
from openvix.config.errors import ConfigError
from openvix.guest.tools_options import ToolsOptions
from openvix.world.faults import Fault, Faults


def read(tmp_path, text):
    path = tmp_path / "lab.toml"
    path.write_text(text, encoding="utf-8")
    return worldfile.load(path)


def test_missing_keys_come_from_defaults(tmp_path):
    said = read(tmp_path, '[defaults]\nmemory = 2048\n[vm.web]\npower = "paused"\n[vm.db]\nmemory = 512\n')
    assert {name: (vm["power"], vm["memory"], vm["cpus"]) for name, vm in said["vm"].items()} == {"web": ("paused", 2048, 1), "db": ("powered_off", 512, 1)}
    assert said["world"]["product"] == "workstation"


def test_empty_file_is_a_world_without_vms(tmp_path):
    assert read(tmp_path, "")["vm"] == {}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[vm.web\n", "line 1"),
        ("[vm.web]\n[vm.web]\n", "line 2"),
        ("[vm.web]\ncolour = 1\n", r"unknown key 'colour' in \[vm.web\]; valid keys: guest_os, memory, .*power"),
        ("[wolrd]\n", "unknown key 'wolrd' in the world file; valid keys: world, host, defaults, vm, fault"),
        ('[vm.web]\npower = "on"\n', "power in \\[vm.web\\] must be one of powered_off, powered_on, suspended, paused, not 'on'"),
        ("[vm.web]\nmemory = true\n", "memory in \\[vm.web\\] must be an integer"),
        ("[defaults]\nboot_seconds = -1\n", "boot_seconds in \\[defaults\\] must be a number of seconds"),
        ("[defaults]\nboot_seconds = nan\n", "boot_seconds in \\[defaults\\] must be a number of seconds"),
        ('[vm."a/b"]\n', "invalid VM name 'a/b'"),
        ('[vm.".x"]\n', "invalid VM name '.x'"),
        ("[vm.web]\nsnapshots = [{ nam = 'x' }]\n", "unknown key 'nam' in .*; valid keys: name, description, children"),
        ("[vm.web]\nsnapshots = [{ name = 'x', children = [{ nam = 'y' }] }]\n", "unknown key 'nam'"),
        ("[vm.web]\naccounts = [{ name = 'a' }, { name = 'a' }]\n", "the name 'a' twice"),
        ("[vm.web]\nfiles = { 'etc/motd' = '' }\n", "must be the absolute path of a file, not 'etc/motd'"),
        ("[vm.web]\nfiles = { '/../motd' = '' }\n", "must be the absolute path of a file"),
        ("[[fault]]\nerror = 3\n", "requires the key call"),
        ("[[fault]]\ncall = '*'\n", "requires at least one of these keys: error, "),
        ("[[fault]]\ncall = 'VixVM_PowerOf'\nerror = 3\n", "not 'VixVM_PowerOf'; did you mean VixVM_PowerOff?"),
        ("[[fault]]\ncall = 'Vix_FreeBuffer'\nerror = 3\n", "the daemon answers, not 'Vix_FreeBuffer'"),
        ("[[fault]]\ncall = '*'\nerror = 'VIX_OK'\n", "name or the number of an error of vix.h, not 'VIX_OK'"),
        ("[[fault]]\ncall = '*'\nhang = true\ncrash = true\n", "only one of"),
        ("[[fault]]\ncall = '*'\nerror = 3\nwhere = 'job'\n", "requires one of these keys: hang"),
        ("[[fault]]\ncall = '*'\ndelay = 3\nwhere = 'after'\n", "requires one of these keys: error, hang, crash, abort, exit, lost, kill"),
        ("[vm.web.tools_options]\npages = 3\n", r"unknown key 'pages' in tools_options in \[vm.web\]; valid keys: preset, process_name"),
        ("[defaults.tools_options]\npreset = 'slow'\n", r"preset in tools_options in \[defaults\] must be one of quick, vmware, not 'slow'"),
        ("[vm.web]\ntools_options = 3\n", r"tools_options in \[vm.web\] must be a table"),
        ("[vm.web.tools_options]\nlogin_seconds = -1\n", r"login_seconds in tools_options in \[vm.web\] must be a number of seconds"),
        ("[vm.web.tools_options]\npage_files = true\n", r"page_files in tools_options in \[vm.web\] must be an integer"),
        ("vm = 3\n", "tables such as"),
    ],
)
def test_invalid_key_or_value_is_one_line(tmp_path, text, sentence):
    with pytest.raises(ConfigError, match=sentence) as caught:
        read(tmp_path, text)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "lab.toml"))


def options_of(said, name):
    options = said["vm"][name]["tools_options"]
    return options["preset"], options["program_seconds"], options["login_seconds"], options["term_seconds"]


def test_tools_options_come_from_defaults_and_presets(tmp_path):
    text = """
[defaults.tools_options]
login_seconds = 0.5
term_seconds = 1
[vm.plain]
[vm.own.tools_options]
term_seconds = 2
[vm.slow.tools_options]
preset = "vmware"
program_seconds = 3
"""
    said = read(tmp_path, text)
    assert options_of(said, "plain") == ("quick", 0.0, 0.5, 1.0)
    assert options_of(said, "own") == ("quick", 0.0, 0.5, 2.0)
    assert options_of(said, "slow") == ("vmware", 3.0, 0.2, 1.0)
    slow = said["vm"]["slow"]["tools_options"]
    assert worldfile.vm("again", {"tools_options": slow}, said["defaults"])["tools_options"] == slow


def test_quick_preset_is_the_default():
    assert {**worldfile.DEFAULT_TOOLS_OPTIONS, **worldfile.PRESETS["quick"]} == worldfile.DEFAULT_TOOLS_OPTIONS
    assert ToolsOptions(*(worldfile.DEFAULT_TOOLS_OPTIONS[name] for name in ToolsOptions._fields)) == ToolsOptions()


def test_older_settings_get_new_tools_options():
    settings = worldfile.check({"vm": {"web": {}}})["vm"]["web"]
    older = {**settings, "tools_options": {"preset": "quick", "process_bytes": 5}}
    assert worldfile.complete(older)["tools_options"] == {**worldfile.DEFAULT_TOOLS_OPTIONS, "process_bytes": 5}
    del older["tools_options"]
    assert worldfile.complete(older) == settings


def test_change_of_tools_options_keeps_the_others():
    now = worldfile.check({"vm": {"web": {"tools_options": {"process_bytes": 5}}}})["vm"]["web"]
    assert worldfile.changes({"tools_options": {"term_seconds": 1}}, now) == {"tools_options": {**now["tools_options"], "term_seconds": 1.0}}


def test_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.toml: No such file"):
        worldfile.load(tmp_path / "none.toml")


def faults(*rules):
    return Faults([worldfile.fault(rule) for rule in rules])


def applied(some, call="VixVM_PowerOn", name="web", path="/w/web.vmx", times=4):
    return [getattr(some.match(call, name, path), "error", None) for _ in range(times)]


def test_fault_applies_from_and_times():
    assert applied(faults({"call": "VixVM_PowerOn", "error": 3008, "from": 2, "times": 2})) == [None, 3008, 3008, None]


def test_fault_without_times_applies_always():
    assert applied(faults({"call": "*", "error": 5})) == [5, 5, 5, 5]


@pytest.mark.parametrize(("vm", "strikes"), [("web", True), ("/w/web.vmx", True), ("/w/../w/web.vmx", True), ("db", False), ("/w/db.vmx", False)])
def test_fault_selects_vm_by_name_or_path(vm, strikes):
    assert applied(faults({"call": "*", "vm": vm, "error": 5}), times=1) == [5 if strikes else None]


def test_fault_for_vm_ignores_calls_without_vm():
    assert faults({"call": "*", "vm": "web", "error": 5}).match("VixHost_Connect", None, None) is None


def test_only_matching_calls_are_counted():
    some = faults({"call": "VixVM_PowerOn", "vm": "web", "error": 5, "from": 2})
    assert applied(some, call="VixVM_PowerOff", times=3) == [None, None, None]
    assert applied(some, name="db", path="/w/db.vmx", times=3) == [None, None, None]
    assert applied(some, times=2) == [None, 5]


def test_first_rule_applies_and_all_count():
    assert applied(faults({"call": "*", "error": 1, "times": 1}, {"call": "*", "error": 2, "from": 2, "times": 2})) == [1, 2, 2, None]


def test_error_is_a_name_or_a_number():
    assert applied(faults({"call": "*", "error": "VIX_E_OBJECT_IS_BUSY"}), times=1) == [5]


def test_rule_combines_effects():
    rule = {"call": "*", "error": 7, "junk": 0xABC, "delay": 1, "crash": True, "where": "job"}
    assert faults(rule).match("x", None, None) == Fault(error=7, junk=0xABC, delay=1.0, directive="crash", in_job=True)


@pytest.mark.parametrize("settings", [{}, {"guest_os": "debian12-64"}, {"guest_os": "windows11-64", "hypervisor": "qemu"}])
def test_wine_requires_simulated_windows(settings):
    defaults = worldfile.check({})["defaults"]
    with pytest.raises(ConfigError, match='requires hypervisor = "simulated" and a Windows guest_os'):
        worldfile.vm("win", {"programs": "wine", **settings}, defaults)
    assert worldfile.vm("win", {"programs": "wine", "guest_os": "windows11-64"}, defaults)["programs"] == "wine"


@pytest.mark.parametrize("settings", [{"hypervisor": "qemu"}, {"guest_os": "windows11-64"}])
def test_open_vm_tools_require_simulated_linux(settings):
    defaults = worldfile.check({})["defaults"]
    with pytest.raises(ConfigError, match=r'tools = "open-vm-tools" in \[vm.web\] requires hypervisor = "simulated" and a Linux guest_os'):
        worldfile.vm("web", {"tools": "open-vm-tools", **settings}, defaults)
    assert worldfile.vm("web", {"tools": "open-vm-tools"}, defaults)["tools"] == "open-vm-tools"


def test_only_new_vm_can_have_open_vm_tools():
    now = worldfile.check({})["defaults"]
    with pytest.raises(ConfigError, match="only a new VM can have open-vm-tools"):
        worldfile.changes({"tools": "open-vm-tools"}, now)
    with pytest.raises(ConfigError, match="only a new VM can have open-vm-tools"):
        worldfile.fault({"call": "*", "tools": "open-vm-tools"})
    assert worldfile.changes({"tools": "never"}, now) == {"tools": "never"}


def test_open_vm_tools_default_for_simulated_linux():
    vms = {"linux": {}, "windows": {"guest_os": "windows11-64"}, "real": {"hypervisor": "qemu"}, "off": {"tools": "never"}}
    for content in (worldfile.check({"vm": vms}, "open-vm-tools"), worldfile.check({"vm": vms, "defaults": {"tools": "open-vm-tools"}})):
        found = {name: vm["tools"] for name, vm in content["vm"].items()}
        assert found == {"linux": "open-vm-tools", "windows": "installed", "real": "installed", "off": "never"}
        assert content["vm"]["linux"]["hypervisor"] == "simulated"
