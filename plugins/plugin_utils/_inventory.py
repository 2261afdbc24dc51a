# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""VMs as hosts of an inventory: their selection, names, variables and groups."""

from __future__ import annotations

import hashlib
import json
import re

from ansible import constants as C
from ansible.errors import AnsibleError, AnsibleParserError
from ansible.utils.vars import combine_vars
from ansible_collections.vmlab.vix.plugins.module_utils._state import addresses
from ansible_collections.vmlab.vix.plugins.plugin_utils import _vm_sources

VARIABLES = (
    "path",
    "name",
    "host",
    "sources",
    *(name for name in _vm_sources.listed.UNKNOWN if name != "name"),
    *(name for log in _vm_sources.listed.GATHERED.values() for name in log),
)
PREFIXED = {name: f"vix_{name}" for name in VARIABLES}
# Host patterns of Ansible end at white space, colons and commas, and have wildcards, subscripts and templates; a slash would lead out of host_vars.
UNFIT = re.compile(r"[\x00-\x20\x7f-\x9f\ud800-\udfff\s/:,*?\[\]{}]+|^\.{1,2}$")
# At its start, a pattern has an operator, or it is an option of a command.
UNFIT_FIRST = "-!&~@"
RULES = ("include", "exclude")


def fill(plugin, path, may_use_cache, sources):
    """Add the VMs of the sources, or of the cache, to the inventory of a plugin whose options are read. sources: like _vm_sources.all_sources."""
    found = _found(plugin, path, may_use_cache, sources)
    log = plugin.display.vvv if max(plugin.display.verbosity, plugin.display.log_verbosity) >= 3 else None
    if log:
        for message in found["notes"]:
            log(message)
        for place, why in found["left_out"]:
            log(f"{place}: not included: {why}")
    named = _named(plugin, _wanted(plugin, found["vms"], log))
    for name, (vm, variables) in named.items():
        plugin.inventory.add_host(name)
        # Together, as set_variable() for each takes longer than everything else. No value is trusted as a template (test_inventory.py).
        plugin.inventory.hosts[name].vars.update(variables)
        if log:
            log(f"{vm['path']}: included as {name}; listed by {', '.join(vm['sources'])} on {vm['host']}{'; stale: ' + vm['error'] if vm['stale'] else ''}")
    _construct(plugin, named)


def _found(plugin, path, may_use_cache, sources):
    """The VMs, from the cache if that may be used."""
    # Cached as one text: ansible-core copies, compares and tags each part of a cached value.
    key = _vm_sources.key(plugin, path) if plugin.get_option("cache") else None
    if key and may_use_cache:
        try:
            return json.loads(plugin.cache[key]["found"])
        except (KeyError, TypeError, ValueError):  # missing, or of another format
            pass
    found, is_whole = _vm_sources.ask(plugin, sources(plugin, path))
    for message in found["problems"]:
        plugin.display.warning(message)
    if key and is_whole:
        plugin.cache[key] = {"found": json.dumps(found)}
    return found


def _wanted(plugin, vms, log):
    """Yield each VM that the filters include, with its variables."""
    rule, filters = _rule(plugin), _filters(plugin)
    sets_host = plugin.get_option("set_ansible_host")
    for vm in vms:
        variables = {PREFIXED[name]: vm[name] for name in PREFIXED if name in vm}
        variables["ansible_vix_vm"] = vm["path"]
        address = variables["vix_address"] = rule.choose(vm.get("addresses", ()))
        if sets_host and address:
            variables["ansible_host"] = address
        why = _why_out(plugin, filters, variables, log) if filters else None
        if why is None:
            yield vm, variables
        elif log:
            log(f"{vm['path']}: not included: {why}")


def _rule(plugin):
    try:
        return addresses.Rule(*(plugin.get_option(name) for name in ("address_sources", "address_networks", "address_ignore")))
    except ValueError as error:
        raise AnsibleParserError(f"address_networks and address_ignore must be networks, such as 192.168.8.0/24: {error}") from error


def _filters(plugin):
    """The filters as (number, rule, expression)."""
    found = []
    for number, entry in enumerate(plugin.get_option("filters")):
        if not isinstance(entry, dict) or len(entry) != 1 or next(iter(entry)) not in RULES:
            raise AnsibleParserError(f"filters[{number}] must be 'include: EXPRESSION' or 'exclude: EXPRESSION'")
        found += [(number, kind, expression) for kind, expression in entry.items()]
    return found


