# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of the modules that write files in a guest."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  compare:
    description:
      - How to decide whether a file in the guest is up to date.
      - V(checksum) compares the SHA-256 checksum. A program in the guest computes it (C(sha256sum), C(shasum),
        PowerShell or C(certutil)). If there is none, the file is fetched and compared.
      - V(size_and_time) considers a file unchanged if its size matches and it is not older than the source. This is
        fast for large files, but relies on both clocks.
      - V(existence) considers every existing file unchanged.
    type: str
    choices: [checksum, size_and_time, existence]
    default: checksum
  force:
    description:
      - Whether to replace or modify an existing file that differs from the source.
      - If V(false), the file is only transferred if it does not exist.
    type: bool
    default: true
  backup:
    description:
      - Whether to create a backup of a file before it is replaced.
      - The backup is created in the same directory. Its name includes a timestamp.
    type: bool
    default: false
  mode:
    description:
      - Permissions of the files, as a quoted octal number such as V('0644') or in symbolic form such as
        V(u=rw,g=r,o=).
      - V(preserve) gives each file the permissions of its source.
      - If not set, a replaced file keeps its permissions and its owner. A new file gets the defaults of the guest.
      - A Linux guest needs C(/bin/sh) to keep them. Without it, a warning is shown.
      - Only supported for Linux guests.
    type: raw
  owner:
    description:
      - Name or number of the user that owns the files and the created directories.
      - Only supported for Linux guests.
    type: str
  group:
    description:
      - Name or number of the group that owns the files and the created directories.
      - Only supported for Linux guests.
    type: str
  directory_mode:
    description:
      - Permissions of created directories, in the format of O(mode).
      - Existing directories are not changed.
      - Only supported for Linux guests.
    type: raw
  validate:
    description:
      - Command to run in the guest before the file is moved to its destination. The task fails if the command fails.
      - Must contain V(%s), which is replaced with the path of the file to validate.
      - The command is not run through a shell. Pipes and variables are not supported.
    type: str
"""
