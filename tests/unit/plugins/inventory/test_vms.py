# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""VMs of hosts. What this shares with the other inventory plugin is in tests/unit/plugins/plugin_utils/test_inventory.py."""

from __future__ import annotations

import json
import os
import pathlib

import pytest

UPSTAIRS = "provider: workstation_shared, hostname: 'https://upstairs.example.com/sdk', username: lab, password: s3cret-lab"
CELLAR = "provider: workstation_shared, hostname: 'cellar.example.com:8443', username: lab, password: s3cret-lab"


@pytest.fixture
def graph(run_ansible, write_inventory):
    """The output of ansible-inventory --graph on one line. It is a separate process, for tests in which the library crashes."""

    def run(text):
        done = run_ansible("ansible-inventory", "-i", write_inventory(text), "--graph")
        return " ".join(f"{done.stdout} {done.stderr}".split())

    return run


def test_running_vms_are_hosts_with_variables(openvix, inventory):
    web = openvix.add_vm("web", power="powered_on", memory=2048)
    openvix.add_vm("db")

    hosts = inventory().hosts

    assert set(hosts) == {"web"}
    assert {key: hosts["web"][key] for key in ("vix_path", "vix_name", "vix_power", "vix_memory", "vix_host", "vix_sources")} == {
        "vix_path": web,
        "vix_name": "web",
        "vix_power": "powered_on",
        "vix_memory": 2048,
        "vix_host": "localhost",
        "vix_sources": ["running"],
    }


def test_ansible_commands_use_inventory(openvix, run_ansible, write_inventory):
    openvix.add_vm("web", power="powered_on")
    path = write_inventory("keyed_groups: [{key: vix_power, separator: ''}]\n")

    listed = json.loads(run_ansible("ansible-inventory", "-i", path, "--list").stdout)
    graph = run_ansible("ansible-inventory", "-i", path, "--graph", "-vvv").stdout
    host = json.loads(run_ansible("ansible-inventory", "-i", path, "--host", "web").stdout)
    hosts = run_ansible("ansible", "-i", path, "powered_on", "-m", "ansible.builtin.ping", "--list-hosts").stdout

    assert listed["powered_on"]["hosts"] == ["web"]
    assert "|--@powered_on:\n  |  |--web" in graph
    assert "web.vmx: included as web; listed by running on localhost" in " ".join(graph.split())
    assert host["vix_power"] == "powered_on"
    assert hosts.split() == ["hosts", "(1):", "web"]


def test_vm_values_not_templated(openvix, inventory):
    openvix.add_vm("web", power="powered_on", guest_os="{{ 6 * 7 }}")

    variables = inventory("compose: {shown: vix_guest_os ~ '!'}\n").hosts["web"]

    assert (variables["vix_guest_os"], variables["shown"]) == ("{{ 6 * 7 }}", "{{ 6 * 7 }}!")


def test_tools_address_is_ansible_host(openvix, inventory):
    openvix.add_vm("web", power="powered_on", ip="192.0.2.9")

    assert inventory("set_ansible_host: true\n").hosts["web"]["ansible_host"] == "192.0.2.9"


def test_sources_merged_each_vm_once(openvix, inventory, place_vm, in_library, tmp_path):
    web, db, mail = openvix.add_vm("web", power="powered_on"), openvix.add_vm("db", power="suspended"), openvix.add_vm("mail", power="powered_on")
    os.symlink(pathlib.Path(web).parents[1], tmp_path / "link")
    in_library((f"{tmp_path}/link/web/web.vmx", "web"), (db, "db"), ("/nowhere/gone.vmx", "gone"))
    scanned = place_vm("scanned/old/old.vmx")
    os.symlink(pathlib.Path(mail).parent, tmp_path / "scanned" / "mail")

    hosts = inventory(f"sources: [running, registered, library, scan]\nscan_folders: ['{tmp_path}/scanned']\n").hosts

    assert {name: (variables["vix_path"], variables["vix_sources"], variables["vix_power"]) for name, variables in hosts.items()} == {
        "web": (web, ["running", "library"], "powered_on"),
        "mail": (mail, ["running", "library", "scan"], "powered_on"),  # by the list of its world
        "db": (db, ["library"], "suspended"),
        "gone": ("/nowhere/gone.vmx", ["library"], "unknown"),
        "old": (scanned, ["scan"], "powered_off"),
    }


