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
      - Folder of the guest to run in, by an absolute path. Left out, it is the user's home.
    type: str
  creates:
    description:
      - A file or folder of the guest, by an absolute path. When it exists, nothing is run.
    type: str
  removes:
    description:
      - A file or folder of the guest, by an absolute path. When it does not exist, nothing is run.
    type: str
  environment:
    description:
      - Variables of the environment, beside those that the user has anyway.
      - They are on no command line, in no log, and in no file that outlives the run.
    type: dict
  stdin:
    description:
      - Text for the standard input, which is empty otherwise. Where it is and where not is as with O(environment).
    type: str
  stdin_add_newline:
    description:
      - Whether O(stdin) gets an end of line when it has none.
    type: bool
    default: true
  strip_empty_ends:
    description:
      - Whether the ends of lines at the end of RV(stdout) and RV(stderr) are left out.
    type: bool
    default: true
  program_timeout:
    description:
      - Seconds that the program may run. Then the guest itself asks it and all that it has started to end, kills after two more seconds what has not, and
        the task fails with RV(timed_out) and the output up to then.
      - Left out, it is what O(timeout) leaves at that time, less a quarter and at most 15 seconds, which also is the longest that can be had.
      - In a Windows guest they are killed at once.
      - Not found are, in a Linux guest, what has left both its session and its parents, as a daemon does, and in a Windows guest what has lost its parent.
    type: int
  no_wait:
    description:
      - Whether to return RV(pid) as soon as the program runs. It outlives the task, its output goes nowhere, and nobody limits its time.
    type: bool
    default: false
  max_output:
    description:
      - Bytes kept of the beginning of each of RV(stdout) and RV(stderr), 4194304 at most.
      - RV(stdout_size) and RV(stderr_size) tell how much there was.
    type: int
    default: 1048576
  stdout_dest:
    description:
      - File of the machine that runs VMware that gets all of the standard output, however much it is. It is replaced, and only this user can read it.
    type: path
  stderr_dest:
    description:
      - Likewise for the standard error output.
    type: path
attributes:
  check_mode:
    support: partial
    details:
      - Nothing is run in check mode. With O(creates) or O(removes) the task says whether a run would run it, without them it is skipped.
  diff_mode:
    support: none
    details:
      - What a program changes is not known.
  idempotent:
    support: partial
    details:
      - Only with O(creates) or O(removes).
notes:
  - What the program leaves running in the background is left alone, and its output is no longer looked at.
  - In a Linux guest a folder of the user's in C(/tmp) holds the output while it runs, so that there must be room for it; in a Windows guest it is in C(%TEMP%).
    One that a task could not remove, since it was killed or the guest went down, is removed by a later run of the same user.
  - When the guest goes down in the middle, the task fails, and does not run the program again.
"""
