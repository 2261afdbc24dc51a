# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the inventory plugins share, by the one of them that needs no VIX: names, filters, addresses, variables and their trust, groups, the cache."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
import yaml
from ansible_collections.vmlab.vix.plugins.module_utils._files import leases


@pytest.fixture
def files(inventory, tmp_path):
    """Read an inventory of the VMs below the directory "vms" of the test."""

    def read(text="", **other):
        return inventory(f"sources: [scan]\nscan_folders: ['{tmp_path}/vms']\n{text}", plugin="vmx_files", **other)

    return read


def broken(result, *words):
    """Assert that there is no inventory, and why."""
    assert result.hosts == {}
    assert "Failed to parse inventory" in result.output
    for each in words:
        assert each in result.output


# -- names


def test_vm_named_by_display_name(files, place_vm):
    place_vm("vms/a/a.vmx", displayName="Windows 11 (new)")

    assert [(name, variables["vix_name"]) for name, variables in files().hosts.items()] == [("Windows-11-(new)", "Windows 11 (new)")]


def test_first_template_with_name_counts(files, place_vm):
    place_vm("vms/a/a.vmx", displayName="web", **{"guestinfo.empty": ""})
    place_vm("vms/b/b.vmx", displayName="db")

    named = files('hostnames: ["vix_guestinfo.fqdn", "vix_guestinfo.empty", vix_nothing, "lab-{{ vix_name }}"]\n')

    assert list(named.hosts) == ["lab-db", "lab-web"]
    assert list(files("hostnames: [\"vix_name ~ '.example.com'\"]\n").hosts) == ["db.example.com", "web.example.com"]
    assert list(files("hostnames: [vix_memory, vix_name]\n").hosts) == ["db", "web"]


def test_number_as_name(files, place_vm):
    place_vm("vms/a/a.vmx", memsize=2048)

    assert list(files("hostnames: [vix_memory]\n").hosts) == ["2048"]


def test_no_template_name_keeps_own(files, place_vm):
    place_vm("vms/a/a.vmx")

    assert list(files("hostnames: [vix_nothing]\n").hosts) == ["a"]
    assert list(files("hostnames: []\n").hosts) == ["a"]


def test_broken_template_strict_error(files, place_vm):
    path = place_vm("vms/a/a.vmx")

    broken(
        files("strict: true\nhostnames: [vix_name, vix_nothing.at.all]\nfilters: [{exclude: vix_nothing.at.all}]\n"),
        "filters[0] cannot be evaluated for " + path,
    )
    broken(files("strict: true\nhostnames: [vix_nothing.at.all]\n"), f"hostnames[0] cannot be evaluated for {path}")


@pytest.mark.parametrize(
    ("name", "host"),
    [
        ("Ubuntu 64-bit", "Ubuntu-64-bit"),  # wild/11-name-with-spaces
        ("Gerät 1", "Gerät-1"),
        ("a\u00a0b\u3000c", "a-b-c"),
        ("  web  ", "web"),
        ("db, new: copy", "db-new-copy"),
        ("!x", "x"),
        ("&x", "x"),
        ("~x", "x"),
        ("@x", "x"),
        ("-x", "x"),
        ("web*", "web"),
        ("we?b", "we-b"),
        ("web[1]", "web-1"),
        ("[gold] web", "gold-web"),
        ("{{ 6 * 7 }}", "6-7"),
        ("fe80::1", "fe80-1"),
        ("a/b", "a-b"),
        ("../../etc/passwd", "..-..-etc-passwd"),
        ("one|0Atwo", "one-two"),
        ("|1B|5B31mred", "31mred"),
    ],
)
def test_names_addressable_by_patterns(files, place_vm, name, host):
    """74 of 151 .vmx files found have a name with blanks."""
    place_vm("vms/a/a.vmx", displayName=name)
    place_vm("vms/other/other.vmx")

    found = files()

    assert set(found.hosts) == {host, "other"}
    assert [each.name for each in found.manager.get_hosts(host)] == [host]
    assert [each.name for each in found.manager.get_hosts(f"all:!{host}")] == ["other"]


