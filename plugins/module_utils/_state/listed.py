# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The VMs of a host, listed by VIX, and the VMs of this machine, listed by their files."""

from __future__ import annotations

import queue
import threading
import time
from functools import partial

from .._files import leases, library, scan, vmx
from .._files.places import Places
from .._files.vm import VMFiles, snapshot_facts, stem
from .._files.vmx import BrokenFile
from .._vix import states
from .._vix.errors import NotSupported, PasswordNeeded, TimedOut, VixError
from .._vix.snapshot import flat

POLL = 0.1  # seconds between two looks at VMs that do not answer

# The facts of every VM, and their values if nothing is known.
UNKNOWN: dict[str, object] = {
    "name": None,
    "power": "unknown",
    "power_details": (),
    "power_unknown_bits": 0,
    "tools": "unknown",
    "guest_os": None,
    "cpus": None,
    "memory": None,
    "encrypted": False,
    "locked": None,
    "question_pending": False,
    "annotation": "",
    "guestinfo": {},
    "stale": False,
    "error": None,
}
GATHERED: dict[str, dict[str, object]] = {
    "addresses": {"addresses": ()},
    "snapshots": {"snapshots": None, "snapshot_names": None, "snapshot_current": None},
}


class Findings:
    """The VMs that were listed, and messages about the search.

    vms: dictionaries; left_out: (path, reason) of files that are not listed; problems: warnings; notes: messages for verbose output.
    """

    def __init__(self):
        self.vms, self.left_out, self.problems, self.notes = [], [], [], []

    def as_dict(self):
        return {"vms": self.vms, "left_out": self.left_out, "problems": self.problems, "notes": self.notes}


def on_host(look, host):
    """Return the VMs that a host lists, described by VIX, as Findings.as_dict().

    look: has sources (of running, registered), is_local, gather, guestinfo_exclude, concurrency (VMs at once) and vm_timeout (seconds for each).
    """
    findings, listed = Findings(), {}
    for source, ask in (("running", host.running), ("registered", host.registered)):
        if source in look.sources:
            try:
                paths = ask()
            except NotSupported as error:
                findings.notes.append(f"no VM is listed as {source}: {error}")
                continue
            for path in paths:
                listed.setdefault(path, []).append(source)
    files, places = (_files(look, findings), Places()) if look.is_local else (None, None)
    host.wait_inside()  # since _side_by_side() checks the time, and leaves late threads behind
    describe = partial(_described_by_vix, look, host, files, places)
    silent = partial(_silent, look, files, places)
    for facts, problems in _side_by_side(describe, silent, list(listed.items()), look.concurrency, partial(host.within, look.vm_timeout)):
        findings.vms.append(facts)
        findings.problems += problems
    return findings.as_dict()


def in_files(look, visit):
    """Return the VMs of VMware's lists and of directories of this machine, described by their files alone, as Findings.as_dict().

    look: has sources (of library, scan), gather, guestinfo_exclude, home (home directory of the user whose lists they are), scan_folders (directories;
    empty: those in which VMware stores that user's VMs), scan_depth, scan_patterns and scan_exclude. visit: called with what is read next.
    """
    findings, listed = Findings(), {}
    if "library" in look.sources:
        visit(f"reading VMware's lists in {look.home}")
        known, broken = library.listed_vms(look.home)
        findings.problems += map(str, broken)
        for path, real, name in known:
            listed[real] = (path, name, ["library"])
    if "scan" in look.sources:
        for path, real in _searched(look, visit, findings):
            sources = listed.setdefault(real, (path, None, []))[2]
            sources += ["scan"] if "scan" not in sources else []
    files = _files(look, findings)
    for real, (path, name, sources) in listed.items():
        visit(path)
        facts, problems = _described_by_files(files, path)
        if sources == ["scan"] and facts.get("stale") and _is_foreign(path):
            findings.left_out.append((path, "no line in it is KEY = VALUE, so it is not VMware's"))
            continue
        facts["guest_os"] = _guest_os(facts)
        findings.vms.append({**_blank(look), **facts, "name": facts.get("name") or name or stem(path), "path": path, "real": real, "sources": sources})
        findings.problems += problems
    return findings.as_dict()


def _searched(look, visit, findings):
    folders = look.scan_folders or library.folders(look.home)
    if not folders:
        findings.notes.append(f"nothing is searched: none of VMware's default directories is in {look.home}, and scan_folders is empty")
    found = scan.search(folders, look.scan_depth, look.scan_patterns, look.scan_exclude, lambda folder: visit(f"searching {folder}"))
    findings.left_out += found.left_out
    findings.problems += found.problems
    return found.found


def _files(look, findings):
    known = leases.known(time.time()) if "addresses" in look.gather else leases.Known({}, [])
    findings.problems += known.problems
    return VMFiles(look.gather, look.guestinfo_exclude, known.addresses)


