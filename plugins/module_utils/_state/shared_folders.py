# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The shared folders of a VM: directories of the VM host that its guest sees."""

from __future__ import annotations

import os
from functools import partial

from .._vix.errors import AlreadyExists, NotFound, NotSupported, Refused, TimedOut
from .plan import Plan

SWITCH = "isolation.tools.hgfs.disable"
SEEN_POLL = 0.5  # seconds between two checks for a shared folder in the guest


def checked(folders, state, exclusive=False):
    """Return the wanted shared folders, dictionaries of name, path and writable, in the form of VIX. Raises Refused for invalid ones."""
    names = [folder["name"] for folder in folders]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise Refused(f"{', '.join(twice)} is named more than once", doing="reading the shared folders")
    for name in names:
        if not name or "/" in name:
            raise Refused("the name of a shared folder cannot be empty or contain a slash", doing=f"reading the name {name!r}")
    if state == "absent":
        if exclusive:
            raise Refused("exclusive=true cannot be used with state=absent", doing="reading the shared folders")
        return [{"name": name} for name in names]
    return [{"name": folder["name"], "path": _host_folder(folder), "writable": folder["writable"]} for folder in folders]


def _host_folder(folder):
    path, doing = folder["path"], f"reading the path of {folder['name']}"
    if not path:
        raise Refused("state=present requires the path of the shared folder", doing=doing)
    if not os.path.isabs(path):
        raise Refused(f"{path} is not an absolute path", doing=doing)
    if not os.path.isdir(path):
        raise Refused(f"{path} is not a directory of the VM host", doing=doing)
    return _plain(path)


def plan(vm, wanted, state, exclusive=False, login=None, guest_timeout=0):
    """Return the plan that adds, changes or removes shared folders.

    Args:
        vm: The VM.
        wanted: The shared folders, as checked() returns them.
        state: present or absent.
        exclusive: Whether others are removed.
        login: User, password and interactive, to wait until this user sees the shared folders in the guest. None: do not wait.
        guest_timeout: Seconds to wait at most.
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
    # If the configuration does not contain it, sharing is enabled together with a change: enabling it twice does no harm.
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
    """Whether shared folders are enabled in the VM's configuration, as VIX has no function for it. If it is not set there: otherwise."""
    return {"FALSE": True, "TRUE": False}.get(vm.read_variable("runtime_config", SWITCH).upper(), otherwise)


def _listed(vm):
    """All shared folders, read anew: their numbers change when one is removed."""
    try:
        return [{**folder, "path": _plain(folder["path"])} for folder in vm.shared_folders]
    except NotSupported as error:
        text = "this product does not support shared folders; VMware Workstation, Player and Fusion do: copy files with guest_copy"
        raise NotSupported(text, code=error.code, raw=error.raw, doing=error.doing, advice="") from error


def _plain(path):
    return path.rstrip("/") or "/"


def _picture(folders, is_on):
    return {"enabled": is_on, "folders": sorted(folders, key=lambda folder: folder["name"])}


def _remove(vm, name):
    try:
        vm.remove_shared_folder(name)
    except NotFound:  # another program was faster, if it does not exist any more
        if name in [folder["name"] for folder in _listed(vm)]:
            raise


def _add(vm, folder):
    try:
        vm.add_shared_folder(**folder)
    except AlreadyExists:  # another program was faster, perhaps with another directory
        if folder not in _listed(vm):
            vm.change_shared_folder(**folder)


def _change(vm, folder):
    try:
        vm.change_shared_folder(**folder)
    except NotFound:  # another program removed it meanwhile
        vm.add_shared_folder(**folder)


def _wait_until_seen(vm, names, login, seconds):
    deadline = vm.within(seconds)
    with vm.log_in(*login) as guest:
        for name in names:
            path, doing = _guest_path(vm, name), f"waiting until the guest of {vm.label} sees the shared folder {name}"
            while not guest.directory_exists(path):
                if not deadline.left():
                    raise TimedOut(
                        f"{guest.user} cannot see {path} after {deadline.seconds:g} s; check that the guest mounts shared folders there "
                        "and that this user has access to them",
                        doing=doing,
                    )
                deadline.pause(SEEN_POLL, doing)


def _guest_path(vm, name):
    place = vm.shared_folders_path
    separator = "\\" if "\\" in place else "/"
    return f"{place.rstrip(separator)}{separator}{name}"