def test_name_with_blanks_named_in_commands(place_vm, run_ansible, write_inventory, tmp_path):
    path = place_vm("vms/Ubuntu 64-bit/Ubuntu 64-bit.vmx")
    inventory = write_inventory(f"sources: [scan]\nscan_folders: ['{tmp_path}/vms']\n", "vmx_files")

    shown = json.loads(run_ansible("ansible-inventory", "-i", inventory, "--host", "Ubuntu-64-bit").stdout)
    limited = run_ansible("ansible", "-i", inventory, "all", "--limit", "Ubuntu-64-bit", "-m", "ansible.builtin.ping", "--list-hosts").stdout

    assert (shown["vix_name"], shown["vix_path"], shown["ansible_vix_vm"]) == ("Ubuntu 64-bit", path, path)
    assert limited.split() == ["hosts", "(1):", "Ubuntu-64-bit"]


@pytest.mark.parametrize("name", [".", "..", "***", "!"])
def test_name_of_operators_alone_replaced(files, place_vm, name):
    place_vm("vms/a/a.vmx", displayName=name)

    [host] = files().hosts

    assert re.fullmatch("[0-9a-f]{8}", host)


def test_names_that_become_equal_suffixed(files, place_vm):
    place_vm("vms/a/a.vmx", displayName="web 1")
    place_vm("vms/b/b.vmx", displayName="web-1")

    found = files()

    assert all(re.fullmatch("web-1-[0-9a-f]{8}", name) for name in found.hosts)
    assert "2 VMs are named web-1" in found.output


def test_blank_name_yields_to_file_name(files, place_vm):
    place_vm("vms/a/a.vmx", displayName="")
    place_vm("vms/b/b.vmx", displayName="   ")

    blank, named = files().hosts

    assert named == "a"
    assert re.fullmatch("[0-9a-f]{8}", blank)


def test_equal_names_get_stable_suffix(files, place_vm):
    one, two = place_vm("vms/one/web.vmx"), place_vm("vms/two/web.vmx")
    place_vm("vms/db/db.vmx")

    first = files()
    place_vm("vms/another/web.vmx")
    second = files("scan_patterns: ['w*.vmx']\n")

    names = {variables["vix_path"]: name for name, variables in first.hosts.items()}
    assert names.pop(f"{one.rpartition('/one')[0]}/db/db.vmx") == "db"
    assert set(names) == {one, two}
    assert all(re.fullmatch("web-[0-9a-f]{8}", name) for name in names.values())
    assert f"2 VMs are named web: {one}, {two}; added as {names[one]}, {names[two]}; rename them, or set hostnames to distinguish them" in first.output
    assert set(names.values()) < set(second.hosts)
    assert len(second.hosts) == 3


def test_equal_names_error_if_wanted(files, place_vm):
    one, two = place_vm("vms/one/web.vmx"), place_vm("vms/two/web.vmx")

    broken(files("on_clash: error\n"), f"2 VMs are named web: {one}, {two}; rename them")


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "all", "ungrouped", "servers"])
def test_localhost_or_group_name_suffixed(files, place_vm, tmp_path, name):
    path = place_vm("vms/a/a.vmx", displayName=name)
    (tmp_path / "static.ini").write_text("[servers]\nfrontend\n")

    found = files(beside=[str(tmp_path / "static.ini")])

    [host] = set(found.hosts) - {"frontend"}
    assert re.fullmatch(re.escape(name) + "-[0-9a-f]{8}", host)
    assert f"a VM is named {name}, which is the name of a group or of the controller: {path}; added as {host}" in found.output


def test_name_taken_by_suffixed_one_error(files, place_vm):
    place_vm("vms/one/web.vmx")
    place_vm("vms/two/web.vmx")
    taken = next(iter(files().hosts))
    place_vm("vms/three/three.vmx", displayName=taken)

    broken(files(), "2 VMs are named web")


def test_composed_group_keeps_other_host(files, place_vm):
    place_vm("vms/a/a.vmx", displayName="one", guestOS="web")
    place_vm("vms/web/web.vmx", displayName="web", memsize=2048)

    found = files("keyed_groups: [{key: vix_guest_os, separator: ''}]\ncompose: {large: vix_memory == 2048}\n")

    assert found.hosts["web"]["large"] is True
    assert found.hosts["web"]["vix_memory"] == 2048
    assert "large" not in found.manager.groups["web"].vars


def test_host_of_other_inventory_merged(files, place_vm, tmp_path):
    place_vm("vms/web/web.vmx")
    (tmp_path / "static.ini").write_text("web colour=blue\n")

    found = files("compose: {shown: colour ~ inventory_hostname}\n", beside=[str(tmp_path / "static.ini")])

    assert (found.hosts["web"]["colour"], found.hosts["web"]["vix_name"], found.hosts["web"]["shown"]) == ("blue", "web", "blueweb")