def _blank(look):
    blank = dict(UNKNOWN)
    for name in look.gather:
        blank.update(GATHERED[name])
    return blank


def _described_by_files(files, path):
    try:
        return files.describe(path)
    except FileNotFoundError:
        return {"stale": True, "error": f"{path}: the file does not exist"}, []
    except BrokenFile as error:
        return {"stale": True, "error": str(error)}, [str(error)]


def _guest_os(facts):
    """The guest OS in lower case: VMware takes its names in any case, and one system must not be in two groups."""
    return (facts.get("guest_os") or "").lower() or None


def _is_foreign(path):
    try:
        return vmx.is_foreign(vmx.read_bytes(path))
    except (FileNotFoundError, BrokenFile):
        return False


def _described_by_vix(look, host, files, places, listed):
    path, sources = listed
    known, problems = _known_by_files(files, path)
    try:
        with host.open_vm(path) as vm:
            known = _with_properties(look, vm, known, is_local=files is not None)
    except PasswordNeeded:
        known = {**known, "encrypted": True, "power": "powered_on" if "running" in sources else known.get("power", "unknown")}
    except VixError as error:
        return _stale(look, places, listed, known, problems, error)
    return _row(look, places, listed, known), problems


def _silent(look, files, places, listed):
    """The facts of a VM for which VIX does not answer."""
    path = listed[0]
    error = TimedOut(f"timed out after {look.vm_timeout:g} s", doing=f"asking for the properties of {path}")
    return _stale(look, places, listed, *_known_by_files(files, path), error)


def _known_by_files(files, path):
    if not files:
        return {}, []
    known, problems = _described_by_files(files, path)
    return {**known, "stale": False, "error": None}, problems  # it is stale only if VIX cannot open it


def _stale(look, places, listed, known, problems, error):
    path, sources = listed
    if "running" in sources:
        problems = [*problems, f"{path} is listed as running, but cannot be opened: {error}"]
    return _row(look, places, listed, {**known, "power": "unknown", "stale": True, "error": str(error)}), problems


def _row(look, places, listed, known):
    path, sources = listed
    facts = {**_blank(look), **known, "sources": sources}
    facts["guest_os"] = _guest_os(facts)
    facts.update(path=facts.get("path") or path, name=facts["name"] or stem(path), real=places.real(path) if places else None)
    return facts


def _with_properties(look, vm, known, is_local):
    """The facts from files and VIX together."""
    described = vm.describe()
    bits = described.pop("power_bits") or 0
    details = states.words(states.DETAILS, bits)
    facts = {
        **known,
        **{name: value for name, value in described.items() if value is not None},
        "power": states.word(states.POWER, bits) or "unknown",
        "power_details": details,
        "power_unknown_bits": states.unknown(bits, states.POWER, states.DETAILS),
        "question_pending": "question_pending" in details,
    }
    if "addresses" in look.gather:
        reported = _reported(vm) if facts["power"] == "powered_on" else ""
        facts["addresses"] = [*([{"address": reported, "source": "tools"}] if reported else []), *known.get("addresses", ())]
    if "snapshots" in look.gather and not is_local:
        facts.update(_snapshots(vm))
    return facts


def _reported(vm):
    """The address that VMware Tools report, or an empty text."""
    try:
        return vm.read_variable("guest_variable", "ip")
    except VixError:  # the VM is listed without an address
        return ""


def _snapshots(vm):
    try:
        return snapshot_facts([(node.name, node.path, node.is_current) for node in flat(vm.snapshot_tree())])
    except NotSupported:  # Player has none
        return {}


def _side_by_side(describe, silent, items, concurrency, deadline):
    """Return describe(item) of each item, in their order, or silent(item) if its deadline() passes first.

    A thread that hangs in libvix is left behind and ends with this process; another one replaces it.
    """
    todo, limits, results, over = queue.SimpleQueue(), {}, {}, threading.Event()
    for number in range(len(items)):
        todo.put(number)

    def work():
        while len(results) < len(items):
            try:
                number = todo.get_nowait()
            except queue.Empty:
                return
            try:
                limits[number] = deadline()
                found = describe(items[number])
            except BaseException as error:  # a bug, which the parent process reports
                found = error
            if results.setdefault(number, found) is found and (isinstance(found, BaseException) or len(results) == len(items)):
                over.set()

    def start(threads):
        for number in range(threads):
            threading.Thread(target=work, name=f"describing {number}", daemon=True).start()

    start(min(concurrency, len(items)))
    # Woken once, when everything is done: running earlier would take time from the threads that work.
    while len(results) < len(items) and not over.wait(POLL):
        is_over = not deadline().left()
        late = [number for number, limit in list(limits.items()) if number not in results and not limit.left()]
        for number in range(len(items)) if is_over else late:
            if number not in results:
                results.setdefault(number, silent(items[number]))
        start(len(late))
    for found in list(results.values()):
        if isinstance(found, BaseException):
            raise found
    return [results[number] for number in range(len(items))]
