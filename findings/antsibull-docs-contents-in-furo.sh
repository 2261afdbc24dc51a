#!/usr/bin/env bash
# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Where antsibull-docs and Furo meet: every plugin page of a collection shows a red "ERROR", though sphinx-build -W ends with 0.
#
# antsibull-docs begins each plugin page with a local table of contents. Furo's style sheet puts an error message before such a
# table, as generated content: it is in no log and in no HTML file, so neither Sphinx's warnings nor a search of the pages finds it.
# Seen with antsibull-docs 2.28.0, Furo 2025.12.19, Sphinx 9.0.4 (PyPI), ansible-core 2.19.0.

set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
bin=$work/venv/bin
export PATH=$bin:$PATH
"$bin/python" -m pip install --quiet --disable-pip-version-check \
    antsibull-docs==2.28.0 furo==2025.12.19 sphinx==9.0.4 ansible-core==2.19.0
"$bin/python" -m pip list --disable-pip-version-check 2>/dev/null | grep -iE '^(antsibull-docs|furo|sphinx|ansible-core) '

# A collection with one documented module, as the documentation of antsibull-docs asks for.
collection=$work/collections/ansible_collections/acme/lab
mkdir -p "$collection/plugins/modules" "$work/source/pages"
chmod 755 "$work/source/pages"
printf 'namespace: acme\nname: lab\nversion: 1.0.0\nreadme: README.md\nauthors: [Acme]\n' >"$collection/galaxy.yml"
cat >"$collection/plugins/modules/lamp.py" <<'END'
DOCUMENTATION = """
module: lamp
short_description: Switch a lamp
version_added: 1.0.0
author: Acme (@acme)
description: [Switches a lamp.]
options:
  state:
    description: [Whether the lamp is lit.]
    type: str
    required: true
"""
EXAMPLES = """
- name: Light it
  acme.lab.lamp:
    state: lit
"""
RETURN = """
state:
  description: The state.
  returned: success
  type: str
"""
END
export ANSIBLE_COLLECTIONS_PATH=$work/collections ANSIBLE_HOME=$work/home
"$bin/antsibull-docs" collection --use-current --squash-hierarchy --fail-on-error --dest-dir "$work/source/pages" acme.lab >/dev/null

cat >"$work/source/conf.py" <<'END'
project, html_theme, extensions = "lab", "furo", ["sphinx_antsibull_ext"]
suppress_warnings = ["ref.ref"]  # labels of Ansible's own documentation, which has to be asked over the network
END
printf 'Lab\n===\n\n.. toctree::\n\n   pages/index\n' >"$work/source/index.rst"
"$bin/sphinx-build" -q -W --keep-going "$work/source" "$work/site" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
echo "sphinx-build -W ends with 0 and prints $(wc -c <"$work/log") bytes."

"$bin/python" - "$work" <<'END'
import pathlib, re, sys

work = pathlib.Path(sys.argv[1])
page = (work / "site/pages/lamp_module.html").read_text(encoding="utf-8")
style = next((work / "site").rglob("furo.css")).read_text(encoding="utf-8")
rules = [(rule[1], rule[2]) for rule in re.finditer(r"([^{}]+)\{[^{}]*content:\s*\"(ERROR[^\"]*)", style)]
table = re.search(r'<nav class="([^"]*\bcontents\b[^"]*)"', page)
print("the page holds the word ERROR:", "ERROR" in page)
print("the page's table of contents:", table and table[0])
for selector, text in rules:
    print("the style sheet's rule:", selector.strip()[-80:], "->", text)
sound = "ERROR" not in page and table and any(".contents" in selector and "table of contents" in text for selector, text in rules)
sys.exit(0 if sound else "this has changed: the page and the style sheet no longer meet in a generated error")
END
echo "Seen as described: the error is the style sheet's alone."
