# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    # Mirrors HOST in module_utils/_options.py.
    DOCUMENTATION = r"""
options:
  library:
    description:
      - Path of the VIX shared library, C(libvixAllProducts.so), on the machine that runs VMware.
      - Without it the library is looked for where E(VIX_LIBRARY) says, then in the folder that VMware's own configuration names,
        then in the usual places on Linux, then in Fusion.
    type: path
  provider:
    description:
      - The kind of VMware product to connect to.
      - V(default) is whatever VMware's library prefers on this machine, and right for Fusion.
      - If not set, E(VIX_PROVIDER) is used.
    type: str
    choices: [default, workstation, player, workstation_shared, vi_server]
    default: default
  hostname:
    description:
      - Where a remote host answers, as in V(https://host.example.com:443/sdk).
      - Leave it out for VMware on the machine itself.
      - If not set, E(VIX_HOSTNAME) is used.
    type: str
  port:
    description:
      - Port of the oldest remote servers. Others take the port as a part of O(hostname).
    type: int
    default: 0
  username:
    description:
      - User on the remote host. If not set, E(VIX_USERNAME) is used.
    type: str
  password:
    description:
      - Password on the remote host. If not set, E(VIX_PASSWORD) is used.
    type: str
  validate_certs:
    description:
      - Whether the certificate of a remote host has to be trusted.
    type: bool
    default: true
  timeout:
    description:
      - Seconds that the whole task may take, everything that it waits for together.
      - The task ends within five seconds after it, also when the library hangs or crashes.
    type: int
    default: 300
requirements:
  - Python 3.8 or newer on the machine that runs VMware.
  - VMware Workstation, Fusion or Player with its VIX library, or OpenVIX.
notes:
  - The task runs as the user who owns the VMs, since VMware shows a user only their own.
"""
