# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The world file: what its user may say, and one clear sentence for what they may not (openvix/docs/world-file.md)."""

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

T = TypeVar("T")
# Takes what a key is set to, and how to name the key; returns the value, or raises ConfigError.
Asked: TypeAlias = Callable[[object, str], T]

KEPT = "world.json"

TOOLS = ("installed", "not_installed", "outdated", "never")
HYPERVISORS = ("simulated", "qemu")
POWER_STATES = ("powered_off", "powered_on", "suspended", "paused")
# What of a VM can be changed while a world is served.
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
)
DIRECTIVES = ("hang", "crash", "abort", "exit")
# How many VMs can be made by their number.
MOST = 99_999
# What a fault can end instead of the client, and what of a VM it can make a call see.
ENDS = ("lost", "kill")
SEEN = ("tools", "question", "extra_power_bits", "locked")


def load(path: Path, hypervisor: str | None = None) -> dict:
    """Read a world file (TOML) and return it checked and complete: {"world":, "defaults":, "vm": {name: settings}, "fault": [...]}.

    hypervisor: what VMs run on of which the file does not say it.
    """
    import tomllib

    try:
        return check(tomllib.loads(path.read_text(encoding="utf-8")), hypervisor)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is not UTF-8 text") from None
    except (tomllib.TOMLDecodeError, ConfigError) as error:
        raise ConfigError(f"{path}: {error}") from None


def keep(directory: Path, said: dict) -> None:
    """Keep in a world's directory what check() says of the world itself."""
    # It may hold the passwords of users: nobody else may read it, as the directory is for its owner only.
    atomic_files.replace(directory / KEPT, json.dumps(of_world(said), indent=2).encode())


def of_world(said: dict) -> dict:
    """Return what check() says of the world itself, and not of its VMs."""
    hosts = [{key: value for key, value in each.items() if key != "vm"} for each in said["host"]]
    return {**{key: said[key] for key in ("world", "defaults", "fault")}, "host": hosts}


def kept(directory: Path) -> dict:
    """Return what keep() kept; a world that was made without a world file is one of defaults."""
    path = directory / KEPT
    if not path.exists():
        return check({})
    said = json.loads(path.read_bytes())
    # An older OpenVIX did not know all of it.
    return {
        "world": {**{key: default for key, (default, _) in WORLD.items()}, **said["world"]},
        "host": said.get("host", []),
        "defaults": complete(said["defaults"]),
        "fault": [{**{key: default for key, (default, _) in FAULT.items()}, **rule} for rule in said["fault"]],
    }


def check(said: dict, hypervisor: str | None = None) -> dict:
    """Return a whole world file checked, with everything in it that was left out."""
    _known(said, ("world", "host", "defaults", "vm", "fault"), "a world file")
    defaults = table(said.get("defaults", {}), VM, "[defaults]")
    if hypervisor and "hypervisor" not in said.get("defaults", {}):
        defaults["hypervisor"] = hypervisor
    vms = said.get("vm", {})
    if not isinstance(vms, dict):
        raise ConfigError("vm must be tables like [vm.web]")
    faults = said.get("fault", [])
    if not isinstance(faults, list):
        raise ConfigError("fault must be an array of tables: [[fault]]")
    world = table(said.get("world", {}), WORLD, "[world]")
    hosts = said.get("host", [])
    if not isinstance(hosts, list):
        raise ConfigError("host must be an array of tables: [[host]]")
    hosts = [host(each, defaults) for each in hosts]
    places = [(each["name"].lower(), each["port"]) for each in hosts]
    if len({*places}) < len(places):
        raise ConfigError("two [[host]] have the same name and port")
    return {
        "world": {**world, "version": world["version"] or products.VERSIONS[world["product"]]},
        "host": hosts,
        "defaults": defaults,
        "vm": {name: vm(name, settings, defaults) for name, settings in vms.items()},
        "fault": [fault(rule) for rule in faults],
    }


def host(said: object, defaults: dict) -> dict:
    """Return a host that is reached by name, checked, with its VMs."""
    found = table(said, HOST, "[[host]]")
    if not found["name"]:
        raise ConfigError("[[host]] must say by which name it is reached: name")
    where = f"[[host]] {found['name']}"
    if not found["users"]:
        raise ConfigError(f"{where} must say who may connect: users")
    if not isinstance(found["vm"], dict):
        raise ConfigError(f"vm in {where} must be tables like [host.vm.web]")
    vms = {name: vm(name, settings, defaults) for name, settings in found["vm"].items()}
    return {**found, "version": found["version"] or products.VERSIONS[found["product"]], "vm": vms}


