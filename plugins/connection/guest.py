# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: guest
short_description: Run tasks in the guest of a desktop VM through VMware Tools
version_added: 0.2.0
description:
  - Runs any module in the guest of a VM of VMware Workstation, Fusion or Player. The guest needs no network connection and no SSH server.
  - All commands and files of a task use one login. A module that is sent by pipelining takes three operations of VIX.
  - Use it for Linux guests, and other guests that have C(/bin/sh).
author: vmlab (@vmlab)
extends_documentation_fragment:
  - ansible.builtin.connection_pipelining
options:
  vm:
    description:
      - Path of the C(.vmx) file of the VM on the VM host, or the display name of the VM. The display name must be unique on the VM host.
      - A value that contains a slash or ends with C(.vmx) is used as a path.
      - The variable C(ansible_host) is not used, as it has the address of the guest in many inventories.
    type: str
    default: inventory_hostname
    vars:
      - name: inventory_hostname
      - name: ansible_vix_vm
  vm_password:
    description: Password of an encrypted VM.
    type: str
    vars:
      - name: ansible_vix_vm_password
  remote_user:
    description:
      - User name for the login to the guest operating system.
    type: str
    ini:
      - section: defaults
        key: remote_user
    env:
      - name: ANSIBLE_REMOTE_USER
    vars:
      - name: ansible_user
    cli:
      - name: user
    keyword:
      - name: remote_user
  password:
    description: Password for O(remote_user).
    type: str
    vars:
      - name: ansible_password
  vm_directories:
    description:
      - Directories in which to search for a VM by its display name, if it does not run and is in none of VMware's
        lists.
    type: pathspec
    default: []
    env:
      - name: VIX_VM_DIRECTORIES
    vars:
      - name: ansible_vix_vm_directories
  interactive:
    description:
      - Whether to run in the desktop session of O(remote_user).
      - The user must be logged in to the desktop of the guest.
    type: bool
    default: false
    vars:
      - name: ansible_vix_interactive
  library:
    description:
      - Path of the VIX library (C(libvixAllProducts.so)).
      - If it is not set, the library is searched for as the modules of this collection search for it.
    type: path
    env:
      - name: VIX_LIBRARY
    vars:
      - name: ansible_vix_library
  provider:
    description: The VMware product to connect to.
    type: str
    choices: [default, workstation, player, workstation_shared, vi_server]
    default: default
    env:
      - name: VIX_PROVIDER
    vars:
      - name: ansible_vix_provider
  hostname:
    description:
      - URL of a remote host, for example V(https://host.example.com:443/sdk).
      - Leave it unset to use the VMware product on the machine where Ansible runs.
    type: str
    env:
      - name: VIX_HOSTNAME
    vars:
      - name: ansible_vix_hostname
  port:
    description: Port of the remote host.
    type: int
    default: 0
    vars:
      - name: ansible_vix_port
  username:
    description: User name for the remote host.
    type: str
    env:
      - name: VIX_USERNAME
    vars:
      - name: ansible_vix_username
  host_password:
    description: Password for O(username).
    type: str
    env:
      - name: VIX_PASSWORD
    vars:
      - name: ansible_vix_host_password
  validate_certs:
    description: Whether to verify the TLS certificate of a remote host.
    type: bool
    default: true
    vars:
      - name: ansible_vix_validate_certs
  connection_timeout:
    description:
      - Seconds for beginning a session, from the connection to the VM host to the login. The guest tools are waited for during this time.
    type: int
    default: 60
    vars:
      - name: ansible_connection_timeout
  command_timeout:
    description:
      - Time limit in seconds for a command, or for the transfer of a file. When it is exceeded, the host is unreachable.
      - V(0) sets no limit. The keyword C(timeout) of a task works in both cases.
    type: int
    default: 0
    vars:
      - name: ansible_command_timeout
  persist:
    description:
      - Seconds for which a session is kept after a task for later tasks, by a separate process, like C(ControlPersist) of ssh.
      - The process ends when it was idle for that time, when the VM is found to be off, and by the task C(reset_connection) of C(meta).
      - Everybody who can act as the user who runs Ansible can use a session that is kept.
      - V(0) ends a session with its task. The option has no effect with O(vm_host).
    type: float
    default: 0
    env:
      - name: VIX_PERSIST
    vars:
      - name: ansible_vix_persist
  vm_host:
    description:
      - Name of the VM host, if it is another machine. The VIX library is used there. The machine where Ansible runs needs none.
      - The VM host needs Python 3.8 or newer, called C(python3).
    type: str
    vars:
      - name: ansible_vix_vm_host
  vm_host_command:
    description:
      - Command that runs another command on the VM host, to which that command is added as the last word. V({host}) stands for O(vm_host).
    type: str
    default: ssh -T -o BatchMode=yes -o ControlMaster=auto -o ControlPersist=60s -o ControlPath=~/.ansible/cp/vix-%C {host}
    vars:
      - name: ansible_vix_vm_host_command
  pipelining:
    default: true
    vars:
      - name: ansible_pipelining
      - name: ansible_vix_pipelining
notes:
  - VIX runs the commands of one guest one after another.
"""

EXAMPLES = r"""
# An inventory file: a guest without network, on the VMware product of the machine where Ansible runs.
guests:
  hosts:
    web:
      ansible_connection: vmlab.vix.guest
      ansible_vix_vm: /vms/web/web.vmx
      ansible_user: root
      ansible_password: "{{ vaulted_password }}"
"""

import os
import re

from ansible.errors import AnsibleError, AnsibleFileNotFound
from ansible.module_utils.common.text.converters import to_bytes, to_text
from ansible.plugins.connection import ConnectionBase, ensure_connect
from ansible.utils.display import Display
from ansible_collections.vmlab.vix.plugins.plugin_utils import _guest_line

display = Display()

PROMPT_LENGTH = 300  # bytes of standard error in which the prompt of a program that changes the user is


class Connection(ConnectionBase):
    """A connection to the guest of a VM."""

    transport = "vmlab.vix.guest"
    has_pipelining = True
    has_tty = False

    def __init__(self, play_context, *args, **kwargs):
        super().__init__(play_context, *args, **kwargs)
        self._line = None

    def _connect(self):
        if self._line is None:
            self._line = _guest_line.Line(self)
        if not self._connected:
            display.vvv("CONNECT THROUGH VMWARE TOOLS", host=self._line.vm)
            self._line.ask("connect")
            self._connected = True
        return self

    @ensure_connect
    def exec_command(self, cmd, in_data=None, sudoable=True):
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        display.vvv(f"EXEC {cmd}", host=self._line.vm)
        become = self.become if sudoable and self.become is not None and self.become.expect_prompt() else None
        asked = {"prompt": self._prompt(become), "success": become.success, "password": become.get_option("become_pass") or ""} if become else None
        message = {"command": cmd, "has_stdin": in_data is not None, "become": asked}
        answer, content = self._line.ask("execute", message, to_bytes(in_data or b"", errors="surrogate_or_strict"))
        stdout, stderr = content[: answer["stdout"]], content[answer["stdout"] :]
        if become:
            stderr = self._after_prompt(become, answer["rc"], stdout, stderr)
        return answer["rc"], stdout, stderr

    @ensure_connect
    def put_file(self, in_path, out_path):
        super().put_file(in_path, out_path)
        display.vvv(f"PUT {in_path} TO {out_path}", host=self._line.vm)
        if not os.path.exists(to_bytes(in_path, errors="surrogate_or_strict")):
            raise AnsibleFileNotFound(f"file or module does not exist: {to_text(in_path)}")
        self._line.ask("put", {"source": os.path.abspath(in_path), "target": out_path})

    @ensure_connect
    def fetch_file(self, in_path, out_path):
        super().fetch_file(in_path, out_path)
        display.vvv(f"FETCH {in_path} TO {out_path}", host=self._line.vm)
        self._line.ask("fetch", {"source": in_path, "target": os.path.abspath(out_path)})

    def reset(self):
        """End the session, also one that is kept for later tasks. The next command begins a new one."""
        line = self._line or _guest_line.Line(self)
        self._line, self._connected = None, False
        line.reset()

    def close(self):
        line, self._line = self._line, None
        self._connected = False
        if line is not None:
            line.end()

    @staticmethod
    def _prompt(become):
        """The text that asks for the password, True for any that ends in a colon."""
        return to_text(become.prompt) if isinstance(become.prompt, (str, bytes)) else True

    @staticmethod
    def _after_prompt(become, rc, stdout, stderr):
        """Standard error without the prompt; raise AnsibleError if the password is wrong."""
        begin, rest = stderr[:PROMPT_LENGTH], stderr[PROMPT_LENGTH:]
        if isinstance(become.prompt, (str, bytes)):
            stripped = begin.replace(to_bytes(become.prompt).strip(), b"", 1).lstrip(b" ")
        else:
            stripped = re.sub(rb"\A[^\n]*?(:|\xef\xbc\x9a) ?", b"", begin, count=1)
        stderr = stripped + rest
        if rc and to_bytes(become.success) not in stdout:
            if become.check_incorrect_password(stderr) or become.check_incorrect_password(stdout):
                raise AnsibleError(f"Incorrect {become.name} password")
            if become.check_missing_password(stderr):
                raise AnsibleError(f"Missing {become.name} password")
        return stderr
