# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command line: openvix start, status, calls, fault and other commands."""

from __future__ import annotations

import argparse
import errno
import json
import os
import shlex
import sys
import time
from pathlib import Path
from typing import Any

from openvix import __version__
from openvix.cli import install
from openvix.config import products, worldfile
from openvix.config.errors import ConfigError
from openvix.daemon import control
from openvix.vix import constants
from openvix.world import layout, vm_import

COLUMNS = ("name", "power", "tools", "snapshots", "vmx")

DESCRIPTION = """\
OpenVIX is an independent implementation of the VIX C API with simulated VMs.
A world is a directory that contains VMs. While it is started, every VIX client can control them:

    eval "$(openvix start lab.toml)"        # VIX_LIBRARY and OPENVIX_WORLD, for this shell
    openvix status                          # the VMs and their states
    ansible localhost -m vmlab.vix.vm_info  # or any other VIX client
    openvix fault add call=VixVM_PowerOn vm=web error=VIX_E_CANNOT_CONNECT_TO_VM times=1
    openvix calls                           # the calls of all clients and their results
    openvix handles                         # the open handles and buffers of each client
    openvix stop

Commands without WORLD use $OPENVIX_WORLD, else the default world. See also "openvix COMMAND --help".
"""
WORLD_FILE = """\
WORLD is one of these:

  * a world file (TOML): the world is created in --directory, default NAME.world in the directory of the file. All keys are optional:

        [world]
        product = "workstation"          # or "fusion", "player", "vi_server", ...
        [vm.web]
        power = "powered_on"             # powered_off (default), suspended, paused
        processes = [ { name = "apache2", owner = "www-data" } ]
        files = { "/etc/motd" = "Welcome" }
        snapshots = [ { name = "base" } ]

  * a directory with VMs of VMware: each .vmx file and its snapshots (.vmsd) are copied into a world in --directory, default NAME.world next to
    the directory. The directory itself is only read. Disks are not copied: the guests are simulated.
  * the directory of a world, an empty directory, or with --vms a directory that does not exist yet.

Existing VMs of the world are not changed. To start from scratch, stop the world and remove its directory.
All keys are in docs/world-file.md of OpenVIX.

    openvix start --vms 10000 --running 100 /tmp/large    # vm00001 to vm10000, the first 100 of them powered on
"""
FAULTS = """\
A rule selects calls and injects a fault into them:

    openvix fault add call=VixVM_PowerOn vm=web error=VIX_E_CANNOT_CONNECT_TO_VM times=1   # the next power-on of web fails
    openvix fault add from=5 per=client times=1 error=11               # the fifth call of each client fails
    openvix fault add call=VixVM_Clone kill=true step=7 times=1        # the daemon is killed before its seventh change of a file
    openvix fault add vm=web question='Moved or copied?'               # calls find a pending question in web
    openvix fault list
    openvix fault clear 2                                              # remove rule 2 of the list; without a number, all rules

Select: call (a function of vix.h, or *), vm (name or path), client (process id), from, times, per (count separately for each: world, client, vm)
Effect: error (name or number), junk (bits above bit 15), delay (seconds), hang, crash, abort, exit, lost (connection closed), kill (daemon killed; with
        step=N, before its Nth change of a file), disk_full (bytes that still fit), cut (bytes of a copied file that are written), and settings of the VM
        for this call: tools, question, locked, extra_power_bits
Where:  where=call (default), job (after the call has returned) or after (when the work is done)

Only calls that reach the daemon count. Functions for handles, jobs and buffers do not reach it.
"""
GUESTS = """\
A VM with hypervisor = "qemu" boots a real Linux in QEMU: Debian's kernel, busybox, bash and OpenVIX's guest tools, with a disk of 2 GB. The image is built
from Debian's packages, which apt downloads from the configured sources. The build needs no root privileges and installs nothing. The image is stored in
~/.cache/openvix/guests. VMs use copies of it, so it can be removed and rebuilt at any time. "openvix doctor" lists missing requirements.
"""
POWERSHELL = """\
Windows guests with programs = "wine" have it as C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe and C:\\Program Files\\PowerShell\\7\\pwsh.exe.
PATH is PowerShell 7 for Windows x64, such as PowerShell-7.x-win-x64.zip of Microsoft. It is copied to ~/.cache/openvix/powershell. Guests that run see it
after their next power-on.
"""
DEFAULT = "(default: $OPENVIX_WORLD, else the default world)"
WORLD_HELP = f"a world, its world file, or the directory of VMs that it was created from {DEFAULT}"
LOOK_SECONDS = 0.2
FULL = (errno.ENOSPC, errno.EDQUOT)


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code.

    Errors of the user are reported as one line on stderr with exit code 1.
    """
    options = parser().parse_args(arguments)
    try:
        options.command(options)
    except (ConfigError, control.Unserved) as error:
        print(f"openvix: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # The reader of the output has closed the pipe. Python's flush at exit must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    return 0


def parser() -> argparse.ArgumentParser:
    main_parser = argparse.ArgumentParser("openvix", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    main_parser.add_argument("--version", action="version", version=f"openvix {__version__}")
    commands = main_parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def command(name, function, brief, **more):
        added = commands.add_parser(name, help=brief, description=brief, formatter_class=argparse.RawDescriptionHelpFormatter, **more)
        added.set_defaults(command=function)
        return added

    def add_world_option(added, **more):
        added.add_argument("--world", metavar="WORLD", type=Path, help=WORLD_HELP, **more)

    command("library", print_library, "Print the path of libvix.so; compile it first if necessary.")
    install_parser = command("install", install_library, "Install libvix.so like a VMware product, for VMware's wrapper library and its clients.")
    install_parser.add_argument("--libdir", metavar="DIR", type=Path, required=True, help="target: the directory of vix.libdir in VMware's configuration")
    start_parser = command("start", start, "Start a world and print the environment variables for clients as a shell command.", epilog=WORLD_FILE)
    start_parser.add_argument("world", metavar="WORLD", type=Path, nargs="?", help=f"a world file, a directory with VMs, or a world {DEFAULT}")
    start_parser.add_argument("--directory", metavar="DIR", type=Path, help="directory of the world if WORLD is not a world (default: NAME.world next to it)")
    start_parser.add_argument("--vms", metavar="N", type=int, default=0, help="create VMs until there are N, named vm00001, vm00002, ... (at most 99999)")
    start_parser.add_argument("--running", metavar="M", type=int, default=0, help="number of those VMs that are powered on")
    brief = f"hypervisor of VMs for which the world file sets none (default: simulated); {worldfile.VMWARES_TOOLS}: simulated, with VMware's own Tools"
    start_parser.add_argument("--hypervisor", choices=(*worldfile.HYPERVISORS, worldfile.VMWARES_TOOLS), help=brief)
    status_parser = command("status", status, "Show the VMs of a world.")
    calls_parser = command("calls", calls, "Show the calls of all clients: process, function, result and VM.")
    calls_parser.add_argument("-f", "--follow", action="store_true", help="keep showing new calls until the world is stopped or Ctrl-C is pressed")
    handles_parser = command("handles", handles, "Show the open handles and buffers of each client, including clients that ended without releasing them.")
    for each in (status_parser, calls_parser, handles_parser):
        each.add_argument("--json", action="store_true", help="print one JSON " + ("object for each call" if each is calls_parser else "value"))
    brief = "Change settings of a VM while its world is started, or show them."
    change_parser = command("change", change, brief, epilog=f"KEY is one of {', '.join(worldfile.LIVE)}. Without KEY=VALUE, the settings are shown.")
    change_parser.add_argument("vm", metavar="VM", help="name of the VM, or path of its .vmx file")
    change_parser.add_argument("settings", metavar="KEY=VALUE", nargs="*")
    discard_parser = command("discard", discard, "Give up the memory of a suspended VM: it is powered off then, with its disk as it was when it was suspended.")
    discard_parser.add_argument("vm", metavar="VM", help="name of the VM, or path of its .vmx file")
    advance_parser = command("advance", advance, 'Advance the time of a world with clock = "stepped" in [world].')
    advance_parser.add_argument("seconds", metavar="SECONDS", type=float)
    fault_parser = command("fault", None, "Add, list and remove rules that inject faults into calls.", epilog=FAULTS)
    actions = fault_parser.add_subparsers(title="actions", required=True, metavar="ACTION")
    for name, function, brief, rest, many in (
        ("add", add_fault, "Add a rule.", "KEY=VALUE", "*"),
        ("list", list_faults, "List the rules with their numbers and how many calls they matched and were applied to.", None, None),
        ("clear", clear_faults, "Remove the rule with this number in the list, or all rules.", "NUMBER", "?"),
    ):
        added = actions.add_parser(name, help=brief, description=brief, epilog=FAULTS, formatter_class=argparse.RawDescriptionHelpFormatter)
        added.set_defaults(command=function)
        if rest:
            added.add_argument("rule", metavar=rest, nargs=many)
        add_world_option(added, default=argparse.SUPPRESS)
    doctor_parser = command("doctor", run_doctor, "Check the requirements of OpenVIX and show how to install missing ones; exit code 1 if any is missing.")
    doctor_parser.add_argument("--json", action="store_true", help="print one JSON value")
    guest_parser = command("guest", None, "Build the image that QEMU guests boot from, or take PowerShell for Windows guests.", epilog=GUESTS)
    actions = guest_parser.add_subparsers(title="actions", required=True, metavar="ACTION")
    brief = "Build the image of QEMU guests if there is none yet, and print its path."
    build_parser = actions.add_parser("build", help=brief, description=brief, epilog=GUESTS, formatter_class=argparse.RawDescriptionHelpFormatter)
    build_parser.set_defaults(command=build_guest)
    build_parser.add_argument("--python", action="store_true", help="include Python, so that Ansible modules can run in the guest")
    build_parser.add_argument("--fresh", action="store_true", help="build a new image if Debian's packages have changed")
    brief = "Take PowerShell for Windows guests from a directory or an archive, and print where it is kept."
    powershell_parser = actions.add_parser("powershell", help=brief, description=brief, epilog=POWERSHELL, formatter_class=argparse.RawDescriptionHelpFormatter)
    powershell_parser.set_defaults(command=bring_powershell)
    powershell_parser.add_argument("path", metavar="PATH", type=Path, help="a directory or archive with pwsh.exe for Windows x64")
    stop_parser = command("stop", stop, "Stop a world and all its processes. Clients do not start it again. VMs keep their state for the next start.")
    for each in (status_parser, calls_parser, handles_parser, stop_parser):
        each.add_argument("world", metavar="WORLD", type=Path, nargs="?", help=WORLD_HELP)
    for each in (change_parser, discard_parser, advance_parser, fault_parser):
        add_world_option(each)
    return main_parser


def print_library(options):
    print(library())


def library() -> str:
    from openvix.system.c_build import CannotBuild, build

    try:
        return str(build())
    except CannotBuild as error:
        raise ConfigError(str(error)) from None


def build_guest(options):
    from openvix.backends.qemu.image import images
    from openvix.system.c_build import CannotBuild

    try:
        found = images.build("python" if options.python else "plain", lambda line: print(f"openvix: {line}", file=sys.stderr, flush=True), fresh=options.fresh)
    except CannotBuild as error:
        raise ConfigError(str(error)) from None
    except KeyboardInterrupt:
        raise ConfigError("the build was interrupted; its files have been removed") from None
    print(found.root.parent)


def bring_powershell(options):
    from openvix.backends.wine import powershell
    from openvix.system.c_build import CannotBuild

    try:
        print(powershell.bring(options.path))
    except CannotBuild as error:
        raise ConfigError(str(error)) from None


def run_doctor(options):
    from openvix.cli import doctor

    findings = list(doctor.look())
    command, bad = doctor.install(findings), [finding for finding in findings if finding.needed and not finding.fine]
    if options.json:
        print(json.dumps({"fine": not bad, "install": command, "findings": [finding._asdict() for finding in findings]}, indent=2))
    else:
        states = ["ok" if finding.fine else "missing" if finding.needed else "optional" for finding in findings]
        print_table(("state", "for", "requirement", ""), [[state, each.purpose, each.name, each.message] for state, each in zip(states, findings, strict=True)])
        if command:
            print(f"\nTo install what is missing on Debian, run as root:\n    {command}")
    if bad:
        raise ConfigError(f"missing on this computer: {', '.join(finding.name for finding in bad)}")


def install_library(options):
    libdir = options.libdir.absolute()
    try:
        done = install.install(Path(library()), libdir)
    except OSError as error:
        raise ConfigError(f"cannot install into {libdir}: {error.filename}: {error.strerror}") from None
    for path in done.winning:
        print(f"# VMware's wrapper tries the lines of {path} first: they load another implementation.")
    if done.is_known:
        print(f"# {install.CONFIG} has lines for the installed version {done.version}. Run this command again when VMware is updated.")
    else:
        print(f"# No product.version was found in {', '.join(install.CONFIGS)}.")
        print("# VMware's wrapper needs one: if a client loads the wrapper, add these two lines to ~/.vmware/config as well.")
        print(f'product.name = "{products.TITLES["workstation"]}"')
        print(f'product.version = "{done.version}"')
    kept = " was kept; it loads OpenVIX" if done.kept else " is OpenVIX; it is found"
    print(f"# {libdir / install.ALL_PRODUCTS}{kept} with this line in ~/.vmware/config:")
    print(f'vix.libdir = "{libdir}"')


def start(options):
    path, content = options.world or layout.named(), None
    vms: list[Path] = []
    if not 0 <= options.running <= options.vms <= worldfile.MOST:
        raise ConfigError(f"--vms must be from 0 to {worldfile.MOST} and --running from 0 to --vms")
    if path.is_dir():
        directory = path
        if not layout.is_world(path) and any(path.iterdir()):
            vms, problems = vm_import.readable(vm_import.find_vms(path))
            for problem in problems:
                print(f"openvix: a VM is skipped: {problem}", file=sys.stderr)
            if problems and not vms:
                raise ConfigError(f"none of the VMs in {path} can be read")
            if not vms:
                advice = "pass a world file, a directory with VMs or an empty directory" + (" also with --directory" if options.directory else "")
                raise ConfigError(f"{path} is not a world and contains no .vmx file; {advice}")
            directory = options.directory or default_directory(path)
        elif options.directory:
            raise ConfigError(f"--directory cannot be used with {path}: WORLD must be a world file or a directory with VMs")
    elif not path.exists() and (options.vms or options.world is None):
        directory = path
    elif path.suffix == ".vmx":
        raise ConfigError(f"{path} is a VM, not a world file; pass the directory that contains it: {path.parent}")
    else:
        content = worldfile.load(path, options.hypervisor)
        directory = options.directory or default_directory(path)
        install_vmwares_tools(content)
    serve(directory, content, vms, {"count": options.vms, "running": options.running} if options.vms else None)
    exports = {"VIX_LIBRARY": library(), "OPENVIX_WORLD": str(directory.absolute())}
    print("export", *(f"{name}={shlex.quote(value)}" for name, value in exports.items()))


def install_vmwares_tools(content: dict) -> None:
    """Install the Debian of guests with VMware's own Tools, if the world has one: at the first time it takes a minute, and says so. Raises ConfigError."""
    settings = [content["defaults"], *content["vm"].values(), *(vm for host in content["host"] for vm in host["vm"].values())]
    if not any(each["tools"] == worldfile.VMWARES_TOOLS for each in settings):
        return
    from openvix.backends.vmtoolsd import layers, root
    from openvix.system.c_build import CannotBuild

    try:
        root.find(layers.RELEASES, lambda line: print(line, file=sys.stderr))
    except CannotBuild as error:
        raise ConfigError(str(error)) from None


