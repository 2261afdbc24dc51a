# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command line: openvix library, install, start, status, stop."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from pathlib import Path

from openvix import __version__, control, install, place, worldfile
from openvix.worldfile import Mistake

COLUMNS = ("name", "power", "tools", "snapshots", "vmx")

DESCRIPTION = """\
OpenVIX: an independent implementation of the VIX C API, with simulated machines behind it.
A world is a directory with VMs in it. While it is started, every program that speaks VIX can drive them:

    eval "$(openvix start lab.toml)"        # VIX_LIBRARY and OPENVIX_WORLD, for this shell
    ansible localhost -m vmlab.vix.vm_info  # or any other VIX client
    openvix status
    openvix stop
"""
WORLD_FILE = """\
A world file is TOML; everything in it may be left out:

    [world]
    product = "workstation"          # or "fusion", "player", "vi_server", ...
    [vm.web]
    power = "powered_on"             # powered_off (default), suspended, paused
    processes = [ { name = "apache2", owner = "www-data" } ]
    files = { "/etc/motd" = "Welcome" }
    snapshots = [ { name = "base" } ]

README.md and PROTOCOL.md of OpenVIX tell all keys. VMs that the directory has already are left as they are.
"""


def main(arguments: list[str] | None = None) -> int:
    """Carry out one command and return its exit code: 1 with one sentence on stderr for what the user has to mend."""
    said = parser().parse_args(arguments)
    try:
        said.command(said)
    except (Mistake, control.Unserved) as error:
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

    command("library", print_library, "Print the path of libvix.so, built if need be.")
    installing = command("install", lay_out, "Lay libvix.so out as an installed product, for VMware's wrapper library and for clients that load no other.")
    installing.add_argument("--libdir", metavar="DIR", type=Path, required=True, help="where to: the directory that vix.libdir of VMware's configuration names")
    starting = command("start", start, "Start a world and print the variables that a shell needs.", epilog=WORLD_FILE)
    starting.add_argument("world", metavar="WORLD", type=Path, help="a world file (TOML), or the directory of a world; an empty one becomes a world")
    starting.add_argument("--directory", metavar="DIR", type=Path, help="where the world of a world file lives (default: NAME.world beside it)")
    asking = command("status", status, "Show the VMs of a world.")
    asking.add_argument("--json", action="store_true", help="print one JSON object")
    stopping = command("stop", stop, "Stop a world: no process of it is left, and clients do not start it again. VMs stay as they are for the next start.")
    for each in (asking, stopping):
        each.add_argument("world", metavar="WORLD", type=Path, nargs="?", help="as for start (default: $OPENVIX_WORLD, else the default world)")
    return whole


def print_library(said):
    print(library())


def library() -> str:
    from openvix.library import CannotBuild, build

    try:
        return str(build())
    except CannotBuild as error:
        raise Mistake(str(error)) from None


def lay_out(said):
    libdir = said.libdir.absolute()
    try:
        other = install.install(Path(library()), libdir)
    except OSError as error:
        raise Mistake(f"{error.filename}: {error.strerror}") from None
    state = "was there and stays; it finds OpenVIX" if other else "is OpenVIX, and found"
    print(f"# {libdir / install.ALL_PRODUCTS} {state} by this line in ~/.vmware/config:")
    print(f'vix.libdir = "{libdir}"')


def start(said):
    path, content = said.world, None
    if path.is_dir():
        if said.directory:
            raise Mistake("--directory says where the world of a world file lives, and WORLD is a directory already")
        directory = path
        if not place.is_world(directory) and any(directory.iterdir()):
            raise Mistake(f"{directory} is no world: it is a directory with other things in it")
    else:
        content = worldfile.load(path)
        directory = said.directory or beside(path)
    begin(directory, content)
    exports = {"VIX_LIBRARY": library(), "OPENVIX_WORLD": str(directory.absolute())}
    print("export", *(f"{name}={shlex.quote(value)}" for name, value in exports.items()))


def beside(path: Path) -> Path:
    """Return where the world of a world file lives."""
    return path.with_name(f"{path.stem}.world")


def begin(directory: Path, content: dict | None):
    """Serve a world and give it the VMs of its world file that it does not have yet."""
    connection = control.connect(directory)
    if connection is None:
        try:
            place.prepare(directory)
        except OSError as error:
            raise Mistake(f"{error.filename}: {error.strerror}") from None
        place.stopped(directory).unlink(missing_ok=True)
        if content:
            worldfile.keep(directory, content)
        connection, _ = control.start(directory)
    with connection:
        there = {vm["name"] for vm in connection.ask("OpenVIX_Status")["vms"]}
        for name, settings in (content["vm"] if content else {}).items():
            if name not in there:
                connection.ask("OpenVIX_AddVM", {"name": name, **settings})


def meant(said) -> Path:
    """Return the directory of the world that a command is about."""
    path = said.world or place.named()
    directory = beside(path) if path.is_file() else path
    if not place.is_world(directory):
        raise Mistake(f"{directory} is no world: start one with 'openvix start WORLD', and name it or set OPENVIX_WORLD")
    return directory.absolute()


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
        print(f"{directory} is {'stopped' if place.stopped(directory).exists() else 'not served; the next client starts it'}")
    else:
        print(f"{told['world']} ({told['product']}), served by process {told['pid']}")
        rows = [[str(vm[column]) for column in COLUMNS] for vm in told["vms"]]
        widths = [max(map(len, column)) for column in zip(COLUMNS, *rows, strict=True)]
        for row in (COLUMNS, *rows) if rows else ():
            print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


def stop(said):
    control.end(meant(said))


if __name__ == "__main__":
    sys.exit(main())
