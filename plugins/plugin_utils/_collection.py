# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fetching files of a task from the VM host to the controller."""

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
    """The path of a file on the VM host for the module to write, in a private directory that is removed at the end of the "with" or of the task."""
    name = f"fetched-{secrets.token_hex(8)}"
    if not action._connection.become:
        shell = action._connection._shell
        if shell.tmpdir is None:
            action._make_tmp_path()
        yield shell.join_path(shell.tmpdir, name)
        return
    # The user that the module becomes cannot write to that directory, and the login user cannot read what that user writes.
    made = action._low_level_execute_command('umask 077 && mktemp -d "${TMPDIR:-/var/tmp}/vmlab.vix-XXXXXXXXXX"')
    folder = made["stdout"].strip().rpartition("\n")[2].strip()
    if made["rc"] or not folder.startswith("/"):
        raise AnsibleActionFail(f"creating a temporary directory on the VM host: {made['stderr'].strip() or made['stdout'].strip()}")
    try:
        yield f"{folder}/{name}"
    finally:
        action._low_level_execute_command(f"rm -rf {shlex.quote(folder)}")


def content_of(path):
    """The content of a path of the controller, as landings.py describes it."""
    with as_action_errors(path):
        return landings.content_of(path)


def collect(action, bundle, root):
    """Store the content of a bundle on the VM host below a path of the controller. The module writes the bundle."""
    # To a temporary name first: connections interpret $ and ~ in a path.
    with as_action_errors(root), tempfile.TemporaryDirectory(dir=constants.DEFAULT_LOCAL_TMP) as folder:
        copy = os.path.join(folder, "bundle")
        _copy(action, bundle, copy)
        with open(copy, "rb") as stream:
            for name, found in _content(stream.readline(), root).items():
                if found:
                    landings.put_some(stream, root, name, *found)
                else:
                    landings.make_folder(root, name)


def content(action, path):
    """The bytes of a small file on the VM host."""
    with tempfile.TemporaryDirectory(dir=constants.DEFAULT_LOCAL_TMP) as folder:
        copy = os.path.join(folder, "copy")
        _copy(action, path, copy)
        with open(copy, "rb") as file:
            return file.read()


@contextmanager
def as_action_errors(path):
    """Turn errors of reading and writing on the controller into a failure of the task."""
    try:
        with landings.as_vix_errors(path):
            yield
    except VixError as error:
        raise AnsibleActionFail(str(error)) from None  # Ansible would add the cause, which the message contains


def _copy(action, path, target):
    """Copy a file of the VM host to a path of the controller, in blocks."""
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
    """The content of a bundle, from its first line."""
    try:
        return json.loads(line)
    except ValueError:
        raise VixError(landings.DAMAGED, doing=f"fetching to {root}") from None


def _decoded(answer):
    try:
        return base64.b64decode("".join(answer["stdout"].split()), validate=True)
    except binascii.Error as error:
        raise AnsibleActionFail(f"reading from the VM host: {answer['stderr'].strip() or 'its dd and base64 returned no valid base64'}") from error
