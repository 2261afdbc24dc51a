# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The programs in tests/native/c as commands. nox -s sanitizers runs them under valgrind or with sanitizers."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import pytest
from checkout import TESTS

from openvix.system import c_build

FOLDER = TESTS / "native" / "c"
WATCHED = "fsanitize" in os.environ.get("OPENVIX_CFLAGS", "") or "OPENVIX_RUNNER" in os.environ
unwatched = pytest.mark.skipif(WATCHED, reason="nothing of it runs in a program of tests/c, or the program is to crash")


by_the_processor = pytest.mark.skipif("OPENVIX_RUNNER" in os.environ, reason="it looks at or fills so much memory that valgrind takes minutes")

among_its_own_threads = pytest.mark.skipif("fsanitize=thread" in os.environ.get("OPENVIX_CFLAGS", ""), reason="ThreadSanitizer starts a thread")


def command(name: str, *arguments: object, library_path: Path | None = None) -> list[str]:
    """Return the command of a program in tests/native/c; library_path: the library to link instead of libvix.so."""
    program = c_build.compile_client(FOLDER / f"{name}.c", library_path)
    return [*shlex.split(os.environ.get("OPENVIX_RUNNER", "")), str(program), *map(str, arguments)]
