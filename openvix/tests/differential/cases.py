# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fixed cases of the differential test: what each guest function of VIX is asked, and the answer in words that every kind of guest can give."""

from __future__ import annotations

import itertools
import os
import re
import shlex
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from guests import PLAY, TIME, Guest
from waiting import eventually

from openvix.guest.files import FileInfo
from openvix.guest.processes import Process
from openvix.vix import constants
from openvix.vix.errors import VixError

NAMES = {value: name for name, value in vars(constants).items() if re.match(r"VIX_E_[A-Z]", name)}


class Case(NamedTuple):
    """One operation.

    name: function, account and situation; function: the function of VIX; act: does it and returns the answer, which is compared.
    """

    name: str
    function: str
    act: Callable[[Guest], object]


CASES: dict[str, Case] = {}


def case(function: str, situation: str, act: Callable[[Guest], object]):
    name = f"{function}: {situation}"
    assert name not in CASES, name
    CASES[name] = Case(name, function, act)


def answer_of(guest: Guest, act: Callable[[Guest], object]) -> str:
    """Return the answer of a guest as one text: a value, or the name of an error."""
    try:
        return str(act(guest))
    except VixError as refused:
        return NAMES.get(refused.code, f"VIX error {refused.code}")


def outcome(guest: Guest, chosen: Case) -> str:
    """Lay the files of a guest, carry out a case, and return its answer and what became of the files."""
    guest.lay_files()
    before = guest.files()
    answer = answer_of(guest, chosen.act)
    return "\n".join([answer, *changes(before, guest.files())])