def test_hosts_sorted_by_name(files, place_vm):
    for name in ("c", "A", "b"):
        place_vm(f"vms/{name}/{name}.vmx")

    assert list(files().hosts) == ["A", "b", "c"]


# -- filters


def test_first_matching_filter_decides(files, place_vm):
    for name in ("web1", "web2", "db", "old-web"):
        place_vm(f"vms/{name}/{name}.vmx")

    assert set(files("filters: [{exclude: vix_name == 'web1'}, {include: vix_name is match('web')}, {exclude: true}]\n").hosts) == {"web2"}
    assert set(files("filters: [{exclude: \"'web' in vix_name\"}]\n").hosts) == {"db"}
    assert set(files("filters: []\n").hosts) == {"web1", "web2", "db", "old-web"}


def test_filter_decisions_in_verbose_log(files, place_vm, tmp_path):
    web, db, old = place_vm("vms/web/web.vmx"), place_vm("vms/db/db.vmx"), place_vm("vms/old/old.vmx")
    text = "scan_exclude: [old]\nfilters: [{include: vix_nothing.at.all}, {exclude: vix_name == 'db'}]\n"

    log = files(text, verbosity=3).output

    assert f"{web}: included as web; listed by scan on localhost" in log
    assert f"{db}: not included: filters[1] excludes it: vix_name == 'db'" in log
    assert f"{old.rpartition('/')[0]}: not included: old excludes it" in log
    assert f"{web}: filters[0] is ignored, as it cannot be evaluated" in log
    assert ": included as" not in files(text).output


def test_stale_vm_logged_with_reason(inventory, in_library):
    in_library(("/nowhere/gone.vmx", "gone"))

    log = inventory("sources: [library]\n", plugin="vmx_files", verbosity=3).output

    assert "/nowhere/gone.vmx: included as gone; listed by library on localhost; stale: /nowhere/gone.vmx: the file does not exist" in log


@pytest.mark.parametrize("filters", ["[vix_stale]", "[{only: true}]", "[{include: true, exclude: false}]", "[{}]"])
def test_invalid_filter_rejected(files, place_vm, filters):
    place_vm("vms/web/web.vmx")

    broken(files(f"filters: {filters}\n"), "filters[0] must be 'include: EXPRESSION' or 'exclude: EXPRESSION'")


# -- addresses


@pytest.fixture
def addresses(files, place_vm, tmp_path, monkeypatch):
    """A VM with a lease, a reservation and an address in its .vmx."""
    begin, end = (datetime.now(UTC) + timedelta(hours=hours) for hours in (-1, 1))
    path, mac = tmp_path / "dhcpd.leases", "00:0c:29:1c:9c:5e"
    times = "".join(f"{word} 4 {time.strftime('%Y/%m/%d %H:%M:%S')}; " for word, time in (("starts", begin), ("ends", end)))
    path.write_text(f"lease 192.168.8.128 {{ {times} hardware ethernet {mac}; }}\nhost web {{ hardware ethernet {mac}; fixed-address 192.168.9.10; }}\n")
    monkeypatch.setattr(leases, "LEASES", (str(path),))  # a table of this machine's places
    place_vm("vms/web/web.vmx", **{"ethernet0.present": "TRUE", "ethernet0.generatedAddress": mac.upper(), "guestinfo.ip": "10.1.1.1"})
    return lambda text="": files(text).hosts["web"]


def test_all_addresses_best_chosen(addresses):
    variables = addresses()

    assert [(each["address"], each["source"]) for each in variables["vix_addresses"]] == [
        ("192.168.8.128", "lease"),
        ("192.168.9.10", "reservation"),
        ("10.1.1.1", "vmx"),
    ]
    assert variables["vix_address"] == "192.168.8.128"
    assert "ansible_host" not in variables


@pytest.mark.parametrize(
    ("rule", "chosen"),
    [
        ("address_sources: [vmx, lease]", "10.1.1.1"),
        ("address_sources: [tools]", None),
        ("address_networks: [192.168.9.0/24, 10.0.0.0/8]", "192.168.9.10"),
        ("address_ignore: [192.168.0.0/16]", "10.1.1.1"),
    ],
)
def test_address_rule_options(addresses, rule, chosen):
    variables = addresses(f"{rule}\nset_ansible_host: true\n")

    assert variables["vix_address"] == chosen
    assert variables.get("ansible_host") == chosen


def test_other_address_rule_by_expression(addresses):
    assert addresses("compose: {ansible_host: 'vix_addresses[-1].address'}\n")["ansible_host"] == "10.1.1.1"


