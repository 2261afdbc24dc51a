#!/usr/bin/python
# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vm_screenshot
short_description: Take a screenshot of a guest
version_added: 0.1.0
author: vmlab (@vmlab)
description:
  - Take a screenshot of a guest and save it as a PNG file on the VM host or on the controller.
  - The file is written atomically.
  - VIX requires a login to the guest. Use O(guest_interactive=true) to capture the desktop of the user.
extends_documentation_fragment:
  - vmlab.vix._host
  - vmlab.vix._vm
  - vmlab.vix._guest
  - vmlab.vix._attributes
  - vmlab.vix._attributes.actiongroup_guest
options:
  dest:
    description:
      - Path of the PNG file.
      - The directory must exist. An existing file is replaced.
    type: path
    required: true
  fetch:
    description:
      - Whether O(dest) is a path on the controller. Relative paths are relative to the directory of the playbook.
      - If V(false), O(dest) is a path on the VM host.
    type: bool
    default: false
  mode:
    description:
      - Permissions of the file, as a quoted octal number.
      - By default, other users cannot read the file, since a screenshot can contain secrets.
    type: raw
    default: '0600'
attributes:
  action:
    description: Indicates that this has a corresponding action plugin, which transfers the screenshot to the
      controller.
    support: full
  check_mode:
    support: full
    details:
      - Check mode logs in to the guest, but does not take a screenshot.
  diff_mode:
    support: partial
    details:
      - In check mode, the size, the checksum and the dimensions of the screenshot are not known.
  idempotent:
    support: none
    details:
      - Taking a screenshot is an action. It always reports a change.
seealso:
  - module: vmlab.vix.guest_fetch
"""

EXAMPLES = r"""
- name: Take a screenshot
  vmlab.vix.vm_screenshot:
    vm: /vms/web/web.vmx
    guest_username: root
    guest_password: "{{ guest_password }}"
    dest: /tmp/web.png

- name: Take a screenshot and save it on the controller
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
  returned: when a screenshot was taken
  type: int
  sample: 48213
checksum:
  description: SHA-256 checksum of the file.
  returned: when a screenshot was taken
  type: str
  sample: 6f4a0ba1cd0cc41e2ac17f6ea1b5bff7f7bdd4d2ff7f1f3a3df4c9c37b5d4a0e
width:
  description: Width of the screenshot in pixels.
  returned: when a screenshot was taken
  type: int
  sample: 1280
height:
  description: Height of the screenshot in pixels.
  returned: when a screenshot was taken
  type: int
  sample: 800
"""

from ansible_collections.vmlab.vix.plugins.module_utils._module import run_in_guest


def prepare(wanted):
    """Return the destination. It is checked before the guest is opened."""
    from ansible_collections.vmlab.vix.plugins.module_utils._state import screens

    return screens.checked(wanted.dest, wanted.mode)


def work(session, wanted):
    from ansible_collections.vmlab.vix.plugins.module_utils._state import screens

    result = screens.plan(session, *wanted.prepared).carry_out(wanted.check_mode)
    after = result["diff"]["after"]
    # Not "dest", "path" or "mode": Ansible would add facts about the path, or apply the mode.
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
