# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lets a plain pytest import the collection, wherever the checkout is."""

from __future__ import annotations

import atexit
import hashlib
import importlib.util
import os
import pathlib
import shutil
import signal
import sys
import tempfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parent


# Shared by tests of both halves, whichever of them imports it first.
pytest.register_assert_rewrite("waiting")


def pytest_addoption(parser):
    parser.addoption(
        "--target-python",
        default=os.environ.get("OPENVIX_TEST_PYTHON", sys.executable),
        help="the Python of the VM host, that run_module runs modules with (default: OPENVIX_TEST_PYTHON, or pytest's own)",
    )
    unforked = "start each Python anew that runs a module or a command of Ansible, and fork none (default: whether NO_FORKSERVER is set)"
    parser.addoption("--part", metavar="SEED", help="run a quarter of the tests, which this text chooses")
    parser.addoption("--no-forkserver", action="store_true", default=bool(os.environ.get("NO_FORKSERVER")), help=unforked)


def pytest_collection_modifyitems(config, items):
    """Leave out what is not in the part that was asked for. Every worker chooses the same tests."""
    seed = config.getoption("--part")
    if seed:
        chosen = [item for item in items if hashlib.sha256(f"{seed} {item.nodeid}".encode()).digest()[0] < 64]
        config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
        items[:] = chosen


def place_collection():
    # ansible-test has placed it, or these are OpenVIX's tests alone, which need nothing of Ansible.
    if importlib.util.find_spec("ansible_collections") or not importlib.util.find_spec("ansible"):
        return
    tree = pathlib.Path(tempfile.mkdtemp(prefix="collections-"))
    atexit.register(shutil.rmtree, tree)
    place = tree / "ansible_collections" / "vmlab" / "vix"
    place.parent.mkdir(parents=True)
    place.symlink_to(ROOT, target_is_directory=True)
    os.environ["ANSIBLE_COLLECTIONS_PATH"] = str(tree)
    # A user of a service may have no home.
    os.environ["ANSIBLE_HOME"] = str(tree / "home")
    os.environ["ANSIBLE_REMOTE_TMP"] = str(tree / "tmp")
    from ansible.plugins.loader import init_plugin_loader

    init_plugin_loader([str(tree)])


# What a shell without job control starts in the background ignores SIGINT, and so does what that starts: tests interrupt theirs.
signal.signal(signal.SIGINT, signal.default_int_handler)
place_collection()