def default_directory(path: Path) -> Path:
    """Return the default directory of the world for a world file or a directory with VMs."""
    return path.absolute().with_name(f"{path.absolute().stem}.world")


def serve(directory: Path, content: dict | None, vms: list[Path], numbered: dict | None) -> None:
    """Start a world and add the VMs that it does not have yet.

    content: a world file as worldfile.load() returns it; vms: .vmx files to import; numbered: {"count":, "running":} of numbered VMs.
    """
    connection = control.connect(directory)
    if connection is None:
        try:
            layout.prepare(directory)
            vm_import.import_vms(vms, directory)
            if content:
                worldfile.save(directory, content)
            layout.stopped(directory).unlink(missing_ok=True)
            layout.handover(directory).unlink(missing_ok=True)
        except OSError as error:
            reason = f"no space left in {directory}" if error.errno in FULL else f"{error.filename}: {error.strerror}"
            raise ConfigError(f"cannot create the world {directory}: {reason}") from None
        connection, _ = control.start(directory)
    elif any(not (directory / "vms" / path.stem).exists() for path in vms):
        connection.close()
        raise ConfigError(f"cannot import new VMs into {directory} while it is started; run 'openvix stop' first")
    elif content and worldfile.without_vms(content) != worldfile.load_saved(directory):
        advice = "changes of its world file outside [vm...] take effect after 'openvix stop' and 'openvix start'"
        print(f"openvix: {directory} is already started; {advice}", file=sys.stderr)
    with connection:
        for notice in connection.ask("OpenVIX_Status")["notices"]:
            advice = f"give the memory up and start from the disk with: openvix discard {shlex.quote(notice['name'])}"
            print(f"openvix: {notice['name']} stays suspended: {notice['reason']}; {advice}", file=sys.stderr)
        if content:
            add_vms(connection, content)
        if numbered:
            connection.ask("OpenVIX_AddVMs", numbered)