def vm(name: object, said: dict, defaults: dict) -> dict:
    """Return the settings of one VM checked, those left out taken from the defaults."""
    # The name is that of a directory and of the files in it, some with a suffix.
    if not isinstance(name, str) or not name or name.startswith(".") or "/" in name or len(name.encode()) > 200 or not name.isprintable():
        raise ConfigError(f"{name!r} is no name for a VM: it must be printable, without /, not begin with a dot and be at most 200 bytes long")
    where = f"[vm.{name}]"
    return table(said, {**{key: (defaults[key], asked) for key, (_, asked) in VM.items()}, "power": ("powered_off", _one_of(*POWER_STATES))}, where)


def complete(settings: dict) -> dict:
    """Return the settings of a VM that an older OpenVIX may have kept, with those that it did not know."""
    return {**{key: default for key, (default, _) in VM.items()}, **settings}


def changes(said: dict) -> dict:
    """Return changes of the settings of a VM checked."""
    _known(said, LIVE, "a change of a VM")
    return {key: VM[key][1](value, key) for key, value in said.items()}


def fault(said: dict) -> dict:
    """Return one fault checked."""
    rule = table(said, FAULT, "[[fault]]")
    if rule["call"] is None:
        raise ConfigError("[[fault]] must say which call it is for: call")
    ends = [each for each in (*DIRECTIVES, *ENDS) if rule[each]]
    if len(ends) > 1:
        raise ConfigError(f"[[fault]] can be only one of {', '.join((*DIRECTIVES, *ENDS))}")
    if rule["where"] == "job" and not ends:
        raise ConfigError(f'[[fault]] with where = "job" must be one of {", ".join((*DIRECTIVES, *ENDS))}')
    if rule["where"] == "after" and not any(rule[each] for each in ENDS):
        raise ConfigError(f'[[fault]] with where = "after" must be one of {", ".join(ENDS)}')
    if rule["step"] and not rule["kill"]:
        raise ConfigError("[[fault]] with a step must kill: kill = true")
    if not (rule["error"] or rule["junk"] or rule["delay"] or ends or any(rule[each] is not None for each in ("disk_full", "cut", *SEEN))):
        raise ConfigError(f"[[fault]] must do something: error, junk, delay, {', '.join((*DIRECTIVES, *ENDS))}, disk_full, cut, {', '.join(SEEN)}")
    return rule


def table(said: object, keys: dict, where: str) -> dict:
    """Return a table checked: keys names each key with its default and what checks it."""
    if not isinstance(said, dict):
        raise ConfigError(f"{where} must be a table")
    _known(said, keys, where)
    return {key: asked(said[key], f"{key} in {where}") if key in said else default for key, (default, asked) in keys.items()}


def _known(said: dict, keys: Iterable[str], where: str) -> None:
    for key in said:
        if key not in keys:
            raise ConfigError(f"{where} does not know the key {key!r}; it knows {', '.join(keys)}")


def _text(value: object, what: str) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise ConfigError(f"{what} must be a text, not {value!r}")
    return value


def _function(value: object, what: str) -> str:
    function = _text(value, what)
    if function != "*" and function not in DAEMON_FUNCTIONS:
        near = difflib.get_close_matches(function, DAEMON_FUNCTIONS, 1)
        meant = f": is {near[0]} meant?" if near else ""
        raise ConfigError(f"{what} must be * or a function of vix.h that reaches the daemon, not {value!r}{meant}")
    return function


def _code(value: object, what: str) -> int:
    if isinstance(value, str) and value.startswith("VIX_E_") and hasattr(constants, value):
        return getattr(constants, value)
    if isinstance(value, str):
        raise ConfigError(f"{what} must be the name or the number of an error of vix.h, not {value!r}")
    return CODE(value, what)


def _secret(value: object, what: str) -> str:
    # What was said is not repeated.
    if not isinstance(value, str) or "\0" in value:
        raise ConfigError(f"{what} must be a text")
    return value


