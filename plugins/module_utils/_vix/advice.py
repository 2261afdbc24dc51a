# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What to do next, by VIX's code: the end of an error message. Imported when a message is made."""

from __future__ import annotations

ADVICE = {
    5: "another operation is at work on it: try again when it has ended",
    6: "the product or this kind of VM does not offer it",
    8: "make room on that disk",
    10: "look at the VM in VMware's window: a dialog was cancelled, the machine is short of memory, or VMware's kernel modules are not loaded",
    13: "the guest user may not do this: log in as another guest_username",
    15: "another program has the VM open: close its tab or window there",
    26: "start VMware, or the OpenVIX world that OPENVIX_WORLD names",
    30: "the VM is encrypted: give its password as vm_password",
    32: "check the licence of the product; the user who runs this task must be able to start it",
    35: "check username and password of the host, or vm_password of an encrypted VM",
    36: "VMware ended or was restarted in the middle: run the task again",
    3000: "look at the VM's screen: VMware Tools may not be installed, the guest may still boot or wait for an answer",
    3006: "the VM must be powered on for this",
    3007: "the VM must not be powered on for this",
    3009: "VMware Tools have just started: try again in a few seconds",
    3014: "the host user has no right to do this",
    3015: (
        "check guest_username and guest_password, and that this user may do it in the guest; "
        "a Linux guest also refuses accounts that are locked or expired, or whose shell is not in /etc/shells (pam_shells)"
    ),
    3016: "install VMware Tools in the guest (or open-vm-tools), or wait until it has booted",
    3017: "set guest.commands.enabled to TRUE in the VM's .vmx when it is off; the configuration of the host may forbid them as well",
    3018: "give guest_username and guest_password",
    3025: "update VMware Tools in the guest",
    3028: "the VM waits for an answer: open it in VMware and answer it",
    3031: "log in as another guest_username",
    3032: "log in as another guest_username",
    3033: "give the guest user a password, or use another one",
    3034: "log in at the guest's desktop as guest_username first, or leave guest_interactive out",
    3035: "have the user at the guest's desktop log out, or give that user as guest_username",
    3043: "there is no display for a window here: start the VM without one",
    3046: "try again when other programs have ended their work in the guest: VMware Tools serve no more sessions at once",
    4000: "check the path of the .vmx file, and that this task runs as the user who owns the VM",
    13003: "list the VM's snapshots to see which there are",
    13017: "give the path of the snapshot, as in base/patched",
    16012: "a disk that this one depends on is missing: the VM or snapshot of a linked clone was removed; restore it, or clone again",
    17004: "check vm_password",
    17005: "check vm_password",
    20005: "the guest's own tools.conf forbids it to VMware Tools: change that file in the guest, and restart VMware Tools there",
    20050: "the guest did not mount its shared folders: look whether it has open-vm-tools with HGFS",
    21000: "VMware has no image of VMware Tools for this guest: install open-vm-tools in it, or have VMware download the image",
    21006: "mount the installer and install VMware Tools by hand",
    21011: "wait until that installation has ended, or cancel it in VMware",
    22001: "install the product, or set product.version in VMware's configuration; the module host_info shows what was read",
    22002: "no line in vixwrapper-config.txt is for its version, or the library of that line is missing: update VIX, or add the line; see host_info",
    22003: "name another provider, or add a line for this one to vixwrapper-config.txt; the module host_info shows what was read",
    22004: "install the product, or set product.version in VMware's configuration; the module host_info shows what was read",
    22005: "set vix.libdir in VMware's configuration, or install VIX again; the module host_info shows what was read",
    30201: "the host's certificate is not trusted: install its authority, or set validate_certs to false",
}
