# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.vmlab.vix.plugins.module_utils._files import leases
from ansible_collections.vmlab.vix.plugins.module_utils._state import vms

MAC = "00:0c:29:1c:9c:5e"
LEASE = f"""\
lease 192.168.8.128 {{
    starts 4 2020/01/01 00:00:00;
    ends never;
    hardware ethernet {MAC};
}}
"""


@pytest.fixture
def asked(openvix, on_host, monkeypatch, tmp_path):
    """Write a VM's card into its .vmx and the leases of this machine, and ask for its addresses and for what else there is to say."""

    def ask(text, **settings):
        web = openvix.add_vm("web", power="powered_on", **settings)
        with open(web, "a", encoding="utf-8") as file:
            file.write(f'ethernet0.present = "TRUE"\nethernet0.generatedAddress = "{MAC.upper()}"\nguestinfo.ip = "192.0.2.7"\n')
        path = tmp_path / "dhcpd.leases"
        path.write_text(text, encoding="utf-8")
        monkeypatch.setattr(leases, "LEASES", (str(path),))  # a table of this machine's places
        monkeypatch.setattr(leases, "RESERVATIONS", ())

        def work(host):
            look = vms.Look(["addresses"])
            return vms.describe(host, web, look)["addresses"], look.problems()

        return on_host(work, timeout=60)

    return ask


def test_dhcp_address_if_tools_have_none(asked):
    """The lesson of hashicorp/vagrant-vmware-desktop pull request 127: ask again, then look at the leases."""
    addresses, problems = asked(LEASE)

    assert addresses == [{"address": "192.168.8.128", "source": "lease"}, {"address": "192.0.2.7", "source": "vmx"}]
    assert problems == []


def test_tools_address_first(asked):
    addresses = asked(LEASE, ip="192.0.2.9")[0]

    assert [each["source"] for each in addresses] == ["tools", "lease", "vmx"]
    assert addresses[0]["address"] == "192.0.2.9"


def test_unreadable_leases_reported(asked):
    addresses, (problem,) = asked(LEASE + "lease 192.168.8.129 {")

    assert addresses[0]["address"] == "192.168.8.128"
    assert "it ends in the middle of an entry" in problem
