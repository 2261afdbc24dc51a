# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The world file: its keys, their checks and the messages for invalid values (docs/world-file.md)."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from openvix.config import products
from openvix.config.errors import ConfigError
from openvix.system import atomic_files
from openvix.vix import constants
from openvix.vix.signatures import DAEMON_FUNCTIONS
from openvix.vmware import guest_os

T = TypeVar("T")
# The beginning of an absolute path in a Windows guest.
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
# A check of a key: takes its value and its name in messages; returns the value, or raises ConfigError.
Check: TypeAlias = Callable[[object, str], T]

SAVED = "world.json"

TOOLS = ("installed", "not_installed", "outdated", "never")
# The guest is a Debian in which VMware's own Tools run: a property of a new VM, and no state of its tools.
VMWARES_TOOLS = "open-vm-tools"
HYPERVISORS = ("simulated", "qemu")
POWER_STATES = ("powered_off", "powered_on", "suspended", "paused")
# The settings of a VM that can be changed while its world is served.
LIVE = (
    "tools",
    "tools_image",
    "ip",
    "question",
    "extra_power_bits",
    "locked",
    "boot_seconds",
    "tools_seconds",
    "scripts_seconds",
    "soft_stop",
    "stop_seconds",
    "operation_seconds",
    "snapshot_seconds",
    "copy_speed",
    "tools_options",
)
DIRECTIVES = ("hang", "crash", "abort", "exit")
# The largest number of VMs that "openvix start --vms" creates.
MOST = 99_999
# Faults that end the connection or the daemon, and settings of a VM that a fault can replace for one call.
ENDS = ("lost", "kill")
OVERRIDES = ("tools", "question", "extra_power_bits", "locked")


def load(path: Path, hypervisor: str | None = None) -> dict:
    """Read a world file (TOML), check it and fill in the defaults.

    hypervisor: the hypervisor of VMs for which the file names none; VMWARES_TOOLS: simulated, with VMware's own Tools.
    Returns {"world":, "host": [...], "defaults":, "vm": {name: settings}, "fault": [...]}. Raises ConfigError.
    """
    import tomllib

    try:
        return check(tomllib.loads(path.read_text(encoding="utf-8")), hypervisor)
    except OSError as error:
        raise ConfigError(f"cannot read the world file {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: the file is not UTF-8 text") from None
    except (tomllib.TOMLDecodeError, ConfigError) as error:
        raise ConfigError(f"{path}: {error}") from None


def save(directory: Path, content: dict) -> None:
    """Save the settings of a world, as check() returns them, in its directory."""
    # The file may contain passwords; it is protected by the mode of the directory, 0700.
    atomic_files.replace(directory / SAVED, json.dumps(without_vms(content), indent=2).encode())


def without_vms(content: dict) -> dict:
    """Return what check() returned without the VMs."""
    hosts = [{key: value for key, value in each.items() if key != "vm"} for each in content["host"]]
    return {**{key: content[key] for key in ("world", "defaults", "fault")}, "host": hosts}


def load_saved(directory: Path) -> dict:
    """Return the settings that save() wrote, or the defaults for a world without a world file."""
    path = directory / SAVED
    if not path.exists():
        return check({})
    content = json.loads(path.read_bytes())
    # Files of older versions lack some of the keys.
    return {
        "world": {**{key: default for key, (default, _) in WORLD.items()}, **content["world"]},
        "host": content.get("host", []),
        "defaults": complete(content["defaults"]),
        "fault": [{**{key: default for key, (default, _) in FAULT.items()}, **rule} for rule in content["fault"]],
    }


