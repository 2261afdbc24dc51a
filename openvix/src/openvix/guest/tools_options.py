# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What guest tools need of the settings in tools_options (docs/world-file.md, "VMware Tools")."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple


class ToolsOptions(NamedTuple):
    """version: which release of open-vm-tools they answer as where the releases differ, "12.2" or "12.5".

    killed_exit_code: the exit code of a program that a signal ended, "zero", or "signal" for 128 and the signal.

    term_seconds, kill_seconds: how long a process that is killed may take to end, after SIGTERM and then after SIGKILL.
    """

    version: str = "12.2"
    killed_exit_code: str = "zero"
    term_seconds: float = 5.0
    kill_seconds: float = 15.0


def reader(settings: Callable[[], Mapping[str, object]]) -> Callable[[], ToolsOptions]:
    """Return a function that returns the options in the current settings of a VM."""

    def read() -> ToolsOptions:
        options = settings()["tools_options"]
        assert isinstance(options, dict), "openvix.config.worldfile has checked it"
        return ToolsOptions(**{name: options[name] for name in ToolsOptions._fields})

    return read