def test_unsupported_source_reported(openvix, inventory):
    openvix.add_vm("web", power="powered_on")

    found = inventory("sources: [running, registered]\n", verbosity=3)

    assert list(found.hosts) == ["web"]
    assert "no VM is listed as registered" in found.output
    assert "WARNING" not in found.output


def test_file_sources_need_no_library(inventory, place_vm, in_library, monkeypatch):
    monkeypatch.setenv("VIX_LIBRARY", "/nowhere.so")
    in_library((place_vm("vms/web/web.vmx"), "web"))
    place_vm("home/vmware/db/db.vmx")

    found = inventory("sources: [library, scan]\nhosts: [{name: laptop}]\n")

    assert {name: variables["vix_host"] for name, variables in found.hosts.items()} == {"web": "laptop", "db": "laptop"}


def test_missing_library_files_listed(inventory, place_vm, in_library, monkeypatch):
    monkeypatch.setenv("VIX_LIBRARY", "/nowhere.so")
    in_library((place_vm("vms/web/web.vmx"), "web"))

    found = inventory("sources: [running, library]\n")

    assert list(found.hosts) == ["web"]
    assert "[WARNING]: host localhost does not answer: loading libvix: no VIX library was found; looked for /nowhere.so (chosen)" in found.output


# -- what dies and what hangs


def test_dead_listed_vm_stale_with_warning(openvix, inventory):
    openvix.add_vm("web", power="powered_on")
    dead = openvix.add_vm("dead", power="powered_on")
    openvix.fault(call="VixHost_OpenVM", vm="dead", error=4000)

    found = inventory()

    assert {name: (variables["vix_stale"], variables["vix_power"]) for name, variables in found.hosts.items()} == {
        "web": (False, "powered_on"),
        "dead": (True, "unknown"),
    }
    assert f"[WARNING]: {dead} is listed as running, but cannot be opened: opening {dead}: " in found.output
    assert list(inventory("filters: [{exclude: vix_stale}]\n").hosts) == ["web"]


def test_encrypted_vm_listed_without_password(openvix, inventory):
    openvix.add_vm("secret", power="powered_on", password="s3cret-vm")

    variables = inventory().hosts["secret"]

    assert (variables["vix_encrypted"], variables["vix_stale"], variables["vix_power"]) == (True, False, "powered_on")


@pytest.mark.parametrize(("fault", "words"), [({"crash": True}, "crashed in VixHost_FindItems (SIGSEGV)"), ({"hang": True}, "hangs in VixHost_FindItems")])
def test_library_loss_one_message(openvix, graph, fault, words):
    openvix.fault(call="VixHost_FindItems", **fault)
    openvix.forgive_leaks("the process of the library died")

    output = graph("timeout: 8\n")

    assert "@ungrouped" in output
    assert "Failed to parse inventory" in output
    assert words in output
    assert "Traceback" not in output


def test_library_hang_makes_one_vm_stale(openvix, inventory):
    openvix.add_vm("web", power="powered_on")
    openvix.add_vm("stuck", power="powered_on")
    openvix.fault(call="VixHost_OpenVM", vm="stuck", hang=True)
    openvix.forgive_leaks("the process of the library is ended")

    found = inventory("vm_timeout: 10\n")

    assert {name: variables["vix_stale"] for name, variables in found.hosts.items()} == {"web": False, "stuck": True}


def test_library_crash_files_listed(openvix, graph, place_vm, in_library):
    openvix.fault(call="VixHost_FindItems", crash=True)
    openvix.forgive_leaks("the process of the library died")
    in_library((place_vm("vms/web/web.vmx"), "web"))

    output = graph("sources: [running, library]\n")

    assert "|--web" in output
    assert "[WARNING]: host localhost does not answer: listing the running VMs: the VIX library crashed" in output