def _version(value: object, what: str) -> str:
    text = _text(value, what)
    if not re.match(r"\d", text):
        raise ConfigError(f"{what} must be a text that begins with a number, not {value!r}")
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


def _whole(least: int, most: int) -> Asked[int]:
    def asked(value: object, what: str) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise ConfigError(f"{what} must be a whole number from {least} to {most}, not {value!r}")
        return value

    return asked


def _seconds(value: object, what: str) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < 1e9:
        raise ConfigError(f"{what} must be a number of seconds, not {value!r}")
    return float(value)


def _seconds_or_none(value: object, what: str) -> float | None:
    return None if value is None else _seconds(value, what)


def _one_of(*choices: str) -> Asked[str]:
    def asked(value: object, what: str) -> str:
        if not isinstance(value, str) or value not in choices:
            raise ConfigError(f"{what} must be one of {', '.join(choices)}, not {value!r}")
        return value

    return asked


def _each(asked):
    def all_of(value: object, what: str) -> list:
        if not isinstance(value, list):
            raise ConfigError(f"{what} must be a list, not {value!r}")
        return [asked(item, f"an item of {what}") for item in value]

    return all_of


def _path(value: object, what: str) -> str:
    text = _text(value, what)
    if not text.startswith("/"):
        raise ConfigError(f"{what} must be an absolute path, not {value!r}")
    return text


def _account(value: object, what: str) -> dict:
    account = table(value, ACCOUNT, what)
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}", account["name"] or ""):
        raise ConfigError(f"name in {what} must be that of a user: letters, digits, _, . and -")
    # What is checked may be checked again, so that it says nothing where nothing was said.
    return {key: value for key, value in account.items() if value is not None}


def _accounts(value: object, what: str) -> list[dict]:
    accounts = _each(_account)(value, what)
    names = [account["name"] for account in accounts]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"{what} name {name!r} twice")
    return accounts


def _process(value: object, what: str) -> dict:
    process = table(value, PROCESS, what)
    if not process["name"]:
        raise ConfigError(f"{what} needs a name")
    return {**process, "command": process["command"] or process["name"]}


def _files(value: object, what: str) -> dict[str, str]:
    if not isinstance(value, dict):
        raise ConfigError(f"{what} must be a table of path and text, not {value!r}")
    for path, content in value.items():
        if not path.startswith("/") or path.endswith("/") or ".." in path.split("/") or "\0" in path:
            raise ConfigError(f"{what}: {path!r} is not the absolute path of a file")
        _text(content, f"{path!r} of {what}")
    return value


def _snapshot(value: object, what: str) -> dict:
    return table(value, SNAPSHOT, what)


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
        raise ConfigError(f"{what} must be the name or the address of a host, without scheme, port and path, not {value!r}")
    return text


def _user(value: object, what: str) -> dict:
    user = table(value, USER, what)
    if not user["name"]:
        raise ConfigError(f"{what} needs a name")
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
ACCOUNT = {"name": ("", _name), "password": ("", _secret), "administrator": (False, _truth), "home": (None, _path)}
PROCESS = {"name": ("", _name), "command": ("", _text), "owner": ("root", _name)}
SNAPSHOT: dict[str, tuple[Any, Asked[Any]]] = {"name": ("", _text), "description": ("", _text)}
SNAPSHOT["children"] = ([], _each(_snapshot))
VM = {
    "guest_os": ("debian12-64", _name),
    "memory": (1024, _whole(1, 1 << 24)),
    "cpus": (1, _whole(1, 1024)),
    "hardware": (0, _whole(0, 99)),
    "hypervisor": ("simulated", _one_of(*HYPERVISORS)),
    "guest_image": ("plain", _one_of("plain", "python")),
    "accelerator": ("tcg", _one_of("tcg", "kvm", "hvf")),
    "tools": ("installed", _one_of(*TOOLS)),
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
    **dict.fromkeys((*DIRECTIVES, *ENDS), (False, _truth)),
    "where": ("call", _one_of("call", "job", "after")),
    "step": (None, _whole(1, 1 << 30)),
    "disk_full": (None, _whole(0, 1 << 62)),
    "cut": (None, _whole(0, 1 << 62)),
    **{key: (None, VM[key][1]) for key in SEEN},
}
