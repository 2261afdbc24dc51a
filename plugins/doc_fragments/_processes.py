# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    # Mirrors PROCESSES in module_utils/_options.py.
    DOCUMENTATION = r"""
options:
  name:
    description:
      - Name of the processes that are meant, exactly as the guest tells it, as in V(apache2) or V(notepad.exe).
      - Of O(name), O(pattern), O(owner), O(pid) and O(command) a process has to fit all that are given.
    type: str
  pattern:
    description:
      - Regular expression of Python's that has to be found in the name of a process, as in V(apache|mysql).
    type: str
  owner:
    description:
      - User that a process has to run as, exactly as the guest tells it; with its domain in Windows, as in V(LAB\\ann).
    type: str
  pid:
    description:
      - Process id in the guest.
    type: int
  command:
    description:
      - Regular expression of Python's that has to be found in the command line of a process, as in V(--port[ =]8080).
    type: str
"""
