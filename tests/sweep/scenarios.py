# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the sweep runs: each module and action plugin, on a VM that it changes and on one that it leaves as it is."""

from __future__ import annotations

from typing import NamedTuple

OFF, ON, SUSPENDED, PAUSED = "powered_off", "powered_on", "suspended", "paused"
ACCOUNTS = [{"name": "lab", "password": "s3cret-lab", "administrator": True}]
LOGIN = {"guest_username": "lab", "guest_password": "s3cret-lab"}
TREE = [{"name": "base", "children": [{"name": "patched", "children": [{"name": "clean"}]}, {"name": "other"}]}]
FILES = {"/etc/motd": "Welcome\n", "/srv/site/index.html": "<p>Welcome</p>\n", "/srv/site/deep/data": "0123456789" * 5000}


class Scenario(NamedTuple):
    """One task.

    module, options: in texts of the options, {vm} is the .vmx, {host} a directory of the VM host with files, {out} an empty one.
    vm: the settings of the VM; prepare: tasks before it, (module, options); play: whether it is run by ansible-playbook, for its action plugin.
    again: whether a second run of the same task is expected to change nothing, and is a scenario as well.
    """

    module: str
    options: dict
    vm: dict | None = None
    prepare: tuple = ()
    play: bool = False
    again: bool = True


RUNNING = {"power": ON, "accounts": ACCOUNTS, "files": FILES}
GUEST = {**LOGIN}


def guest(module, options, **more):
    return Scenario(module, {**GUEST, **options}, RUNNING, **more)


