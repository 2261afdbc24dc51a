# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import os
import time

import pytest
from ansible_collections.vmlab.vix.plugins.module_utils._files import leases
from ansible_collections.vmlab.vix.plugins.module_utils._files.vmx import BrokenFile

NOW = 1788442923  # 3 September 2026, 13:42:03 UTC
WEB, DB = "00:0c:29:1c:9c:5e", "00:0c:29:aa:bb:cc"

# As vmnet-dhcpd of Workstation 17 on Linux writes it.
WORKSTATION = """\
# All times in this file are in UTC (GMT), not your local timezone.   This is
# not a bug, so please don't ask about it.   There is no portable way to
# store leases in the local timezone, so please don't request this as a
# feature.   If this is inconvenient or confusing to you, we sincerely
# apologize.   Seriously, though - don't ask.
# The format of this file is documented in the dhcpd.leases(5) manual page.

lease 192.168.8.128 {
\tstarts 4 2026/09/03 13:12:03;
\tends 4 2026/09/03 13:42:04;
\thardware ethernet 00:0c:29:1c:9c:5e;
\tuid 01:00:0c:29:1c:9c:5e;
\tclient-hostname "web {1};";
}
lease 192.168.8.129 {
\tstarts 4 2026/09/03 13:00:00;
\tends 4 2026/09/03 13:42:03;
\thardware ethernet 00:0c:29:aa:bb:cc;
}
"""
# As that of Fusion 13 does while a lease is renewed (hashicorp/vagrant-vmware-desktop issue 129), and after a guest gave one back (issue 36).
FUSION = """\
lease 192.168.8.131 {
\tstarts 4 2026/09/03 13:00:00;
\tends 4 2026/09/03 13:30:00;
\thardware ethernet 00:0c:29:1c:9c:5e;
}
lease 192.168.8.131 {
\tstarts 4 2026/09/03 13:30:00;
\tends 4 2026/09/03 15:30:00;
\thardware ethernet 00:0c:29:1c:9c:5e;
}
lease 192.168.8.132 {
\tstarts 4 2026/09/03 13:41:00;
\tends 4 2026/09/03 13:41:01;
\thardware ethernet 00:0c:29:1c:9c:5e;
}
"""
# As macOS 11 does, which Fusion 12.0 hands the work to; and the newer kind of macOS 15, which has no MAC address (crc-org/vfkit issue 242).
MACOS = """\
{
\tname=web
\tip_address=192.168.64.30
\thw_address=1,0:c:29:1c:9c:5e
\tidentifier=1,0:c:29:1c:9c:5e
\tlease=0x6a997cac
}
{
\tname=other
\tip_address=192.168.64.31
\thw_address=ff,f1:f5:dd:7f:0:2:0:0:ab:11:b5:40:7c:3:e2:a9:8c:b3
\tidentifier=ff,f1:f5:dd:7f:0:2:0:0:ab:11:b5:40:7c:3:e2:a9:8c:b3
\tlease=0x7fffffff
}
"""
# As VMware's network editor writes it, with what people add below.
CONFIGURATION = """\
allow unknown-clients;
subnet 192.168.8.0 netmask 255.255.255.0 {
\trange 192.168.8.128 192.168.8.254;
\toption domain-name "localdomain";
}
host vmnet8 {
\thardware ethernet 00:50:56:C0:00:08;
\tfixed-address 192.168.8.1;
}
####### VMNET DHCP Configuration. End of "DO NOT MODIFY SECTION" #######
group { host web { hardware ethernet 00:0C:29:1C:9C:5E; fixed-address 192.168.8.10, 192.168.9.10; } }
"""
PLACES = {
    "etc/vmware/vmnet8/dhcpd/dhcpd.leases": WORKSTATION,
    "var/lib/vmware/vmnet8/dhcpd/dhcpd.leases": WORKSTATION,
    "var/db/vmware/vmnet-dhcpd-vmnet8.leases": FUSION,
    "var/db/dhcpd_leases": MACOS,
    "mnt/c/ProgramData/VMware/vmnetdhcp.leases": WORKSTATION.replace("\n", "\r\n"),
    "etc/vmware/vmnet8/dhcpd/dhcpd.conf": CONFIGURATION,
    "Library/Preferences/VMware Fusion/vmnet8/dhcpd.conf": CONFIGURATION,
    "mnt/c/ProgramData/VMware/vmnetdhcp.conf": CONFIGURATION,
}
EXPECTED = {WORKSTATION: "192.168.8.128", FUSION: "192.168.8.131", MACOS: "192.168.64.30", CONFIGURATION: "192.168.8.10"}