# -- several hosts


@pytest.mark.openvix(product="workstation_shared")
def test_hosts_use_own_names_and_credentials(openvix, inventory, monkeypatch):
    openvix.add_vm("web", power="powered_on")
    openvix.add_vm("db")
    monkeypatch.setenv("LAB_PASSWORD", "s3cret-lab")

    found = inventory(
        "username: lab\n"
        "hosts:\n"
        f"- {{name: upstairs, {UPSTAIRS}, sources: [running, registered]}}\n"
        "- {provider: workstation_shared, hostname: 'cellar.example.com:8443', password: \"{{ lookup('ansible.builtin.env', 'LAB_PASSWORD') }}\"}\n"
        "hostnames: [\"vix_host ~ '-' ~ vix_name\"]\n",
        verbosity=3,
    )

    assert {name: (variables["vix_host"], variables["vix_power"]) for name, variables in found.hosts.items()} == {
        "upstairs-web": ("upstairs", "powered_on"),
        "upstairs-db": ("upstairs", "powered_off"),
        "cellar.example.com-web": ("cellar.example.com", "powered_on"),
    }
    assert found.hosts["upstairs-web"]["vix_path"] == "[standard] web/web.vmx"
    assert "s3cret-lab" not in found.output


@pytest.mark.openvix(product="workstation_shared")
def test_vm_of_two_hosts_listed_twice(openvix, inventory):
    openvix.add_vm("web", power="powered_on")

    found = inventory(f"hosts: [{{name: one, {UPSTAIRS}}}, {{name: two, {CELLAR}}}]\n")

    assert sorted(variables["vix_host"] for variables in found.hosts.values()) == ["one", "two"]
    assert "2 VMs are named web: [standard] web/web.vmx, [standard] web/web.vmx" in found.output


@pytest.mark.openvix(product="workstation_shared")
def test_remote_vm_has_no_file_values(openvix, inventory, run_ansible):
    vm = openvix.add_vm("web", power="powered_on")
    with open(vm, "a", encoding="utf-8") as vmx:
        vmx.write('annotation = "shop"\nguestinfo.lab = "red"\n')
    names = ("vix_annotation", "vix_guestinfo", "vix_locked")

    here = inventory(f"sources: [scan]\nscan_folders: ['{openvix.directory}/vms']\n").hosts["web"]
    there = inventory(f"hosts: [{{{UPSTAIRS}}}]\n").hosts["web"]

    assert [here[name] for name in names] == ["shop", {"lab": "red"}, True]
    assert [there[name] for name in names] == ["", {}, None]
    output = run_ansible("ansible-doc", "-t", "inventory", "vmlab.vix.vms").stdout
    assert "VM of a remote host (with `hostname'), they are" in " ".join(output.split())


@pytest.mark.openvix(product="workstation_shared")
def test_vaulted_password_accepted(openvix, run_ansible, write_inventory, tmp_path):
    openvix.add_vm("web", power="powered_on")
    (tmp_path / "vault").write_text("open sesame\n")
    made = run_ansible("ansible-vault", "encrypt_string", "--vault-password-file", str(tmp_path / "vault"), "s3cret-lab")
    vaulted = made.stdout.replace("\n", "\n    ").rstrip()
    entries = "username: lab\n    provider: workstation_shared\n    password: "
    path = write_inventory(f"hosts:\n  - hostname: one.example.com\n    {entries}{vaulted}\n  - hostname: two.example.com\n    {entries}plain\n")

    done = run_ansible("ansible-inventory", "-i", path, "--list", "-vvv", "--vault-password-file", str(tmp_path / "vault"))

    assert done.stdout.count('"vix_name"') == 2, done.stderr
    assert "s3cret-lab" not in done.stdout + done.stderr


