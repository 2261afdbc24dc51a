#!/usr/bin/python
# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vm_screenshot
short_description: Save a picture of a guest's screen
version_added: 0.1.0
author: vmlab (@vmlab)
description:
  - Saves a picture of a guest's screen as a PNG file on the machine that runs VMware, or on the controller.
    A reader sees the old file or the new one and never a part.
  - VIX takes pictures for a user who is logged in to the guest, and best for the one at its desktop, which O(guest_interactive) asks for.
extends_documentation_fragment:
  - vmlab.vix._host
  - vmlab.vix._vm
  - vmlab.vix._guest
  - vmlab.vix._attributes
  - vmlab.vix._attributes.actiongroup_guest
options:
  dest:
    description:
      - Full name of the file. Its folder must exist; a file of that name is replaced.
    type: path
    required: true
  fetch:
    description:
      - Whether O(dest) is a path of the controller, where a relative one begins at the folder of the playbook.
        Otherwise it is one of the machine that runs VMware.
    type: bool
    default: false
  mode:
    description:
      - Permissions of the file, as an octal number. A screen may show secrets, so that nobody else may read the file unless this says so.
    type: raw
    default: '0600'
attributes:
  action:
    description: Whether a plugin on the controller has a part in it, which brings the picture there.
    support: full
  check_mode:
    support: full
    details:
      - Check mode logs in to the guest and takes no picture.
  diff_mode:
    support: partial
    details:
      - Size, checksum and measures of the picture are known when it was taken, and not in check mode.
  idempotent:
    support: none
    details:
      - A picture is taken each time, and each time a change is reported.
seealso:
  - module: vmlab.vix.guest_fetch
"""

EXAMPLES = r"""
- name: Take a picture of the screen
  vmlab.vix.vm_screenshot:
    vm: /vms/web/web.vmx
    guest_username: root
    guest_password: "{{ guest_password }}"
    dest: /tmp/web.png

- name: Have it on the controller
  vmlab.vix.vm_screenshot:
    vm: /vms/web/web.vmx
    guest_username: root
    guest_password: "{{ guest_password }}"
    dest: screens/web.png
    fetch: true
"""

RETURN = r"""
vm:
  description: Path of the C(.vmx) file.
  returned: success
  type: str
  sample: /vms/web/web.vmx
size:
  description: Size of the file in bytes.
  returned: when a picture was taken
  type: int
  sample: 48213
checksum:
  description: SHA-256 of the file, in hexadecimal.
  returned: when a picture was taken
  type: str
  sample: 6f4a0ba1cd0cc41e2ac17f6ea1b5bff7f7bdd4d2ff7f1f3a3df4c9c37b5d4a0e
width:
  description: Width of the picture in pixels.
  returned: when a picture was taken
  type: int
  sample: 1280
height:
  description: Height of the picture in pixels.
  returned: when a picture was taken
  type: int
  sample: 800
"""

from ansible_collections.vmlab.vix.plugins.module_utils._module import run_in_guest


def prepare(wanted):
    """Where the picture goes, looked at before a guest is."""
    from ansible_collections.vmlab.vix.plugins.module_utils._state import screens

    return screens.checked(wanted.dest, wanted.mode)


def work(guest, wanted):
    from ansible_collections.vmlab.vix.plugins.module_utils._state import screens

    result = screens.plan(guest, *wanted.prepared).carry_out(wanted.check_mode)
    after = result["diff"]["after"]
    # Not "dest", "path" or "mode": Ansible would add what it finds at that path, or take them for its own.
    return {**result, **{name: after[name] for name in ("size", "checksum", "width", "height") if name in after}}


def main():
    run_in_guest(
        work,
        options={
            "dest": {"type": "path", "required": True},
            "fetch": {"type": "bool", "default": False},  # the action plugin's
            "mode": {"type": "raw", "default": "0600"},
        },
        prepare=prepare,
    )


if __name__ == "__main__":
    main()
