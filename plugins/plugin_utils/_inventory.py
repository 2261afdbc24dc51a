# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""VMs as hosts of an inventory: which of them, called how, with which variables and in which groups."""

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
    *(name for told in _vm_sources.listed.GATHERED.values() for name in told),
)
PREFIXED = {name: f"vix_{name}" for name in VARIABLES}
# What would end a line, or lead out of a folder such as host_vars, has no place in a name.
UNFIT = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff/]|^\.{1,2}$")
RULES = ("include", "exclude")


def fill(plugin, path, may_use_cache, sources):
    """Put the VMs of the sources, or of the cache, into the inventory of a plugin whose options are read. sources: as _vm_sources.all_sources."""
    found = _found(plugin, path, may_use_cache, sources)
    told = plugin.display.vvv if max(plugin.display.verbosity, plugin.display.log_verbosity) >= 3 else None
    if told:
        for sentence in found["notes"]:
            told(sentence)
        for place, why in found["left_out"]:
            told(f"{place}: out, as {why}")
    named = _named(plugin, _wanted(plugin, found["vms"], told))
    for name, (vm, variables) in named.items():
        plugin.inventory.add_host(name)
        # At once, and not by set_variable(), which takes longer for each than all else. Nothing of it is trusted as a template (test_inventory.py).
        plugin.inventory.hosts[name].vars.update(variables)
        if told:
            told(f"{vm['path']}: in, as {name}; listed by {', '.join(vm['sources'])} on {vm['host']}{'; stale: ' + vm['error'] if vm['stale'] else ''}")
    _construct(plugin, named)


def _found(plugin, path, may_use_cache, sources):
    """What there is, from the cache where it may be taken from there."""
    # It is cached as one text: ansible-core copies, compares and tags each part of what it caches.
    key = _vm_sources.key(plugin, path) if plugin.get_option("cache") else None
    if key and may_use_cache:
        try:
            return json.loads(plugin.cache[key]["found"])
        except (KeyError, TypeError, ValueError):  # not there, or not ours
            pass
    found, is_whole = _vm_sources.ask(plugin, sources(plugin, path))
    for sentence in found["problems"]:
        plugin.display.warning(sentence)
    if key and is_whole:
        plugin.cache[key] = {"found": json.dumps(found)}
    return found


def _wanted(plugin, vms, told):
    """Yield each VM that the filters let in, with its variables."""
    rule, filters = _rule(plugin), _filters(plugin)
    sets_host = plugin.get_option("set_ansible_host")
    for vm in vms:
        variables = {PREFIXED[name]: vm[name] for name in PREFIXED if name in vm}
        address = variables["vix_address"] = rule.choose(vm.get("addresses", ()))
        if sets_host and address:
            variables["ansible_host"] = address
        why = _why_out(plugin, filters, variables, told) if filters else None
        if why is None:
            yield vm, variables
        elif told:
            told(f"{vm['path']}: out, as {why}")


def _rule(plugin):
    try:
        return addresses.Rule(*(plugin.get_option(name) for name in ("address_sources", "address_networks", "address_ignore")))
    except ValueError as error:
        raise AnsibleParserError(f"address_networks and address_ignore have networks, as in 192.168.8.0/24: {error}") from error


def _filters(plugin):
    """The filters as (number, rule, expression)."""
    found = []
    for number, entry in enumerate(plugin.get_option("filters")):
        if not isinstance(entry, dict) or len(entry) != 1 or next(iter(entry)) not in RULES:
            raise AnsibleParserError(f"filters[{number}] is neither 'include: EXPRESSION' nor 'exclude: EXPRESSION'")
        found += [(number, kind, expression) for kind, expression in entry.items()]
    return found


def _why_out(plugin, filters, variables, told):
    """Why the first filter that matches a VM keeps it out; None when it lets it in, or none matches."""
    _use(plugin, variables)
    for number, kind, expression in filters:
        try:
            matches = plugin.templar.evaluate_conditional(expression)
        except AnsibleError as error:
            if plugin.get_option("strict"):
                raise AnsibleParserError(f"filters[{number}] cannot be evaluated for {variables['vix_path']}: {error}") from error
            if told:
                told(f"{variables['vix_path']}: filters[{number}] does not count, as it cannot be evaluated: {error}")
            continue
        if matches:
            return f"filters[{number}] excludes it: {expression}" if kind == "exclude" else None
    return None


def _named(plugin, wanted):
    """The VMs with their variables by name. Several of one name, and what is called as a group or this machine is, have a part of their own in it."""
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
        clash = f"{len(group)} VMs are called {name}" if len(group) > 1 else f"a VM is called {name}, which Ansible has another meaning for"
        advice = "rename them, or set hostnames to tell them apart"
        if plugin.get_option("on_clash") == "error" or len(own) < len(group) or not own.keys().isdisjoint({*by_name, *named}):
            raise AnsibleParserError(f"{clash}: {where}; {advice}")
        plugin.display.warning(f"{clash}: {where}; listed as {', '.join(own)}; {advice}")
        named.update(own)
    return named


def _name(plugin, templates, vm, variables):
    """What the first template makes of the variables of a VM, without what is not fit for a name; its display name where none makes anything."""
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
    return UNFIT.sub("-", name).strip()


def _mark(vm):
    """What tells a VM from all others, and stays as long as it lies where it does."""
    return hashlib.sha256(f"{'' if vm['real'] else vm['host']}\0{vm['real'] or vm['path']}".encode("utf-8", "surrogatepass")).hexdigest()[:8]


def _construct(plugin, named):
    """Compose variables for all hosts, and only then make groups: a host must not be mistaken for a group of its name."""
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
