# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sources of VMs for inventory plugins, and their combined answers."""

from __future__ import annotations

import hashlib
import json
import os
from collections import namedtuple
from functools import partial
from types import SimpleNamespace
from urllib.parse import urlsplit

from ansible.errors import AnsibleError, AnsibleParserError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.utils.path import unfrackpath
from ansible_collections.vmlab.vix.plugins.module_utils import _session, _worker
from ansible_collections.vmlab.vix.plugins.module_utils._state import listed

HERE = "localhost"
BY_VIX, BY_FILES = ("running", "registered"), ("library", "scan")
CONNECTION = (*_session.CONNECTION, "library", "timeout")
HOST_SPEC = {
    "name": {"type": "str"},
    "library": {"type": "path"},
    "provider": {"type": "str", "choices": ["default", "workstation", "player", "workstation_shared", "vi_server"]},
    "hostname": {"type": "str"},
    "port": {"type": "int"},
    "username": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "validate_certs": {"type": "bool"},
    "timeout": {"type": "int"},
    "sources": {"type": "list", "elements": "str", "choices": list(BY_VIX)},
}
# Options on which the VMs and their facts depend: a cache that was filled with others cannot be used.
ASKED_WITH = ("sources", "hosts", "gather", "guestinfo_exclude", "scan_folders", "scan_depth", "scan_patterns", "scan_exclude", *CONNECTION)
SECRET = ("password",)
FORM = 1  # of what is cached

# name: of the source in messages; host: name of the host of its VMs; work: for _worker.run_all, with one part.
Source = namedtuple("Source", "name host work seconds")


def all_sources(plugin, path):
    """Return the Sources of the options of a plugin. path: of the inventory file, for relative paths."""
    return hosts(plugin) + files(plugin, path)


def hosts(plugin):
    """Return a Source for each host of the options of a plugin, or for this machine if there is none."""
    inherited = {name: _option_value(plugin, name) for name in CONNECTION}
    entries = plugin.get_option("hosts")
    if not entries:
        found = [_host(plugin, {"hostname": inherited["hostname"]}, inherited)]
    else:
        found = [_host(plugin, _checked(plugin, number, entry), inherited) for number, entry in enumerate(entries)]
    names = [source.host for source in found]
    for name in names:
        if names.count(name) > 1:
            raise AnsibleParserError(f"two of the hosts are named {name}: give each a unique name")
    return [source for source in found if source.work]


def _option_value(plugin, name):
    """The value of an option, which may be a template in a file. A value from the environment is literal, for example a password with braces."""
    value, origin = plugin.get_option_and_origin(name)
    return value if str(origin).startswith("env:") else plugin.templar.template(value)


def _checked(plugin, number, entry):
    result = ArgumentSpecValidator(HOST_SPEC).validate(plugin.templar.template(entry) if isinstance(entry, dict) else {"": entry})
    if result.error_messages:
        raise AnsibleParserError(f"hosts[{number}] is invalid: {'; '.join(result.error_messages)}")
    return {name: value for name, value in result.validated_parameters.items() if value is not None}


def _host(plugin, entry, inherited):
    is_local = not entry.get("hostname")
    name = entry.get("name") or (HERE if is_local else _bare(entry["hostname"]))
    connection = {**inherited, "hostname": None, **{key: entry[key] for key in CONNECTION if key in entry}}
    if is_local:
        connection.update(username=None, password=None)
    sources = [source for source in entry.get("sources", plugin.get_option("sources")) if source in BY_VIX]
    look = SimpleNamespace(
        sources=sources,
        is_local=is_local,
        concurrency=plugin.get_option("concurrency"),
        vm_timeout=plugin.get_option("vm_timeout"),
        **_common_options(plugin),
    )
    work = _session.for_host(partial(listed.on_host, look), connection) if sources else None
    return Source(f"host {name}", name, work, connection["timeout"])


def _bare(hostname):
    """The name of a host in https://NAME:PORT/sdk, in which everything but the name is optional."""
    return urlsplit(hostname if "//" in hostname else f"//{hostname}").hostname or hostname


