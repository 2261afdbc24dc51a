# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    # Mirrors PROGRAM in module_utils/_options.py.
    DOCUMENTATION = r"""
options:
  chdir:
    description:
      - Change into this directory in the guest before running the program. Must be an absolute path.
      - If not set, the home directory of the user is used.
    type: str
  creates:
    description:
      - Absolute path of a file or directory in the guest. If it exists, the program is not run.
      - The task fails if the path is not accessible to O(guest_username).
    type: str
  removes:
    description:
      - Absolute path of a file or directory in the guest. If it does not exist, the program is not run.
      - The task fails if the path is not accessible to O(guest_username).
    type: str
  environment:
    description:
      - Environment variables to set for the program, in addition to those of the user.
      - The values do not appear on a command line or in a log, and are not kept in a file after the run.
    type: dict
  stdin:
    description:
      - Text to pass to the standard input of the program.
      - The text is protected in the same way as O(environment).
    type: str
  stdin_add_newline:
    description:
      - Whether to append a newline to O(stdin) if it does not end with one.
    type: bool
    default: true
  strip_empty_ends:
    description:
      - Whether to strip empty lines from the end of RV(stdout) and RV(stderr).
    type: bool
    default: true
  program_timeout:
    description:
      - Time limit for the program in seconds. When it has passed, the program and the processes that it has started
        are terminated, and the task fails with RV(timed_out) and the output so far.
      - In a Linux guest, processes that are still running two seconds later are killed. In a Windows guest, processes
        are killed at once.
      - The default and the maximum is the remaining time of O(timeout), reduced by a quarter, but by no more than 15
        seconds.
      - If the program has ended by then, and processes that it started in a Windows guest still write to its output, they
        are left running, and a warning is returned.
      - Daemonized processes (new session, re-parented) of a Linux guest and orphaned processes of a Windows guest are
        not tracked.
    type: int
  no_wait:
    description:
      - Whether to return RV(pid) as soon as the program is running.
      - The program keeps running after the task. Its output is discarded, and it has no time limit.
    type: bool
    default: false
  max_output:
    description:
      - Maximum number of bytes to return in each of RV(stdout) and RV(stderr). Cannot be more than V(4194304).
      - RV(stdout_size) and RV(stderr_size) contain the full size of the output.
    type: int
    default: 1048576
  stdout_dest:
    description:
      - Path of a file on the VM host in which to save the full standard output.
      - An existing file is replaced. Only the user who runs the task can read it.
    type: path
  stderr_dest:
    description:
      - Path of a file on the VM host in which to save the full standard error output.
      - An existing file is replaced. Only the user who runs the task can read it.
    type: path
attributes:
  check_mode:
    support: partial
    details:
      - The program is not run in check mode.
      - With O(creates) or O(removes), the task reports whether the program would be run.
      - Without both, the task is skipped.
  diff_mode:
    support: none
    details:
      - The changes that a program makes are not known.
  idempotent:
    support: partial
    details:
      - Only if O(creates) or O(removes) is set.
notes:
  - Processes that the program leaves running in the background are not terminated. Their later output is not
    returned.
  - While the program runs, its output is stored in a private directory in C(/tmp) of a Linux guest, or in C(%TEMP%)
    of a Windows guest. There must be enough space for it.
  - If a task is killed or the guest goes down, the directory remains. A later task of the same user removes it.
  - If the guest goes down while the program runs, the task fails. The program is not run again.
"""
