# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A world with several hosts, each with its own users and VMs."""

from __future__ import annotations

import pytest
from protocol_client import Client

from openvix.config import worldfile
from openvix.config.errors import ConfigError
from openvix.daemon import control
from openvix.vix import constants

OFF, ON = "powered_off", "powered_on"
VI, SHARED = constants.VIX_SERVICEPROVIDER_VMWARE_VI_SERVER, constants.VIX_SERVICEPROVIDER_VMWARE_WORKSTATION_SHARED
LOCAL, DEFAULT = constants.VIX_SERVICEPROVIDER_VMWARE_WORKSTATION, constants.VIX_SERVICEPROVIDER_DEFAULT


@pytest.fixture
def hosts(openvix):
    openvix.add_host("esx1.example.com", {"root": "secret", "ops": "other"})
    openvix.add_host("esx2.example.com", {"root": "secret2"}, port=8333, version="4.0")
    openvix.add_host("ws.example.com", {"me": ""}, product="workstation_shared")
    return openvix


def connecting(openvix, provider, host, user, password):
    with control.connect(openvix.directory) as connection:
        return connection.call("VixHost_Connect", constants.VIX_API_VERSION, provider, host, 0, user, password, 0, [])[0]


@pytest.mark.parametrize(
    ("provider", "host", "user", "password", "code"),
    [
        (VI, "https://esx1.example.com/sdk", "root", "secret", 0),
        (VI, "https://ESX1.example.com:443/sdk", "ops", "other", 0),
        (VI, "esx1.example.com", "root", "secret", 0),
        (VI, "https://esx2.example.com:8333/sdk", "root", "secret2", 0),
        (SHARED, "https://ws.example.com/sdk", "me", "", 0),
        (LOCAL, None, None, None, 0),
        (VI, "https://esx1.example.com/sdk", "root", "wrong", constants.VIX_E_AUTHENTICATION_FAIL),
        (VI, "https://esx1.example.com/sdk", "nobody", "secret", constants.VIX_E_AUTHENTICATION_FAIL),
        (VI, "https://esx1.example.com/sdk", "nobody", "", constants.VIX_E_AUTHENTICATION_FAIL),
        (VI, "https://esx1.example.com/sdk", None, None, constants.VIX_E_AUTHENTICATION_FAIL),
        (VI, "https://esx1.example.com/sdk", "root", None, constants.VIX_E_AUTHENTICATION_FAIL),
        (VI, "https://esx2.example.com/sdk", "root", "secret2", constants.VIX_E_CANNOT_CONNECT_TO_HOST),
        (VI, "https://esx9.example.com/sdk", "root", "secret", constants.VIX_E_CANNOT_CONNECT_TO_HOST),
        (VI, "ftp://esx1.example.com/sdk", "root", "secret", constants.VIX_E_INVALID_HOSTNAME_SPECIFICATION),
        (VI, None, "root", "secret", constants.VIX_E_INVALID_HOSTNAME_SPECIFICATION),
        (SHARED, "https://esx1.example.com/sdk", "root", "secret", constants.VIX_E_NOT_SUPPORTED),
        (LOCAL, "https://esx1.example.com/sdk", "root", "secret", constants.VIX_E_NOT_FOR_REMOTE_HOST),
    ],
)
def test_host_accepts_its_url_and_users_only(hosts, provider, host, user, password, code):
    assert connecting(hosts, provider, host, user, password) == code


def at(openvix, name, user="root", password="secret", provider=VI):
    return Client(openvix.directory, provider=provider, at=(f"https://{name}/sdk", user, password))


def running(client):
    return [item[1] for item in client.items("VixHost_FindItems", client.host, constants.VIX_FIND_RUNNING_VMS, [], -1)]


def opened(client, path):
    return client.items("VixHost_OpenVM", client.host, path, 0, [])[0][1]


