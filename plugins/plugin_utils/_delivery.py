# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sending files of the controller to the VM host for a task."""

from __future__ import annotations

import os
import secrets
import tarfile
import tempfile
from contextlib import contextmanager

from ansible import constants
from ansible.errors import AnsibleActionFail, AnsibleFileNotFound
from ansible.parsing.vault import is_encrypted_file
from ansible_collections.vmlab.vix.plugins.module_utils._state import sources
from ansible_collections.vmlab.vix.plugins.module_utils._vix.errors import VixError


def deliver(action, source, decrypt=True):
    """Return the path on the VM host of a file of the controller, or of a tar of a directory.

    It is in the task's temporary directory. If the VM host is the controller, it is the file or directory itself.

    Args:
        action: The action plugin.
        source: The option of the task, searched for as ansible.builtin.copy does.
        decrypt: Whether files that are encrypted by ansible-vault are decrypted.
    """
    path = find(action, source)
    if is_shared(action) and not has_vaulted(path, decrypt):
        return path
    return send_folder(action, path, decrypt) if os.path.isdir(path) else send_file(action, path, decrypt)


def find(action, source, within="files"):
    """Return the path of a file or directory of the controller. A slash at the end of source is kept.

    within: the directory of a role or a playbook that is searched first.
    """
    try:
        path = action._find_needle(within, source).rstrip("/") or "/"
    except AnsibleFileNotFound as error:
        places = f"; searched {', '.join(dict.fromkeys(error.paths))}" if error.paths else ""
        raise AnsibleActionFail(f"finding src: the controller has no file or directory {source}{places}") from None
    return os.path.join(path, "") if source.endswith("/") else path


def is_shared(action):
    """Whether the module runs on the controller as the user of this process, and can read the same files."""
    return action._connection.transport == "local" and not action._connection.become


def has_vaulted(path, decrypt=True):
    """Whether a file, or any file of a directory, has to be decrypted."""
    with as_action_errors():
        paths = [found for dummy, found in sources.walk(path)[0]] if os.path.isdir(path) else [path]
        return decrypt and any(map(_is_vaulted, paths))


def send_file(action, path, decrypt=True):
    """Send a file of the controller to the task's temporary directory, readable by its user only, and return its path there."""
    with as_action_errors(), _readable(action, path, decrypt) as real:
        return _send(action, real)


def send_folder(action, path, decrypt=True):
    """Send a tar of a directory, by one transfer; otherwise as send_file()."""
    with as_action_errors(), tempfile.NamedTemporaryFile(dir=constants.DEFAULT_LOCAL_TMP) as file:
        _pack(action, path, decrypt, file)
        file.flush()
        return _send(action, file.name)


def send_text(action, text):
    """Send a file with this content, bytes; otherwise as send_file()."""
    with tempfile.NamedTemporaryFile(dir=constants.DEFAULT_LOCAL_TMP) as file:
        file.write(text)
        file.flush()
        return _send(action, file.name)


@contextmanager
def as_action_errors():
    """Turn errors of reading on the controller into a failure of the task."""
    try:
        with sources.readable():
            yield
    except VixError as error:
        raise AnsibleActionFail(str(error)) from None


def _send(action, path):
    shell = action._connection._shell
    if shell.tmpdir is None:
        action._make_tmp_path()
    target = shell.join_path(shell.tmpdir, f"source-{secrets.token_hex(4)}")
    with _plainly_named(path) as name:
        action._transfer_file(name, target)
    if action._is_become_unprivileged():  # as Ansible lets another user read it
        action._fixup_perms2((shell.tmpdir, target))
    else:
        action._remote_chmod((target,), "0600")
    return target


def _is_vaulted(path):
    with open(path, "rb") as file:
        return is_encrypted_file(file)


@contextmanager
def _readable(action, path, decrypt):
    """The path of the decrypted file, which is removed at the end, or of the file itself if it is not encrypted."""
    if not (decrypt and _is_vaulted(path)):
        yield path
        return
    with _plainly_named(path) as name:
        real = action._loader.get_real_file(name)
        try:
            yield real
        finally:
            action._loader.cleanup_tmp_file(real)


@contextmanager
def _plainly_named(path):
    """Another path of a file, without characters that Ansible interprets as variables."""
    with tempfile.TemporaryDirectory(dir=constants.DEFAULT_LOCAL_TMP) as folder:
        name = os.path.join(folder, "source")
        os.symlink(os.path.abspath(path), name)
        yield name


def _pack(action, path, decrypt, target):
    """Write a tar of a directory, links followed, in blocks."""
    files, folders = sources.walk(path)
    with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name in folders:
            tar.addfile(_member(name, os.stat(os.path.join(path, name)), tarfile.DIRTYPE))
        for name, found in files:
            with _readable(action, found, decrypt) as real, open(real, "rb") as file:
                member = _member(name, os.stat(found), tarfile.REGTYPE)
                member.size = os.fstat(file.fileno()).st_size
                tar.addfile(member, file)


def _member(name, info, kind):
    member = tarfile.TarInfo(name)
    member.type, member.mode, member.mtime = kind, info.st_mode & 0o7777, int(info.st_mtime)
    return member
