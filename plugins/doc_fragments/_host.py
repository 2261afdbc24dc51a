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
      - Path of the VIX library (C(libvixAllProducts.so)) on the VM host.
      - If not set, the value of the environment variable E(VIX_LIBRARY) is used.
      - If neither is set, the library is searched for in the directory that is named in VMware's configuration, then
        in the standard locations on Linux, then in VMware Fusion.
    type: path
  provider:
    description:
      - The VMware product to connect to.
      - V(default) leaves the choice to the VIX library. Use it for VMware Fusion.
      - If not set, the value of the environment variable E(VIX_PROVIDER) is used.
    type: str
    choices: [default, workstation, player, workstation_shared, vi_server]
    default: default
  hostname:
    description:
      - URL of a remote host, for example V(https://host.example.com:443/sdk).
      - Leave unset to use the VMware product on the VM host itself.
      - If not set, the value of the environment variable E(VIX_HOSTNAME) is used.
    type: str
  port:
    description:
      - Port of the remote host.
      - Only needed for the oldest servers. For all others, specify the port in O(hostname).
    type: int
    default: 0
  username:
    description:
      - User name for the remote host.
      - If not set, the value of the environment variable E(VIX_USERNAME) is used.
    type: str
  password:
    description:
      - Password for the remote host.
      - If not set, the value of the environment variable E(VIX_PASSWORD) is used.
    type: str
  validate_certs:
    description:
      - Whether to verify the TLS certificate of a remote host.
    type: bool
    default: true
  timeout:
    description:
      - Time limit for the whole task in seconds.
      - The task ends at most five seconds after this limit, even if the VIX library hangs.
    type: int
    default: 300
requirements:
  - Python 3.8 or newer on the VM host
  - VMware Workstation, VMware Fusion or VMware Player with its VIX library, or OpenVIX
notes:
  - Run the task as the user who owns the VMs. VMware shows a user only the VMs of this user.
"""
