# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The folders of the machine that runs VMware which a VM's guest sees."""

from __future__ import annotations

import os
from functools import partial

from .._vix.errors import AlreadyExists, NotFound, NotSupported, Refused, TimedOut
from .plan import Plan

SWITCH = "isolation.tools.hgfs.disable"
SEEN_POLL = 0.5  # seconds between two looks for a folder in the guest


def checked(folders, state, exclusive=False):
    """Return the wanted folders, dictionaries of name, path and writable, in the form that VIX tells them in; raise Refused for what cannot be meant."""
    names = [folder["name"] for folder in folders]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise Refused(f"{', '.join(twice)} is named more than once", doing="reading the wanted folders")
    for name in names:
        if not name or "/" in name:
            raise Refused("the name of a shared folder cannot be empty or contain a slash", doing=f"reading the name {name!r}")
    if state == "absent":
        if exclusive:
            raise Refused("exclusive keeps those that are present: it does not go with the state absent", doing="reading the wanted folders")
        return [{"name": name} for name in names]
    return [{"name": folder["name"], "path": _host_folder(folder), "writable": folder["writable"]} for folder in folders]


def _host_folder(folder):
    path, doing = folder["path"], f"reading the path of {folder['name']}"
    if not path:
        raise Refused("a folder that shall be present needs its path", doing=doing)
    if not os.path.isabs(path):
        raise Refused(f"{path} does not begin at the root: give the full path", doing=doing)
    if not os.path.isdir(path):
        raise Refused(f"{path} is not a folder of the machine that runs VMware", doing=doing)
    return _plain(path)


def plan(vm, wanted, state, exclusive=False, login=None, guest_timeout=0):
    """Return the plan that shares the wanted folders, as checked() returns them, with the guest, or shares them no longer.

    exclusive: and no others; login: user, password and interactive of one who has to see those that are present within guest_timeout seconds.
    """
    now, is_on = {folder["name"]: folder for folder in _listed(vm)}, _is_on(vm)
    wished = {folder["name"]: folder for folder in wanted}
    if state == "absent":
        gone, new, changed = [name for name in now if name in wished], [], []
    else:
        gone = [name for name in now if exclusive and name not in wished]
        new = [folder for name, folder in wished.items() if name not in now]
        changed = [folder for name, folder in wished.items() if name in now and now[name] != folder]
    after = {**now, **{folder["name"]: folder for folder in new + changed}}
    # Where the configuration does not tell, it is switched on with what is shared: twice does no harm.
    switches_on = bool(new or changed) or (state == "present" and bool(wished) and is_on is False)
    steps = [
        *(partial(_remove, vm, name) for name in gone),
        *([vm.enable_shared_folders] if switches_on else []),
        *(partial(_change, vm, folder) for folder in changed),
        *(partial(_add, vm, folder) for folder in new),
    ]
    waits = [partial(_wait_until_seen, vm, sorted(wished), login, guest_timeout)] if state == "present" and login and guest_timeout > 0 else []
    return Plan(
        _picture(now.values(), is_on),
        _picture((folder for name, folder in after.items() if name not in gone), True if switches_on else is_on),
        steps,
        lambda: _picture(_listed(vm), _is_on(vm, otherwise=switches_on or None)),
        waits,
    )


def _is_on(vm, otherwise=None):
    """Whether shared folders are switched on, as the VM's configuration says; no call of VIX's tells, and where that does not either: otherwise."""
    return {"FALSE": True, "TRUE": False}.get(vm.read_variable("runtime_config", SWITCH).upper(), otherwise)


def _listed(vm):
    """All shared folders, read afresh: their numbers move when one goes."""
    try:
        return [{**folder, "path": _plain(folder["path"])} for folder in vm.shared_folders]
    except NotSupported as error:
        text = "this product has no shared folders, which VMware Workstation, Player and Fusion have: copy files with guest_copy"
        raise NotSupported(text, code=error.code, raw=error.raw, doing=error.doing, advice="") from error


def _plain(path):
    return path.rstrip("/") or "/"


def _picture(folders, is_on):
    return {"enabled": is_on, "folders": sorted(folders, key=lambda folder: folder["name"])}


def _remove(vm, name):
    try:
        vm.remove_shared_folder(name)
    except NotFound:  # somebody else was quicker, if it is really gone
        if name in [folder["name"] for folder in _listed(vm)]:
            raise


def _add(vm, folder):
    try:
        vm.add_shared_folder(**folder)
    except AlreadyExists:  # somebody else was quicker, and may have meant another folder
        if folder not in _listed(vm):
            vm.change_shared_folder(**folder)


def _change(vm, folder):
    try:
        vm.change_shared_folder(**folder)
    except NotFound:  # somebody else removed it meanwhile
        vm.add_shared_folder(**folder)


def _wait_until_seen(vm, names, login, seconds):
    deadline = vm.within(seconds)
    with vm.log_in(*login) as guest:
        for name in names:
            path, doing = _guest_path(vm, name), f"waiting until the guest of {vm.label} sees the shared folder {name}"
            while not guest.directory_exists(path):
                if not deadline.left():
                    raise TimedOut(
                        f"{guest.user} does not see {path} after {deadline.seconds:g} s; look whether the guest mounts shared folders there, "
                        "and whether this user may see them",
                        doing=doing,
                    )
                deadline.pause(SEEN_POLL, doing)


def _guest_path(vm, name):
    place = vm.shared_folders_path
    separator = "\\" if "\\" in place else "/"
    return f"{place.rstrip(separator)}{separator}{name}"
