# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the modules for guests cost: VIX calls, time beside the same with Ansible's own modules on this machine, memory, growth."""

from __future__ import annotations

import os
import sys

from measure import ACCOUNTS, LOGIN, bench, table

LARGE = int(os.environ.get("BENCH_MIB", "1024"))  # MiB of the large file
PRESET = os.environ.get("BENCH_TOOLS", "quick")  # of tools_options in the world file: "vmware" is with the delays of VMware Tools
FEW, MANY = 250, 1000  # small files
MOST_MEMORY = 100  # MiB that a process may come to, Ansible's own and OpenVIX's daemon among them
STEEPEST = 1.5  # times what it would be if the time grew in proportion to the number of files
ALWAYS = {"VixVM_WaitForToolsInGuest", "VixVM_LoginInGuest", "VixVM_LogoutFromGuest"}


def main():
    with bench() as world:
        processes = [{"name": f"service{number}"} for number in range(50)]
        vm = world.world.add_vm("web", power="powered_on", accounts=ACCOUNTS, processes=processes, tools_options={"preset": PRESET})
        print(f"VMware Tools: {' '.join(f'{key}={value}' for key, value in world.world.change_vm(vm)['tools_options'].items())}\n")
        guest = {"vm": vm, **LOGIN}
        tasks(world, guest)
        faults = [*large(world, guest), *growth(world, guest)]
    if faults:
        sys.exit("\n".join(faults))


def tasks(world, guest):
    """Print the VIX calls and the time of each kind of task."""
    one, hundred = make(world.directory / "one", 1) / "0", make(world.directory / "hundred", 100)
    there, back = world.directory / "there", world.directory / "back"
    rows = []

    def add(what, module, options, plain, plain_options, changed=None):
        done = world.run(f"vmlab.vix.{module}", changed=changed, **guest, **options)
        beside = world.run(f"ansible.builtin.{plain}", **plain_options)
        same = " ".join([plain, *plain_options.get("argv", [])[:1]])
        rows.append([what, sum(done.calls.values()), in_guest(done.calls), done.seconds, done.seconds / beside.seconds, same])

    for state, changed in (("new", True), ("unchanged", False)):
        copy = {"src": str(one), "dest": "/srv/one"}
        add(f"guest_copy, 1 file, {state}", "guest_copy", copy, "copy", {**copy, "dest": f"{there}-one"}, changed)
    for state, changed in (("new", True), ("unchanged", False)):
        copy = {"src": f"{hundred}/", "dest": "/srv/hundred"}
        # Ansible's own copy takes a second for each file: no measure for anything.
        add(f"guest_copy, 100 files, {state}", "guest_copy", copy, "command", {"argv": ["cp", "-r", str(hundred), f"{there}-hundred"]}, changed)
    run = {"argv": ["/bin/echo", "Hello"]}
    add("guest_command", "guest_command", run, "command", run)
    fetch = {"dest": str(back), "flat": True}
    add("guest_fetch, new", "guest_fetch", {"src": "/srv/one", **fetch}, "fetch", {"src": str(one), **fetch, "dest": f"{back}-plain"}, True)
    add("guest_fetch, unchanged", "guest_fetch", {"src": "/srv/one", **fetch}, "fetch", {"src": str(one), **fetch, "dest": f"{back}-plain"}, False)
    add("guest_stat", "guest_stat", {"path": "/srv/one"}, "stat", {"path": str(one)})
    add("guest_process_info", "guest_process_info", {}, "command", {"argv": ["ps", "-e"]})
    print("Each task by the ansible command, which takes most of the time of a short one; beside it the same on this machine by Ansible's own modules.\n")
    table(["task", "VIX calls", "in the guest, beside Tools, login and logout", "s", "times", "the same on this machine"], rows)


def large(world, guest):
    """Print what a large file takes, and yield a message for each process that took too much memory."""
    source = world.directory / "large"
    with open(source, "wb") as file:
        file.truncate(LARGE << 20)
    brought = world.run("vmlab.vix.guest_copy", changed=True, **guest, src=str(source), dest="/srv/brought")
    there = {"src": str(source), "remote_src": True}
    new = world.run("vmlab.vix.guest_copy", changed=True, **guest, **there, dest="/srv/large")
    same = world.run("vmlab.vix.guest_copy", changed=False, **guest, **there, dest="/srv/large")
    plain = world.run("ansible.builtin.copy", **there, dest=str(world.directory / "large-there"))
    done = {"new, of the controller": brought, "new": new, "unchanged": same}
    rows = [[f"guest_copy, {LARGE} MiB, {what}", sum(each.calls.values()), each.seconds, each.seconds / plain.seconds] for what, each in done.items()]
    table(["task", "VIX calls", "s", "times ansible.builtin.copy"], rows)
    peaks = {name: max(each.peaks.get(name, 0) for each in done.values()) for each in done.values() for name in each.peaks}
    table(["process", "highest memory in MiB"], sorted(peaks.items(), key=lambda row: -row[1])[:6])
    return [f"{name} came to {peak:.0f} MiB, and may to {MOST_MEMORY}" for name, peak in peaks.items() if peak >= MOST_MEMORY]


def growth(world, guest):
    """Print what many small files take, and yield a message when their time grows faster than their number."""
    seconds, rows = {}, []
    for number in (1, FEW, MANY):
        source = make(world.directory / f"growing-{number}", number)
        # The quicker of two, as something else may take the machine's time.
        done = min(
            (world.run("vmlab.vix.guest_copy", changed=True, **guest, src=f"{source}/", dest=f"/srv/growing-{number}-{go}") for go in (1, 2)),
            key=lambda each: each.seconds,
        )
        seconds[number] = done.seconds
        rows.append([number, sum(done.calls.values()), done.seconds, 1000 * done.seconds / number])
    table(["small files", "VIX calls", "s", "ms for each"], rows)
    times = seconds[MANY] / seconds[FEW]
    print(f"{MANY} files take {times:.1f} times as long as {FEW}; {MANY / FEW:.1f} would be in proportion.\n")
    return [f"the time for small files grows faster than their number: {times:.1f} times"] if times > STEEPEST * MANY / FEW else []


def make(directory, number):
    """A directory with the given number of small files."""
    directory.mkdir()
    for each in range(number):
        (directory / str(each)).write_text(f"This is file {each}.\n")
    return directory


def in_guest(calls):
    """The VIX calls that ask something of the guest, in words."""
    return ", ".join(f"{count} {name.replace('VixVM_', '').replace('InGuest', '')}" for name, count in calls.items() if "Guest" in name and name not in ALWAYS)


if __name__ == "__main__":
    main()