def _why_out(plugin, filters, variables, log):
    """Why the first filter that matches a VM excludes it. None if it includes it, or if none matches."""
    _use(plugin, variables)
    for number, kind, expression in filters:
        try:
            matches = plugin.templar.evaluate_conditional(expression)
        except AnsibleError as error:
            if plugin.get_option("strict"):
                raise AnsibleParserError(f"filters[{number}] cannot be evaluated for {variables['vix_path']}: {error}") from error
            if log:
                log(f"{variables['vix_path']}: filters[{number}] is ignored, as it cannot be evaluated: {error}")
            continue
        if matches:
            return f"filters[{number}] excludes it: {expression}" if kind == "exclude" else None
    return None


def _named(plugin, wanted):
    """The VMs with their variables by name. A stable suffix is added to names of several VMs, of a group or of the controller."""
    by_name = {}
    templates = plugin.get_option("hostnames")
    for vm, variables in wanted:
        by_name.setdefault(_name(plugin, templates, vm, variables), []).append((vm, variables))
    taken, named = {*plugin.inventory.groups, *C.LOCALHOST}, {}
    for name, group in by_name.items():
        if len(group) == 1 and name not in taken:
            named[name] = group[0]
            continue
        own = {f"{name}-{_mark(vm)}": (vm, variables) for vm, variables in group}
        where = ", ".join(vm["path"] for vm, dummy in group)
        clash = f"{len(group)} VMs are named {name}" if len(group) > 1 else f"a VM is named {name}, which is the name of a group or of the controller"
        advice = "rename them, or set hostnames to distinguish them"
        if plugin.get_option("on_clash") == "error" or len(own) < len(group) or not own.keys().isdisjoint({*by_name, *named}):
            raise AnsibleParserError(f"{clash}: {where}; {advice}")
        plugin.display.warning(f"{clash}: {where}; added as {', '.join(own)}; {advice}")
        named.update(own)
    return named


def _name(plugin, templates, vm, variables):
    """The result of the first template that is not empty, as _fit() returns it; otherwise the display name."""
    for number, template in enumerate(templates):
        value = variables.get(template)
        if template not in variables:
            _use(plugin, variables)
            evaluate = plugin.templar.template if "{{" in template or "{%" in template else plugin.templar.evaluate_expression
            try:
                value = evaluate(template)
            except AnsibleError as error:
                if plugin.get_option("strict"):
                    raise AnsibleParserError(f"hostnames[{number}] cannot be evaluated for {vm['path']}: {error}") from error
        name = "" if value is None else _fit(str(value))
        if name:
            return name
    return _fit(vm["name"]) or _mark(vm)


def _fit(name):
    """The name without the characters that Ansible's host patterns treat as special. Empty if no other ones are left."""
    return UNFIT.sub("-", name.strip()).lstrip(UNFIT_FIRST).rstrip("-")


def _mark(vm):
    """A text that identifies a VM as long as its path does not change."""
    return hashlib.sha256(f"{'' if vm['real'] else vm['host']}\0{vm['real'] or vm['path']}".encode("utf-8", "surrogatepass")).hexdigest()[:8]


def _construct(plugin, named):
    """Compose variables for all hosts, and create groups after that: a host must not be mistaken for a group of its name."""
    compose, groups, keyed_groups, strict = (plugin.get_option(name) for name in ("compose", "groups", "keyed_groups", "strict"))
    for name in named if compose else ():
        plugin._set_composite_vars(compose, _variables(plugin, name), name, strict=strict)
    for name in named if groups or keyed_groups else ():
        variables = _variables(plugin, name)
        plugin._add_host_to_composed_groups(groups, variables, name, strict=strict, fetch_hostvars=False)
        plugin._add_host_to_keyed_groups(keyed_groups, variables, name, strict=strict, fetch_hostvars=False)


def _variables(plugin, name):
    variables = plugin.inventory.hosts[name].get_vars()
    return combine_vars(variables, plugin._vars) if plugin.get_option("use_extra_vars") else variables


def _use(plugin, variables):
    plugin.templar.available_variables = combine_vars(variables, plugin._vars) if plugin.get_option("use_extra_vars") else variables
