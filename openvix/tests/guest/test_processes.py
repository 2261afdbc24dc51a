# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from openvix.guest.processes import named

# Each as vmtoolsd of open-vm-tools 12.2 answered it.
NAMED = [
    (b"/usr/sbin/sshd\0-D\0", ("sshd", "/usr/sbin/sshd -D")),
    (b"perl\0-e\0sleep 604\0a  b\0<&>%\0", ("perl", "perl -e sleep 604 a  b <&>%")),
    (b"rel/ative/name\0", ("rel/ative/name", "rel/ative/name")),
    (b"sshd: root@pts/1 [x]\0", ("sshd: root@pts/1 [x]", "sshd: root@pts/1 [x]")),
    (b"/bin/a-very-long-program-name\0", ("a-very-long-program-name", "/bin/a-very-long-program-name")),
    (b"\x00601\0", ("", " 601")),
    # Overwritten with nothing.
    (b"\0\0\0\0", ("", "")),
    # A thread of the kernel, or a process that ended and was not reaped.
    (b"", ("kernel-name", "kernel-name")),
    (b"/bin/\xff\0", ("\ufffd", "/bin/\ufffd")),
]


@pytest.mark.parametrize(("arguments", "expected"), NAMED)
def test_process_is_named_as_by_vmware(arguments, expected):
    assert named("kernel-name", arguments) == expected