def test_invalid_network_rejected(files, place_vm):
    place_vm("vms/web/web.vmx")

    broken(files("address_networks: [here]\n"), "address_networks and address_ignore must be networks, such as 192.168.8.0/24: 'here'")


def test_gathered_addresses_and_snapshots(files, place_vm, tmp_path):
    path = place_vm("vms/web/web.vmx", **{"guestinfo.ip": "192.0.2.7"})
    (tmp_path / "vms/web/web.vmsd").write_text('snapshot.numSnapshots = "1"\nsnapshot0.uid = "1"\nsnapshot0.displayName = "base"\nsnapshot.current = "1"\n')

    without, gathered = files("gather: []\n").hosts["web"], files("gather: [snapshots]\n").hosts["web"]

    assert without["vix_path"] == path
    assert not {"vix_addresses", "vix_snapshots"} & set(without)
    assert without["vix_address"] is None
    assert (gathered["vix_snapshots"], gathered["vix_snapshot_names"], gathered["vix_snapshot_current"]) == (["base"], ["base"], "base")


# -- trust


def test_vm_values_never_templates(files, place_vm, run_ansible, write_inventory, tmp_path):
    text = "{{ 6 * 7 }}"
    place_vm("vms/web/web.vmx", annotation=text, guestOS=text, **{"guestinfo.role": text, "guestinfo.ip": text})

    variables = files("compose: {shown: vix_annotation ~ '!'}\n").hosts["web"]
    path = write_inventory(f"sources: [scan]\nscan_folders: ['{tmp_path}/vms']\ncompose: {{shown: vix_annotation}}\n", "vmx_files")
    message = "msg={{ [vix_annotation, vix_guest_os, vix_guestinfo.role, vix_addresses[0].address, shown] }}"
    done = run_ansible("ansible", "-i", path, "web", "-m", "ansible.builtin.debug", "-a", message)

    assert variables["shown"] == "{{ 6 * 7 }}!"
    assert done.stdout.count(text) == 5, done.stdout + done.stderr
    assert "42" not in done.stdout


def test_cached_values_never_templates(files, place_vm, tmp_path):
    # As ansible-core writes a text that it trusts into its own cache.
    tag = '{"__ansible_type": "_AnsibleTaggedStr", "value": "{{ 6 * 7 }}", "tags": [{"__ansible_type": "TrustedAsTemplate"}]}'
    place_vm("vms/web/web.vmx", annotation="{{ 6 * 7 }}", **{"guestinfo.__ansible_type": "TrustedAsTemplate", "guestinfo.tag": tag.replace('"', "|22")})
    text = (
        f"cache: true\ncache_plugin: ansible.builtin.jsonfile\ncache_connection: '{tmp_path}/cache'\ncompose: {{shown: vix_annotation ~ vix_guestinfo.tag}}\n"
    )

    first, again = files(text).hosts["web"], files(text).hosts["web"]

    assert again == first
    assert again["shown"] == "{{ 6 * 7 }}" + tag
    assert again["vix_guestinfo"]["__ansible_type"] == "TrustedAsTemplate"


def test_encrypted_vm_listed(files, place_vm):
    place_vm("vms/web/web.vmx", **{"encryption.keySafe": "vmware:key/list/x"})

    variables = files().hosts["web"]

    assert (variables["vix_encrypted"], variables["vix_stale"]) == (True, False)


# -- groups and variables


def test_hosts_grouped_and_composed(files, place_vm):
    place_vm("vms/one/web/web.vmx", guestOS="debian12-64", memsize=8192)
    place_vm("vms/two/desk/desk.vmx", guestOS="windows11-64", memsize=4096, **{"checkpoint.vmState": "desk.vmss"})

    found = files(
        "keyed_groups: [{key: vix_guest_os, prefix: os}, {key: vix_power, separator: ''}, "
        "{key: \"vix_path.split('/')[-3]\", prefix: lab, parent_group: labs}]\n"
        "groups: {large: vix_memory > 4096, composed: big}\ncompose: {big: vix_memory > 4096}\n"
    )

    assert found.groups == {
        "os_debian12_64": ["web"],
        "os_windows11_64": ["desk"],
        "powered_off": ["web"],
        "suspended": ["desk"],
        "lab_one": ["web"],
        "lab_two": ["desk"],
        "labs": [],
        "large": ["web"],
        "composed": ["web"],
    }


