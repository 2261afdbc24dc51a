# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Argument specs: one dictionary per doc fragment, under the same name."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ansible.module_utils.basic import AnsibleFallbackNotFound, env_fallback

if TYPE_CHECKING:
    from typing import Any


def _directories_in_environment(name: str) -> list[str]:
    """The directories in an environment variable, which separates them as PATH does."""
    found = [each for each in os.environ.get(name, "").split(os.pathsep) if each]
    if not found:
        raise AnsibleFallbackNotFound
    return found


HOST: dict[str, dict[str, Any]] = {
    "library": {"type": "path", "fallback": (env_fallback, ["VIX_LIBRARY"])},
    "provider": {
        "choices": ["default", "workstation", "player", "workstation_shared", "vi_server"],
        "default": "default",
        "fallback": (env_fallback, ["VIX_PROVIDER"]),
    },
    "hostname": {"fallback": (env_fallback, ["VIX_HOSTNAME"])},
    "port": {"type": "int", "default": 0},
    "username": {"fallback": (env_fallback, ["VIX_USERNAME"])},
    "password": {"no_log": True, "fallback": (env_fallback, ["VIX_PASSWORD"])},
    "validate_certs": {"type": "bool", "default": True},
    "timeout": {"type": "int", "default": 300},
}
DIRECTORIES = {"type": "list", "elements": "path", "fallback": (_directories_in_environment, ["VIX_VM_DIRECTORIES"])}
VM: dict[str, dict[str, Any]] = {
    "vm": {"type": "path", "required": True},
    "vm_directories": DIRECTORIES,
    "vm_password": {"no_log": True},
}
# For modules that can also process several VMs.
VMS: dict[str, dict[str, Any]] = {
    "vm": {"type": "path"},
    "vms": {"type": "list", "elements": "path"},
    "vm_directories": DIRECTORIES,
    "concurrency": {"type": "int", "default": 4},
    "vm_password": {"no_log": True},
}
ONE_OR_SEVERAL = {"mutually_exclusive": [("vm", "vms")], "required_one_of": [("vm", "vms")]}
STOP = {
    "stop": {"choices": ["soft", "hard", "soft_then_hard"], "default": "soft_then_hard"},
    "soft_timeout": {"type": "int", "default": 60},
}
GUEST: dict[str, dict[str, Any]] = {
    "guest_username": {"required": True},
    "guest_password": {"required": True, "no_log": True},
    "guest_interactive": {"type": "bool", "default": False},
    "tools_timeout": {"type": "int", "default": 60},
}
# The same for modules that also work without a login.
GUEST_OPTIONAL = {**GUEST, "guest_username": {}, "guest_password": {"no_log": True}}
WHOLE_LOGIN = {"required_together": [("guest_username", "guest_password")]}
# Commands for a guest depend on its operating system.
GUEST_FAMILY = {
    "guest_family": {"choices": ["auto", "linux", "windows"], "default": "auto"},
}
# Selects processes that match all values that are set.
PROCESSES = {
    "name": {},
    "pattern": {},
    "owner": {},
    "pid": {"type": "int"},
    "command": {},
}
# Options beside the program that runs in a guest.
PROGRAM = {
    "chdir": {},
    "creates": {},
    "removes": {},
    "environment": {"type": "dict", "no_log": True},
    "stdin": {"no_log": True},
    "stdin_add_newline": {"type": "bool", "default": True},
    "strip_empty_ends": {"type": "bool", "default": True},
    "program_timeout": {"type": "int"},
    "no_wait": {"type": "bool", "default": False},
    "max_output": {"type": "int", "default": 1048576},
    "stdout_dest": {"type": "path"},
    "stderr_dest": {"type": "path"},
}