@pytest.fixture
def known(tmp_path):
    """What is known of a machine with some files."""

    def write_and_read(files, now=NOW):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
        return leases.known(now, str(tmp_path))

    return write_and_read


@pytest.mark.parametrize("place", PLACES)
def test_files_of_each_product_read(known, place):
    """The lesson of hashicorp/packer issue 6691: each version has its own place and form."""
    found = known({place: PLACES[place]})

    assert found.problems == []
    assert found.addresses[WEB][0][0] == EXPECTED[PLACES[place].replace("\r", "")]


def test_no_files_nothing_known(known):
    assert known({}) == ({}, [])


def test_expired_leases_skipped(known):
    """The lesson of hashicorp/packer issue 11207: an old file stays where it was, with leases that are long over."""
    assert known({"etc/vmware/vmnet8/dhcpd/dhcpd.leases": WORKSTATION}).addresses == {WEB: [("192.168.8.128", "lease")]}
    assert known({}, now=NOW - 1).addresses[DB] == [("192.168.8.129", "lease")]
    assert known({}, now=NOW + 1).addresses == {}


@pytest.fixture
def _elsewhere(monkeypatch):
    """The time of a zone that is not UTC."""
    monkeypatch.setenv("TZ", "NST-5:30")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("_elsewhere")
def test_times_are_utc_in_any_zone(known):
    assert known({"etc/vmware/vmnet8/dhcpd/dhcpd.leases": WORKSTATION}).addresses == {WEB: [("192.168.8.128", "lease")]}


def test_renewed_and_released_leases(known):
    assert known({"var/db/vmware/vmnet-dhcpd-vmnet8.leases": FUSION}).addresses == {WEB: [("192.168.8.131", "lease")]}


def test_address_of_latest_card_only(known):
    text = "".join(
        f"lease 192.168.8.{number} {{ starts 4 2026/09/03 13:{minute}:00; ends never; hardware ethernet {mac}; }}\n"
        for number, minute, mac in ((7, 10, WEB), (8, 11, WEB), (9, 12, WEB), (7, 20, DB))
    )

    assert known({"etc/vmware/vmnet1/dhcpd/dhcpd.leases": text}).addresses == {
        WEB: [("192.168.8.9", "lease"), ("192.168.8.8", "lease")],
        DB: [("192.168.8.7", "lease")],
    }


@pytest.mark.parametrize("statement", ["abandoned;", "binding state free;", "hardware ethernet 00:0c:29;", "ends soon;", "ends 4 2026/13/45 99:00:00;"])
def test_inactive_lease_skipped(known, statement):
    text = f"lease 192.168.8.7 {{ starts 4 2026/09/03 13:10:00; ends never; hardware ethernet {WEB}; {statement} }}"

    assert known({"etc/vmware/vmnet1/dhcpd/dhcpd.leases": text}) == ({}, [])


def test_backup_lease_file_read(known):
    """The lesson of hashicorp/vagrant issue 3928: the lease is in the file with the tilde for a while."""
    found = known({"var/db/vmware/vmnet-dhcpd-vmnet8.leases": "", "var/db/vmware/vmnet-dhcpd-vmnet8.leases~": FUSION})

    assert found.addresses == {WEB: [("192.168.8.131", "lease")]}


