# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from checkout import SUPPORT, TESTS

import openvix
from openvix.backends.simulated import sandbox
from openvix.system import c_build

NOBODY = 65534
FILES = (
    *(SUPPORT / name for name in ("descriptors.py", "guest_file_cases.py", "guest_program_cases.py", "simulated_guest.py", "waiting.py")),
    *(TESTS / "backends" / "simulated" / name for name in ("test_files.py", "test_system.py", "test_sandbox.py")),
    TESTS / "guest" / "test_disks.py",
)
# What Debian's and Ubuntu's kernels have to keep user namespaces from ordinary users.
FORBIDDING = {"unprivileged_userns_clone": "0", "apparmor_restrict_unprivileged_userns": "1"}


def forbids(setting, value):
    file = Path("/proc/sys/kernel", setting)
    return file.exists() and file.read_text().strip() == value


@pytest.fixture
def place():
    """A directory that the other user can reach, with a copy of what is tested."""
    with tempfile.TemporaryDirectory(prefix="openvix-user-") as name:
        place = Path(name)
        place.chmod(0o755)
        package = Path(openvix.__file__).parent
        shutil.copytree(package, place / "src/openvix", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(c_build.source_directory("sandbox"), place / "src/openvix/native/sandbox")
        (place / "tests").mkdir()
        for file in FILES:
            shutil.copy(file, place / "tests")
        (place / "own").mkdir()
        os.chown(place / "own", NOBODY, NOBODY)
        yield place


def as_nobody(place, *arguments, **options):
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(place / "own"),
        "TMPDIR": str(place / "own"),
        "OPENVIX_CACHE": str(place / "own/cache"),
        "PYTHONPATH": os.pathsep.join([str(place / "src"), str(Path(pytest.__file__).parents[1])]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    user = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    return subprocess.run(arguments, env=environment, cwd=place, capture_output=True, text=True, timeout=300, check=False, **user, **options)


def python_for_nobody(place):
    """Return a Python that the other user can start and that finds pytest; where there is none, skip."""
    for candidate in (sys.executable, shutil.which("python3", path="/usr/local/bin:/usr/bin")):
        try:
            if candidate and as_nobody(place, candidate, "-c", "import sys, pytest; sys.exit(sys.version_info < (3, 11))").returncode == 0:
                return candidate
        except PermissionError:
            continue
    pytest.skip("no Python with pytest is found that another user can start")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.skipif(not sandbox.is_allowed(), reason="this machine allows no user namespaces")
def test_sandbox_tests_pass_for_ordinary_user(place):
    python = python_for_nobody(place)
    allowed = as_nobody(place, python, "-c", "from openvix.backends.simulated import sandbox; print(sandbox.is_allowed())")
    if allowed.stdout != "True\n" and any(forbids(setting, value) for setting, value in FORBIDDING.items()):
        pytest.skip("this machine allows ordinary users no user namespaces")
    assert (allowed.stdout, allowed.stderr) == ("True\n", "")
    done = as_nobody(place, python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--basetemp", str(place / "own/tmp"), "tests")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "skipped" not in done.stdout