def add_vms(connection: control.Connection, content: dict) -> None:
    """Create the VMs of a world file that the world does not have yet."""
    there = {(vm.get("host"), vm["name"]) for vm in connection.ask("OpenVIX_Status")["vms"]}
    wanted = [(None, content["vm"]), *((f"{host['name'].lower()}:{host['port']}", host["vm"]) for host in content["host"])]
    for host, vms in wanted:
        for name, settings in vms.items():
            if (host, name) not in there:
                connection.ask("OpenVIX_AddVM", {"name": name, "host": host, **settings})


def world_directory(options: argparse.Namespace) -> Path:
    """Return the directory of the world that the command line selects."""
    path = options.world or layout.named()
    directory = path if layout.is_world(path) or not path.exists() else default_directory(path)
    if not layout.is_world(directory):
        raise ConfigError(f"{directory} is not a world; start one with 'openvix start WORLD', then pass WORLD or set OPENVIX_WORLD")
    layout.require_own(directory)
    return directory.absolute()


def connect(options: argparse.Namespace) -> control.Connection:
    """Return a connection to the selected world. Raises ConfigError if it is stopped."""
    directory = world_directory(options)
    if layout.stopped(directory).exists():
        raise ConfigError(f"{directory} is stopped; start it with 'openvix start {directory}'")
    # Like any client, start the daemon if it was killed.
    return control.connect(directory) or control.start(directory)[0]


