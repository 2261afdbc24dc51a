# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the content of files gets into a guest, said once for those that copy and those that write by a template."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  compare:
    description:
      - How a file in the guest is compared.
      - V(checksum) compares its SHA-256, which a program in the guest computes (C(sha256sum), C(shasum), PowerShell, C(certutil)); where there is none,
        the file is fetched.
      - V(size_and_time) takes a file for the same that is as large as its source and not older, which is quick for large files and trusts both clocks.
      - V(existence) takes any file for the same.
    type: str
    choices: [checksum, size_and_time, existence]
    default: checksum
  force:
    description:
      - Whether a file that is there already may be replaced or altered.
    type: bool
    default: true
  backup:
    description:
      - Whether to keep a file that is replaced, beside it and under a name with the time in it.
    type: bool
    default: false
  mode:
    description:
      - Permissions of the files, as an octal number in quotes such as V('0644'), or symbolic such as V(u=rw,g=r,o=).
      - With V(preserve) they are those of the source.
      - Without it a file that is replaced leaves its permissions and its owner to the new one, and another gets those that are usual in the guest.
      - For Linux guests, as are O(owner), O(group) and O(directory_mode).
    type: raw
  owner:
    description:
      - Name or number of the user who shall own the files, and the folders that are made.
    type: str
  group:
    description:
      - Name or number of the group that shall own them.
    type: str
  directory_mode:
    description:
      - Permissions of folders that are made, as for O(mode). Those that are there already keep theirs.
    type: raw
  validate:
    description:
      - A command that is run in the guest before a file gets its place, and that must succeed. V(%s) in it stands for the file.
      - No shell reads it, so that it has neither pipes nor variables.
    type: str
"""
