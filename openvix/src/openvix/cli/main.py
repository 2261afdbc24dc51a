# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command line: openvix start, status, calls, fault and so on."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
import time
from pathlib import Path
from typing import Any

from openvix import __version__
from openvix.cli import install
from openvix.config import worldfile
from openvix.config.errors import ConfigError
from openvix.daemon import control
from openvix.vix import constants
from openvix.world import layout, vm_import

COLUMNS = ("name", "power", "tools", "snapshots", "vmx")

DESCRIPTION = """\
OpenVIX: an independent implementation of the VIX C API, with simulated machines behind it.
A world is a directory with VMs in it. While it is started, every program that speaks VIX can drive them:

    eval "$(openvix start lab.toml)"        # VIX_LIBRARY and OPENVIX_WORLD, for this shell
    openvix status                          # which VMs there are, and how they are
    ansible localhost -m vmlab.vix.vm_info  # or any other VIX client
    openvix fault add call=VixVM_PowerOn vm=web error=VIX_E_CANNOT_CONNECT_TO_VM times=1
    openvix calls                           # what clients have called, and how it ended
    openvix handles                         # which clients have handles or buffers open
    openvix stop

Commands without WORLD are about $OPENVIX_WORLD, else about the default world. "openvix COMMAND --help" tells more.
"""
WORLD_FILE = """\
WORLD is one of these:

  * a world file (TOML): its world lives in NAME.world beside it, or in --directory. Everything in it may be left out:

        [world]
        product = "workstation"          # or "fusion", "player", "vi_server", ...
        [vm.web]
        power = "powered_on"             # powered_off (default), suspended, paused
        processes = [ { name = "apache2", owner = "www-data" } ]
        files = { "/etc/motd" = "Welcome" }
        snapshots = [ { name = "base" } ]

  * a folder in which VMware has VMs: each .vmx, with its snapshots in .vmsd, is copied into a world in NAME.world beside the folder, or in
    --directory. The folder itself is only read, and no disk is copied: the guests are simulated.
  * the directory of a world; an empty directory becomes a world, and so does one that is not there with --vms.

VMs that the world has already are left as they are. To begin anew: stop the world, and remove its directory.
All keys are in docs/world-file.md of OpenVIX.

    openvix start --vms 10000 --running 100 /tmp/large    # vm00001 to vm10000, the first hundred of them running
"""
FAULTS = """\
A rule says which calls it strikes, and what befalls them:

    openvix fault add call=VixVM_PowerOn vm=web error=VIX_E_CANNOT_CONNECT_TO_VM times=1   # the next power-on of web fails
    openvix fault add from=5 per=client times=1 error=11               # the fifth call of each client fails, whatever it is
    openvix fault add call=VixVM_Clone kill=true step=7 times=1        # the daemon dies before the seventh change of a file
    openvix fault add vm=web question='Moved or copied?'               # calls see web with a question pending
    openvix fault list
    openvix fault clear 2                                              # the second of the list; without a number all

Which:  call (a function of vix.h, or *), vm (name or path), client (process id), from, times, per (world, client, vm: what they are counted by)
What:   error (name or number), junk (bits above bit 15), delay (seconds), hang, crash, abort, exit, lost (the connection), kill (the daemon; with step=N in the
        middle), disk_full (bytes that fit), cut (bytes of a copied file that arrive), tools, question, locked, extra_power_bits (how the VM is seen)
Where:  where=call (default), job (once the call has returned) or after (lost, kill: when the work is done)

Only calls that reach the daemon count: nothing of handles, jobs and buffers does.
"""
GUESTS = """\
A machine with hypervisor = "qemu" boots a real Linux: Debian's kernel, busybox, bash and OpenVIX's own tools, on a disk of 2 GB. The image of it is made of
Debian's packages, which apt downloads from the sources of this machine; no root rights are needed, and nothing is installed. It is kept in
~/.cache/openvix/guests, and machines have copies of it: what is there can be removed, and is built again. "openvix doctor" says what this machine lacks for it.
"""
DEFAULT = "(default: $OPENVIX_WORLD, else the default world)"
WHICH = f"the world, or its world file or folder {DEFAULT}"
LOOK_SECONDS = 0.2


