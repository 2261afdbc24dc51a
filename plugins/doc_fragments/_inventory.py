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
      - What is told of each VM beyond what is told anyway.
      - V(addresses) are RV(ignore:vix_addresses), from every source that there is.
      - V(snapshots) are RV(ignore:vix_snapshots), RV(ignore:vix_snapshot_names) and RV(ignore:vix_snapshot_current).
    type: list
    elements: str
    choices: [addresses, snapshots]
    default: [addresses]
  guestinfo_exclude:
    description:
      - Patterns, as those of a shell, of names in the C(guestinfo) of a C(.vmx) that are not told of.
      - Those of the default are what VMware writes itself, and what is made for the guest's eyes, as the passwords in cloud-init's user data.
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
      - The folders of this machine that the source V(scan) searches. A relative path begins at the folder of the inventory file.
      - Without it these are the folders in which VMware puts the VMs of the user who runs Ansible.
    type: list
    elements: path
    default: []
  scan_depth:
    description:
      - How many levels deep folders are searched. V(1) looks at what lies in O(scan_folders) themselves.
    type: int
    default: 4
  scan_patterns:
    description:
      - Patterns of file names, as those of a shell, of which a file has to match one.
    type: list
    elements: str
    default: ['*.vmx']
  scan_exclude:
    description:
      - Patterns, as those of a shell, of files and folders that are passed over.
      - One with a slash is matched against the whole path below O(scan_folders), any other against the name.
    type: list
    elements: str
    default: []
  address_sources:
    description:
      - Where the address of a VM, RV(ignore:vix_address), may come from, the best source first.
      - V(tools) is what VMware Tools report, V(lease) a DHCP lease of one of VMware's networks on this machine,
        V(reservation) an address that was reserved for the VM in the configuration of that DHCP server,
        V(vmx) what somebody wrote as C(guestinfo.ip) into the C(.vmx).
      - For a rule of any other kind, give O(compose) an expression of RV(ignore:vix_addresses).
    type: list
    elements: str
    choices: [tools, lease, reservation, vmx]
    default: [tools, lease, reservation, vmx]
  address_networks:
    description:
      - Networks in which the address has to be, as in V(192.168.8.0/24). One in the first of them is better than one in the second.
      - Without it an address may be in any network.
    type: list
    elements: str
    default: []
  address_ignore:
    description:
      - Networks whose addresses are never chosen.
      - Those of the default are for the guest alone, the last of them being what Docker gives its own bridge.
    type: list
    elements: str
    default: [127.0.0.0/8, '::1/128', 169.254.0.0/16, 'fe80::/10', 172.17.0.1/32]
  set_ansible_host:
    description:
      - Whether the address of a VM becomes its C(ansible_host).
    type: bool
    default: false
  hostnames:
    description:
      - How the VMs are called in the inventory, by templates or expressions as those of O(compose). The first that makes a text counts.
      - A character that cannot be in a name of Ansible's, as a slash, becomes a hyphen.
    type: list
    elements: str
    default: [vix_name]
  on_clash:
    description:
      - What becomes of VMs that would have the same name, or the name of a group that is there already, or of C(localhost).
      - With V(mark) each of them has a part of its own at the end of its name. It comes from where the VM lies and stays the same as long as it lies there.
        A warning tells of it.
      - With V(error) the inventory fails.
    type: str
    choices: [mark, error]
    default: mark
  filters:
    description:
      - Which VMs are listed. Each filter is V(include) or V(exclude) with a condition on the variables of a VM, and the first whose condition holds decides.
      - A VM for which none holds is listed. A last filter that excludes with the condition V(true) turns this round.
      - A condition that cannot be evaluated does not hold; with O(strict) it is an error.
    type: list
    elements: dict
    default: []
    suboptions:
      include:
        description: A condition for VMs that are listed.
        type: str
      exclude:
        description: A condition for VMs that are not listed.
        type: str
  on_unreachable:
    description:
      - What becomes of a source of VMs, as a host, that does not answer.
      - With V(warning) the others are listed, and nothing is put into the cache. When none answers, the inventory fails all the same.
      - With V(error) the inventory fails.
    type: str
    choices: [warning, error]
    default: warning
notes:
  - Each VM is listed once, however many sources have it, since what counts is where its C(.vmx) really lies. They are in the order of hosts and names.
  - What VMs say of themselves is not trusted. It is never taken for a template.
  - A VM that cannot be opened or read is listed with RV(ignore:vix_stale) and the reason in RV(ignore:vix_error). C(filters) can leave such VMs out.
  - With C(-vvv) it is told of every VM why it is in the inventory or not.
  - Each VM has these variables. C(vix_path) is the path of its C(.vmx) and C(vix_name) its display name. C(vix_host) is the name of its host and
    C(vix_sources) are the sources that have it.
  - C(vix_power) is V(powered_on), V(powered_off), V(suspended), V(paused) or V(unknown). C(vix_power_details) are other things that VIX says of its power,
    as V(powering_on), and C(vix_power_unknown_bits) what nobody knows the meaning of.
  - C(vix_tools) is V(running), V(not_installed) or V(unknown). C(vix_guest_os), C(vix_cpus) and C(vix_memory) (in MB) are as in its C(.vmx).
  - C(vix_encrypted), C(vix_locked) and C(vix_question_pending) tell whether it needs a password, whether a process holds its files, and whether it waits for
    an answer.
  - C(vix_annotation) is its description and C(vix_guestinfo) are the C(guestinfo) entries of its C(.vmx), by name in lower case.
  - These two and C(vix_locked) are read in files of this machine, as VIX does not tell them. For a VM of another host, that is one with a C(hostname), they are
    an empty text, an empty dictionary and null.
  - C(vix_addresses) are all addresses that it is said to have, each with its C(source), and C(vix_address) is the one that was chosen, or null.
  - C(vix_stale) and C(vix_error) tell whether and why it cannot be used.
  - With O(gather=snapshots), C(vix_snapshots) are the paths of its snapshots, C(vix_snapshot_names) their names in the same order and C(vix_snapshot_current)
    the path of the current one.
"""
