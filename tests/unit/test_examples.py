# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever the documentation shows could be run: each task, role and inventory in it is held against the options that there really are."""

from __future__ import annotations

import ast
import functools
import importlib
import itertools
import pathlib
import re
import shlex

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.parsing.splitter import parse_kv
from ansible.playbook.block import Block
from ansible.playbook.play import Play
from ansible.playbook.task import Task
from ansible.plugins.loader import action_loader, fragment_loader, module_loader
from ansible.utils.plugin_docs import get_docstring
from ansible_collections.vmlab.vix.plugins.module_utils import _module

ROOT = pathlib.Path(__file__).resolve().parents[2]
OURS = "vmlab.vix."
MODULES = sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("[a-z]*.py"))
ROLES = sorted(path.parent.parent.name for path in ROOT.glob("roles/*/meta/argument_specs.yml"))
GROUPS = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text(encoding="utf-8"))["action_groups"]

RULES = ("mutually_exclusive", "required_together", "required_one_of", "required_if", "required_by")
TASK_LISTS = ("pre_tasks", "tasks", "post_tasks", "handlers")
BLOCK_LISTS = ("block", "rescue", "always")
ROLE_ACTIONS = ("ansible.builtin.include_role", "ansible.builtin.import_role")
# What YAML in the documentation may be beside what is run here: a CI job of GitHub's, an execution environment, a changelog fragment, variables of a run.
FOREIGN = ({"name", "on", "jobs"}, {"version", "dependencies", "images"}, {"bugfixes"}, {"guests"}, {"fleet_guest_username", "fleet_guest_password"})


class Asked(Exception):
    """A module has asked for its options; of no use to it is what would follow."""


@functools.cache
def options_of(module):
    """The argument spec of a module and its rules, as it gives them to Ansible."""
    name = f"ansible_collections.vmlab.vix.plugins.modules.{module}"
    if not any(isinstance(node, ast.FunctionDef) for node in ast.parse((ROOT / "plugins" / "modules" / f"{module}.py").read_text(encoding="utf-8")).body):
        return spec_of(documented("modules", module)["options"]), {}  # all of it is an action plugin

    def ask(argument_spec, supports_check_mode, **rules):
        raise Asked(argument_spec, rules)

    main = importlib.import_module(name).main
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_module, "AnsibleModule", ask)
        with pytest.raises(Asked) as asked:
            main()
    return asked.value.args


def spec_of(options):
    """An argument spec of what documentation says of options."""
    kept = ("type", "elements", "choices", "required")
    spec = {}
    for name, option in options.items():
        spec[name] = {key: option[key] for key in kept if key in option}
        if option.get("suboptions"):
            spec[name]["options"] = spec_of(option["suboptions"])
    return spec


@functools.cache
def documented(kind, name):
    """The documentation of a plugin, with what it takes from fragments."""
    return get_docstring(str(ROOT / "plugins" / kind / f"{name}.py"), fragment_loader, collection_name="vmlab.vix")[0]


