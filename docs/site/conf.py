# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sphinx's settings for the documentation site. It is built without a network: "make docs"."""

from __future__ import annotations

import ast
import html
import pathlib
import re

import mermaidx
import yaml
from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx import addnodes

project = "vmlab.vix"
author = "The makers of vmlab.vix"
copyright = "2026 vmlab"  # noqa: A001 - Sphinx's name for it
extensions = ["myst_parser", "sphinx_antsibull_ext", "sphinx_design"]
html_theme = "furo"
html_title = project
html_show_sphinx = False
html_copy_source = False
html_use_index = False  # it would list environment variables, which have a page already
html_static_path = ["static"]
html_css_files = ["site.css"]
exclude_patterns = ["docs/site"]  # the landing page lies at the root of the site
pygments_style = "ansible"
pygments_dark_style = "github-dark"
default_role = "any"
myst_enable_extensions = ["colon_fence"]
myst_fence_as_directive = ["mermaid"]
myst_heading_anchors = 3

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Pages of Ansible's own documentation that ours name. They are not looked up while the site is built.
ANSIBLE = "https://docs.ansible.com/ansible/latest"
PAGES = {
    "action_plugins": "plugins/action",
    "ansible_configuration_settings": "reference_appendices/config",
    "common_return_values": "reference_appendices/common_return_values",
}
PLUGIN = re.compile(r"ansible_collections\.ansible\.(\w+)\.(\w+_(?:module|inventory|lookup))")

# The title of a page that antsibull-docs writes: the full name, the kind, a dash, the short description.
TITLE = re.compile(r"vmlab\.vix\.(\w+) \w+ \W .+", re.DOTALL)


class Mermaid(Directive):
    """A picture, drawn while the site is built, by mermaid's own code and with no browser."""

    has_content = True

    def run(self):
        drawn = mermaidx.render("\n".join(self.content)).svg()
        return [nodes.raw("", f'<div class="mermaid-picture">{drawn}</div>', format="html")]


class PluginIndex(Directive):
    """A list of plugins or roles, each with its short description and a link to its page.

    The argument is the kind: modules, inventory, connection, roles. The content names patterns of names; without any, all are listed.
    """

    required_arguments = 1
    has_content = True

    def run(self):
        kind = self.arguments[0]
        listed = nodes.definition_list(classes=["plugin-index"])
        for name, text in short_descriptions(kind).items():
            if self.content and not any(pathlib.PurePath(name).match(pattern) for pattern in self.content):
                continue
            suffix = {"modules": "module", "roles": "role"}.get(kind, kind)
            page = f"/vix/{name}_{suffix}"
            link = addnodes.pending_xref("", refdomain="std", reftype="doc", reftarget=page, refexplicit=True, refwarn=True)
            link += nodes.literal("", f"vmlab.vix.{name}")
            listed += nodes.definition_list_item("", nodes.term("", "", link), nodes.definition("", nodes.paragraph(text=text)))
        if not listed.children:
            raise self.error(f"no {kind} has one of the names {list(self.content)}")
        return [listed]


def short_descriptions(kind):
    """Return the short description of each plugin or role of a kind, by its name."""
    if kind == "roles":
        specs = {path.parts[-3]: yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(ROOT.glob("roles/*/meta/argument_specs.yml"))}
        return {name: spec["argument_specs"]["main"]["short_description"] for name, spec in specs.items()}
    found = {}
    for path in sorted(ROOT.glob(f"plugins/{kind}/[a-z]*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and node.targets[0].id == "DOCUMENTATION":
                found[path.stem] = yaml.safe_load(ast.literal_eval(node.value))["short_description"]
    return found


def ansible_page(app, environment, node, text):
    """A link to a page of Ansible's; a reference to anything else that does not exist stays a warning."""
    target = node.get("reftarget", "")
    plugin = PLUGIN.fullmatch(target)
    page = f"collections/ansible/{plugin[1]}/{plugin[2]}" if plugin else PAGES.get(target)
    return nodes.reference("", "", text, refuri=f"{ANSIBLE}/{page}.html", internal=False) if page else None


def drop_contents(app, doctree):
    """Remove the table of contents that antsibull-docs puts into a page: the theme has one at the side, and writes an error in front of a second one."""
    for topic in list(doctree.findall(nodes.topic)):
        if "contents" in topic["classes"]:
            topic.parent.remove(topic)
            entries = {entry["ids"][0] for entry in topic.findall(nodes.reference) if entry["ids"]}
            for title in doctree.findall(nodes.title):
                if title.get("refid") in entries:
                    del title["refid"]  # its link back to the entry


def shorten_title(app, doctree):
    """Name a plugin's page by the plugin alone in the navigation. The page itself keeps its whole title."""
    name = app.env.docname
    title = TITLE.fullmatch(app.env.titles[name].astext()) if name in app.env.titles else None
    if title:
        app.env.titles[name] = nodes.title("", title[1])
        entry = next(app.env.tocs[name].findall(nodes.reference))
        entry.clear()
        entry += nodes.Text(title[1])


def break_names(app, doctree, name):
    """Let a long name in a table break after an underscore, so that the table fits the window. What is copied from the page stays the name."""
    for literal in [literal for entry in doctree.findall(nodes.entry) for literal in entry.findall(nodes.literal)]:
        text = literal.astext()
        if len(text) > 16 and "_" in text and not literal.parent.get("refuri"):
            words = (html.escape(word).replace("_", "_<wbr>") for word in text.split(" "))
            shown = " ".join(f'<span class="pre">{word}</span>' for word in words)
            literal.replace_self(nodes.raw("", f'<code class="docutils literal notranslate">{shown}</code>', format="html"))


def setup(app):
    app.add_directive("mermaid", Mermaid)
    app.add_directive("plugin-index", PluginIndex)
    app.connect("missing-reference", ansible_page)
    app.connect("doctree-read", drop_contents)
    app.connect("doctree-read", shorten_title, priority=900)  # after Sphinx has collected the titles
    app.connect("doctree-resolved", break_names)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