def state_without_daemon(directory: Path) -> str:
    return "stopped" if layout.stopped(directory).exists() else "not running; the next client starts its daemon"


def status(options):
    directory = world_directory(options)
    connection = control.connect(directory)
    if connection:
        with connection:
            result = connection.ask("OpenVIX_Status")
    else:
        result = {"pid": None, "world": str(directory), "product": None, "vms": []}
    if options.json:
        print(json.dumps(result, indent=2))
    elif connection is None:
        print(f"{directory} is {state_without_daemon(directory)}")
    else:
        print(f"{result['world']} ({result['product']}), served by process {result['pid']}")
        columns = ("host", *COLUMNS) if any("host" in vm for vm in result["vms"]) else COLUMNS
        print_table(columns, [[str(vm.get(column, "")) for column in columns] for vm in result["vms"]])


def print_table(columns: tuple[str, ...], rows: list[list[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    for row in (columns, *rows) if rows else ():
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


def calls(options):
    with connect(options) as connection:
        following = 0
        running: set[int] = set()
        try:
            while True:
                for call in connection.ask("OpenVIX_Calls", {"since": min(running, default=following)}):
                    number, runs = call["number"], call["error"] is None
                    # A call in progress is shown twice: now, and when it has ended.
                    if number >= following or (number in running and not runs):
                        print(json.dumps(call) if options.json else format_call(call), flush=options.follow)
                        running = running | {number} if runs else running - {number}
                    following = max(following, number + 1)
                if not options.follow:
                    return
                time.sleep(LOOK_SECONDS)
        except (KeyboardInterrupt, control.Unserved, ConnectionError):
            return


def format_call(call: dict) -> str:
    ended = "runs" if call["error"] is None else ERRORS.get(call["error"] & 0xFFFF, str(call["error"]))
    line = f"{call['client']:>7}  {call['call']:<32}  {ended:<32}  {call['vm'] or ''}".rstrip()
    return f"{line}: {call['reason']}" if call.get("reason") else line


# The names of errors in vix.h; if a number has several, the last one is shown.
ERRORS = {value: name for name, value in vars(constants).items() if name.startswith("VIX_E_")} | {0: "VIX_OK"}
BITS = ("junk", "extra_power_bits")
KINDS = {value: name.removeprefix("VIX_HANDLETYPE_").lower() for name, value in vars(constants).items() if name.startswith("VIX_HANDLETYPE_")}


def handles(options):
    with connect(options) as connection:
        result = connection.ask("OpenVIX_Handles")
    if options.json:
        print(json.dumps(result, indent=2))
    elif not result:
        print("no client has open handles or buffers")
    for row in [] if options.json else result:
        excess = f", {row['too_often']} releases of handles that it did not own" if row.get("too_often") else ""
        state = "ended" if row["ended"] else "running"
        print(f"process {row['client']} ({state}): {row['buffers']} buffers, {len(row['open'])} handles{excess}")
        for each in row["open"]:
            print(f"  handle {each['handle']} ({KINDS.get(each['type'], each['type'])}), {each['references']} references")


def named_vm(connection: control.Connection, name: str) -> str:
    """Return the path of the VM with this name or path. Raises ConfigError."""
    paths = [vm["vmx"] for vm in connection.ask("OpenVIX_Status")["vms"] if name in (vm["vmx"], vm["name"])]
    if len(paths) != 1:
        raise ConfigError(f"{'no' if not paths else 'more than one'} VM of this world has the name or path {name!r}; see 'openvix status' for names and paths")
    return paths[0]


def discard(options):
    with connect(options) as connection:
        connection.ask("OpenVIX_DiscardMemory", named_vm(connection, options.vm))


def change(options):
    with connect(options) as connection:
        result = connection.ask("OpenVIX_ChangeVM", {"vmx": named_vm(connection, options.vm), **settings(options.settings)})
    if not options.settings:
        flat = {name: each for key, value in result.items() for name, each in _flat(key, value)}
        print(" ".join(f"{key}={_word(key, value)}" for key, value in flat.items() if value is not None))


def advance(options):
    with connect(options) as connection:
        connection.ask("OpenVIX_Advance", options.seconds)


def add_fault(options):
    if not options.rule:
        raise ConfigError("adding a fault requires KEY=VALUE; see 'openvix fault --help'")
    rule = {"call": "*", **settings(options.rule)}
    with connect(options) as connection:
        connection.ask("OpenVIX_AddFault", rule)
        vm = rule.get("vm")
        if vm and not any(vm in (each["vmx"], each["name"]) for each in connection.ask("OpenVIX_Status")["vms"]):
            print(f"openvix: the fault was added, but there is no VM named {vm!r} yet", file=sys.stderr)


def list_faults(options):
    with connect(options) as connection:
        rules = connection.ask("OpenVIX_Faults")
    for number, rule in enumerate(rules, start=1):
        last = "".join(f", last to {call['call']}" for call in rule.pop("calls")[-1:])
        counted = f"matched {rule.pop('matched')}, applied {rule.pop('applied')}{last}"
        print(f"{number}  {' '.join(f'{key}={_word(key, value)}' for key, value in rule.items())}  ({counted})")


def clear_faults(options):
    if options.rule and not options.rule.isdigit():
        raise ConfigError(f"{options.rule!r} is not the number of a fault; see 'openvix fault list' for the numbers, or omit it to remove all faults")
    with connect(options) as connection:
        connection.ask("OpenVIX_ClearFaults", int(options.rule) if options.rule else None)


def _word(key: str, value: Any) -> str:
    """Return a value as it is written in a shell."""
    if key == "error":
        return ERRORS.get(value, str(value))
    if key in BITS:
        return hex(value)
    return value if value == "*" else shlex.quote(value) if isinstance(value, str) else json.dumps(value)


def _flat(key: str, value: object) -> list[tuple[str, object]]:
    """Return a setting, or each of those in a table, with the key that settings() reads."""
    return [(f"{key}.{inner}", each) for inner, each in value.items()] if isinstance(value, dict) else [(key, value)]


def settings(arguments: list[str]) -> dict:
    """Return the settings in arguments of the form KEY=VALUE; numbers (also 0x...), true and false are converted, other values are strings.

    A key of a table is written TABLE.KEY.
    """
    found: dict[str, Any] = {}
    for each in arguments:
        key, equals, value = each.partition("=")
        outer, dot, inner = key.partition(".")
        if not equals or not outer or (dot and not inner):
            raise ConfigError(f"{each!r} is not KEY=VALUE")
        if dot:
            found.setdefault(outer, {})[inner] = _value(value)
        else:
            found[outer] = _value(value)
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


def stop(options):
    directory = world_directory(options)
    try:
        control.end(directory)
    except OSError as error:
        raise ConfigError(f"cannot stop {directory}: {error}") from None
