#!/usr/bin/python
# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: guest_fetch
short_description: Fetch files and directories from a guest
version_added: 0.1.0
author: vmlab (@vmlab)
description:
  - Fetch a file or a directory from the guest of a VM to the controller, like M(ansible.builtin.fetch), or to the VM
    host.
  - A file is not transferred if the destination exists and has the same SHA-256 checksum.
  - Transferred files are verified by their checksum. Each file is replaced atomically.
  - If a directory is fetched, symbolic links, devices and files with control characters in their names are skipped
    and returned in RV(skipped_paths).
  - The task fails if O(guest_username) cannot read a file, or cannot enter a directory.
  - Files at the destination that are not in the guest are kept.
extends_documentation_fragment:
  - vmlab.vix._host
  - vmlab.vix._vm
  - vmlab.vix._guest
  - vmlab.vix._guest_family
  - vmlab.vix._attributes
  - vmlab.vix._attributes.actiongroup_guest
options:
  _place:
    description:
      - Internal. Describes the destination on the controller. Cannot be used in tasks.
    type: dict
  src:
    description:
      - Absolute path of the file or directory in the guest, in the syntax of the guest operating system.
      - V(..) is resolved in the text of the path, by removing it and the component before it. Symbolic links are not
        taken into account.
    type: str
    required: true
  dest:
    description:
      - Directory on the controller in which to save the files, as C(HOST/VM/SRC). C(HOST) is the inventory name of
        the VM host, C(VM) is the base name of O(vm) without C(.vmx), and C(SRC) is O(src).
      - For example, C(/etc/motd) of C(/vms/web/web.vmx) on C(lab1) is saved as C(DEST/lab1/web/etc/motd), and
        C(C:\Users\lab\note.txt) is saved as C(DEST/lab1/web/C:/Users/lab/note.txt).
      - With O(flat=true) or O(remote_dest=true), O(dest) is the path to which the file or directory is saved. If O(dest)
        ends with a slash, it is a directory, in which the file or directory is saved with its original name.
      - Missing directories are created.
    type: path
    required: true
  flat:
    description:
      - Whether to save to O(dest) itself, instead of C(DEST/HOST/VM/SRC).
    type: bool
    default: false
  remote_dest:
    description:
      - Whether O(dest) is a path on the VM host.
      - Implies O(flat=true).
    type: bool
    default: false
  fail_on_missing:
    description:
      - Whether the task fails if O(src) does not exist.
      - The task always fails if O(src) is not accessible to O(guest_username).
    type: bool
    default: true
attributes:
  check_mode:
    support: full
    details:
      - Check mode computes checksums in the guest. If the guest does not have a program for checksums, files are
        fetched to a temporary directory.
  diff_mode:
    support: full
    details:
      - The diff contains checksums instead of content.
  idempotent:
    support: full
notes:
  - With C(become), the transfer from the VM host to the controller is slower, since it uses a command for each few
    MB.
seealso:
  - module: ansible.builtin.fetch
  - module: vmlab.vix.guest_copy
"""

EXAMPLES = r"""
- name: Fetch a log to logs/HOST/web/var/log/syslog
  vmlab.vix.guest_fetch:
    vm: /vms/web/web.vmx
    guest_username: root
    guest_password: "{{ guest_password }}"
    src: /var/log/syslog
    dest: logs

- name: Fetch a report to reports/summary.html, if it exists
  vmlab.vix.guest_fetch:
    vm: /vms/build/build.vmx
    guest_username: lab
    guest_password: "{{ guest_password }}"
    src: C:\build\summary.html
    dest: reports/
    flat: true
    fail_on_missing: false

- name: Fetch a directory to the VM host
  vmlab.vix.guest_fetch:
    vm: /vms/web/web.vmx
    guest_username: root
    guest_password: "{{ guest_password }}"
    src: /srv/site
    dest: /backup/site
    remote_dest: true
"""

RETURN = r"""
vm:
  description: Path of the C(.vmx) file.
  returned: success
  type: str
  sample: /vms/web/web.vmx
saved:
  description: Path of the fetched file or directory at the destination.
  returned: success
  type: str
  sample: /home/me/logs/lab1/web/var/log/syslog
files:
  description: The files that were fetched or were already up to date.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Path relative to the fetched directory, with slashes. Empty if a single file is fetched.
      type: str
      sample: css/site.css
    checksum:
      description: SHA-256 checksum of the file.
      type: str
      sample: 6f4a0ba1cd0cc41e2ac17f6ea1b5bff7f7bdd4d2ff7f1f3a3df4c9c37b5d4a0e
    size:
      description: Size of the file in bytes.
      type: int
      sample: 812
    changed:
      description: Whether the file was fetched. In check mode, whether it would be fetched.
      type: bool
      sample: true
checksum:
  description: SHA-256 checksum of the file.
  returned: when a single file is fetched
  type: str
  sample: 6f4a0ba1cd0cc41e2ac17f6ea1b5bff7f7bdd4d2ff7f1f3a3df4c9c37b5d4a0e
size:
  description: Size of the file in bytes.
  returned: when a single file is fetched
  type: int
  sample: 812
skipped_paths:
  description: Skipped paths in the guest, each with the reason.
  returned: success
  type: dict
  sample: {"/srv/site/current": "symbolic links are not followed"}
"""

from ansible_collections.vmlab.vix.plugins.module_utils import _options
from ansible_collections.vmlab.vix.plugins.module_utils._module import run_in_guest


def work(session, wanted):
    from ansible_collections.vmlab.vix.plugins.module_utils._state import guest_fetches

    store = guest_fetches.store(wanted.dest, wanted.src, wanted._place)
    fetch = guest_fetches.fetch(session, wanted.src, store, wanted.fail_on_missing)
    return {**fetch.plan.carry_out(wanted.check_mode), **fetch.report()}


def main():
    run_in_guest(
        work,
        _options.GUEST_FAMILY,
        options={
            "src": {"required": True},
            "dest": {"type": "path", "required": True},
            "flat": {"type": "bool", "default": False},
            "remote_dest": {"type": "bool", "default": False},
            "fail_on_missing": {"type": "bool", "default": True},
            "_place": {"type": "dict"},  # from the action plugin: the destination, its existing files, and where to store the fetched files
        },
    )


if __name__ == "__main__":
    main()
