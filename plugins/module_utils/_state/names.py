# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The name by which a VM is called: the path of its .vmx, or its display name."""

from __future__ import annotations

import os

from .._vix.errors import Refused, TimedOut, VixError, VMNotFound

SHOWN = 20  # names in a message


def find(host, wanted, home=None):
    """Return the path of the .vmx of the one VM that is called so.

    wanted: a path, which has a slash in it or ends in .vmx, and is returned as it is; or a display name, to the letter.
    home: the home of the user whose VMs they are, on this machine; None for a host elsewhere, of which only the running VMs have names.
    Raises Refused when the name does not tell which VM is meant, VMNotFound when no VM is called so.
    """
    if "/" in wanted or wanted.lower().endswith(".vmx"):
        return wanted
    doing = f"finding VM {wanted}"
    known = list(_running(host)) if home is None else _known(host, home, doing)
    found = [path for path, name in known if name == wanted]
    if len(found) > 1:
        raise Refused(f"{len(found)} VMs are called so: {', '.join(found)}; give the path of the one that is meant", doing=doing)
    if not found:
        there = _told(name for path, name in known if name)
        raise VMNotFound(f"no VM is called so; {there}; give its name to the letter, or the path of its .vmx", doing=doing)
    return found[0]


def _running(host):
    """Path and name of each running VM; the name of one that cannot be opened, as it is encrypted or died, is None."""
    for path in host.running():
        try:
            with host.open_vm(path) as vm:
                name = vm.name
        except TimedOut:
            raise
        except VixError:
            name = None
        yield path, name


def _known(host, home, doing):
    """Path and name of each VM of this machine, once: the running ones, and those in VMware's lists that still have a .vmx."""
    from .._files import library, vmx  # most tasks give a path, and never need them

    try:
        listed = library.known_vms(home)
    except vmx.BrokenFile as error:
        text = f"a list of VMware's cannot be read, and a VM in it may be called so as well ({error}); give the path of the .vmx"
        raise Refused(text, doing=doing) from error
    known = {}
    for path, name in _running(host):
        known.setdefault(os.path.realpath(path), (path, name or _name_in(path)))
    for path, name in listed:
        if os.path.isfile(path):
            known.setdefault(os.path.realpath(path), (path, _name_in(path) or name))  # a list keeps the name that a VM had when VMware last looked
    return list(known.values())


def _name_in(path):
    """The display name that a .vmx has, or None."""
    from .._files import vmx

    try:
        return vmx.read(path).display_name
    except (FileNotFoundError, vmx.BrokenFile):
        return None


def _told(names):
    names = sorted(set(names))
    rest = len(names) - SHOWN
    return f"there are: {', '.join(names[:SHOWN])}{f' and {rest} more' if rest > 0 else ''}" if names else "no VM with a name is known"