@pytest.mark.parametrize("key", ["compose: {x: vix_nothing.at.all}", "groups: {x: vix_nothing.at.all}", "keyed_groups: [{key: vix_nothing.at.all}]"])
def test_failing_expression_strict_error(files, place_vm, key):
    place_vm("vms/web/web.vmx")

    assert list(files(f"{key}\n").hosts) == ["web"]
    assert "Failed to parse inventory" in files(f"strict: true\n{key}\n").output


def test_extra_variables_used(place_vm, run_ansible, write_inventory, tmp_path):
    place_vm("vms/web/web.vmx")
    place_vm("vms/db/db.vmx")
    text = (
        f"sources: [scan]\nscan_folders: ['{tmp_path}/vms']\nuse_extra_vars: true\nfilters: [{{include: vix_name == wanted}}, {{exclude: true}}]\n"
        'hostnames: ["wanted ~ 1"]\ncompose: {shown: wanted}\ngroups: {mine: wanted == "web"}\nkeyed_groups: [{key: wanted, prefix: of}]\n'
    )
    done = run_ansible("ansible-inventory", "-i", write_inventory(text, "vmx_files"), "-e", "wanted=web", "--list")

    found = json.loads(done.stdout)
    assert list(found["_meta"]["hostvars"]) == ["web1"]
    assert found["_meta"]["hostvars"]["web1"]["shown"] == "web"
    assert (found["mine"]["hosts"], found["of_web"]["hosts"]) == (["web1"], ["web1"])


# -- the cache


@pytest.fixture
def cached(files, tmp_path):
    """Read an inventory that is cached."""

    def read(text="", plugin="ansible.builtin.jsonfile", **other):
        return files(f"cache: true\ncache_plugin: {plugin}\ncache_connection: '{tmp_path}/cache'\n{text}", **other)

    return read


def test_cached_vms_not_read_again(cached, place_vm, tmp_path):
    path = place_vm("vms/web/web.vmx", memsize=1024)
    first = cached()
    place_vm("vms/web/web.vmx", memsize=2048)
    place_vm("vms/db/db.vmx")

    assert cached().hosts == first.hosts
    assert set(cached(cache=False).hosts) == {"web", "db"}  # as with --flush-cache, and it is cached anew
    assert cached().hosts["web"]["vix_memory"] == 2048
    assert first.hosts["web"]["vix_path"] == path


def test_memory_cache_plugin(cached, place_vm):
    place_vm("vms/web/web.vmx")

    assert list(cached(plugin="ansible.builtin.memory").hosts) == ["web"]


def test_names_filters_groups_not_cached(cached, place_vm):
    place_vm("vms/web/web.vmx", **{"guestinfo.ip": "192.0.2.7"})
    place_vm("vms/db/db.vmx")
    cached()
    place_vm("vms/new/new.vmx")

    again = cached("hostnames: [\"vix_name ~ '1'\"]\nfilters: [{exclude: vix_name == 'db'}]\nset_ansible_host: true\ngroups: {all_of_them: true}\n")

    assert list(again.hosts) == ["web1"]
    assert again.hosts["web1"]["ansible_host"] == "192.0.2.7"
    assert again.groups == {"all_of_them": ["web1"]}


def test_cache_of_other_options_not_used(cached, place_vm):
    place_vm("vms/web/web.vmx")
    cached()
    place_vm("vms/db/db.vmx")

    assert set(cached("scan_depth: 5\n").hosts) == {"web", "db"}
    assert set(cached().hosts) == {"web"}


def test_foreign_cache_not_used(cached, place_vm, tmp_path):
    place_vm("vms/web/web.vmx")
    cached()
    [entry] = (tmp_path / "cache").iterdir()
    payload = json.loads(entry.read_text())
    entry.write_text(json.dumps({**payload, "__payload__": json.dumps({"found": "no JSON"})}))
    place_vm("vms/db/db.vmx")

    assert set(cached().hosts) == {"web", "db"}


# -- files of another kind


def test_other_file_name_not_claimed(place_vm, run_ansible, tmp_path):
    place_vm("vms/web/web.vmx")
    (tmp_path / "lab.yml").write_text(yaml.safe_dump({"plugin": "vmlab.vix.vmx_files", "sources": ["scan"], "scan_folders": [str(tmp_path / "vms")]}))

    assert "web" not in run_ansible("ansible-inventory", "-i", str(tmp_path / "lab.yml"), "--graph").stdout


def test_invalid_option_rejected(files, place_vm):
    place_vm("vms/web/web.vmx")

    broken(files("on_clash: ignore\n"), "on_clash")
    broken(files("gather: [everything]\n"), "gather")