@pytest.mark.openvix(product="workstation_shared")
def test_options_and_environment_set_host(openvix, inventory, monkeypatch):
    openvix.add_vm("web", power="powered_on")
    for name, value in {"HOSTNAME": "https://upstairs.example.com/sdk", "PROVIDER": "workstation_shared", "USERNAME": "lab", "PASSWORD": "lab"}.items():
        monkeypatch.setenv(f"VIX_{name}", value)

    assert inventory().hosts["web"]["vix_host"] == "upstairs.example.com"


@pytest.mark.openvix(product="workstation_shared")
@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"hang": True}, "connecting to cellar.example.com:8443: timed out after 10 s: the VIX library hangs in VixHost_Connect"),
        ({"crash": True}, "connecting to cellar.example.com:8443: the VIX library crashed in VixHost_Connect (SIGSEGV)"),
        ({"error": 18000}, "connecting to cellar.example.com:8443: "),
    ],
    ids=["hang", "crash", "error"],
)
def test_unreachable_host_warned(openvix, graph, fault, words):
    openvix.add_vm("web", power="powered_on")
    openvix.fault(call="VixHost_Connect", times=1, **fault)  # whichever comes first
    openvix.forgive_leaks("the process of the library died")

    output = graph(f"timeout: 10\nkeyed_groups: [{{key: vix_host, prefix: of}}]\nhosts: [{{name: cellar, {CELLAR}}}, {{name: too, {CELLAR}}}]\n")

    lost = "too" if "@of_cellar: | |--web" in output else "cellar"
    assert output.count("|--web") == 1
    assert f"[WARNING]: host {lost} does not answer: {words}" in output
    assert "Traceback" not in output


@pytest.mark.openvix(product="workstation_shared")
def test_unreachable_host_fails_on_request(openvix, inventory):
    openvix.add_vm("web", power="powered_on")
    openvix.fault(call="VixHost_Connect", times=1, error=18000)

    found = inventory(f"on_unreachable: error\nhosts: [{{name: one, {UPSTAIRS}}}, {{name: two, {CELLAR}}}]\n")

    assert found.hosts == {}
    assert "does not answer: connecting to " in found.output


@pytest.mark.openvix(product="workstation_shared")
def test_no_reachable_host_fails(openvix, inventory):
    openvix.fault(call="VixHost_Connect", error=18000)

    found = inventory(f"hosts: [{{name: one, {UPSTAIRS}}}, {{name: two, {CELLAR}}}]\n")

    assert "Failed to parse inventory" in found.output
    assert "host one does not answer" in found.output
    assert "| host two does not answer" in found.output


@pytest.mark.openvix(product="workstation_shared")
def test_hosts_queried_in_parallel(openvix, inventory):
    """Two that take longer than half of the time each: one after the other they would not be done."""
    openvix.add_vm("web", power="powered_on")
    openvix.fault(call="VixHost_Connect", hang=True, where="job", times=2)
    openvix.forgive_leaks("the connections are given up")

    found = inventory(f"timeout: 2\nhosts: [{{name: one, {UPSTAIRS}}}, {{name: two, {CELLAR}}}]\n")

    connects = openvix.calls("VixHost_Connect")
    assert len({call["client"] for call in connects}) == 2
    assert found.output.count("timed out after 2 s") >= 2


@pytest.mark.openvix(product="workstation_shared")
def test_each_host_has_own_timeout(openvix, inventory):
    openvix.add_vm("web", power="powered_on")
    openvix.fault(call="VixHost_Connect", hang=True, where="job", times=1)
    openvix.forgive_leaks("the connection is given up")

    found = inventory(f"timeout: 300\nhosts: [{{name: one, timeout: 9, {UPSTAIRS}}}, {{name: two, timeout: 10, {CELLAR}}}]\n")

    assert len(found.hosts) == 1


