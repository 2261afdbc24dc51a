#!/usr/bin/python
# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: guest_fetch
short_description: Fetch files and folders from a guest
version_added: 0.1.0
author: vmlab (@vmlab)
description:
  - Fetches a file, or a folder with everything in it, from the guest of a VM to the controller, as M(ansible.builtin.fetch) does, or to the machine that
    runs VMware.
  - A file that is there already with the same content, by its SHA-256, is not fetched. What is fetched is verified by its SHA-256, and takes its place as a
    whole, so that a reader sees the old file or the new one.
  - Of a folder, the files and folders are fetched. Links are not followed, and left out like devices and like files with control characters in their names;
    RV(skipped_paths) names them. A file that the guest user may not read fails the task. What is at the destination alone stays there.
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
      - What the controller knows of where things go. It is not for tasks.
    type: dict
  src:
    description:
      - Full name of the file or folder in the guest, in the guest's own notation. V(..) in it is taken away with the name before it, link or not.
    type: str
    required: true
  dest:
    description:
      - Folder of the controller for what is fetched. There, it gets the path C(HOST/VM/SRC), where C(HOST) is the host of the play (which runs VMware, and
        may have many VMs), C(VM) is O(vm) without folders and C(.vmx), and C(SRC) is O(src).
      - So that C(/etc/motd) of C(/vms/web/web.vmx) on C(lab1) comes to C(DEST/lab1/web/etc/motd), and C(C:\Users\lab\note.txt) of it
        to C(DEST/lab1/web/C:/Users/lab/note.txt).
      - With O(flat) or O(remote_dest), the full name for what is fetched, or where it ends with a slash the folder in which it keeps its own name.
      - Folders that are missing are made.
    type: path
    required: true
  flat:
    description:
      - Whether what is fetched goes to O(dest) itself.
    type: bool
    default: false
  remote_dest:
    description:
      - Whether O(dest) is a path of the machine that runs VMware. That implies O(flat).
    type: bool
    default: false
  fail_on_missing:
    description:
      - Whether the task fails when there is nothing at O(src).
    type: bool
    default: true
attributes:
  check_mode:
    support: full
    details:
      - To foretell the content, a file is read in the guest, or where that has no program for checksums, fetched to a temporary folder.
  diff_mode:
    support: full
    details:
      - It shows checksums, not contents.
  idempotent:
    support: full
notes:
  - With C(become), what is fetched from the machine that runs VMware to the controller goes through a command, some MB at a time, which is slower.
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

- name: Fetch a report to reports/summary.html, if there is one
  vmlab.vix.guest_fetch:
    vm: /vms/build/build.vmx
    guest_username: lab
    guest_password: "{{ guest_password }}"
    src: C:\build\summary.html
    dest: reports/
    flat: true
    fail_on_missing: false

- name: Have a folder on the machine that runs VMware
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
  description: Full name that the file or folder has at the destination.
  returned: success
  type: str
  sample: /home/me/logs/lab1/web/var/log/syslog
files:
  description: The files that were fetched or were there already.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name in the folder that is fetched, with slashes. Empty when it is a file that is fetched.
      type: str
      sample: css/site.css
    checksum:
      description: SHA-256, in hexadecimal.
      type: str
      sample: 6f4a0ba1cd0cc41e2ac17f6ea1b5bff7f7bdd4d2ff7f1f3a3df4c9c37b5d4a0e
    size:
      description: Size in bytes.
      type: int
      sample: 812
    changed:
      description: Whether it was fetched, or in check mode would be.
      type: bool
      sample: true
checksum:
  description: SHA-256 of the file, in hexadecimal.
  returned: when a file is fetched
  type: str
  sample: 6f4a0ba1cd0cc41e2ac17f6ea1b5bff7f7bdd4d2ff7f1f3a3df4c9c37b5d4a0e
size:
  description: Size of the file in bytes.
  returned: when a file is fetched
  type: int
  sample: 812
skipped_paths:
  description: Why something in the folder was left out, by its full name in the guest.
  returned: success
  type: dict
  sample: {"/srv/site/current": "it is a link, which is not followed"}
"""

from ansible_collections.vmlab.vix.plugins.module_utils import _options
from ansible_collections.vmlab.vix.plugins.module_utils._module import run_in_guest


def work(guest, wanted):
    from ansible_collections.vmlab.vix.plugins.module_utils._state import guest_fetches

    store = guest_fetches.store(wanted.dest, wanted.src, wanted._place)
    fetch = guest_fetches.fetch(guest, wanted.guest_family, wanted.src, store, wanted.workdir, wanted.fail_on_missing)
    return {**fetch.plan.carry_out(wanted.check_mode), **fetch.told()}


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
            "_place": {"type": "dict"},  # from the action plugin: where things go, what is there already, and where to leave what is not
        },
    )


if __name__ == "__main__":
    main()
