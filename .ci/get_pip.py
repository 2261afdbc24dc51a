# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stands in for the get-pip.py that ansible-test would download from a server of Ansible, in each of the environments that it makes without pip.

Where uv is in PATH, what is put there is a package "pip" that has uv do the work, in a tenth of the time; else it is the pip that Python brings.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig

STAND_IN = """\
import os
import shutil
import subprocess
import sys

command, *rest = [each for each in sys.argv[1:] if each not in ("--disable-pip-version-check", "-y")]
if command == "uninstall" and "pip" in rest:
    shutil.rmtree(os.path.dirname(os.path.abspath(__file__)))
    rest = [each for each in rest if each not in ("pip", "setuptools", "wheel")]  # the other two have not come with it
sys.exit(subprocess.call(["uv", "pip", command, "--quiet", "--python", sys.executable, *rest]) if rest else 0)
"""


def main():
    """Install what the arguments name, as they are for the real get-pip.py."""
    wanted = [argument for argument in sys.argv[1:] if argument not in ("--disable-pip-version-check", "--no-setuptools", "--no-wheel")]
    if not shutil.which("uv"):
        subprocess.check_call([sys.executable, "-m", "ensurepip"], stdout=subprocess.DEVNULL)
        return subprocess.call([sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", *wanted])
    package = os.path.join(sysconfig.get_path("purelib"), "pip")
    os.makedirs(package)
    for name, text in (("__init__.py", ""), ("__main__.py", STAND_IN)):
        with open(os.path.join(package, name), "w", encoding="utf-8") as file:
            file.write(text)
    wanted = [each for each in wanted if not each.startswith(("pip==", "setuptools==", "wheel=="))]
    return subprocess.call(["uv", "pip", "install", "--quiet", "--python", sys.executable, *wanted]) if wanted else 0


if __name__ == "__main__":
    sys.exit(main())
