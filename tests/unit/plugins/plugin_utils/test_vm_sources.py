# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""With what each host is asked, and under which key its answer is cached: what no answer of a simulated host shows."""

from __future__ import annotations

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import inventory_loader
from ansible.template import trust_as_template
from ansible_collections.vmlab.vix.plugins.plugin_utils import _vm_sources


@pytest.fixture
def plugin(monkeypatch):
    """The plugin with some options, and with nothing of it in the environment."""
    for name in ("LIBRARY", "PROVIDER", "HOSTNAME", "USERNAME", "PASSWORD"):
        monkeypatch.delenv(f"VIX_{name}", raising=False)

    def load(**options):
        loaded = inventory_loader.get("vmlab.vix.vms")
        loaded.loader = DataLoader()
        loaded.set_options(direct={"plugin": "vmlab.vix.vms", **options})
        return loaded

    return load


def connections(plugin):
    """What VIX is connected with, by the name of the host, without what is as ever."""
    ordinary = {"provider": "default", "port": 0, "validate_certs": True, "timeout": 300}
    found = {}
    for source in _vm_sources.hosts(plugin):
        options = source.work.args[1]
        found[source.host] = {name: value for name, value in options.items() if value is not None and ordinary.get(name) != value}
    return found


def test_no_hosts_options_name_one(plugin):
    options = {
        "hostname": "https://upstairs/sdk",
        "provider": "vi_server",
        "username": "lab",
        "password": "s3cret",
        "port": 902,
        "validate_certs": False,
        "timeout": 5,
    }

    assert connections(plugin(**options)) == {"upstairs": options}
    assert connections(plugin(library="/opt/libvix.so")) == {"localhost": {"library": "/opt/libvix.so"}}


def test_entry_inherits_options(plugin):
    entries = [{"hostname": "one", "timeout": 7}, {"hostname": "two", "username": "other", "password": "too", "library": "/opt/other.so"}]
    options = {"provider": "workstation_shared", "username": "lab", "password": "s3cret", "timeout": 5, "library": "/opt/libvix.so"}

    assert connections(plugin(hosts=entries, **options)) == {
        "one": {**options, "hostname": "one", "timeout": 7},
        "two": {**options, "hostname": "two", "username": "other", "password": "too", "library": "/opt/other.so"},
    }


def test_local_host_without_credentials(plugin):
    found = connections(plugin(hosts=[{"name": "here"}], hostname="https://upstairs/sdk", username="lab", password="s3cret"))

    assert found == {"here": {}}


def test_values_may_be_templates(plugin, monkeypatch):
    monkeypatch.setenv("LAB_PASSWORD", "s3cret")
    template = trust_as_template("{{ lookup('ansible.builtin.env', 'LAB_PASSWORD') }}")

    assert connections(plugin(hosts=[{"hostname": "one", "password": template}]))["one"]["password"] == "s3cret"
    assert connections(plugin(hostname="one", password=template))["one"]["password"] == "s3cret"


def test_environment_value_is_literal(plugin, monkeypatch):
    loaded = plugin()
    monkeypatch.setenv("VIX_PASSWORD", "{{ 6 * 7 }}")
    monkeypatch.setenv("VIX_HOSTNAME", "one")
    loaded.set_options(direct={"plugin": "vmlab.vix.vms"})

    assert connections(loaded)["one"]["password"] == "{{ 6 * 7 }}"


@pytest.mark.parametrize(
    ("hostname", "name"),
    [("https://one.example.com:8443/sdk", "one.example.com"), ("one:443", "one"), ("one", "one"), ("https://[2001:db8::1]/sdk", "2001:db8::1")],
)
def test_host_named_by_bare_name(plugin, hostname, name):
    assert list(connections(plugin(hosts=[{"hostname": hostname}]))) == [name]


def test_host_without_sources_not_queried(plugin):
    assert connections(plugin(sources=["library"])) == {}
    assert list(connections(plugin(sources=["library"], hosts=[{"name": "one", "hostname": "one", "sources": ["running"]}, {"name": "here"}]))) == ["one"]


def test_cache_key_without_passwords(plugin):
    def key(**options):
        return _vm_sources.key(plugin(**options), "/lab.vix.yml")

    assert key(password="one") == key(password="two") == key()
    assert key(hosts=[{"name": "a", "password": "one"}]) == key(hosts=[{"name": "a", "password": "two"}])
    assert key(hostnames=["x"], filters=[{"exclude": True}], set_ansible_host=True, address_sources=["vmx"]) == key()
    different = [
        key(),
        key(hostname="one"),
        key(username="lab"),
        key(sources=["library"]),
        key(gather=[]),
        key(guestinfo_exclude=[]),
        key(scan_folders=["/vms"]),
        key(scan_depth=2),
        key(scan_exclude=["old"]),
        key(hosts=[{"name": "a"}]),
    ]
    assert len(set(different)) == len(different)


def test_shared_cache_across_users(plugin, monkeypatch):
    def keys(**options):
        found = set()
        for home in ("/home/ann", "/home/ben"):
            monkeypatch.setenv("HOME", home)
            found.add(_vm_sources.key(plugin(**options), "/lab.vix.yml"))
        return len(found)

    remote = {"hosts": [{"hostname": "one"}]}
    assert keys(**remote) == keys(hostname="one") == keys(sources=["scan"], scan_folders=["/vms"], **remote) == 1
    assert keys(sources=["library"], **remote) == 2
    assert keys(sources=["scan"], **remote) == 2
    assert keys(hosts=[{"hostname": "one"}, {"name": "here"}]) == keys() == 2


def test_shared_cache_of_named_directories(monkeypatch):
    def keys(**options):
        found = set()
        for home in ("/home/ann", "/home/ben"):
            monkeypatch.setenv("HOME", home)
            loaded = inventory_loader.get("vmlab.vix.vmx_files")
            loaded.set_options(direct={"plugin": "vmlab.vix.vmx_files", **options})
            found.add(_vm_sources.key(loaded, "/lab.vmx_files.yml"))
        return len(found)

    assert keys(sources=["scan"], scan_folders=["/vms"]) == 1
    assert keys(sources=["scan"]) == keys(sources=["library"]) == 2
