# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.vmlab.vix.plugins.module_utils._state.addresses import Rule

SOURCES = ("tools", "lease", "reservation", "vmx")


def addresses_of(*addresses):
    return [{"address": address, "source": source} for address, source in addresses]


def choose(addresses, sources=SOURCES, networks=(), ignored=()):
    return Rule(sources, networks, ignored).choose(addresses_of(*addresses))


def test_best_source_chosen():
    addresses = [("192.0.2.1", "vmx"), ("192.0.2.2", "lease"), ("192.0.2.3", "tools"), ("192.0.2.4", "reservation")]

    assert choose(addresses) == "192.0.2.3"
    assert choose(addresses, ["lease", "tools"]) == "192.0.2.2"
    assert choose(addresses, ["vmx"]) == "192.0.2.1"


def test_first_address_of_equal_source():
    assert choose([("192.0.2.1", "lease"), ("192.0.2.2", "lease")]) == "192.0.2.1"


def test_unlisted_source_not_used():
    assert choose([("192.0.2.1", "vmx")], ["tools", "lease"]) is None


def test_networks_precede_sources():
    addresses = [("10.0.0.1", "tools"), ("192.0.2.7", "lease"), ("198.51.100.7", "vmx")]

    assert choose(addresses, networks=["192.0.2.0/24"]) == "192.0.2.7"
    assert choose(addresses, networks=["198.51.100.0/24", "192.0.2.0/24"]) == "198.51.100.7"
    assert choose(addresses, networks=["203.0.113.0/24"]) is None


def test_ignored_address_not_chosen():
    """The lesson of vmware/open-vm-tools issue 93: Tools report the bridge of Docker."""
    addresses = [("172.17.0.1", "tools"), ("fe80::1", "tools"), ("192.0.2.7", "lease")]

    assert choose(addresses, ignored=["172.17.0.1/32", "fe80::/10"]) == "192.0.2.7"
    assert choose(addresses[:2], ignored=["172.17.0.1/32", "fe80::/10"]) is None


@pytest.mark.parametrize("text", ["", "unknown", "{{ 1 }}", "192.0.2.1; rm", "1.2.3"])
def test_invalid_address_not_chosen(text):
    assert choose([(text, "tools"), ("192.0.2.7", "vmx")]) == "192.0.2.7"


def test_ipv4_and_ipv6_networks():
    assert choose([("2001:db8::1", "tools")], networks=["192.0.2.0/24", "2001:db8::/32"]) == "2001:db8::1"
    assert choose([("2001:db8::1", "tools")], networks=["192.0.2.0/24"]) is None


def test_network_written_as_host_address():
    assert choose([("192.0.2.7", "tools")], networks=["192.0.2.1/24"]) == "192.0.2.7"


def test_no_addresses_none():
    assert choose([]) is None


@pytest.mark.parametrize("text", ["192.0.2.0/33", "here"])
def test_invalid_network_raises(text):
    with pytest.raises(ValueError, match=text.partition("/")[0]):
        Rule(SOURCES, [], [text])