def check(content: dict, hypervisor: str | None = None) -> dict:
    """Check the content of a world file and fill in the defaults: see load(). Raises ConfigError."""
    _require_known_keys(content, ("world", "host", "defaults", "vm", "fault"), "the world file")
    defaults = table(content.get("defaults", {}), VM, "[defaults]")
    if hypervisor == VMWARES_TOOLS:
        if "tools" not in content.get("defaults", {}):
            defaults["tools"] = VMWARES_TOOLS
    elif hypervisor and "hypervisor" not in content.get("defaults", {}):
        defaults["hypervisor"] = hypervisor
    vms = content.get("vm", {})
    if not isinstance(vms, dict):
        raise ConfigError("vm must consist of tables such as [vm.web]")
    faults = content.get("fault", [])
    if not isinstance(faults, list):
        raise ConfigError("fault must be an array of tables: [[fault]]")
    world = table(content.get("world", {}), WORLD, "[world]")
    hosts = content.get("host", [])
    if not isinstance(hosts, list):
        raise ConfigError("host must be an array of tables: [[host]]")
    hosts = [host(each, defaults) for each in hosts]
    addresses = [(each["name"].lower(), each["port"]) for each in hosts]
    if len({*addresses}) < len(addresses):
        raise ConfigError("two [[host]] tables have the same name and port")
    return {
        "world": {**world, "version": world["version"] or products.VERSIONS[world["product"]]},
        "host": hosts,
        "defaults": defaults,
        "vm": {name: vm(name, settings, defaults) for name, settings in vms.items()},
        "fault": [fault(rule) for rule in faults],
    }


def host(content: object, defaults: dict) -> dict:
    """Return a checked [[host]] table with its VMs; defaults: the settings of VMs. Raises ConfigError."""
    found = table(content, HOST, "[[host]]")
    if not found["name"]:
        raise ConfigError("[[host]] requires the key name")
    where = f"[[host]] {found['name']}"
    if not found["users"]:
        raise ConfigError(f"{where} requires the key users: the users that may connect")
    if not isinstance(found["vm"], dict):
        raise ConfigError(f"vm in {where} must consist of tables such as [host.vm.web]")
    vms = {name: vm(name, settings, defaults) for name, settings in found["vm"].items()}
    return {**found, "version": found["version"] or products.VERSIONS[found["product"]], "vm": vms}


def vm(name: object, content: dict, defaults: dict) -> dict:
    """Return the checked settings of one VM, complete with the defaults. Raises ConfigError."""
    # The name becomes that of a directory and of the files in it, some of which have a suffix.
    if not isinstance(name, str) or not name or name.startswith(".") or "/" in name or len(name.encode()) > 200 or not name.isprintable():
        raise ConfigError(f"invalid VM name {name!r}: it must be printable, without /, not start with a dot and have at most 200 bytes")
    where = f"[vm.{name}]"
    keys = {key: (defaults[key], check) for key, (_, check) in VM.items()}
    keys["tools_options"] = (defaults["tools_options"], _tools_options(defaults["tools_options"]))
    settings = table(content, {**keys, "power": ("powered_off", _one_of(*POWER_STATES))}, where)
    if settings["programs"] == "wine" and not (settings["hypervisor"] == "simulated" and guest_os.is_windows(settings["guest_os"])):
        raise ConfigError(f'programs = "wine" in {where} requires hypervisor = "simulated" and a Windows guest_os, such as "windows11-64"')
    if settings["tools"] == VMWARES_TOOLS and (settings["hypervisor"] != "simulated" or guest_os.is_windows(settings["guest_os"])):
        if "tools" not in content:
            # A default is for the guests that can have them.
            return {**settings, "tools": "installed"}
        raise ConfigError(f'tools = "{VMWARES_TOOLS}" in {where} requires hypervisor = "simulated" and a Linux guest_os, such as "debian12-64"')
    return settings


def complete(settings: dict) -> dict:
    """Return the settings of a VM with the defaults of keys that the older version lacked which saved them."""
    found = {**{key: default for key, (default, _) in VM.items()}, **settings}
    return {**found, "tools_options": {**DEFAULT_TOOLS_OPTIONS, **found["tools_options"]}}


def changes(settings: dict, now: dict) -> dict:
    """Return checked changes of the settings of a VM, which are now these. Raises ConfigError."""
    _require_known_keys(settings, LIVE, "a change of a VM")
    checks = {key: VM[key][1] for key in LIVE} | {"tools": _state_of_tools, "tools_options": _tools_options(now["tools_options"])}
    return {key: checks[key](value, key) for key, value in settings.items()}


