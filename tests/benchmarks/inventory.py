# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the inventory plugins cost: beside a plugin that makes the same hosts out of nothing, and beside a YAML file of them, in the same run."""

from __future__ import annotations

import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

import yaml
from measure import ROOT, bench, table

SIZES = [int(size) for size in os.environ.get("BENCH_VMS", "100,1000,10000").split(",")]
ROUNDS = 3  # of which the quickest counts; a YAML file of very many hosts, which takes a minute, is not read
MANY = 5000
ASKED = int(os.environ.get("BENCH_VIX_VMS", "1000"))  # VMs that VIX is asked about
LATENCY = 0.005  # seconds that each call of VIX takes
STEEPEST = 1.5  # times what the bare plugin's time for a VM grows by, from the smallest size to the largest
NO_MORE = 1.2  # times the bare plugin's time: the goal, which only people hold against it

FLOOR = '''
from __future__ import annotations

DOCUMENTATION = r"""
name: floor
short_description: hosts out of nothing
description: hosts out of nothing
extends_documentation_fragment: [constructed]
options:
  plugin: {description: the name, required: true, choices: [floor]}
  directory: {description: Directory of the VMs., type: str}
  count: {description: how many, type: int}
"""

from ansible.plugins.inventory import BaseInventoryPlugin, Constructable


class InventoryModule(BaseInventoryPlugin, Constructable):
    NAME = "floor"

    def parse(self, inventory, loader, path, cache=True):
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        for number in range(self.get_option("count")):
            variables = values(self.get_option("directory"), number)
            name = variables["vix_name"]
            inventory.add_host(name)
            for key, value in variables.items():
                inventory.set_variable(name, key, value)
            self._set_composite_vars(self.get_option("compose"), variables, name)
            self._add_host_to_composed_groups(self.get_option("groups"), variables, name)
            self._add_host_to_keyed_groups(self.get_option("keyed_groups"), variables, name)


def values(directory, number):
    name = f"vm{number:05}"
    return {
        "vix_path": f"{directory}/lab{number % 20}/{name}/{name}.vmx",
        "vix_name": name,
        "vix_host": "localhost",
        "vix_sources": ["scan"],
        "vix_power": "powered_off",
        "vix_power_details": [],
        "vix_power_unknown_bits": 0,
        "vix_tools": "unknown",
        "vix_guest_os": "debian12-64",
        "vix_cpus": 2,
        "vix_memory": 2048,
        "vix_encrypted": False,
        "vix_locked": False,
        "vix_question_pending": False,
        "vix_annotation": "made by hand\\nfor the tests",
        "vix_guestinfo": {"role": "web"},
        "vix_stale": False,
        "vix_error": None,
        "vix_addresses": [{"address": "192.0.2.7", "source": "vmx"}],
        "vix_address": "192.0.2.7",
    }
'''
# Other lines that Workstation writes for a new VM.
BALLAST = "".join(f'pciBridge{number // 4}.key{number % 4} = "value{number}"\n' for number in range(80))
CONSTRUCTS = """
compose: {is_large: vix_memory >= 4096}
groups: {web: vix_guestinfo.role == 'web'}
keyed_groups: [{key: vix_guest_os, prefix: os}, {key: vix_power, separator: ''}]
"""


def main():
    with tempfile.TemporaryDirectory(prefix="bench-") as directory, bench() as world:
        place, faults = pathlib.Path(os.path.realpath(directory)), []
        made = Made(place)
        faults += listed(made)
        constructed(made)
        asked(world, made)
    if faults:
        sys.exit("\n".join(faults))