def test_reservation_unless_address_taken(known):
    files = {"etc/vmware/vmnet8/dhcpd/dhcpd.conf": CONFIGURATION}

    assert known(files).addresses[WEB] == [("192.168.8.10", "reservation"), ("192.168.9.10", "reservation")]
    other = f"lease 192.168.8.10 {{ starts 4 2026/09/03 13:10:00; ends never; hardware ethernet {DB}; }}"
    assert known({"etc/vmware/vmnet8/dhcpd/dhcpd.leases": other}).addresses[WEB] == [("192.168.9.10", "reservation")]
    over = f"lease 192.168.8.10 {{ starts 4 2026/09/03 13:10:00; ends 4 2026/09/03 13:11:00; hardware ethernet {DB}; }}"
    assert known({"etc/vmware/vmnet8/dhcpd/dhcpd.leases": over}).addresses[WEB][0] == ("192.168.8.10", "reservation")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (WORKSTATION[:-40], "it ends in the middle of an entry"),
        (MACOS[:-20], "it ends in the middle of an entry"),
        (WORKSTATION + "}\n", "it has too many closing braces"),
        (b"\x7fELF\0", "it is not a text file"),
        (b" " * ((4 << 20) + 1), "it is larger than 4 MiB"),
        ("a { " * 10 + WORKSTATION, "it ends in the middle of an entry"),
        ("{" * 10 + WORKSTATION, "it has lines outside of any entry"),
        ("a {" * 100, "its blocks are nested too deep"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else "bytes",
)
def test_broken_file_one_problem(known, tmp_path, text, problem):
    found = known({"etc/vmware/vmnet1/dhcpd/dhcpd.leases": text, "var/db/vmware/vmnet-dhcpd-vmnet8.leases": FUSION})

    assert found.problems == [f"{tmp_path}/etc/vmware/vmnet1/dhcpd/dhcpd.leases: {problem}"]
    assert found.addresses[WEB][0] in (("192.168.8.131", "lease"), ("192.168.64.30", "lease"))


def test_unreadable_file_reported(known, tmp_path):
    place = tmp_path / "etc/vmware/vmnet8/dhcpd/dhcpd.leases"
    place.mkdir(parents=True)

    assert known({}).problems == [f"{place}: it is not a file"]


def test_lease_without_time_yields(known):
    rest = f"ends never; hardware ethernet {WEB};"
    text = f"lease 192.168.8.7 {{ {rest} }} lease 192.168.8.8 {{ starts 4 2026/09/03 13:10:00; {rest} }}"

    assert known({"etc/vmware/vmnet1/dhcpd/dhcpd.leases": text}).addresses == {WEB: [("192.168.8.8", "lease"), ("192.168.8.7", "lease")]}


def test_any_bytes_leases_or_broken_file(tmp_path):
    hypothesis = pytest.importorskip("hypothesis")
    st = hypothesis.strategies
    path = tmp_path / "leases"
    pieces = [
        "lease ",
        "host ",
        "192.168.8.7",
        "{",
        "}",
        ";",
        "\n",
        "#",
        '"',
        "hardware ethernet ",
        WEB,
        "starts 4 2026/09/03 13:10:00",
        "ends never",
        "=",
        "\0",
        "ä",
    ]
    lines = [line for text in (WORKSTATION, FUSION, MACOS, CONFIGURATION) for line in text.splitlines(True)]

    @hypothesis.settings(deadline=None, max_examples=300)
    @hypothesis.given(st.one_of(st.binary(), st.lists(st.sampled_from(pieces + lines)).map(lambda texts: "".join(texts).encode("utf-8"))))
    def throw(raw):
        path.write_bytes(raw)
        try:
            found, problems = leases.read(str(path))
        except BrokenFile:
            return
        assert len(problems) == len(set(problems))
        for lease in found:
            assert len(lease.mac) == 17
            assert os.linesep not in lease.address
            assert lease.end is None or lease.end >= 0

    throw()


@pytest.mark.parametrize("text", ["{}" * (2 << 20), "a " * (2 << 20), '"' * (4 << 20), "lease 1.2.3.4 { } " * 200000, "lease a {" * 400000])
def test_large_malformed_file_bounded_time(tmp_path, text):
    path = tmp_path / "leases"
    path.write_text(text)
    begin = time.process_time()
    with contextlib.suppress(BrokenFile):
        leases.read(str(path))

    assert time.process_time() - begin < 20  # seconds; a quadratic way takes hours