def fault(content: dict) -> dict:
    """Return a checked [[fault]] table, complete with the defaults. Raises ConfigError."""
    rule = table(content, FAULT, "[[fault]]")
    if rule["call"] is None:
        raise ConfigError("[[fault]] requires the key call: a function of vix.h, or *")
    ends = [each for each in (*DIRECTIVES, *ENDS) if rule[each]]
    if len(ends) > 1:
        raise ConfigError(f"[[fault]] accepts only one of these keys: {', '.join((*DIRECTIVES, *ENDS))}")
    if rule["where"] == "job" and not ends:
        raise ConfigError(f'[[fault]] with where = "job" requires one of these keys: {", ".join((*DIRECTIVES, *ENDS))}')
    if rule["where"] == "after" and not any(rule[each] for each in ("error", *DIRECTIVES, *ENDS)):
        raise ConfigError(f'[[fault]] with where = "after" requires one of these keys: {", ".join(("error", *DIRECTIVES, *ENDS))}')
    if rule["step"] and not rule["kill"]:
        raise ConfigError("[[fault]] with the key step requires kill = true")
    if not (
        rule["error"] or rule["junk"] or rule["delay"] or rule["late_event"] or ends or any(rule[each] is not None for each in ("disk_full", "cut", *OVERRIDES))
    ):
        effects = ("error", "junk", "delay", "late_event", *DIRECTIVES, *ENDS, "disk_full", "cut", *OVERRIDES)
        raise ConfigError(f"[[fault]] requires at least one of these keys: {', '.join(effects)}")
    return rule


def table(content: object, keys: dict, where: str) -> dict:
    """Return a checked table with defaults.

    keys: {key: (default, check)}, where check(value, name) returns the value or raises ConfigError.
    where: the name of the table in messages.
    """
    if not isinstance(content, dict):
        raise ConfigError(f"{where} must be a table")
    _require_known_keys(content, keys, where)
    return {key: check(content[key], f"{key} in {where}") if key in content else default for key, (default, check) in keys.items()}


def _require_known_keys(content: dict, keys: Iterable[str], where: str) -> None:
    for key in content:
        if key not in keys:
            raise ConfigError(f"unknown key {key!r} in {where}; valid keys: {', '.join(keys)}")


def _text(value: object, what: str) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise ConfigError(f"{what} must be a string without NUL, not {value!r}")
    return value


def _function(value: object, what: str) -> str:
    function = _text(value, what)
    if function != "*" and function not in DAEMON_FUNCTIONS:
        near = difflib.get_close_matches(function, DAEMON_FUNCTIONS, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ConfigError(f"{what} must be * or a function of vix.h that the daemon answers, not {value!r}{hint}")
    return function


def _code(value: object, what: str) -> int:
    if isinstance(value, str) and value.startswith("VIX_E_") and hasattr(constants, value):
        return getattr(constants, value)
    if isinstance(value, str):
        raise ConfigError(f"{what} must be the name or the number of an error of vix.h, not {value!r}")
    return CODE(value, what)


def _secret(value: object, what: str) -> str:
    # The message does not repeat the value: it is a secret.
    if not isinstance(value, str) or "\0" in value:
        raise ConfigError(f"{what} must be a string without NUL")
    return value


def _version(value: object, what: str) -> str:
    text = _text(value, what)
    if not re.match(r"\d", text):
        raise ConfigError(f"{what} must be a string that begins with a digit, not {value!r}")
    return text


def _name(value: object, what: str) -> str:
    text = _text(value, what)
    if not text:
        raise ConfigError(f"{what} must not be empty")
    return text


def _truth(value: object, what: str) -> bool:
    if not isinstance(value, bool):
        raise ConfigError(f"{what} must be true or false, not {value!r}")
    return value


def _whole(least: int, most: int) -> Check[int]:
    def check(value: object, what: str) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise ConfigError(f"{what} must be an integer from {least} to {most}, not {value!r}")
        return value

    return check


def _seconds(value: object, what: str) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < 1e9:
        raise ConfigError(f"{what} must be a number of seconds, not {value!r}")
    return float(value)


def _seconds_or_none(value: object, what: str) -> float | None:
    return None if value is None else _seconds(value, what)


def _one_of(*choices: str) -> Check[str]:
    def check(value: object, what: str) -> str:
        if not isinstance(value, str) or value not in choices:
            raise ConfigError(f"{what} must be one of {', '.join(choices)}, not {value!r}")
        return value

    return check


def _state_of_tools(value: object, what: str) -> str:
    if value == VMWARES_TOOLS:
        raise ConfigError(f"{what} must be one of {', '.join(TOOLS)}: only a new VM can have {VMWARES_TOOLS}")
    return _one_of(*TOOLS)(value, what)


def _each(check):
    def check_all(value: object, what: str) -> list:
        if not isinstance(value, list):
            raise ConfigError(f"{what} must be a list, not {value!r}")
        return [check(item, f"an item of {what}") for item in value]

    return check_all


def _path(value: object, what: str) -> str:
    text = _text(value, what)
    if not text.startswith("/") and not _DRIVE.match(text):
        raise ConfigError(f"{what} must be an absolute path, not {value!r}")
    return text


def _account(value: object, what: str) -> dict:
    account = table(value, ACCOUNT, what)
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}", account["name"] or ""):
        raise ConfigError(f"name in {what} must be a user name: letters, digits, _, . and -")
    # Optional keys are left out, so that the result can be checked again.
    return {key: value for key, value in account.items() if value is not None}