def changes(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Return what changed, one line each."""
    paths = sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
    return [f"{path}: {after.get(path, 'gone')}" for path in paths]


# What can be at a path, and a path where it is. Below srv/play everything is root's.
SITUATIONS = {
    "file": f"/{PLAY}/f",
    "directory": f"/{PLAY}/d",
    "empty directory": f"/{PLAY}/e",
    "link to a file": f"/{PLAY}/lf",
    "link to a directory": f"/{PLAY}/ld",
    "dangling link": f"/{PLAY}/dang",
    "loop of links": f"/{PLAY}/loop",
    "pipe": f"/{PLAY}/pipe",
    "nothing": f"/{PLAY}/none",
    "below nothing": f"/{PLAY}/none/below",
    "below a file": f"/{PLAY}/f/below",
    "through a link": f"/{PLAY}/ld/in",
    "directory with a slash": f"/{PLAY}/d/",
    "file with a slash": f"/{PLAY}/f/",
    "dots in the path": f"/{PLAY}/d/../d/./in",
    "too long a name": f"/{PLAY}/" + "n" * 256,
    "relative path": f"{PLAY}/f",
    "empty path": "",
}
# And what an account meets who is not root.
FOREIGN = {
    "file of root": f"/{PLAY}/f",
    "directory of root": f"/{PLAY}/d",
    "unreadable file": f"/{PLAY}/secret",
    "closed directory": f"/{PLAY}/closed",
    "in a closed directory": f"/{PLAY}/closed/x",
    "directory without x": f"/{PLAY}/listed",
    "in a directory without x": f"/{PLAY}/listed/x",
    "new in a directory of root": f"/{PLAY}/new",
    "home of root": "/root",
    "in the home of root": "/root/x",
    "passwords": "/etc/shadow",
    "own file": "/home/ann/own",
    "own directory": "/home/ann/dir",
}


def _info(info: FileInfo) -> str:
    kind = {0: "file", constants.VIX_FILE_ATTRIBUTES_DIRECTORY: "directory", constants.VIX_FILE_ATTRIBUTES_SYMLINK: "link"}.get(info.flags, info.flags)
    return f"{info.name} {kind} {info.size} {info.modified}"


def _listed(files: list[FileInfo]) -> str:
    """The order is that of no other kind of guest."""
    return ", ".join(sorted(_info(each) for each in files))


# Each function that takes one path.
OF_ONE_PATH: dict[str, Callable] = {
    "FileExists": lambda guest, account, path: guest.tools.file_exists(account, path),
    "DirectoryExists": lambda guest, account, path: guest.tools.directory_exists(account, path),
    "GetFileInfo": lambda guest, account, path: _info(guest.tools.file_info(account, path)),
    "ListDirectory": lambda guest, account, path: _listed(guest.tools.list_directory(account, path)),
    "CreateDirectory": lambda guest, account, path: guest.tools.create_directory(account, path),
    "DeleteDirectory": lambda guest, account, path: guest.tools.delete_directory(account, path),
    "DeleteFile": lambda guest, account, path: guest.tools.delete_file(account, path),
}


def on_path(function: str, name: str, path: str) -> Callable[[Guest], object]:
    return lambda guest: OF_ONE_PATH[function](guest, guest.account(name), path)


for each in OF_ONE_PATH:
    for situation, path in SITUATIONS.items():
        case(each, situation, on_path(each, "root", path))
    for situation, path in FOREIGN.items():
        # What they are differs from guest to guest.
        if each != "GetFileInfo" or path not in ("/root", "/etc/shadow"):
            case(each, f"{situation}, by ann", on_path(each, "ann", path))
case("CreateDirectory", "with parents", on_path("CreateDirectory", "root", f"/{PLAY}/a/b/c"))
case("FileExists", "a system file, by ann", on_path("FileExists", "ann", "/etc/passwd"))
case("DirectoryExists", "the root", on_path("DirectoryExists", "root", "/"))
case("CreateDirectory", "the root", on_path("CreateDirectory", "root", "/"))
case("CreateDirectory", "below a dangling link", on_path("CreateDirectory", "root", f"/{PLAY}/dang/below"))
case("CreateDirectory", "below a loop of links", on_path("CreateDirectory", "root", f"/{PLAY}/loop/below"))
case("DeleteDirectory", "link to a directory with a slash", on_path("DeleteDirectory", "root", f"/{PLAY}/ld/"))
case("DeleteDirectory", "own home, by ann", on_path("DeleteDirectory", "ann", "/home/ann"))
case("ListDirectory", "directory with all sorts, by ann", on_path("ListDirectory", "ann", f"/{PLAY}"))


def with_file(path: str, make: Callable[[Path], object], act: Callable[[Guest], object]) -> Callable[[Guest], object]:
    """Make a file at a path of the guest before an operation."""

    def prepared(guest: Guest) -> object:
        make(guest.disk / path)
        return act(guest)

    return prepared


def lists_link(target: str) -> Callable[[Guest], object]:
    """List a directory that holds one link, to this target."""

    def act(guest: Guest) -> str:
        link = guest.disk / PLAY / "e/link"
        link.symlink_to(target)
        os.utime(link, (TIME, TIME), follow_symlinks=False)
        return on_path("ListDirectory", "root", f"/{PLAY}/e")(guest)

    return act


case("ListDirectory", "directory with a dangling link", lists_link("nowhere"))
case("ListDirectory", "directory with a loop of links", lists_link("link"))

# Where something is renamed to, besides onto what is there.
TARGETS = {
    "nothing": f"/{PLAY}/new",
    "file": f"/{PLAY}/g",
    "directory": f"/{PLAY}/d/inner",
    "empty directory": f"/{PLAY}/e",
    "link to a file": f"/{PLAY}/lg",
    "link to a directory": f"/{PLAY}/le",
    "dangling link": f"/{PLAY}/dang",
    "below nothing": f"/{PLAY}/none/below",
    "below a file": f"/{PLAY}/g/below",
    "another file system": "/tmp/new",
}
SOURCES = ("file", "directory", "link to a file", "link to a directory", "dangling link", "nothing", "below a file")


def renames(name: str, old: str, new: str) -> Callable[[Guest], object]:
    return lambda guest: guest.tools.rename(guest.account(name), old, new)


for source, target in itertools.product(SOURCES, TARGETS):
    if SITUATIONS[source] != TARGETS[target]:
        case("Rename", f"{source} to {target}", renames("root", SITUATIONS[source], TARGETS[target]))
for situation, old, new in (
    ("loop of links to nothing", "loop", "new"),
    ("file to loop of links", "f", "loop"),
    ("file to a link to itself", "f", "lf"),
    ("link to a file to that file", "lf", "f"),
    ("link to a directory to that directory", "ld", "d"),
    ("directory to a link to itself", "d", "ld"),
):
    case("Rename", situation, renames("root", f"/{PLAY}/{old}", f"/{PLAY}/{new}"))
case("Rename", "in a closed directory to the own home, by ann", renames("ann", f"/{PLAY}/closed/x", "/home/ann/new"))
case("Rename", "own file to a file of root, by ann", renames("ann", "/home/ann/own", f"/{PLAY}/f"))
case("Rename", "file of root to an own file, by ann", renames("ann", f"/{PLAY}/f", "/home/ann/own"))


def writes_there(path: Path):
    path.write_text("there\n", encoding="utf-8")
    path.chmod(0o640)


def links_there(path: Path):
    os.link(path.parent / "f", path)


case("Rename", "file to another name of it", with_file(f"{PLAY}/hard", links_there, renames("root", f"/{PLAY}/f", f"/{PLAY}/hard")))
case("Rename", "file to a file of another file system", with_file("tmp/new", writes_there, renames("root", f"/{PLAY}/f", "/tmp/new")))
case("Rename", "directory to a file of another file system", with_file("tmp/new", writes_there, renames("root", f"/{PLAY}/d", "/tmp/new")))
case("Rename", "file to a file of another file system, by ann", with_file("tmp/new", writes_there, renames("ann", "/home/ann/own", "/tmp/new")))
case("Rename", "pipe to nothing", renames("root", SITUATIONS["pipe"], TARGETS["nothing"]))
case("Rename", "file to itself", renames("root", f"/{PLAY}/f", f"/{PLAY}/f"))
case("Rename", "directory into itself", renames("root", f"/{PLAY}/d", f"/{PLAY}/d/inner/new"))
case("Rename", "empty path to nothing", renames("root", "", f"/{PLAY}/new"))
case("Rename", "file to empty path", renames("root", f"/{PLAY}/f", ""))
case("Rename", "directory to nothing with a slash", renames("root", f"/{PLAY}/d", f"/{PLAY}/new/"))
case("Rename", "own file in the own home, by ann", renames("ann", "/home/ann/own", "/home/ann/new"))
case("Rename", "own file to /tmp, by ann", renames("ann", "/home/ann/own", "/tmp/new"))
case("Rename", "own file into a directory of root, by ann", renames("ann", "/home/ann/own", f"/{PLAY}/new"))
case("Rename", "readable file of root to the own home, by ann", renames("ann", f"/{PLAY}/f", "/home/ann/new"))
case("Rename", "unreadable file of root to the own home, by ann", renames("ann", f"/{PLAY}/secret", "/home/ann/new"))
case("Rename", "directory of root to the own home, by ann", renames("ann", f"/{PLAY}/d", "/home/ann/new"))


# Copies, from and to a directory of the host that each guest has for itself.


def host(guest: Guest) -> Path:
    """Return a new directory of the host with a file, an empty one, a large one, and a directory with links."""
    place = guest.outside / f"{time.monotonic_ns()}"
    (place / "tree/deep").mkdir(parents=True)
    (place / "file").write_text("from the host\n", encoding="utf-8")
    (place / "file").chmod(0o640)
    (place / "program").write_text("#!/bin/sh\n", encoding="utf-8")
    (place / "program").chmod(0o755)
    (place / "nothing").touch()
    (place / "large").write_bytes(bytes(range(256)) * 1024)
    (place / "tree/deep/in").write_text("deep", encoding="utf-8")
    (place / "tree/f").write_text("in a tree", encoding="utf-8")
    (place / "tree/link").symlink_to("f")
    return place


def copies_in(name: str, source: str, target: str) -> Callable[[Guest], object]:
    return lambda guest: guest.tools.copy_in(guest.account(name), str(host(guest) / source), target)


def copies_out(name: str, source: str) -> Callable[[Guest], object]:
    def act(guest: Guest) -> str:
        target = host(guest) / "copy"
        guest.tools.copy_out(guest.account(name), source, str(target))
        return "; ".join(_of_host(target))

    return act


def _of_host(place: Path) -> list[str]:
    found = []
    for path in [place, *sorted(place.rglob("*"))] if place.is_dir() and not place.is_symlink() else [place]:
        what = os.readlink(path) if path.is_symlink() else "" if path.is_dir() else path.read_bytes()[:100].decode("latin-1")
        mode = "" if path.is_symlink() else f"{stat.S_IMODE(path.lstat().st_mode):o}"
        found.append(f"{path.relative_to(place)} {mode} {what!r}")
    return found


for source, target in {
    **{("file", name): path for name, path in TARGETS.items()},
    **{("tree", name): path for name, path in TARGETS.items() if name not in ("below a file", "another file system")},
    ("file", "pipe"): f"/{PLAY}/pipe",
    ("file", "nothing with a slash"): f"/{PLAY}/new/",
    ("program", "nothing"): f"/{PLAY}/new",
    ("nothing", "nothing"): f"/{PLAY}/new",
    ("large", "file"): f"/{PLAY}/f",
}.items():
    case("CopyFileFromHostToGuest", f"{source[0]} to {source[1]}", copies_in("root", source[0], target))
case("CopyFileFromHostToGuest", "file to one of two names", with_file(f"{PLAY}/hard", links_there, copies_in("root", "file", f"/{PLAY}/hard")))
case(
    "CopyFileFromHostToGuest",
    "tree to a directory with a link",
    with_file(f"{PLAY}/e/f", lambda path: path.symlink_to("../g"), copies_in("root", "tree", f"/{PLAY}/e")),
)
case("CopyFileFromHostToGuest", "tree to a directory with a file", with_file(f"{PLAY}/e/link", writes_there, copies_in("root", "tree", f"/{PLAY}/e")))
case("CopyFileFromHostToGuest", "missing file to nothing", copies_in("root", "none", f"/{PLAY}/new"))
for situation, path in FOREIGN.items():
    if "directory" not in situation or "in a" in situation:
        case("CopyFileFromHostToGuest", f"file to {situation}, by ann", copies_in("ann", "file", path))
for situation in ("file", "directory", "link to a file", "link to a directory", "dangling link", "nothing", "below a file"):
    case("CopyFileFromGuestToHost", situation, copies_out("root", SITUATIONS[situation]))
for situation, path in FOREIGN.items():
    case("CopyFileFromGuestToHost", f"{situation}, by ann", copies_out("ann", path))

# Programs. What they have to say they write into /tmp/out, where it is compared.


def runs(name: str, program: str, arguments: str | None = None) -> Callable[[Guest], object]:
    return lambda guest: f"exit code {guest.tools.run_program(guest.account(name), program, arguments, wait=True).code}"


def runs_script(name: str, interpreter: str | None, text: str) -> Callable[[Guest], object]:
    return lambda guest: f"exit code {guest.tools.run_script(guest.account(name), interpreter, text, wait=True).code}"


PROGRAMS = {
    "exit code 7": (f"/{PLAY}/seven", None),
    "without arguments": ("/bin/true", None),
    "exit code 255": ("/bin/sh", "-c 'exit 255'"),
    "exit code 256": ("/bin/bash", "-c 'exit 256'"),
    "ended by SIGKILL": ("/bin/sh", "-c 'kill -9 $$; sleep 1'"),
    "ended by SIGTERM": ("/bin/sh", "-c 'kill -15 $$; sleep 1'"),
    "whose child is ended by SIGKILL": ("/bin/sh", "-c 'sh -c \"kill -9 \\$\\$\"; exit'"),
    "nothing": (f"/{PLAY}/none", None),
    "directory": (f"/{PLAY}/d", None),
    "not executable": (f"/{PLAY}/plain", None),
    "dangling link": (f"/{PLAY}/dang", None),
    "below a file": (f"/{PLAY}/f/below", None),
    "name without a directory": ("true", None),
    "relative path": ("bin/true", None),
    "empty path": ("", None),
    "arguments in the path": ("/bin/true -x", None),
    "text without #!": (f"/{PLAY}/no-shebang", None),
    "missing interpreter": (f"/{PLAY}/bad-shebang", None),
    "no program": (f"/{PLAY}/junk", None),
    "$ in the path": (f"/{PLAY}/$HOME", None),
    "blank in the path": (f"/{PLAY}/two words", "a"),
    "quotes in the arguments": (f"/{PLAY}/show", "a 'b c' \"d e\" f\\ g"),
    "variables in the arguments": (f"/{PLAY}/show", "$HOME $USER '$HOME'"),
    "command in the arguments": (f"/{PLAY}/show", "$(echo a) `echo b`"),
    "second command": (f"/{PLAY}/show", "a; echo b >>/tmp/out"),
    "second command that fails": ("/bin/true", "; exit 3"),
    "line break in the arguments": (f"/{PLAY}/show", "a\nexit 4"),
    "redirection": ("/bin/echo", "a >/tmp/out"),
    "open quote": (f"/{PLAY}/show", "'a"),
    "braces": (f"/{PLAY}/show", "{a,b}c"),
    "pattern": (f"/{PLAY}/show", f"/{PLAY}/two*"),
    "text in UTF-8": (f"/{PLAY}/show", "ä€"),
    "names in the environment": ("/usr/bin/env", "| cut -d= -f1 | sort >/tmp/out"),
    "values in the environment": ("/bin/sh", "-c 'echo $HOME $USER $PATH >/tmp/out'"),
    "directory and umask": ("/bin/sh", "-c 'pwd >/tmp/out; umask >>/tmp/out'"),
    "standard input": ("/bin/sh", "-c 'readlink /proc/self/fd/0 >/tmp/out; cat >>/tmp/out'"),
    "SIGPIPE": ("/bin/bash", "-c 'trap -p PIPE; grep SigIgn /proc/self/status | tail -c 6 >/tmp/out'"),
    "session": ("/bin/sh", "-c 'set -- $(cat /proc/$$/stat); test \"$6\" = $$ && echo own >/tmp/out; exit 0'"),
    "child in the background": ("/bin/sh", "-c 'sleep 3 & exit 5'"),
    "long arguments": ("/bin/echo", "x" * 100_000 + " | wc -c >/tmp/out"),
    "too long arguments": ("/bin/true", "x" * 150_000),
}
for situation, (program, arguments) in PROGRAMS.items():
    case("RunProgramInGuest", situation, runs("root", program, arguments))
case("RunProgramInGuest", "user and groups, by ann", runs("ann", "/bin/sh", "-c 'id -un >/tmp/out'"))
case("RunProgramInGuest", "home, by ann", runs("ann", "/bin/sh", "-c 'echo \"$HOME $USER\" >/tmp/out'"))
case("RunProgramInGuest", "in a closed directory, by ann", runs("ann", f"/{PLAY}/closed/x"))
case("RunProgramInGuest", "in the home of root, by ann", runs("ann", "/root/x"))
case("RunProgramInGuest", "who may not write, by ann", runs("ann", "/bin/sh", f"-c 'echo a >/{PLAY}/f'"))
case("RunProgramInGuest", "not awaited", lambda guest: guest.tools.run_program(guest.account("root"), "/bin/sleep", "1", wait=False).code)

SCRIPTS = {
    "exit code 3": ("", "exit 3\n"),
    "by name of the interpreter": ("/bin/sh", "exit 4\n"),
    "without a line break": ("", "echo a >/tmp/out; exit 5"),
    "empty text": ("", ""),
    "ended by SIGKILL": ("", "kill -9 $$; sleep 1\n"),
    "interpreter with arguments": ("/bin/sh -e", "exit 3\n"),
    "missing interpreter": ("/nowhere", "exit 3\n"),
    "interpreter without a directory": ("sh", "exit 3\n"),
    "interpreter that is not executable": (f"/{PLAY}/plain", "exit 3\n"),
    "interpreter that is a directory": (f"/{PLAY}/d", "exit 3\n"),
    "line breaks of Windows": ("", "exit 3\r\n"),
    "#! of another interpreter": ("", "#!/nowhere\nexit 3\n"),
    "bash": ("/bin/bash", "echo {a,b} >/tmp/out\n"),
    "kind of shell": ("", "echo {a,b} >/tmp/out\n"),
    "mode and owner of the file": ("", 'stat -c "%a %U" "$0" "${0%/*}" >/tmp/out\n'),
    "name of the file": ("", 'echo "$0" | sed "s/vmware[0-9a-f]*/vmwareN/; s/[0-9]\\+/N/g" >/tmp/out\n'),
    "that removes itself": ("", 'rm "$0"; exit 6\n'),
    "text in UTF-8": ("", "echo ä€ >/tmp/out\n"),
    "text that is not UTF-8": ("", "echo \udcff >/tmp/out\n"),
    "long text": ("", "#" + "x" * 60_000 + "\nexit 3\n"),
    "too long text": ("", "#" + "x" * 70_000 + "\nexit 3\n"),
}
for situation, (interpreter, text) in SCRIPTS.items():
    case("RunScriptInGuest", situation, runs_script("root", interpreter, text))
case("RunScriptInGuest", "mode and owner of the file, by ann", runs_script("ann", "", 'stat -c "%a %U" "$0" "${0%/*}" >/tmp/out; id -un >>/tmp/out\n'))


def leaves_script(guest: Guest) -> str:
    guest.tools.run_script(guest.account("root"), "", 'echo "$0" >/tmp/out\n', wait=True)
    file = guest.disk / (guest.disk / "tmp/out").read_text(encoding="utf-8").strip()[1:]
    (guest.disk / "tmp/out").unlink()
    return f"file {'there' if file.exists() else 'gone'}, directory {'there' if file.parent.exists() else 'gone'}"


case("RunScriptInGuest", "what is left", leaves_script)

# Processes.


def listed(guest: Guest, pid: int) -> Process | None:
    """Return the process of this number as the guest lists it, None if it does not."""
    return next((process for process in guest.tools.processes() if process.pid == pid), None)


def found(guest: Guest, pid: int, holds: Callable[[Process], bool]) -> Process:
    """Return the process of this number once something holds for it."""
    return eventually(lambda: (process := listed(guest, pid)) and holds(process) and process)


def lists(program: str, arguments: str, mark: str) -> Callable[[Guest], object]:
    """Start a program, and return how it is listed as soon as its command has a mark."""

    def act(guest: Guest) -> str:
        account = guest.account("root")
        pid = guest.tools.run_program(account, program, arguments, wait=False).pid
        process = found(guest, pid, lambda process: mark in process.command and "-c" not in process.command)
        guest.tools.kill(account, pid)
        return f"{process.name!r} of {process.owner}: {process.command!r}"

    return act


LISTED = {
    "program": ("/bin/sleep", "60", "60"),
    "script": (f"/{PLAY}/sleeper", "now", "now"),
    "first argument without a slash": ("/bin/bash", "-c 'exec -a relative sleep 61'", "61"),
    "first argument with a slash inside": ("/bin/bash", "-c 'exec -a a/relative/name sleep 61'", "61"),
    "first argument with blanks": ("/bin/bash", "-c 'exec -a \"sshd: root@pts/1 [x]\" sleep 61'", "61"),
    "first argument that is empty": ("/bin/bash", "-c 'exec -a \"\" sleep 61'", "61"),
    "arguments with blanks and marks": (f"/{PLAY}/sleeper", "'a  b' '<&>%' mark", "mark"),
}
for situation, values in LISTED.items():
    case("ListProcessesInGuest", situation, lists(*values))


def lists_owner(guest: Guest) -> str:
    pid = guest.tools.run_program(guest.account("ann"), "/bin/sleep", "60", wait=False).pid
    process = found(guest, pid, lambda process: process.name == "sleep")
    guest.tools.kill(guest.account("ann"), pid)
    return f"{process.owner}, started {'now' if abs(process.start_time - time.time()) < 10 else 'at another time'}"


def lists_ended(guest: Guest) -> str:
    """A process whose parent does not look after it: it ends once its parent, which would, has become another program."""
    line = r'sh -c "while read name </proc/\$PPID/comm && [ \$name = bash ]; do :; done; exit 1" & echo $! >/tmp/out; exec sleep 60'
    arguments = f"-c {shlex.quote(line)}"
    pid = guest.tools.run_program(guest.account("root"), "/bin/bash", arguments, wait=False).pid
    out = guest.disk / "tmp/out"
    eventually(lambda: out.exists() and out.read_text(encoding="utf-8").strip())
    child = int(out.read_text(encoding="utf-8"))
    out.unlink()
    # As long as it runs, its command line is that of the loop.
    eventually(lambda: (process := listed(guest, child)) is None or "while" not in process.command)
    process = listed(guest, child)
    guest.tools.kill(guest.account("root"), pid)
    return f"{process.name!r}: {process.command!r}" if process else "not listed"


case("ListProcessesInGuest", "owner and start, by ann", lists_owner)
case("ListProcessesInGuest", "ended and not reaped", lists_ended)
case("ListProcessesInGuest", "order", lambda guest: [process.pid for process in guest.tools.processes()] == sorted({p.pid for p in guest.tools.processes()}))


def kills(line: str, name: str = "root", by: str = "root") -> Callable[[Guest], object]:
    """Start a shell with a line, kill it, and return the answer and whether it is listed then."""

    def act(guest: Guest) -> str:
        pid = guest.tools.run_program(guest.account(name), "/bin/bash", f"-c {shlex.quote(line)}", wait=False).pid
        eventually(lambda: (guest.disk / "tmp/ready").exists())
        (guest.disk / "tmp/ready").unlink()
        answer = answer_of(guest, lambda guest: guest.tools.kill(guest.account(by), pid))
        process = listed(guest, pid)
        if process is not None:
            guest.tools.kill(guest.account("root"), pid)
        return f"{answer}, {'listed' if process else 'gone'}"

    return act


case("KillProcessInGuest", "that does nothing", kills("echo >/tmp/ready; exec sleep 60"))
case("KillProcessInGuest", "that handles SIGTERM", kills("trap 'echo handled >/tmp/out; exit 9' TERM; echo >/tmp/ready; while :; do sleep 0.1; done"))
case("KillProcessInGuest", "that ignores SIGTERM", kills("trap '' TERM; echo >/tmp/ready; while :; do sleep 0.1; done"))
case("KillProcessInGuest", "of the account itself, by ann", kills("echo >/tmp/ready; exec sleep 60", "ann", "ann"))
case("KillProcessInGuest", "of root, by ann", kills("echo >/tmp/ready; exec sleep 60", "root", "ann"))
case("KillProcessInGuest", "that does not exist", lambda guest: guest.tools.kill(guest.account("root"), 999_999))
case("KillProcessInGuest", "init, by ann", lambda guest: guest.tools.kill(guest.account("ann"), 1))

# Logins.

for name, password in [
    ("root", "lab"),
    ("root", "wrong"),
    ("ann", "a"),
    ("ann", ""),
    ("ANN", "a"),
    ("nobody-here", "a"),
    ("", ""),
    ("open", ""),
    ("open", "any"),
    ("shut", "b"),
    ("locked", "b"),
]:
    case("LoginInGuest", f"{name or 'empty name'} with {password or 'no'} password", lambda guest, login=(name, password): guest.tools.login(*login)[:3])

# Variables of the environment.


def writes(name: str, variable: str, value: str) -> Callable[[Guest], object]:
    def act(guest: Guest) -> str:
        guest.write_environment(guest.account(name), variable, value)
        guest.tools.run_program(guest.account("ann"), "/bin/sh", f'-c \'printf "%s" "${variable}" >/tmp/out\'', wait=True)
        return repr(variables_of(guest, "ann").get(variable, ""))

    return act


def variables_of(guest: Guest, name: str) -> dict[str, str]:
    return guest.tools.environment_of(guest.account(name))


case("WriteVariable", "of the environment", writes("root", "OPENVIX_A", "a value"))
case("WriteVariable", "of the environment, in UTF-8", writes("root", "OPENVIX_B", "ä€"))
case("WriteVariable", "of the environment, empty", writes("root", "OPENVIX_C", ""))
case("WriteVariable", "of the environment, by ann", writes("ann", "OPENVIX_D", "a value"))
for name in ("HOME", "USER", "PATH", "SHELL", "LOGNAME", "LANG", "NOWHERE"):
    case("ReadVariable", f"{name} of the environment, by ann", lambda guest, name=name: repr(variables_of(guest, "ann").get(name, "")))


def makes_temp_file(name: str) -> Callable[[Guest], object]:
    def act(guest: Guest) -> str:
        path = guest.tools.create_temp_file(guest.account(name))
        info = (guest.disk / path[1:]).lstat()
        owner = f" of {guest.users.get(info.st_uid)}" if guest.owners else ""
        return f"{re.sub('[0-9]+', 'N', path)}: file {stat.S_IMODE(info.st_mode):o}{owner} with {info.st_size} bytes"

    return act


case("CreateTempFileInGuest", "by root", makes_temp_file("root"))
case("CreateTempFileInGuest", "by ann", makes_temp_file("ann"))