FIRST = {
    "host_info": Scenario("host_info", {}, again=False),
    "vm_info": Scenario("vm_info", {}, RUNNING, again=False),
    "vm_info off": Scenario("vm_info", {}, again=False),
    "vm_snapshot_info": Scenario("vm_snapshot_info", {}, {"snapshots": TREE}, again=False),
    "guest_process_info": guest("guest_process_info", {}, again=False),
    "guest_stat": guest("guest_stat", {"path": "/etc/motd", "details": True}, again=False),
    "guest_stat plain": guest("guest_stat", {"path": "/etc/motd"}, again=False),
    "guest_find": guest("guest_find", {"paths": "/srv", "recurse": True, "file_type": "any"}, again=False),
    "vm_power on": Scenario("vm_power", {"state": ON}),
    "vm_power off": Scenario("vm_power", {"state": OFF}, RUNNING),
    "vm_power off hard": Scenario("vm_power", {"state": OFF, "stop": "hard"}, RUNNING),
    "vm_power suspended": Scenario("vm_power", {"state": SUSPENDED}, RUNNING),
    "vm_power paused": Scenario("vm_power", {"state": PAUSED}, RUNNING),
    "vm_power resumed": Scenario("vm_power", {"state": ON}, {**RUNNING, "power": SUSPENDED}),
    "vm_power from suspended": Scenario("vm_power", {"state": OFF, "stop": "hard", "wake_suspended": True}, {**RUNNING, "power": SUSPENDED}),
    "vm_restart": Scenario("vm_restart", {}, RUNNING, again=False),
    "vm_restart hard": Scenario("vm_restart", {"stop": "hard"}, RUNNING, again=False),
    "vm registered": Scenario("vm", {"state": "registered"}, again=False),
    "vm absent": Scenario("vm", {"state": "absent"}),
    "vm absent power_off": Scenario("vm", {"state": "absent", "power_off": True, "stop": "hard"}, RUNNING),
    "vm_clone full": Scenario("vm_clone", {"dest": "{out}/copy/copy.vmx"}),
    "vm_clone linked": Scenario("vm_clone", {"dest": "{out}/copy/copy.vmx", "linked": True, "snapshot": "base/patched"}, {"snapshots": TREE}),
    "vm_hardware": Scenario("vm_hardware", {"power_off": True}, {**RUNNING, "hardware": 10}),
    "vm_hardware off": Scenario("vm_hardware", {}, {"hardware": 10}),
    "vm_screenshot": Scenario("vm_screenshot", {"dest": "{out}/screen.png", **GUEST}, RUNNING, again=False),
    "vm_shared_folder": Scenario("vm_shared_folder", {"name": "site", "path": "{host}/site", **GUEST}, RUNNING),
    "vm_shared_folder exclusive": Scenario(
        "vm_shared_folder",
        {"exclusive": True, "folders": [{"name": "one", "path": "{host}/site"}, {"name": "two", "path": "{host}", "writable": True}]},
        RUNNING,
        (("vm_shared_folder", {"name": "old", "path": "{host}"}),),
    ),
    "vm_snapshot present": Scenario("vm_snapshot", {"name": "next"}, {"snapshots": TREE}),
    "vm_snapshot of running": Scenario("vm_snapshot", {"name": "next", "memory": True}, {**RUNNING, "snapshots": TREE}),
    "vm_snapshot absent": Scenario("vm_snapshot", {"name": "base/patched", "state": "absent"}, {"snapshots": TREE}),
    "vm_snapshot absent children": Scenario("vm_snapshot", {"name": "base/patched", "state": "absent", "children": True}, {"snapshots": TREE}),
    "vm_snapshot reverted": Scenario("vm_snapshot", {"name": "base/patched", "state": "reverted"}, {**RUNNING, "snapshots": TREE}, again=False),
    "vm_snapshot pruned": Scenario("vm_snapshot", {"state": "pruned", "keep": 1}, {"snapshots": TREE}),
    "vm_tools running": Scenario("vm_tools", {}, RUNNING, again=False),
    "vm_tools upgraded": Scenario("vm_tools", {"state": "upgraded"}, {**RUNNING, "tools": "outdated"}),
    "vm_variable": Scenario("vm_variable", {"variables": {"role": "web", "port": "80"}}, RUNNING),
    "vm_variable read": Scenario("vm_variable", {"name": "ip", "state": "read"}, RUNNING, again=False),
    "guest_command": guest("guest_command", {"cmd": "sh -c 'echo done > /srv/done; echo out'"}, again=False),
    "guest_command creates": guest("guest_command", {"argv": ["touch", "/srv/done"], "creates": "/srv/done"}),
    "guest_command output": guest("guest_command", {"argv": ["cat", "/srv/site/deep/data"], "stdout_dest": "{out}/stdout", "stdin": "given"}, again=False),
    "guest_script": guest("guest_script", {"content": "set -e\necho done > /srv/done\n"}, again=False),
    "guest_copy content": guest("guest_copy", {"content": "new\n", "dest": "/srv/new"}),
    "guest_copy replaces": guest("guest_copy", {"content": "new\n", "dest": "/etc/motd", "mode": "0640", "backup": False}),
    "guest_copy directory": guest("guest_copy", {"src": "{host}/site/", "dest": "/srv/copied", "remote_src": True}),
    "guest_fetch": guest("guest_fetch", {"src": "/srv/site/deep/data", "dest": "{out}/data", "flat": True, "remote_dest": True}),
    "guest_fetch directory": guest("guest_fetch", {"src": "/srv/site", "dest": "{out}/site", "remote_dest": True}),
    "guest_file directory": guest("guest_file", {"path": "/srv/made/deep", "state": "directory", "mode": "0750"}),
    "guest_file absent": guest("guest_file", {"path": "/srv/site", "state": "absent"}),
    "guest_file renamed": guest("guest_file", {"src": "/srv/site", "path": "/srv/moved", "state": "renamed"}),
    "guest_process absent": Scenario(
        "guest_process",
        {"name": "apache2", "state": "absent", **GUEST},
        {**RUNNING, "processes": [{"name": "apache2", "command": "/usr/sbin/apache2", "owner": "lab"}]},
    ),
    "guest_template": guest("guest_template", {"src": "{host}/page.j2", "dest": "/srv/page"}, play=True),
    "guest_copy from the controller": guest("guest_copy", {"src": "{host}/site", "dest": "/srv/copied"}, play=True),
    "guest_fetch to the controller": guest("guest_fetch", {"src": "/srv/site/deep/data", "dest": "{out}/data", "flat": True}, play=True),
    "guest_script from the controller": guest("guest_script", {"src": "{host}/script.sh"}, play=True, again=False),
    "vm_screenshot to the controller": Scenario("vm_screenshot", {"dest": "{out}/screen.png", "fetch": True, **GUEST}, RUNNING, play=True, again=False),
}


def scenarios() -> dict[str, Scenario]:
    """Return each scenario, and beside each that changes something the one that finds it done."""
    found = {}
    for name, scenario in FIRST.items():
        found[name] = scenario
        if scenario.again:
            found[f"{name}, again"] = scenario._replace(prepare=(*scenario.prepare, (scenario.module, scenario.options)))
    return found


# What is done to the k-th call of a client.
FAULTS = {
    "error before": {"error": 1},
    "error after": {"error": 1, "where": "after"},
    "crash before": {"crash": True},
    "crash after": {"crash": True, "where": "after"},
    "hang before": {"hang": True},
    "hang after": {"hang": True, "where": "after"},
    "lost before": {"lost": True},
    "lost after": {"lost": True, "where": "after"},
    "daemon before": {"kill": True},
    "daemon after": {"kill": True, "where": "after"},
}
# Signals to the module, to ansible-playbook, or to the daemon, while the k-th call waits.
SIGNALS = ("SIGINT", "SIGTERM", "SIGKILL")
TO_DAEMON = ("daemon SIGINT", "daemon SIGTERM", "daemon SIGKILL")
WAIT_SECONDS = 0.7