class Made:
    """Inventories of any number of VMs, in a directory; environment: what Ansible's commands need to read them."""

    def __init__(self, directory):
        self.directory = directory
        (directory / "inventory_plugins").mkdir()
        (directory / "inventory_plugins" / "floor.py").write_text(FLOOR)
        (directory / "ansible_collections" / "vmlab").mkdir(parents=True)
        (directory / "ansible_collections" / "vmlab" / "vix").symlink_to(ROOT, target_is_directory=True)
        self.environment = {
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": str(directory),
            "ANSIBLE_INVENTORY_PLUGINS": str(directory / "inventory_plugins"),
            "ANSIBLE_INVENTORY_ENABLED": "auto,yaml",
            "ANSIBLE_HOME": str(directory / "ansible"),
            "HOME": str(directory / "home"),
            "VIX_LIBRARY": "/nowhere.so",
        }
        self._values = {}
        exec(FLOOR, self._values)  # the one source of what the hosts are

    def of(self, count, more=""):
        """The inventory files of so many VMs, by what reads them."""
        vms = self.directory / f"vms{count}"
        if not vms.exists():
            self._write_vms(vms, count)
        texts = {
            "bare plugin": ("floor.yml", f"plugin: floor\ndirectory: {vms}\ncount: {count}\n{more}"),
            "vmx_files, directories": ("vmx.yml", f"plugin: vmlab.vix.vmx_files\nsources: [scan]\nscan_folders: ['{vms}']\n{more}"),
            "vmx_files, library": ("list.vmx.yml", f"plugin: vmlab.vix.vmx_files\nsources: [library]\n{more}"),
            "vms, cache": (
                "vix.yml",
                f"plugin: vmlab.vix.vms\nsources: [scan]\nscan_folders: ['{vms}']\n{more}"
                f"cache: true\ncache_plugin: ansible.builtin.jsonfile\ncache_connection: {self.directory / 'cache'}\n",
            ),
        }
        paths = {}
        for what, (name, text) in texts.items():
            paths[what] = self.directory / f"{count}{'c' if more else ''}.{name}"
            paths[what].write_text(text)
        if not more:
            paths["YAML file"] = vms.with_suffix(".yml")
        lists = self.directory / "home" / ".vmware" / "inventory.vmls"
        lists.parent.mkdir(parents=True, exist_ok=True)
        lists.write_text(vms.with_suffix(".vmls").read_text())
        return paths

    def _write_vms(self, vms, count):
        every, entries = {}, []
        for number in range(count):
            variables = self._values["values"](str(vms), number)
            path = pathlib.Path(variables["vix_path"])
            path.parent.mkdir(parents=True)
            keys = {
                "displayName": variables["vix_name"],
                "guestOS": variables["vix_guest_os"],
                "numvcpus": 2,
                "memsize": 2048,
                "annotation": "made by hand|0Afor the tests",
                "guestinfo.role": "web",
                "guestinfo.ip": "192.0.2.7",
            }
            path.write_text('.encoding = "UTF-8"\n' + BALLAST + "".join(f'{key} = "{value}"\n' for key, value in keys.items()))
            entries.append(f'vmlist{number}.config = "{path}"\nvmlist{number}.DisplayName = "{variables["vix_name"]}"\n')
            every[variables["vix_name"]] = variables
        vms.with_suffix(".vmls").write_text("".join(entries))
        with open(vms.with_suffix(".yml"), "w", encoding="utf-8") as file:
            yaml.dump({"all": {"hosts": every}}, file, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper))

    def read(self, path):
        """Have ansible-inventory list an inventory; return seconds, seconds of processor time, and what it said."""
        command = [str(pathlib.Path(sys.executable).with_name("ansible-inventory")), "-i", str(path), "--list"]
        before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        done = subprocess.run(command, cwd=self.directory, env=self.environment, capture_output=True, text=True, check=False)
        seconds, after = time.monotonic() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode or "WARNING" in done.stderr:
            sys.exit(f"{path} could not be read:\n{done.stderr[-4000:]}")
        return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def listed(made):
    """Print what listing takes, and yield a message for what grows faster than the bare plugin."""
    rows, costs = [], {}
    for count in SIZES:
        paths = made.of(count)
        alike(made, paths)
        best = quickest(made, paths, count)
        for what, (seconds, processor) in best.items():
            costs[what, count] = processor
            rows.append([count, what, seconds, processor, seconds / best["bare plugin"][0], processor / best["bare plugin"][1]])
    print(f"ansible-inventory --list; the goal is at most {NO_MORE} times the bare plugin.\n")
    table(["VMs", "inventory", "s", "s of processors", "times the bare plugin", "the same of processors"], rows)
    return [sentence for what in ("vmx_files, directories", "vmx_files, library", "vms, cache") for sentence in steep(costs, what)]


def quickest(made, paths, count):
    """The least seconds, and seconds of processors, by inventory; all take turns."""
    best = {}
    for _round in range(ROUNDS):
        for what, path in paths.items():
            if what == "YAML file" and count > MANY:
                continue
            now = made.read(path)[:2]
            best[what] = tuple(map(min, now, best.get(what, now)))
    return best