@functools.cache
def role_spec(role):
    return yaml.safe_load((ROOT / "roles" / role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]["main"]["options"]


def likely(value, option):
    """What a template may well become: a value that its option takes."""
    if isinstance(value, dict):
        inner = option.get("options") or {}
        return {key: likely(each, inner.get(key, {})) for key, each in value.items()}
    if isinstance(value, list):
        return [likely(each, {**option, "type": option.get("elements")}) for each in value]
    if not isinstance(value, str) or "{{" not in value:
        return value
    if option.get("choices"):
        return option["choices"][0]
    return {"int": 1, "float": 1.0, "bool": True, "list": ["x"], "dict": {"x": "x"}}.get(option.get("type"), "x")


def faults_of_options(given, spec, rules):
    """Return a message for each error in the options of a task."""
    spec = {name: {key: value for key, value in option.items() if key != "fallback"} for name, option in spec.items()}
    private = [f"{name} is not for tasks" for name in given if name.startswith("_")]
    result = ArgumentSpecValidator(spec, **rules).validate({name: likely(value, spec.get(name, {})) for name, value in given.items()})
    return private + result.error_messages


def faults_of_task(task, defaults):
    if any(name in task for name in BLOCK_LISTS):
        unknown = sorted(set(task) - set(Block.fattributes))
        inner = [each for name in BLOCK_LISTS for each in task.get(name, [])]
        return [f"{name} is not a keyword of a block" for name in unknown] + faults_of_tasks(inner, {**defaults, **task.get("module_defaults", {})})
    actions = [name for name in task if name not in Task.fattributes and not name.startswith("with_") and name != "local_action"]
    if len(actions) != 1:
        return [f"a task has the actions or unknown keywords {actions}"]
    action, arguments, defaults = actions[0], task[actions[0]] or {}, {**defaults, **task.get("module_defaults", {})}
    if action in ROLE_ACTIONS:
        return faults_of_role({"role": arguments["name"], **task.get("vars", {})}, {})
    if not action.startswith(OURS):
        known = any(loader.find_plugin_with_context(action).resolved for loader in (module_loader, action_loader))
        return [] if known and action.startswith("ansible.") else [f"{action} is not the full name of a module of Ansible or of this collection"]
    module = action.removeprefix(OURS)
    if module not in MODULES:
        return [f"{action} is not a module"]
    if not isinstance(arguments, dict):
        return [f"{action} has its options on one line"]
    return [f"{action}: {fault}" for fault in faults_of_options({**defaults_for(module, defaults), **arguments}, *options_of(module))]


def defaults_for(module, defaults):
    """What module_defaults give a module, the narrower ones last."""
    groups = [group for group, modules in GROUPS.items() if module in modules]
    given = [defaults.get(f"group/{OURS}{group}", {}) for group in groups] + [defaults.get(f"{OURS}{module}", {})]
    return {name: value for each in given for name, value in each.items()}


def faults_of_defaults(defaults):
    """module_defaults of a group that a module of it does not take."""
    for key, options in defaults.items():
        name = key.removeprefix("group/").removeprefix(OURS)
        modules = GROUPS.get(name, []) if key.startswith("group/") else [name]
        if not modules or not set(modules) <= set(MODULES):
            yield f"module_defaults of {key}, which there is not"
        for module in set(modules) & set(MODULES):
            yield from (f"{module} does not take {option} of module_defaults" for option in options if option not in options_of(module)[0])


def faults_of_role(role, variables):
    """What is wrong with the variables that a role is given; variables: those of the play."""
    role = {"role": role} if isinstance(role, str) else role
    name = role["role"].removeprefix(OURS)
    if name not in ROLES or not role["role"].startswith(OURS):
        return [f"{role['role']} is not a role"]
    given = {key: value for key, value in {**variables, **role.get("vars", {}), **role}.items() if key.startswith(f"{name}_")}
    spec = spec_of(role_spec(name))
    return [f"{role['role']}: {fault}" for fault in faults_of_options(given, spec, {})]


def faults_of_tasks(tasks, defaults):
    return [fault for task in tasks for fault in faults_of_task(task, defaults)]


def faults_of_play(play):
    if "ansible.builtin.import_playbook" in play:
        return []
    found = [f"{name} is not a keyword of a play" for name in sorted(set(play) - set(Play.fattributes))]
    defaults = play.get("module_defaults", {})
    found += faults_of_defaults(defaults)
    for role in play.get("roles", []):
        found += faults_of_role(role, play.get("vars", {}))
    return found + faults_of_tasks([task for name in TASK_LISTS for task in play.get(name, [])], defaults)


def faults_of_inventory(inventory):
    """What is wrong with an inventory file, or with a part of one."""
    plugin = inventory.get("plugin", f"{OURS}vms")
    if plugin not in (f"{OURS}vms", f"{OURS}vmx_files"):
        return [f"{plugin} is not an inventory plugin of this collection"]
    options = documented("inventory", plugin.removeprefix(OURS))["options"]
    spec = {name: {**option, "required": False} for name, option in spec_of(options).items()}
    return [f"{plugin}: {fault}" for fault in faults_of_options(inventory, spec, {})]


def faults_of_yaml(text, defaults=None):
    """What is wrong with one block of YAML of the documentation. defaults: module_defaults of the page's plays so far, in which its tasks are meant to be."""
    found, defaults = [], {} if defaults is None else defaults
    for document in yaml.safe_load_all(text):
        if isinstance(document, list) and all(isinstance(each, dict) for each in document):
            plays = "hosts" in document[0] or "ansible.builtin.import_playbook" in document[0]
            found += [fault for each in document for fault in (faults_of_play(each) if plays else faults_of_task(each, defaults))]
            defaults.update(*[each.get("module_defaults", {}) for each in document if plays][-1:])
        elif isinstance(document, dict) and not any({*map(str, document)} <= keys | {"True"} for keys in FOREIGN):
            found += faults_of_inventory(document)
        elif not isinstance(document, dict):
            found.append(f"this is nothing that Ansible reads: {document!r}")
    return found


BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HEREDOC = re.compile(r"^cat >>? *(\S+)\.yml <<'END'\n(.*?)^END$", re.MULTILINE | re.DOTALL)
VARIABLES = ("secrets", "extra")  # files of variables, which may be called as one likes
SPAN = re.compile(r"`(\w+): ([^`\n]+=[^`\n]*)`")


def faults_of_command(line):
    """What is wrong with a task that is given to the command ansible."""
    words = shlex.split(line, comments=True)
    if words[:1] != ["ansible"] or "-m" not in words or not (module := words[words.index("-m") + 1]).startswith(OURS):
        return []
    given = parse_kv(words[words.index("-a") + 1]) if "-a" in words else {}
    spec, rules = options_of(module.removeprefix(OURS)) if module.removeprefix(OURS) in MODULES else ({}, {})
    extra = {"guest_password": "x"} if "-e" in words and "guest_password" in spec else {}  # from a vaulted file
    return [f"{module}: {fault}" for fault in faults_of_options({**extra, **given}, spec, rules)]


def faults_of_span(module, text):
    """Return messages for wrong options in the short form that prose and tables use: guest_process: state=present count=2."""
    if module not in MODULES:
        return [f"{module} is not a module"]
    spec, given = options_of(module)[0], parse_kv(text)
    given = {name: [] if value == "[...]" else value for name, value in given.items()}
    return [f"{module}: {fault}" for fault in faults_of_options(given, {name: {**option, "required": False} for name, option in spec.items()}, {})]


def faults_of_page(text):
    blocks = BLOCK.findall(text)
    shell = [block for kind, block in blocks if kind == "sh"]
    written = [document for block in shell for name, document in HEREDOC.findall(block) if name not in VARIABLES]
    lines = [line for block in shell for line in HEREDOC.sub("", block).splitlines() if line.startswith("ansible ")]
    defaults = {}
    found = [faults_of_yaml(block, defaults) for block in [*(block for kind, block in blocks if kind == "yaml"), *written]]
    found += [faults_of_command(line) for line in lines]
    found += [faults_of_span(*span) for span in SPAN.findall(BLOCK.sub("", text))]
    return list(itertools.chain(*found))


PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    *sorted(str(path.relative_to(ROOT)) for folder in ("docs/*.md", "docs/site/*.md", "roles/*/README.md") for path in ROOT.glob(folder)),
]
PLUGINS = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("plugins/*/[a-z]*.py") if "\nEXAMPLES = " in path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", PAGES)
def test_page_examples_valid(page):
    assert faults_of_page((ROOT / page).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", PLUGINS)
def test_plugin_examples_valid(path):
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    examples = next(node.value.value for node in tree.body if isinstance(node, ast.Assign) and node.targets[0].id == "EXAMPLES")
    assert yaml.safe_load(examples.partition("\n---\n")[0]) is not None
    assert faults_of_yaml(examples) == []


def test_each_plugin_has_examples():
    assert {pathlib.PurePath(path).stem for path in PLUGINS} >= {*MODULES, "vms", "vmx_files"}


TASK = "- vmlab.vix.vm_power:\n    vm: web\n    state: powered_on\n"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (TASK, None),
        (TASK.replace("powered_on", '"{{ wanted }}"'), None),
        (TASK.replace("powered_on", "on_fire"), "value of state must be one of"),
        (TASK.replace("    state: powered_on\n", ""), "missing required arguments: state"),
        (TASK.replace("    vm: web\n", ""), "one of the following is required: vm, vms"),
        (TASK.replace("vm: web", "vm: web\n    vms: [db]"), "mutually exclusive"),
        (TASK.replace("state:", "status:"), "missing required arguments: state"),
        (TASK + "    wait: true\n", "wait. Supported parameters include"),
        (TASK + "    tools_timeout: soon\n", "'tools_timeout' is of type"),
        (TASK + "  lopp: [1]\n", "unknown keywords"),
        (TASK.replace("vm_power", "vm_powers"), "vmlab.vix.vm_powers is not a module"),
        (TASK.replace("vmlab.vix.vm_power", "vm_power"), "is not the full name of a module"),
        ("- block:\n  - vmlab.vix.vm_power: {vm: web, state: halted}\n", "value of state"),
        ("- vmlab.vix.guest_copy: {vm: web, guest_username: a, guest_password: b, dest: /x, content: y, _source: {}}\n", "not for tasks"),
        ("- vmlab.vix.guest_template: {vm: web, guest_username: a, guest_password: b, dest: /x, src: y, content: z}\n", "content. Supported"),
        ("- hosts: localhost\n  task: []\n", "task is not a keyword of a play"),
        ("- hosts: localhost\n  module_defaults: {group/vmlab.vix.vix: {vm: web}}\n", "host_info does not take vm"),
        ("- hosts: localhost\n  module_defaults: {group/vmlab.vix.vix: {timeout: 9}}\n  tasks: [{vmlab.vix.vm_power: {vm: w, state: paused}}]\n", None),
        ("- hosts: localhost\n  module_defaults: {group/vmlab.vix.gast: {timeout: 9}}\n", "which there is not"),
        ("- hosts: localhost\n  roles: [{role: vmlab.vix.disposable_run}]\n", "missing required arguments"),
        ("- hosts: localhost\n  roles: [{role: vmlab.vix.service_check, service_check_vmss: [x]}]\n", "service_check_vmss. Supported"),
        ("- hosts: localhost\n  roles: [{role: vmlab.vix.service_chick}]\n", "is not a role"),
        ("plugin: vmlab.vix.vms\nsources: [sleeping]\n", "sleeping"),
        ("plugin: vmlab.vix.vms\nkeyed_group: []\n", "keyed_group. Supported"),
        ("plugin: vmlab.vix.vms\nhosts: [{hostnam: x}]\n", "hostnam"),
        ("plugin: vmlab.vix.vmx\n", "is not an inventory plugin"),
        ("plugin: vmlab.vix.vmx_files\nhostname: x\n", "hostname. Supported"),
        ("hello\n", "nothing that Ansible reads"),
    ],
)
def test_yaml_check_finds_errors(text, fault):
    found = faults_of_yaml(text)
    assert any(fault in sentence for sentence in found) if fault else found == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("```sh\nansible localhost -m vmlab.vix.vm_info -a vms=web\n```", None),
        ("```sh\nansible localhost -m vmlab.vix.vm_info -a host=web\n```", "host. Supported"),
        ("```sh\ncat > x.vix.yml <<'END'\nplugin: vmlab.vix.vms\nsource: []\nEND\n```", "source. Supported"),
        ("```yaml\n- hosts: x\n  module_defaults: {vmlab.vix.vm: {state: absent}}\n```\n```yaml\n- vmlab.vix.vm: {vm: x}\n```", None),
        ("```yaml\n- vmlab.vix.vm: {vm: x}\n```", "missing required arguments: state"),
        ("so `vm_power: state=paused` it is", None),
        ("so `vm_power: state=asleep` it is", "value of state must be one of"),
        ("so `vm_powder: state=paused` it is", "is not a module"),
    ],
)
def test_page_check_finds_errors(text, fault):
    found = faults_of_page(text)
    assert any(fault in sentence for sentence in found) if fault else found == []
