# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A file in a guest, by its content."""

from __future__ import annotations

import hashlib
import os
import shlex
import tempfile
import uuid
from contextlib import suppress
from functools import partial

from .._vix.errors import FileNotFound, NotSupported, Refused, VixError
from .plan import Plan

BLOCK = 1 << 20  # bytes
SHELL = "/bin/sh"
SAME, OTHER = 0, 1  # exit codes of the comparison; any other: it could not be made
# VIX gives no output of a program, so the comparison runs in the guest and answers by its exit code.
COMPARISON = 'sum=$(sha256sum < {path} || shasum -a 256 < {path}) 2> /dev/null || exit 2; [ "${{sum%% *}}" = {checksum} ]'


def source(path, content, workdir):
    """Return the path of a file of this machine: the one named, or one in workdir that holds the text and that no other user can read."""
    if path is None:
        descriptor, path = tempfile.mkstemp(dir=workdir)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(content)
    elif not os.path.isfile(path):
        raise Refused(f"{path} is not a file of the machine that runs VMware", doing="reading src")
    return path


def plan(guest, source, target, workdir):
    """Return the plan that makes the file target in the guest equal to the file source of this machine.

    workdir: a folder of this machine for what has to be fetched to be compared.
    """
    checksum, size = checksum_of(source), os.path.getsize(source)
    now = _look(guest, target)
    before = {"path": target, **({"state": "absent"} if now is None else {"state": "file", "size": now["size"]})}
    after = {"path": target, "state": "file", "size": size}
    same = now is not None and now["size"] == size and has_content(guest, target, checksum, workdir)
    return Plan(
        before={**before, "checksum": checksum} if same else before,
        after={**after, "checksum": checksum},
        steps=[] if same else [partial(_put, guest, source, target, checksum, workdir)],
        observe=lambda: {**after, "size": guest.file_info(target)["size"], "checksum": checksum},
    )


def checksum_of(path):
    """SHA-256 of a file of this machine, in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(partial(file.read, BLOCK), b""):
            digest.update(block)
    return digest.hexdigest()


def has_content(guest, path, checksum, workdir):
    """Whether a file in the guest has that SHA-256: told by one program run in the guest, or by fetching it where none can tell."""
    command = COMPARISON.format(path=shlex.quote(path), checksum=checksum)
    try:
        answer = guest.run(SHELL, f"-c {shlex.quote(command)}")
    except (FileNotFound, NotSupported):  # no shell there, as in Windows, or no programs at all
        answer = None
    if answer in (SAME, OTHER):
        return answer == SAME
    with tempfile.TemporaryDirectory(dir=workdir) as folder:
        copy = os.path.join(folder, "copy")
        guest.copy_out(path, copy)
        return checksum_of(copy) == checksum


def _look(guest, path):
    try:
        info = guest.file_info(path)
    except FileNotFound:
        return None
    if info["is_directory"]:
        raise Refused("it is a directory: give the full name of the file", doing=f"looking at {path} in the guest")
    return info


def _put(guest, source, target, checksum, workdir):
    """Copy beside the target, verify, and rename, so that a reader sees the old file or the new one and never a part."""
    beside = f"{target}.{uuid.uuid4().hex[:8]}.part"
    try:
        guest.copy_in(source, beside)
        if not has_content(guest, beside, checksum, workdir):
            raise VixError("the copy in the guest is not what was sent", doing=f"copying {source} to {target} in the guest")
        guest.rename(beside, target)
    except VixError:
        with suppress(VixError):  # what went wrong is told; that the rest could not be removed either is not the news
            guest.delete_file(beside)
        raise
