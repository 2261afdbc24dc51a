# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The path of a VM that is named by its path or its display name."""

from __future__ import annotations

import os

from .._vix.errors import Refused, TimedOut, VixError, VMNotFound

SHOWN = 20  # names in a message
NEAR = 2  # levels of a directory that VMs usually lie in, each in its own


def find(host, wanted, home=None, directories=()):
    """Return the path of the .vmx of a VM. Raises Refused if several VMs have the name, VMNotFound if none has.

    Args:
        host: The host.
        wanted: A path, which contains a slash or ends in .vmx or .vmwarevm and is returned unchanged, unless it is that of a directory with one .vmx;
            or a display name, case-sensitive.
        home: Home directory of the user whose VMs these are. None: the host is another machine, and only the names of its running VMs are known.
        directories: More directories to search for a VM that is in no list.
    """
    doing = f"finding VM {wanted}"
    if "/" in wanted or wanted.lower().endswith((".vmx", ".vmwarevm")):
        return wanted if home is None else _in_directory(wanted, doing)
    known, looked_at = {}, []
    stages = (_running_alone,) if home is None else (_known, _searched)
    for look in stages:
        look(known, looked_at, host, home, directories, doing)
        found = [path for path, name in known.values() if name == wanted]
        if len(found) > 1:
            raise Refused(f"{len(found)} VMs have that name: {', '.join(found)}; use the path of the .vmx", doing=doing)
        if found:
            return found[0]
    there = _known_names(name for path, name in known.values() if name)
    advice = "names are case-sensitive, and the path of the .vmx always works"
    if home is not None:
        advice = f"set vm_directories or VIX_VM_DIRECTORIES to search for VMs that are off and in no list; {advice}"
    raise VMNotFound(f"no VM has that name; {there}; looked at {', '.join(looked_at)}; {advice}", doing=doing)


def _in_directory(path, doing):
    """The path itself, or that of the only .vmx file in it if it is a directory, such as a bundle of Fusion's."""
    if not os.path.isdir(path):
        return path
    try:
        names = sorted(name for name in os.listdir(path) if name.lower().endswith(".vmx") and not name.startswith("."))
    except OSError as error:
        raise Refused(f"the directory cannot be read: {error.strerror}", doing=doing) from error
    if not names:
        raise VMNotFound("the directory contains no .vmx file", doing=doing)
    if len(names) > 1:
        raise Refused(f"the directory contains {len(names)} .vmx files: {', '.join(names)}; use the path of one of them", doing=doing)
    return os.path.join(path, names[0])


def _running_alone(known, looked_at, host, home, directories, doing):
    looked_at.append("the running VMs")
    known.update((path, (path, name)) for path, name in _running(host, doing))


def _running(host, doing):
    """Path and name of each running VM. The name is None if the VM cannot be opened, for example as it is encrypted."""
    for path in host.running(doing):
        try:
            with host.open_vm(path) as vm:
                name = vm.name
        except TimedOut:
            raise
        except VixError:
            name = None
        yield path, name


def _known(known, looked_at, host, home, directories, doing):
    """Add path and name, by real path, of the running VMs, and of those in VMware's lists whose .vmx exists."""
    from .._files import library, vmx  # most tasks use a path and do not need these

    try:
        listed = library.known_vms(home)
    except vmx.BrokenFile as error:
        text = f"a VM list of VMware cannot be read and may contain a VM of that name ({error}); use the path of the .vmx"
        raise Refused(text, doing=doing) from error
    lists = library.lists(home)
    looked_at += ["the running VMs", f"VMware's lists ({', '.join(lists) or f'there are none in {home}'})"]
    for path, name in _running(host, doing):
        known.setdefault(os.path.realpath(path), (path, name or _name_in(path)))
    for path, name in listed:
        if os.path.isfile(path):
            known.setdefault(os.path.realpath(path), (path, _name_in(path) or name))  # the name in a list may be out of date


def _searched(known, looked_at, host, home, directories, doing):
    """Add the VMs in directories: those that the user names, those in which VMware creates VMs, and those beside known VMs, as clones are."""
    from .._files import scan

    named = [os.path.abspath(each) for each in directories]
    near = [each for each in _near(known, home) if each not in named]
    for path, real in [*scan.vmx_files(named), *scan.vmx_files(near, NEAR)]:
        if real not in known:
            known[real] = (path, _name_in(path))
    looked_at.append(f"the directories {', '.join([*named, *near])}" if named or near else "no directory")


def _near(known, home):
    from .._files import library

    beside = [os.path.dirname(os.path.dirname(real)) for real in known if os.path.isabs(real)]
    return [each for each in dict.fromkeys([*library.folders(home), *beside]) if each != "/"]


def _name_in(path):
    """The display name in a .vmx, or None."""
    from .._files import vmx

    try:
        return vmx.read(path).display_name
    except (FileNotFoundError, vmx.BrokenFile):
        return None


def _known_names(names):
    names = sorted(set(names))
    rest = len(names) - SHOWN
    return f"known names: {', '.join(names[:SHOWN])}{f' and {rest} more' if rest > 0 else ''}" if names else "no VM with a name is known"
