# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    # What the inventory plugins share: plugin_utils/_inventory.py and plugin_utils/_vm_sources.py.
    DOCUMENTATION = r"""
options:
  gather:
    description:
      - Additional variables to set for each VM.
      - V(addresses) sets RV(ignore:vix_addresses), with the addresses of all sources.
      - V(snapshots) sets RV(ignore:vix_snapshots), RV(ignore:vix_snapshot_names) and RV(ignore:vix_snapshot_current).
    type: list
    elements: str
    choices: [addresses, snapshots]
    default: [addresses]
  guestinfo_exclude:
    description:
      - Shell-style patterns of C(guestinfo) names in a C(.vmx) file that are not added to RV(ignore:vix_guestinfo).
      - The default excludes entries that VMware writes itself, and entries that are only for the guest, such as
        cloud-init user data with passwords.
    type: list
    elements: str
    default:
      - ip
      - appinfo*
      - detailed.data
      - driver.*
      - metadata*
      - ovfenv*
      - toolsinstallerrcode
      - userdata*
      - vendordata*
      - vmtools.*
  scan_folders:
    description:
      - Directories on the controller that the source V(scan) searches.
      - Relative paths are relative to the directory of the inventory file.
      - If empty, the directories in which VMware creates VMs for the current user are searched.
    type: list
    elements: path
    default: []
  scan_depth:
    description:
      - Maximum depth of the search. V(1) searches only O(scan_folders) without their subdirectories.
    type: int
    default: 4
  scan_patterns:
    description:
      - Shell-style patterns of file names. A file must match at least one of them. As in a shell, only a pattern that
        begins with a dot matches a hidden file.
      - Files of other programs, which have no line C(KEY = VALUE), are left out. C(-vvv) shows them.
    type: list
    elements: str
    default: ['*.vmx']
  scan_exclude:
    description:
      - Shell-style patterns of files and directories to skip.
      - A pattern with a slash is matched against the path relative to O(scan_folders). Other patterns are matched
        against the name.
    type: list
    elements: str
    default: []
  address_sources:
    description:
      - Sources of RV(ignore:vix_address), in order of preference.
      - V(tools) is the address that the guest tools report.
      - V(lease) is a DHCP lease of a VMware network on the controller.
      - V(reservation) is an address that is reserved for the VM in the configuration of this DHCP server.
      - V(vmx) is C(guestinfo.ip) in the C(.vmx) file.
      - For other rules, use RV(ignore:vix_addresses) in an expression of O(compose).
    type: list
    elements: str
    choices: [tools, lease, reservation, vmx]
    default: [tools, lease, reservation, vmx]
  address_networks:
    description:
      - Networks from which to choose the address, for example V(192.168.8.0/24), in order of preference.
      - If empty, addresses of all networks are accepted.
    type: list
    elements: str
    default: []
  address_ignore:
    description:
      - Networks whose addresses are not used.
      - The default contains loopback and link-local networks and the address of the default bridge of Docker.
    type: list
    elements: str
    default: [127.0.0.0/8, '::1/128', 169.254.0.0/16, 'fe80::/10', 172.17.0.1/32]
  set_ansible_host:
    description:
      - Whether to set C(ansible_host) to the address of the VM.
    type: bool
    default: false
  hostnames:
    description:
      - Jinja2 expressions or templates for the inventory name of a VM. The first one that results in a non-empty
        string is used.
      - Names are made addressable by host patterns. White space and the characters C(/:,*?[]{}) are replaced with a
        hyphen, and the characters C(!&~@-) are removed from the start. For example, C(Ubuntu 64-bit) becomes
        C(Ubuntu-64-bit). The name in VMware stays in RV(ignore:vix_name).
    type: list
    elements: str
    default: [vix_name]
  on_clash:
    description:
      - What to do if several VMs have the same name, or if a VM has the name of an existing group or of C(localhost).
      - V(mark) appends a stable suffix to each name, which is derived from the path of the C(.vmx) file. A warning is
        shown.
      - V(error) fails.
    type: str
    choices: [mark, error]
    default: mark
  filters:
    description:
      - Filters for the VMs. Each filter is V(include) or V(exclude) with a condition on the variables of a VM.
      - The first filter whose condition is true decides.
      - A VM that no filter matches is included. To exclude such VMs, add a last filter V(exclude) with the condition
        V(true).
      - A condition that cannot be evaluated is false. With O(strict=true) it is an error.
    type: list
    elements: dict
    default: []
    suboptions:
      include:
        description: Include the VM if this condition is true.
        type: str
      exclude:
        description: Exclude the VM if this condition is true.
        type: str
  on_unreachable:
    description:
      - What to do if a source of VMs, such as a host, cannot be queried.
      - V(warning) shows a warning and lists the VMs of the other sources. The result is not cached. The inventory
        fails if no source can be queried.
      - V(error) fails.
    type: str
    choices: [warning, error]
    default: warning
notes:
  - A VM that several sources contain is listed once. VMs are identified by the real path of their C(.vmx) file, and
    sorted by host and name.
  - Values that come from VMs are not trusted, and are never evaluated as templates.
  - A VM that cannot be opened or read is listed with RV(ignore:vix_stale) set, and the reason in
    RV(ignore:vix_error). Use O(filters) to exclude such VMs.
  - With C(-vvv), the reason why a VM was included or excluded is shown for each VM.
  - The following variables are set for each VM. C(vix_path) is the path of the C(.vmx) file, C(vix_name) the display
    name, C(vix_host) the name of the VM host, and C(vix_sources) the list of sources that contain the VM.
  - C(ansible_vix_vm) is the same as C(vix_path). With C(connection=local), or C(delegate_to) for a VM host, it is the
    O(ignore:vm) of modules that work in the VM.
  - C(vix_power) is V(powered_on), V(powered_off), V(suspended), V(paused) or V(unknown). C(vix_power_details)
    contains other flags of the power state, such as V(powering_on). C(vix_power_unknown_bits) contains the bits of
    the power state that are not documented.
  - C(vix_tools) is V(running), V(not_installed) or V(unknown). C(vix_guest_os), C(vix_cpus) and C(vix_memory) (in MB)
    are the values of the C(.vmx) file. C(vix_guest_os) is in lower case.
  - C(vix_encrypted) is whether the VM needs a password, C(vix_locked) whether a process has locked its files, and
    C(vix_question_pending) whether the VM waits for the answer to a question.
  - C(vix_annotation) is the description of the VM. C(vix_guestinfo) contains the C(guestinfo) entries of the C(.vmx)
    file, with names in lower case.
  - C(vix_annotation), C(vix_guestinfo) and C(vix_locked) are read from files on the controller, since VIX does not
    provide them. For a VM of a remote host (with C(hostname)), they are an empty string, an empty dictionary and
    null.
  - C(vix_addresses) contains all known addresses, each with its C(source). C(vix_address) is the chosen address, or
    null.
  - C(vix_stale) is whether the VM cannot be used, and C(vix_error) the reason.
  - With O(gather=snapshots), C(vix_snapshots) contains the paths of the snapshots, C(vix_snapshot_names) their names
    in the same order, and C(vix_snapshot_current) the path of the current snapshot.
"""