def alike(made, paths):
    """Make sure that all inventories say the same, and that the cache is filled."""
    said = {what: plain(made.read(path)[2]) for what, path in paths.items() if what != "YAML file"}
    for hosts in said.values():
        for variables in hosts.values():
            variables["vix_sources"] = []
    if any(hosts != said["bare plugin"] for hosts in said.values()):
        sys.exit("the inventories do not say the same")


def plain(text):
    return json.loads(text, object_hook=lambda value: value.get("__ansible_unsafe", value))["_meta"]["hostvars"]


def steep(costs, what):
    least, most = SIZES[0], SIZES[-1]
    if most < 10 * least:
        return
    own, floor = ((costs[each, most] - costs[each, least]) for each in (what, "bare plugin"))
    if own > STEEPEST * floor:
        yield f"from {least} to {most} VMs, {what} takes {own:.2f} s more of the processors, and the bare plugin {floor:.2f} s"


def constructed(made):
    """Print what listing takes with variables and groups that are composed."""
    count = SIZES[len(SIZES) // 2]
    paths = made.of(count, CONSTRUCTS)
    for path in paths.values():
        made.read(path)
    best = quickest(made, paths, count)
    rows = [[count, what, *each, each[0] / best["bare plugin"][0], each[1] / best["bare plugin"][1]] for what, each in best.items()]
    print("The same with one composed variable, one group and two keyed groups.\n")
    table(["VMs", "inventory", "s", "s of processors", "times the bare plugin", "the same of processors"], rows)


def asked(world, made):
    """Print what asking VIX takes."""
    for number in range(ASKED):
        world.world.add_vm(f"vm{number}", power="powered_on", ip=f"10.0.{number // 250}.{number % 250}")
    world.world.fault(call="*", delay=LATENCY)
    made.environment.update(world.world.environment)
    rows = []
    for concurrency in (4, 16, 32):
        path = made.directory / f"{concurrency}.vix.yml"
        path.write_text(f"plugin: vmlab.vix.vms\nconcurrency: {concurrency}\n")
        before = len(world.world.calls())
        alone = ask(made, world.world.environment["VIX_LIBRARY"], concurrency)
        calls = len(world.world.calls()) - before
        seconds, processor, said = made.read(path)
        if len(plain(said)) != ASKED:
            sys.exit("VIX did not list all")
        rows.append([ASKED, concurrency, calls, alone, seconds, processor])
    empty = made.directory / "empty.yml"
    empty.write_text("all: {hosts: {}}\n")
    rows.append([0, "", 0, "", *made.read(empty)[:2]])
    print(f"Running VMs, where each call of VIX takes {LATENCY * 1000:g} ms: asking alone, and in ansible-inventory --list. The last row is Ansible's own.\n")
    table(["VMs", "concurrency", "VIX calls", "s of asking alone", "s", "s of processors"], rows)


def ask(made, library, concurrency):
    """Ask VIX for all that runs, as the plugin does, and return the seconds that it took."""
    # In a separate process, since libvix keeps state in its process.
    script = """
import sys, time, types
from functools import partial
from ansible_collections.vmlab.vix.plugins.module_utils import _session, _worker
from ansible_collections.vmlab.vix.plugins.module_utils._state import listed

look = types.SimpleNamespace(sources=["running"], is_local=True, gather=["addresses"], guestinfo_exclude=[], concurrency=int(sys.argv[2]), vm_timeout=30)
options = dict(library=sys.argv[1], provider="default", hostname=None, port=0, username=None, password=None, validate_certs=True, timeout=300)
begin = time.monotonic()
[[found]] = _worker.run_all([(_session.for_host(partial(listed.on_host, look), options), 1, 300)])
print(len(found["vms"]), time.monotonic() - begin)
"""
    command = [sys.executable, "-c", script, library, str(concurrency)]
    done = subprocess.run(
        command,
        env={**made.environment, "PYTHONPATH": os.pathsep.join(filter(None, [str(made.directory), os.environ.get("PYTHONPATH")]))},
        capture_output=True,
        text=True,
        check=True,
    )
    count, seconds = done.stdout.split()
    if int(count) != ASKED:
        sys.exit("VIX did not list all")
    return float(seconds)


if __name__ == "__main__":
    main()
