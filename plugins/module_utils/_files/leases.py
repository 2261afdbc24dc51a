# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The addresses that the DHCP servers of VMware's networks have given out, by the MAC address of the network card."""

from __future__ import annotations

import glob
import ipaddress
import os
import re
from collections import namedtuple
from datetime import datetime, timezone

from .vmx import MAX_BYTES, BrokenFile, read_bytes

# Where each product has its leases. While VMware's server writes them anew, the old ones lie beside them, with a ~ at the end.
LEASES = (
    "/etc/vmware/vmnet*/dhcpd/dhcpd.leases",  # Workstation and Player on Linux
    "/var/lib/vmware/vmnet*/dhcpd/dhcpd.leases",  # the same, as some distributions package it
    "/var/db/vmware/vmnet-dhcpd-vmnet*.leases",  # Fusion to version 11, and again from 12.2 on
    "/var/db/dhcpd_leases",  # Fusion 12.0 and 12.1, where macOS itself is the server
    "/mnt/c/ProgramData/VMware/vmnetdhcp.leases",  # Workstation on Windows, as its Linux subsystem sees it
)
# Addresses that somebody reserved by hand; nothing is written to the leases about those.
RESERVATIONS = (
    "/etc/vmware/vmnet*/dhcpd/dhcpd.conf",
    "/Library/Preferences/VMware Fusion/vmnet*/dhcpd.conf",
    "/mnt/c/ProgramData/VMware/vmnetdhcp.conf",
)

TOKEN = re.compile(r'"[^"\n]*"|#[^\n]*|[{};]|[^\s{};"#]+')
DEEPEST = 32  # blocks within each other
APPLE_SECONDS = 86400  # for how long macOS gives a lease, of which it notes the end alone
TRUNCATED = "it ends in the middle of an entry"

# start: seconds since 1970, 0 of a reservation; end: the same, or None where there is none; source: lease or reservation.
Lease = namedtuple("Lease", "mac address start end source")

# addresses: (address, source) by MAC address, the newest first; problems: messages about files.
Known = namedtuple("Known", "addresses problems")


def known(now, root="/"):
    """Return what all files together say of the time now, in seconds since 1970. root: where the machine's files begin.

    What has ended is left out, and so is what another card was given later. A file that is broken is a problem, and hides no other.
    """
    found, problems = [], []
    for pattern in (*LEASES, *(f"{pattern}~" for pattern in LEASES), *RESERVATIONS):
        for path in sorted(glob.glob(os.path.join(root, pattern.lstrip("/")))):
            try:
                leases, wrong = read(path)
            except FileNotFoundError:  # it was there a moment ago
                continue
            except BrokenFile as error:
                problems.append(str(error))
                continue
            found += leases
            problems += [f"{path}: {'; '.join(wrong)}"] if wrong else []
    return Known(_in_force(found, now), problems)


def read(path):
    """Read a file of leases or reservations; return the Leases, and messages about what was skipped. Raises FileNotFoundError and BrokenFile."""
    raw = read_bytes(path)
    if len(raw) > MAX_BYTES:
        raise BrokenFile(path, f"it is larger than {MAX_BYTES >> 20} MiB")
    if b"\0" in raw:
        raise BrokenFile(path, "it is not a text file")
    text = raw.decode("utf-8", "replace")
    return _of_apple(text) if text.lstrip().startswith("{") else _of_isc(text, path)


def _in_force(leases, now):
    holders, found = {}, {}
    for lease in sorted((lease for lease in leases if lease.source == "lease"), key=lambda lease: lease.start):  # of equals the order of the files
        holders[lease.address] = lease
    held = {address: lease for address, lease in holders.items() if lease.end is None or lease.end > now}
    for lease in leases:
        if lease.source == "reservation":
            held.setdefault(lease.address, lease)
    for lease in sorted(held.values(), key=lambda lease: lease.start, reverse=True):
        found.setdefault(lease.mac, []).append((lease.address, lease.source))
    return found


def _of_isc(text, path):
    """The leases of the server that VMware ships, and its configuration, which is written in the same way."""
    leases, blocks, words, has_strays = [], [], [], False
    for token in TOKEN.findall(text):
        if token == "{":
            if len(blocks) == DEEPEST:
                raise BrokenFile(path, "its blocks are nested too deep")
            blocks.append((words[:2], {}))
            words = []
        elif token == "}":
            if blocks:
                leases += _isc_lease(*blocks.pop())
            else:
                has_strays = True
            words = []
        elif token == ";":
            if blocks and words:
                blocks[-1][1][words[0]] = words[1:]
            words = []
        elif not token.startswith("#"):
            words.append(token)
    problems = ([TRUNCATED] if blocks or words else []) + (["it has too many closing braces"] if has_strays else [])
    return leases, problems


def _isc_lease(head, said):
    kind = head[0] if head else ""
    mac = _mac(said.get("hardware", ["", ""])[-1])
    if kind not in ("lease", "host") or not mac or "abandoned" in said or said.get("binding", ["state", "active"]) != ["state", "active"]:
        return []
    if kind == "host":
        return [Lease(mac, address, 0, None, "reservation") for address in _addresses(said.get("fixed-address", []))]
    start, end = _time(said.get("starts", [])), _time(said.get("ends", []))
    if said.get("ends") != ["never"] and end is None:
        return []
    return [Lease(mac, address, start or 0, end, "lease") for address in _addresses(head[1:])]


def _of_apple(text):
    """The leases of macOS: a block of KEY=VALUE for each, with the end alone, and numbers of one digit in MAC addresses."""
    leases, said, has_strays = [], None, False
    for line in map(str.strip, text.splitlines()):
        if line == "{":
            said = {}
        elif line == "}" and said is not None:
            leases += _apple_lease(said)
            said = None
        elif said is not None:
            key, value = line.partition("=")[::2]
            said[key] = value
        elif line:
            has_strays = True
    return leases, ([TRUNCATED] if said is not None else []) + (["it has lines outside of any entry"] if has_strays else [])


def _apple_lease(said):
    kind, mac = said.get("hw_address", "").partition(",")[::2]
    end = said.get("lease", "")
    if kind != "1" or not _mac(mac) or not re.fullmatch("0x[0-9A-Fa-f]{1,12}", end):
        return []
    end = int(end, 16)
    return [Lease(_mac(mac), address, max(0, end - APPLE_SECONDS), end, "lease") for address in _addresses([said.get("ip_address", "")])]


def _mac(text):
    """A MAC address in lower case with two digits for each number, empty for what is none."""
    numbers = text.lower().split(":")
    return ":".join(number.zfill(2) for number in numbers) if len(numbers) == 6 and all(re.fullmatch("[0-9a-f]{1,2}", number) for number in numbers) else ""


def _addresses(words):
    found = []
    for word in words:
        try:
            found.append(str(ipaddress.ip_address(word.rstrip(","))))
        except ValueError:  # a name, or nothing
            continue
    return found


def _time(words):
    """Seconds since 1970 of a time as 4 2026/09/03 13:42:03, which is in UTC; None of anything else."""
    try:
        return datetime.strptime(" ".join(words[1:]), "%Y/%m/%d %H:%M:%S").replace(tzinfo=timezone.utc).timestamp()
    except ValueError:
        return None
