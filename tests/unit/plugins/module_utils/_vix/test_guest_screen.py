# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import struct
import zlib

import pytest
from ansible_collections.vmlab.vix.plugins.module_utils import _worker

ACCOUNTS = [{"name": "lab", "password": "secret"}]


def test_screenshot_with_any_bytes(openvix, on_host):
    web = openvix.add_vm("web", power="powered_on", accounts=ACCOUNTS)

    def work(host):
        with host.open_vm(web) as vm, vm.log_in("lab", "secret") as guest:
            return guest.screenshot().hex()

    picture = bytes.fromhex(on_host(work))
    kinds, at = [], 8
    while at < len(picture):
        size, kind = struct.unpack_from(">I4s", picture, at)
        content = picture[at + 8 : at + 8 + size]
        assert struct.unpack_from(">I", picture, at + 8 + size) == (zlib.crc32(kind + content),)
        kinds, at = [*kinds, kind], at + 12 + size
    assert b"\0" in picture
    assert (kinds[0], kinds[-1], at) == (b"IHDR", b"IEND", len(picture))


def test_screenshot_of_stopped_vm_fails(openvix, on_host):
    web = openvix.add_vm("web", power="powered_on", accounts=ACCOUNTS)

    def work(host):
        with host.open_vm(web) as vm, vm.log_in("lab", "secret") as guest:
            vm.power_off()
            guest.screenshot()

    with pytest.raises(_worker.Failure, match=r"^taking a screenshot of the guest of .* as lab: ") as caught:
        on_host(work)
    assert caught.value.kind == "NotRunning"
