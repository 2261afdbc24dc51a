# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The path of a VM that is named by its path or its display name."""

from __future__ import annotations

import os

from .._vix.errors import Refused, TimedOut, VixError, VMNotFound

SHOWN = 20  # names in a message


def find(host, wanted, home=None):
    """Return the path of the .vmx of a VM. Raises Refused if several VMs have the name, VMNotFound if none has.

    Args:
        host: The host.
        wanted: A path, which contains a slash or ends in .vmx and is returned unchanged; or a display name, case-sensitive.
        home: Home directory of the user whose VMs these are. None: the host is another machine, and only the names of its running VMs are known.
    """
    if "/" in wanted or wanted.lower().endswith(".vmx"):
        return wanted
    doing = f"finding VM {wanted}"
    known = list(_running(host, doing)) if home is None else _known(host, home, doing)
    found = [path for path, name in known if name == wanted]
    if len(found) > 1:
        raise Refused(f"{len(found)} VMs have that name: {', '.join(found)}; use the path of the .vmx", doing=doing)
    if not found:
        there = _known_names(name for path, name in known if name)
        raise VMNotFound(f"no VM has that name; {there}; names are case-sensitive, and the path of the .vmx always works", doing=doing)
    return found[0]


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


def _known(host, home, doing):
    """Path and name of each VM of this machine: the running ones, and those in VMware's lists whose .vmx exists."""
    from .._files import library, vmx  # most tasks use a path and do not need these

    try:
        listed = library.known_vms(home)
    except vmx.BrokenFile as error:
        text = f"a VM list of VMware cannot be read and may contain a VM of that name ({error}); use the path of the .vmx"
        raise Refused(text, doing=doing) from error
    known = {}
    for path, name in _running(host, doing):
        known.setdefault(os.path.realpath(path), (path, name or _name_in(path)))
    for path, name in listed:
        if os.path.isfile(path):
            known.setdefault(os.path.realpath(path), (path, _name_in(path) or name))  # the name in a list may be out of date
    return list(known.values())


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