def test_hosts_have_vms_of_equal_names(hosts):
    here = hosts.add_vm("web", power=ON)
    one = hosts.add_vm("web", host="esx1.example.com", power=ON, memory=2048)
    two = hosts.add_vm("web", host="esx2.example.com:8333")
    assert len({here, one, two}) == 3
    with Client(hosts.directory) as local, at(hosts, "esx1.example.com") as first, at(hosts, "esx2.example.com:8333", password="secret2") as second:
        assert [running(client) for client in (local, first, second)] == [[here], ["[standard] web/web.vmx"], []]
        web = opened(first, "[standard] web/web.vmx")
        assert first.get(web, constants.VIX_PROPERTY_VM_MEMORY_SIZE) == 2048
        assert first.get(web, constants.VIX_PROPERTY_VM_VMX_PATHNAME) == "[standard] web/web.vmx"
        assert second.code("VixHost_OpenVM", second.host, "[standard] other/other.vmx", 0, []) == constants.VIX_E_VM_NOT_FOUND
        other = opened(second, "[standard] web/web.vmx")
        second.items("VixVM_PowerOn", other, 0, [])
        assert hosts.vms == {here: ON, one: ON, two: ON}
        # What a host can do is what its product can.
        assert first.code("VixVM_Pause", web, 0, []) == constants.VIX_E_NOT_SUPPORTED
        assert local.code("VixVM_Pause", here, 0, []) == 0
        assert first.items("Vix_GetProperties", constants.VIX_HANDLETYPE_HOST, first.host, [constants.VIX_PROPERTY_HOST_HOSTTYPE])[0][1] == VI
        assert local.code("VixHost_OpenVM", local.host, one, 0, []) == constants.VIX_E_VM_NOT_FOUND


def test_hosts_survive_a_killed_daemon(hosts):
    vm = hosts.add_vm("web", host="esx1.example.com", power=ON)
    hosts.kill_daemon()
    assert hosts.vms == {vm: ON}
    assert hosts.status()["vms"][0]["host"] == "esx1.example.com:443"
    with at(hosts, "esx1.example.com") as client:
        assert running(client) == ["[standard] web/web.vmx"]


def test_guest_of_remote_host_ends_with_the_world(hosts):
    vm = hosts.add_vm("web", host="esx1.example.com", power=ON)
    with at(hosts, "esx1.example.com") as client:
        client.log_in(vm)
        client.items("VixVM_RunProgramInGuest", vm, "/bin/sleep", "60", constants.VIX_RUNPROGRAM_RETURN_IMMEDIATELY, [])


def test_world_file_defines_hosts_with_vms(tmp_path):
    path = tmp_path / "lab.toml"
    path.write_text(
        "[[host]]\nname = 'esx1'\nusers = [ { name = 'root', password = 'x' } ]\n[host.vm.web]\nmemory = 8\n"
        "[[host]]\nname = 'esx2'\nusers = [ { name = 'root', password = 'x' } ]\nproduct = 'workstation_shared'\n"
    )
    said = worldfile.load(path)["host"]
    assert [(host["name"], host["port"], host["product"], list(host["vm"])) for host in said] == [
        ("esx1", 443, "vi_server", ["web"]),
        ("esx2", 443, "workstation_shared", []),
    ]
    assert said[0]["vm"]["web"]["memory"] == 8


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[[host]]\nname = 'a'\n", "requires the key users"),
        ("[[host]]\nusers = [{name = 'a'}]\n", "requires the key name"),
        ("[[host]]\nname = 'https://a'\n", "without scheme"),
        ("[[host]]\nname = 'a/../b'\n", "without scheme"),
        ("[[host]]\nname = 'a'\nproduct = 'player'\n", "product in"),
        ("host = 3\n", "array of tables"),
        ("[[host]]\nname='a'\nusers=[{name='u'}]\n[[host]]\nname='A'\nusers=[{name='u'}]\n", "same name and port"),
    ],
)
def test_invalid_host_is_one_line(tmp_path, text, sentence):
    (tmp_path / "lab.toml").write_text(text)
    with pytest.raises(ConfigError, match=sentence):
        worldfile.load(tmp_path / "lab.toml")


def test_duplicate_or_unknown_host_is_an_error(hosts):
    with pytest.raises(ConfigError, match="already"):
        hosts.add_host("ESX1.example.com", {"a": "b"})
    with pytest.raises(ConfigError, match="no host"):
        hosts.add_vm("web", host="esx9")
