# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import pytest


@pytest.fixture
def inventory(tmp_path):
    """Run ansible-inventory on a file of the plugin; text is what the file has beside the plugin's name."""

    def run(text="", *arguments, name="lab.vix.yml", **environment):
        (tmp_path / name).write_text(f"plugin: vmlab.vix.vms\n{text}")
        command = [str(pathlib.Path(sys.executable).with_name("ansible-inventory")), "-i", str(tmp_path / name), *(arguments or ["--list"])]
        done = subprocess.run(
            command, env={**os.environ, "ANSIBLE_LOCALHOST_WARNING": "0", **environment}, capture_output=True, text=True, timeout=60, check=False
        )
        return done if arguments or done.returncode else json.loads(done.stdout, object_hook=plain)

    return run


def plain(value):
    """The text that ansible-inventory marks as not to be templated."""
    return value.get("__ansible_unsafe", value)


def test_the_running_vms_are_hosts_with_their_properties(openvix, inventory):
    web = openvix.add_vm("web", power="powered_on", memory=2048)
    openvix.add_vm("db")

    hosts = inventory()["_meta"]["hostvars"]

    assert set(hosts) == {"web"}
    assert {key: hosts["web"][key] for key in ("vix_path", "vix_name", "vix_power", "vix_memory")} == {
        "vix_path": web,
        "vix_name": "web",
        "vix_power": "powered_on",
        "vix_memory": 2048,
    }


def test_hosts_are_grouped_and_composed(openvix, inventory):
    openvix.add_vm("web", power="powered_on", guest_os="debian12-64", memory=8192)
    openvix.add_vm("desk", power="paused", guest_os="windows11-64")

    found = inventory("keyed_groups: [{key: vix_guest_os, prefix: os}]\ngroups: {frozen: vix_power == 'paused'}\ncompose: {big: vix_memory > 4096}\n")

    assert found["os_debian12_64"]["hosts"] == ["web"]
    assert found["frozen"]["hosts"] == ["desk"]
    assert found["_meta"]["hostvars"]["web"]["big"] is True


def test_what_a_vm_says_of_itself_is_not_templated(openvix, inventory):
    openvix.add_vm("web", power="powered_on", guest_os="{{ 6 * 7 }}")

    variables = inventory("compose: {shown: vix_guest_os ~ '!'}\n")["_meta"]["hostvars"]["web"]

    assert (variables["vix_guest_os"], variables["shown"]) == ("{{ 6 * 7 }}", "{{ 6 * 7 }}!")


def test_the_cache_spares_the_library(openvix, inventory, tmp_path):
    openvix.add_vm("web", power="powered_on")
    cache = f"cache: true\ncache_plugin: ansible.builtin.jsonfile\ncache_connection: {tmp_path / 'cache'}\n"

    first, again = inventory(cache), inventory(cache)

    assert first == again
    assert len(openvix.calls("VixHost_FindItems")) == 1


def test_one_that_is_listed_and_dead_is_a_warning(openvix, inventory):
    openvix.add_vm("web", power="powered_on")
    openvix.add_vm("dead", power="powered_on")
    openvix.fault(call="VixHost_OpenVM", vm="dead", error=4000)

    done = inventory("", "--graph")

    assert "--web" in done.stdout
    assert "dead" not in done.stdout
    assert "left out of the inventory: opening " in " ".join(done.stderr.split())


@pytest.mark.parametrize(("fault", "words"), [({"crash": True}, "crashed in VixHost_FindItems (SIGSEGV)"), ({"hang": True}, "hangs in VixHost_FindItems")])
def test_a_loss_of_the_library_is_one_sentence_and_not_the_end_of_ansible(openvix, inventory, fault, words):
    openvix.fault(call="VixHost_FindItems", **fault)
    openvix.forgive_leaks("the process of the library died")

    done = inventory("timeout: 1\n", "--graph")

    assert words in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_a_file_of_another_name_is_not_for_this_plugin(openvix, inventory):
    openvix.add_vm("web", power="powered_on")

    assert "web" not in inventory("", "--graph", name="lab.yml").stdout


def test_options_come_from_the_environment(openvix, inventory):
    openvix.add_vm("web", power="powered_on")

    assert "/nowhere.so (chosen)" in " ".join(inventory("", "--graph", VIX_LIBRARY="/nowhere.so").stderr.split())