@pytest.mark.parametrize(
    ("hosts", "words"),
    [
        ("[{nmae: one}]", "hosts[0] is invalid: nmae. Supported parameters include"),
        ("[{name: one}, {port: many}]", "hosts[1] is invalid: "),
        ("[{provider: esx}]", "hosts[0] is invalid: value of provider must be one of"),
        ("[{sources: [library]}]", "hosts[0] is invalid: value of sources must be one or more of: running, registered"),
        ("[upstairs]", "hosts[0] is invalid: "),
        ("[{name: one}, {name: one}]", "two of the hosts are named one: give each a unique name"),
        ("[{}, {}]", "two of the hosts are named localhost"),
    ],
)
def test_invalid_host_entry_reported(openvix, inventory, hosts, words):
    found = inventory(f"hosts: {hosts}\n")

    assert words in found.output
    assert openvix.calls("VixHost_Connect") == []


def test_same_host_twice_lists_vms_once(openvix, inventory):
    openvix.add_vm("web", power="powered_on")

    found = inventory("hosts: [{name: one}, {name: two, provider: workstation}]\n")

    assert {name: variables["vix_host"] for name, variables in found.hosts.items()} == {"web": "one"}


@pytest.mark.openvix(product="workstation_shared")
def test_controller_ignores_credentials(openvix, inventory):
    found = inventory("username: lab\npassword: s3cret-lab\nhostname: 'https://upstairs.example.com/sdk'\nhosts: [{name: here}]\n")

    assert "connecting to this machine: " in found.output


# -- the cache


def cached(tmp_path, text=""):
    return f"cache: true\ncache_plugin: ansible.builtin.jsonfile\ncache_connection: '{tmp_path / 'cache'}'\n{text}"


def test_cache_saves_library_calls(openvix, inventory, tmp_path):
    openvix.add_vm("web", power="powered_on")

    first, again = inventory(cached(tmp_path)), inventory(cached(tmp_path))

    assert first.hosts == again.hosts
    assert len(openvix.calls("VixHost_FindItems")) == 1


def test_cache_used_by_commands_and_flushed(openvix, run_ansible, write_inventory, tmp_path):
    openvix.add_vm("web", power="powered_on")
    path = write_inventory(cached(tmp_path))

    first = run_ansible("ansible-inventory", "-i", path, "--list").stdout
    openvix.add_vm("db", power="powered_on")
    again = run_ansible("ansible-inventory", "-i", path, "--list").stdout
    flushed = run_ansible("ansible-inventory", "-i", path, "--list", "--flush-cache").stdout

    assert first == again
    assert set(json.loads(flushed)["_meta"]["hostvars"]) == {"web", "db"}


@pytest.mark.openvix(product="workstation_shared")
def test_incomplete_result_not_cached(openvix, inventory, tmp_path):
    openvix.add_vm("web", power="powered_on")
    openvix.fault(call="VixHost_Connect", times=1, error=18000)
    text = cached(tmp_path, f"hosts: [{{name: one, {UPSTAIRS}}}, {{name: two, {CELLAR}}}]\n")

    assert len(inventory(text).hosts) == 1
    assert len(inventory(text).hosts) == 2
    assert all("s3cret" not in path.read_text() for path in (tmp_path / "cache").iterdir())


@pytest.mark.openvix(product="workstation_shared")
def test_cache_key_ignores_password_not_host(openvix, inventory, tmp_path):
    openvix.add_vm("web", power="powered_on")

    for entry in (UPSTAIRS, UPSTAIRS.replace("s3cret-lab", "other"), CELLAR):
        inventory(cached(tmp_path, f"hosts: [{{name: one, {entry}}}]\n"))

    assert len(openvix.calls("VixHost_FindItems")) == 2


# -- files of another kind


def test_other_file_name_rejected(openvix, run_ansible, tmp_path):
    openvix.add_vm("web", power="powered_on")
    (tmp_path / "lab.yml").write_text("plugin: vmlab.vix.vms\n")

    assert "web" not in run_ansible("ansible-inventory", "-i", str(tmp_path / "lab.yml"), "--graph").stdout


def test_options_from_environment(openvix, inventory, monkeypatch):
    monkeypatch.setenv("VIX_LIBRARY", "/nowhere.so")

    assert "/nowhere.so (chosen)" in inventory().output