def files(plugin, path):
    """Return a list with the Source of this machine's files if the options include it, else an empty list. path: as for all_sources()."""
    sources = [source for source in plugin.get_option("sources") if source in BY_FILES]
    if not sources:
        return []
    look = SimpleNamespace(
        sources=sources,
        home=os.path.expanduser("~"),
        scan_folders=[unfrackpath(folder, follow=False, basedir=os.path.dirname(path)) for folder in plugin.get_option("scan_folders")],
        **{name: plugin.get_option(name) for name in ("scan_depth", "scan_patterns", "scan_exclude")},
        **_common_options(plugin),
    )
    return [Source("this machine's files", _here(plugin), partial(_read_files, look), plugin.get_option("timeout"))]


def _here(plugin):
    """The name of this machine in the options."""
    entries = plugin.get_option("hosts") if plugin.has_option("hosts") else None
    return next((entry["name"] for entry in entries or () if entry.get("name") and not entry.get("hostname")), HERE)


def _common_options(plugin):
    return {"gather": plugin.get_option("gather"), "guestinfo_exclude": [name.lower() for name in plugin.get_option("guestinfo_exclude")]}


def _read_files(look, crumb, part):
    part(0, lambda: listed.in_files(look, partial(crumb, "")))


def key(plugin, path):
    """The cache key for a plugin with its present options."""
    options = {name: plugin.get_option(name) for name in ASKED_WITH if plugin.has_option(name) and name not in SECRET}
    if options.get("hosts"):
        options["hosts"] = [{name: value for name, value in entry.items() if name not in SECRET} for entry in options["hosts"] if isinstance(entry, dict)]
    options["home"] = [os.path.expanduser("~"), os.environ.get("OPENVIX_WORLD")] if _depends_on_user(plugin) else None
    digest = hashlib.sha256(json.dumps([FORM, options], sort_keys=True, default=str).encode("utf-8")).hexdigest()[:12]
    return f"{plugin.get_cache_key(path)}_{digest}"


def _depends_on_user(plugin):
    """Whether another user gets other VMs: VIX's list on this machine, VMware's lists and VMware's default directories depend on the user."""
    sources = plugin.get_option("sources")
    if "library" in sources or ("scan" in sources and not plugin.get_option("scan_folders")):
        return True
    if not plugin.has_option("hosts"):
        return False
    entries = plugin.get_option("hosts") or [{"hostname": plugin.get_option("hostname")}]
    return any(not entry.get("hostname") for entry in entries if isinstance(entry, dict))


def ask(plugin, sources):
    """Query all sources at the same time; return their combined answers, as listed.Findings.as_dict(), and whether all have answered.

    Each VM is included once, with its host and all sources that list it, sorted by host (this machine first) and name.
    Raises AnsibleError if a source does not answer and on_unreachable is error, or if none answers.
    """
    outcomes = _worker.run_all([(source.work, 1, source.seconds) for source in sources])
    answers, silent = [], []
    for source, [outcome] in zip(sources, outcomes, strict=True):
        if isinstance(outcome, _worker.Bug):
            raise outcome
        if isinstance(outcome, _worker.Failure):
            silent.append(f"{source.name} does not answer: {outcome}" if len(sources) > 1 else str(outcome))
        else:
            answers.append((source, outcome))
    if silent and (not answers or plugin.get_option("on_unreachable") == "error"):
        raise AnsibleError(" | ".join(silent))
    for message in silent:
        plugin.display.warning(message)
    return _together(answers, _here(plugin)), not silent


def _together(answers, here):
    vms = {}
    for source, found in answers:
        for vm in found["vms"]:
            place = vm["real"] or (source.host, vm["path"])
            if place in vms:
                vms[place]["sources"] += [each for each in vm["sources"] if each not in vms[place]["sources"]]
            else:
                vms[place] = {**vm, "host": here if vm["real"] else source.host}
    others = {kind: [each for source, found in answers for each in found[kind]] for kind in ("left_out", "problems", "notes")}
    others["problems"] = list(dict.fromkeys(others["problems"]))  # two sources may have read the same file
    order = {host: number for number, host in reversed(list(enumerate([here, *(source.host for source, found in answers)])))}
    return {"vms": sorted(vms.values(), key=lambda vm: (order[vm["host"]], vm["name"].lower(), vm["path"])), **others}
