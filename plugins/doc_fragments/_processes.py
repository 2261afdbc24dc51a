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
      - Name of the processes, exactly as the guest reports it, for example V(apache2) or V(notepad.exe).
      - In a Linux guest, the name is the first word of the argument list, without directories if it begins with a
        slash. A script has the name of its interpreter, for example V(perl), and a program that shows its status in
        the argument list has all of this status as its name. Use O(command) or O(pattern) for them.
      - If no process has this name and one runs a script of this name or shows it in its status, the task returns a
        warning that names it.
      - A process must match all of O(name), O(pattern), O(owner), O(pid) and O(command) that are set.
    type: str
  pattern:
    description:
      - Python regular expression that must match a part of the process name, for example V(apache|mysql).
    type: str
  owner:
    description:
      - User that the process runs as, exactly as the guest reports it.
      - For Windows guests, include the domain, for example V(LAB\\ann).
    type: str
  pid:
    description:
      - Process ID in the guest.
    type: int
  command:
    description:
      - Python regular expression that must match a part of the command line, for example V(--port[ =]8080).
    type: str
"""