def main(arguments: list[str] | None = None) -> int:
    """Carry out one command and return its exit code: 1 with one sentence on stderr for what the user has to mend."""
    said = parser().parse_args(arguments)
    try:
        said.command(said)
    except (ConfigError, control.Unserved) as error:
        print(f"openvix: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # Whoever read our output has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    return 0


def parser() -> argparse.ArgumentParser:
    whole = argparse.ArgumentParser("openvix", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    whole.add_argument("--version", action="version", version=f"openvix {__version__}")
    commands = whole.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def command(name, function, brief, **more):
        added = commands.add_parser(name, help=brief, description=brief, formatter_class=argparse.RawDescriptionHelpFormatter, **more)
        added.set_defaults(command=function)
        return added

    def about(added, **more):
        added.add_argument("--world", metavar="WORLD", type=Path, help=WHICH, **more)

    command("library", print_library, "Print the path of libvix.so, built if need be.")
    installing = command("install", lay_out, "Lay libvix.so out as an installed product, for VMware's wrapper library and for clients that load no other.")
    installing.add_argument("--libdir", metavar="DIR", type=Path, required=True, help="where to: the directory that vix.libdir of VMware's configuration names")
    starting = command("start", start, "Start a world and print the variables that a shell needs.", epilog=WORLD_FILE)
    starting.add_argument("world", metavar="WORLD", type=Path, nargs="?", help=f"a world file, a folder of VMs, or a world {DEFAULT}")
    starting.add_argument("--directory", metavar="DIR", type=Path, help="where the world of a world file or of a folder lives (default: NAME.world beside it)")
    starting.add_argument("--vms", metavar="N", type=int, default=0, help="have this many VMs, named vm00001 and so on (at most 99999)")
    starting.add_argument("--running", metavar="M", type=int, default=0, help="how many of those begin running")
    brief = "what VMs run on of which the world file does not say it (default: simulated)"
    starting.add_argument("--hypervisor", choices=worldfile.HYPERVISORS, help=brief)
    asking = command("status", status, "Show the VMs of a world.")
    listing = command("calls", calls, "Show what clients have called: process, function, VM and the error it ended with.")
    listing.add_argument("-f", "--follow", action="store_true", help="go on with what comes, until the world is stopped or Ctrl-C")
    leaking = command("handles", handles, "Show which clients have handles and buffers open, those that ended without releasing them included.")
    for each in (asking, listing, leaking):
        each.add_argument("--json", action="store_true", help="print one JSON " + ("object for each call" if each is listing else "value"))
    brief = "Change settings of a VM while it is served, or show them."
    changing = command("change", change, brief, epilog=f"KEY is one of {', '.join(worldfile.LIVE)}. Without any, the settings are shown.")
    changing.add_argument("vm", metavar="VM", help="its name, or the path of its .vmx")
    changing.add_argument("settings", metavar="KEY=VALUE", nargs="*")
    moving = command("advance", advance, 'Move the time on in a world whose file says clock = "stepped" in [world].')
    moving.add_argument("seconds", metavar="SECONDS", type=float)
    faulting = command("fault", None, "Add, list and clear faults: what befalls calls by rule.", epilog=FAULTS)
    actions = faulting.add_subparsers(title="actions", required=True, metavar="ACTION")
    for name, function, brief, rest, many in (
        ("add", add_fault, "Add a rule.", "KEY=VALUE", "*"),
        ("list", list_faults, "Number the rules in force, and say how many calls each has matched and struck.", None, None),
        ("clear", clear_faults, "Remove the rule of this number in the list, or all.", "NUMBER", "?"),
    ):
        added = actions.add_parser(name, help=brief, description=brief, epilog=FAULTS, formatter_class=argparse.RawDescriptionHelpFormatter)
        added.set_defaults(command=function)
        if rest:
            added.add_argument("rule", metavar=rest, nargs=many)
        about(added, default=argparse.SUPPRESS)
    examining = command("doctor", examine, "Say what this machine lacks for OpenVIX, and how to get it; exit code 1 if anything is missing.")
    examining.add_argument("--json", action="store_true", help="print one JSON value")
    guesting = command("guest", None, "Build what real guests boot from.", epilog=GUESTS)
    actions = guesting.add_subparsers(title="actions", required=True, metavar="ACTION")
    brief = "Build the image of real guests, where there is none yet, and print where it is."
    building = actions.add_parser("build", help=brief, description=brief, epilog=GUESTS, formatter_class=argparse.RawDescriptionHelpFormatter)
    building.set_defaults(command=build_guest)
    building.add_argument("--python", action="store_true", help="with Python, so that Ansible's own modules run in the guest")
    building.add_argument("--fresh", action="store_true", help="build another of the packages that Debian has today, if they are other ones")
    stopping = command("stop", stop, "Stop a world: no process of it is left, and clients do not start it again. VMs stay as they are for the next start.")
    for each in (asking, listing, leaking, stopping):
        each.add_argument("world", metavar="WORLD", type=Path, nargs="?", help=WHICH)
    for each in (changing, moving, faulting):
        about(each)
    return whole


def print_library(said):
    print(library())


def library() -> str:
    from openvix.system.c_build import CannotBuild, build

    try:
        return str(build())
    except CannotBuild as error:
        raise ConfigError(str(error)) from None


def build_guest(said):
    from openvix.backends.qemu.image import images
    from openvix.system.c_build import CannotBuild

    try:
        found = images.build("python" if said.python else "plain", lambda line: print(f"openvix: {line}", file=sys.stderr, flush=True), fresh=said.fresh)
    except CannotBuild as error:
        raise ConfigError(str(error)) from None
    except KeyboardInterrupt:
        raise ConfigError("the build is given up, and nothing of it is left") from None
    print(found.root.parent)


def examine(said):
    from openvix.cli import doctor

    findings = list(doctor.look())
    command, bad = doctor.install(findings), [finding for finding in findings if finding.needed and not finding.fine]
    if said.json:
        print(json.dumps({"fine": not bad, "install": command, "findings": [finding._asdict() for finding in findings]}, indent=2))
    else:
        states = ["fine" if finding.fine else "missing" if finding.needed else "optional" for finding in findings]
        print_table(("state", "for", "what", ""), [[state, each.purpose, each.name, each.said] for state, each in zip(states, findings, strict=True)])
        if command:
            print(f"\nOn Debian, this installs what is missing (as root):\n    {command}")
    if bad:
        raise ConfigError(f"this machine lacks {', '.join(finding.name for finding in bad)}")


def lay_out(said):
    libdir = said.libdir.absolute()
    try:
        other = install.install(Path(library()), libdir)
    except OSError as error:
        raise ConfigError(f"{error.filename}: {error.strerror}") from None
    state = "was there and stays; it finds OpenVIX" if other else "is OpenVIX, and found"
    print(f"# {libdir / install.ALL_PRODUCTS} {state} by this line in ~/.vmware/config:")
    print(f'vix.libdir = "{libdir}"')


def start(said):
    path, content, vms = said.world or layout.named(), None, []
    if not 0 <= said.running <= said.vms <= worldfile.MOST:
        raise ConfigError(f"--vms is a number from 0 to {worldfile.MOST}, and --running says how many of those begin running")
    if path.is_dir():
        directory = path
        if not layout.is_world(path) and any(path.iterdir()):
            vms = vm_import.found(path)
            if not vms:
                more = ", whatever --directory says" if said.directory else ""
                raise ConfigError(f"{path} is no world{more}, and there is no .vmx in it: it is a directory with other things in it")
            directory = said.directory or beside(path)
        elif said.directory:
            raise ConfigError("--directory says where the world of a world file lives, and WORLD is a world already")
    elif not path.exists() and (said.vms or said.world is None):
        directory = path
    elif path.suffix == ".vmx":
        raise ConfigError(f"{path} is a VM and no world file: give the folder that it lies in")
    else:
        content = worldfile.load(path, said.hypervisor)
        directory = said.directory or beside(path)
    begin(directory, content, vms, {"count": said.vms, "running": said.running} if said.vms else None)
    exports = {"VIX_LIBRARY": library(), "OPENVIX_WORLD": str(directory.absolute())}
    print("export", *(f"{name}={shlex.quote(value)}" for name, value in exports.items()))


def beside(path: Path) -> Path:
    """Return where the world of a world file, or of a folder of VMs, lives."""
    return path.absolute().with_name(f"{path.absolute().stem}.world")


def begin(directory: Path, content: dict | None, vms: list[Path], herd: dict | None) -> None:
    """Serve a world and give it the VMs that it does not have yet: those of its world file, those at these paths, and so many more."""
    connection = control.connect(directory)
    if connection is None:
        try:
            layout.prepare(directory)
            vm_import.adopt(vms, directory)
        except OSError as error:
            raise ConfigError(f"{error.filename}: {error.strerror}") from None
        layout.stopped(directory).unlink(missing_ok=True)
        layout.books(directory).unlink(missing_ok=True)
        if content:
            worldfile.keep(directory, content)
        connection, _ = control.start(directory)
    elif any(not (directory / "vms" / path.stem).exists() for path in vms):
        connection.close()
        raise ConfigError(f"{directory} is served and cannot take new VMs from a folder: stop it first")
    elif content and worldfile.of_world(content) != worldfile.kept(directory):
        print(f"openvix: {directory} is served: what its world file says beside [vm...] counts when it is stopped and started again", file=sys.stderr)
    with connection:
        if content:
            add(connection, content)
        if herd:
            connection.ask("OpenVIX_AddHerd", herd)


def add(connection: control.Connection, content: dict) -> None:
    """Have a served world make the VMs of its world file that it does not have."""
    there = {(vm.get("host"), vm["name"]) for vm in connection.ask("OpenVIX_Status")["vms"]}
    wanted = [(None, content["vm"]), *((f"{host['name'].lower()}:{host['port']}", host["vm"]) for host in content["host"])]
    for host, vms in wanted:
        for name, settings in vms.items():
            if (host, name) not in there:
                connection.ask("OpenVIX_AddVM", {"name": name, "host": host, **settings})


def meant(said: argparse.Namespace) -> Path:
    """Return the directory of the world that a command is about."""
    path = said.world or layout.named()
    directory = path if layout.is_world(path) or not path.exists() else beside(path)
    if not layout.is_world(directory):
        raise ConfigError(f"{directory} is no world: start one with 'openvix start WORLD', and name it or set OPENVIX_WORLD")
    return directory.absolute()


def served(said: argparse.Namespace) -> control.Connection:
    """Return a connection to the world that a command is about, which must not be stopped."""
    directory = meant(said)
    if layout.stopped(directory).exists():
        raise ConfigError(f"{directory} is {unserved(directory)}")
    # As any client, it starts the daemon where that was killed.
    return control.connect(directory) or control.start(directory)[0]


def unserved(directory: Path) -> str:
    return "stopped" if layout.stopped(directory).exists() else "not served; the next client starts it"


def status(said):
    directory = meant(said)
    connection = control.connect(directory)
    if connection:
        with connection:
            told = connection.ask("OpenVIX_Status")
    else:
        told = {"pid": None, "world": str(directory), "product": None, "vms": []}
    if said.json:
        print(json.dumps(told, indent=2))
    elif connection is None:
        print(f"{directory} is {unserved(directory)}")
    else:
        print(f"{told['world']} ({told['product']}), served by process {told['pid']}")
        columns = ("host", *COLUMNS) if any("host" in vm for vm in told["vms"]) else COLUMNS
        print_table(columns, [[str(vm.get(column, "")) for column in columns] for vm in told["vms"]])


def print_table(columns: tuple[str, ...], rows: list[list[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    for row in (columns, *rows) if rows else ():
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


def calls(said):
    with served(said) as connection:
        following = 0
        running: set[int] = set()
        try:
            while True:
                for call in connection.ask("OpenVIX_Calls", {"since": min(running, default=following)}):
                    number, runs = call["number"], call["error"] is None
                    # One that runs is shown twice: now, and when it has ended.
                    if number >= following or (number in running and not runs):
                        print(json.dumps(call) if said.json else call_line(call), flush=said.follow)
                        running = running | {number} if runs else running - {number}
                    following = max(following, number + 1)
                if not said.follow:
                    return
                time.sleep(LOOK_SECONDS)
        except (KeyboardInterrupt, control.Unserved, ConnectionError):
            return


def call_line(call: dict) -> str:
    ended = "runs" if call["error"] is None else ERRORS.get(call["error"] & 0xFFFF, str(call["error"]))
    return f"{call['client']:>7}  {call['call']:<32}  {ended:<32}  {call['vm'] or ''}".rstrip()


# Names of vix.h for the errors; the last of a number is the one that is told.
ERRORS = {value: name for name, value in vars(constants).items() if name.startswith("VIX_E_")} | {0: "VIX_OK"}
BITS = ("junk", "extra_power_bits")
KINDS = {value: name.removeprefix("VIX_HANDLETYPE_").lower() for name, value in vars(constants).items() if name.startswith("VIX_HANDLETYPE_")}


def handles(said):
    with served(said) as connection:
        told = connection.ask("OpenVIX_Handles")
    if said.json:
        print(json.dumps(told, indent=2))
    elif not told:
        print("no client has anything open")
    for row in [] if said.json else told:
        often = f", and released {row['too_often']} times what was not its own" if row.get("too_often") else ""
        state = "has ended and left" if row["ended"] else "runs and has"
        print(f"process {row['client']} {state} {row['buffers']} buffers and {len(row['open'])} handles{often}")
        for each in row["open"]:
            print(f"  handle {each['handle']} ({KINDS.get(each['type'], each['type'])}), {each['references']} references")


def change(said):
    with served(said) as connection:
        vms = connection.ask("OpenVIX_Status")["vms"]
        paths = [vm["vmx"] for vm in vms if said.vm in (vm["vmx"], vm["name"])]
        if len(paths) != 1:
            raise ConfigError(
                f"{'no' if not paths else 'more than one'} VM of this world is {said.vm!r}; 'openvix status' lists them with the paths of their .vmx"
            )
        told = connection.ask("OpenVIX_ChangeVM", {"vmx": paths[0], **settings(said.settings)})
    if not said.settings:
        print(" ".join(f"{key}={_word(key, value)}" for key, value in told.items() if value is not None))


def advance(said):
    with served(said) as connection:
        connection.ask("OpenVIX_Advance", said.seconds)


def add_fault(said):
    if not said.rule:
        raise ConfigError("a fault is added by KEY=VALUE: see 'openvix fault --help'")
    rule = {"call": "*", **settings(said.rule)}
    with served(said) as connection:
        connection.ask("OpenVIX_AddFault", rule)
        vm = rule.get("vm")
        if vm and not any(vm in (each["vmx"], each["name"]) for each in connection.ask("OpenVIX_Status")["vms"]):
            print(f"openvix: the fault is added, and no VM is called {vm!r} yet", file=sys.stderr)


def list_faults(said):
    with served(said) as connection:
        rules = connection.ask("OpenVIX_Faults")
    for number, rule in enumerate(rules, start=1):
        counted = f"matched {rule.pop('matched')}, struck {rule.pop('struck')}"
        print(f"{number}  {' '.join(f'{key}={_word(key, value)}' for key, value in rule.items())}  ({counted})")


def clear_faults(said):
    if said.rule and not said.rule.isdigit():
        raise ConfigError("what is cleared is the fault of one number in 'openvix fault list', or without a number all")
    with served(said) as connection:
        connection.ask("OpenVIX_ClearFaults", int(said.rule) if said.rule else None)


def _word(key: str, value: Any) -> str:
    """Return the value of a key as it can be given to a shell."""
    if key == "error":
        return ERRORS.get(value, str(value))
    if key in BITS:
        return hex(value)
    return value if value == "*" else shlex.quote(value) if isinstance(value, str) else json.dumps(value)


def settings(said: list[str]) -> dict:
    """Return what KEY=VALUE say: a number or true and false as such, with 0x in front too, and anything else as a text."""
    found = {}
    for each in said:
        key, equals, value = each.partition("=")
        if not equals or not key:
            raise ConfigError(f"{each!r} is not KEY=VALUE")
        found[key] = _value(value)
    return found


def _value(text: str) -> object:
    if text in ("true", "false"):
        return text == "true"
    for read in (lambda: int(text, 0), lambda: float(text)):
        try:
            return read()
        except ValueError:
            continue
    return text


def stop(said):
    control.end(meant(said))