def _accounts(value: object, what: str) -> list[dict]:
    accounts = _each(_account)(value, what)
    names = [account["name"] for account in accounts]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"{what} contains the name {name!r} twice")
    return accounts


def _process(value: object, what: str) -> dict:
    process = table(value, PROCESS, what)
    if not process["name"]:
        raise ConfigError(f"{what} requires the key name")
    return {**process, "command": process["command"] or process["name"]}


def _files(value: object, what: str) -> dict[str, str]:
    if not isinstance(value, dict):
        raise ConfigError(f"{what} must be a table of paths and contents, not {value!r}")
    for path, content in value.items():
        names = re.split(r"[/\\]" if _DRIVE.match(path) else "/", path)
        if not (path.startswith("/") or _DRIVE.match(path)) or not names[-1] or ".." in names or "\0" in path:
            raise ConfigError(f"a key in {what} must be the absolute path of a file, not {path!r}")
        _text(content, f"{path!r} of {what}")
    return value


def _snapshot(value: object, what: str) -> dict:
    return table(value, SNAPSHOT, what)


def _tools_options(now: dict) -> Check[dict]:
    """Return the check of tools_options, whose keys have the values that they have now, or those of a preset that is named."""

    def check(value: object, what: str) -> dict:
        given = table(value, {key: (None, check) for key, (_, check) in TOOLS_OPTIONS.items()}, what)
        given = {key: each for key, each in given.items() if each is not None}
        return {**now, **PRESETS.get(given.get("preset", ""), {}), **given}

    return check


COUNT, NUMBER, CODE = _whole(0, MOST), _whole(0, 1 << 62), _whole(1, 0xFFFF)
WORLD = {
    "product": ("workstation", _one_of(*products.TITLES)),
    "version": ("", _version),
    "needs_host_option": (0, _whole(0, 0x7FFFFFFF)),
    "display": (False, _truth),
    "clock": ("real", _one_of("real", "stepped")),
}


def _host_name(value: object, what: str) -> str:
    text = _text(value, what)
    if not re.fullmatch(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,200}[A-Za-z0-9_])?|[0-9A-Fa-f:.]+", text):
        raise ConfigError(f"{what} must be a host name or address without scheme, port and path, not {value!r}")
    return text


def _user(value: object, what: str) -> dict:
    user = table(value, USER, what)
    if not user["name"]:
        raise ConfigError(f"{what} requires the key name")
    return user


