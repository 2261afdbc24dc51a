# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files that a task has left on the VM host, brought to the controller."""

from __future__ import annotations

import base64
import binascii
import json
import os
import secrets
import shlex
import tempfile
from contextlib import contextmanager

from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible_collections.vmlab.vix.plugins.module_utils._system import landings
from ansible_collections.vmlab.vix.plugins.module_utils._vix.errors import VixError

BLOCK, BLOCKS = 1 << 20, 4  # bytes; how many blocks one command reads


@contextmanager
def left_behind(action):
    """The path of a file on the VM host for the module to write, in a folder that nobody else can enter, and that is gone with the "with" or the task."""
    name = f"fetched-{secrets.token_hex(8)}"
    if not action._connection.become:
        shell = action._connection._shell
        if shell.tmpdir is None:
            action._make_tmp_path()
        yield shell.join_path(shell.tmpdir, name)
        return
    # The user that the module becomes cannot write in that folder, and the one who logs in cannot read what the other writes.
    made = action._low_level_execute_command('umask 077 && mktemp -d "${TMPDIR:-/var/tmp}/vmlab.vix-XXXXXXXXXX"')
    folder = made["stdout"].strip().rpartition("\n")[2].strip()
    if made["rc"] or not folder.startswith("/"):
        raise AnsibleActionFail(f"making a temporary folder on the VM host: {made['stderr'].strip() or made['stdout'].strip()}")
    try:
        yield f"{folder}/{name}"
    finally:
        action._low_level_execute_command(f"rm -rf {shlex.quote(folder)}")


def content_of(path):
    """The content of a path of the controller, in the words of landings.py."""
    with told(path):
        return landings.content_of(path)


def collect(action, bundle, root):
    """Have what is in a bundle on the VM host, as the module makes it, take its place below a path of the controller."""
    # First to a name of ours: connections take $ and ~ in a path for more than letters.
    with told(root), tempfile.TemporaryDirectory(dir=constants.DEFAULT_LOCAL_TMP) as folder:
        copy = os.path.join(folder, "bundle")
        _copy(action, bundle, copy)
        with open(copy, "rb") as stream:
            for name, found in _content(stream.readline(), root).items():
                if found:
                    landings.put_some(stream, root, name, *found)
                else:
                    landings.make_folder(root, name)


def content(action, path):
    """The bytes of a file on the VM host, which is a small one."""
    with tempfile.TemporaryDirectory(dir=constants.DEFAULT_LOCAL_TMP) as folder:
        copy = os.path.join(folder, "copy")
        _copy(action, path, copy)
        with open(copy, "rb") as file:
            return file.read()


@contextmanager
def told(path):
    """Have what cannot be read or written on the controller fail the task with a sentence."""
    try:
        with landings.told(path):
            yield
    except VixError as error:
        raise AnsibleActionFail(str(error)) from None  # Ansible would tell the cause as well, which it has in it


def _copy(action, path, target):
    """Copy a file of the VM host to a path of the controller, never all of it in memory."""
    if not action._connection.become:
        action._connection.fetch_file(path, target)
        return
    with open(target, "wb") as file:
        block = None
        while block is None or len(block) == BLOCK * BLOCKS:
            command = f"dd if={shlex.quote(path)} bs={BLOCK} skip={file.tell() // BLOCK} count={BLOCKS} 2>/dev/null | base64"
            block = _decoded(action._low_level_execute_command(command))
            file.write(block)


def _content(line, root):
    """What the first line of a bundle tells that is in it."""
    try:
        return json.loads(line)
    except ValueError:
        raise VixError(landings.DAMAGED, doing=f"fetching to {root}") from None


def _decoded(answer):
    try:
        return base64.b64decode("".join(answer["stdout"].split()), validate=True)
    except binascii.Error as error:
        raise AnsibleActionFail(f"reading from the VM host: {answer['stderr'].strip() or 'its dd and base64 gave no base64'}") from error
