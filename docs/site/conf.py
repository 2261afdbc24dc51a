# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sphinx's settings for the documentation site. It is built without a network: "make docs"."""

from __future__ import annotations

import re

import mermaidx
from docutils import nodes
from docutils.parsers.rst import Directive

project = "vmlab.vix"
author = "The makers of vmlab.vix"
copyright = "2026 vmlab"  # noqa: A001 - Sphinx's name for it
extensions = ["myst_parser", "sphinx_antsibull_ext"]
html_theme = "furo"
html_title = project
html_show_sphinx = False
html_copy_source = False
pygments_style = "ansible"
default_role = "any"
myst_fence_as_directive = ["mermaid"]
myst_heading_anchors = 3

# Pages of Ansible's own documentation that ours name. They are not looked up while the site is built.
ANSIBLE = "https://docs.ansible.com/ansible/latest"
PAGES = {
    "action_plugins": "plugins/action",
    "ansible_configuration_settings": "reference_appendices/config",
    "common_return_values": "reference_appendices/common_return_values",
}
PLUGIN = re.compile(r"ansible_collections\.ansible\.(\w+)\.(\w+_(?:module|inventory|lookup))")


class Mermaid(Directive):
    """A picture, drawn while the site is built, by mermaid's own code and with no browser."""

    has_content = True

    def run(self):
        drawn = mermaidx.render("\n".join(self.content)).svg()
        return [nodes.raw("", f'<div class="mermaid-picture">{drawn}</div>', format="html")]


def ansible_page(app, environment, node, text):
    """A link to a page of Ansible's; a reference to anything else that there is not stays a warning."""
    target = node.get("reftarget", "")
    plugin = PLUGIN.fullmatch(target)
    page = f"collections/ansible/{plugin[1]}/{plugin[2]}" if plugin else PAGES.get(target)
    return nodes.reference("", "", text, refuri=f"{ANSIBLE}/{page}.html", internal=False) if page else None


def setup(app):
    app.add_directive("mermaid", Mermaid)
    app.connect("missing-reference", ansible_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