USER = {"name": ("", _name), "password": ("", _secret)}
HOST = {
    "name": ("", _host_name),
    "port": (443, _whole(1, 65535)),
    "product": ("vi_server", _one_of("vi_server", "workstation_shared", "server")),
    "version": ("", _version),
    "needs_host_option": (0, _whole(0, 0x7FFFFFFF)),
    "display": (False, _truth),
    "users": ([], _each(_user)),
    "vm": ({}, lambda value, what: value),
}
ACCOUNT = {
    "name": ("", _name),
    "password": ("", _secret),
    "administrator": (False, _truth),
    "shell": (None, _path),
    "locked": (None, _truth),
    "home": (None, _path),
}
PROCESS = {"name": ("", _name), "command": ("", _text), "owner": ("root", _name)}
SNAPSHOT: dict[str, tuple[Any, Check[Any]]] = {"name": ("", _text), "description": ("", _text)}
SNAPSHOT["children"] = ([], _each(_snapshot))
# How VMware Tools answer (docs/vix-semantics.md, sections 16 to 19). Their delays are left out by default, so that tests are quick.
DELAYS = {
    "one_at_a_time": (False, True),
    "program_seconds": (0.0, 1.0),
    "login_seconds": (0.0, 0.2),
    "refusal_seconds": (0.0, 2.0),
}
PRESETS = {preset: {key: values[at] for key, values in DELAYS.items()} for at, preset in enumerate(("quick", "vmware"))}
TOOLS_OPTIONS = {
    "preset": ("quick", _one_of(*PRESETS)),
    "process_name": ("first_argument", _one_of("first_argument", "command_line")),
    "version": ("12.2", _one_of("12.2", "12.5")),
    "killed_exit_code": ("zero", _one_of("zero", "signal")),
    "process_bytes": (65387, _whole(0, 1 << 30)),
    "page_files": (361, _whole(0, 1 << 30)),
    "term_seconds": (5.0, _seconds),
    "kill_seconds": (15.0, _seconds),
    "one_at_a_time": (False, _truth),
    **{key: (values[0], _seconds) for key, values in DELAYS.items() if key != "one_at_a_time"},
}
DEFAULT_TOOLS_OPTIONS = {key: default for key, (default, _) in TOOLS_OPTIONS.items()}
VM = {
    "guest_os": ("debian12-64", _name),
    "memory": (1024, _whole(1, 1 << 24)),
    "cpus": (1, _whole(1, 1024)),
    "hardware": (0, _whole(0, 99)),
    "hypervisor": ("simulated", _one_of(*HYPERVISORS)),
    "programs": ("default", _one_of("default", "wine")),
    "guest_image": ("plain", _one_of("plain", "python")),
    "accelerator": ("tcg", _one_of("tcg", "kvm", "hvf")),
    "tools": ("installed", _one_of(*TOOLS, VMWARES_TOOLS)),
    "tools_image": (True, _truth),
    "ip": ("", _text),
    "question": ("", _text),
    "password": ("", _secret),
    "extra_power_bits": (0, _whole(0, 0x7FFFFFFF)),
    "locked": (False, _truth),
    "boot_seconds": (0.0, _seconds),
    "tools_seconds": (0.0, _seconds),
    "scripts_seconds": (0.0, _seconds),
    "soft_stop": ("obeyed", _one_of("obeyed", "ignored")),
    "stop_seconds": (0.0, _seconds),
    "operation_seconds": (0.0, _seconds),
    "snapshot_seconds": (None, _seconds_or_none),
    "copy_speed": (0, _whole(0, 1 << 40)),
    "tools_options": (DEFAULT_TOOLS_OPTIONS, _tools_options(DEFAULT_TOOLS_OPTIONS)),
    "guest_operations": (True, _truth),
    "process_commands": (True, _truth),
    "accounts": ([{"name": "lab", "password": "lab", "administrator": True}], _accounts),
    "processes": ([], _each(_process)),
    "files": ({}, _files),
    "snapshots": ([], _each(_snapshot)),
}
FAULT = {
    "call": (None, _function),
    "vm": (None, _name),
    "client": (None, _whole(1, 1 << 31)),
    "per": ("world", _one_of("world", "client", "vm")),
    "from": (1, _whole(1, 1 << 62)),
    "times": (None, _whole(1, 1 << 62)),
    "error": (0, _code),
    "junk": (0, _whole(1, (1 << 48) - 1)),
    "delay": (0.0, _seconds),
    **dict.fromkeys((*DIRECTIVES, *ENDS, "late_event"), (False, _truth)),
    "where": ("call", _one_of("call", "job", "after")),
    "step": (None, _whole(1, 1 << 30)),
    "disk_full": (None, _whole(0, 1 << 62)),
    "cut": (None, _whole(0, 1 << 62)),
    **{key: (None, _state_of_tools if key == "tools" else VM[key][1]) for key in OVERRIDES},
}
