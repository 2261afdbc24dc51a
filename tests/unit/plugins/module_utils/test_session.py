# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time

import pytest
from ansible_collections.vmlab.vix.plugins.module_utils import _session, _worker


def test_host_disconnected_after_work(openvix, on_host):
    described = on_host(lambda host: host.describe())

    assert described["provider"] == "workstation"
    assert "17.6.0" in described["software_version"]
    assert len(openvix.calls("VixHost_Disconnect")) == 1


def test_host_without_version_described(openvix, on_host):
    openvix.fault(call="Vix_GetProperties", **{"from": 2}, times=1, error=6000)

    assert on_host(lambda host: host.describe())["software_version"] == ""


@pytest.mark.parametrize("provider", ["vi_server", "workstation_shared"])
def test_unknown_remote_provider_refused(on_host, provider):
    with pytest.raises(_worker.Failure, match=r"^connecting to https://host/sdk: .* \(VIX_E_NOT_SUPPORTED, 6\)"):
        on_host(lambda host: None, provider=provider, hostname="https://host/sdk", username="lab", password="secret")


def test_released_handle_not_passed_to_library(openvix, on_host):
    web = openvix.add_vm("web")

    def work(host):
        vm = host.open_vm(web)
        vm.release()
        vm.release()
        return vm.power

    with pytest.raises(_worker.Bug, match="RuntimeError: VM is used after its release"):
        on_host(work)
    assert openvix.calls("Vix_GetProperties") == []


def test_answer_before_hang_at_disconnect(openvix, monkeypatch):
    monkeypatch.setattr(_worker, "GRACE", 0.5)
    openvix.forgive_leaks("the process hangs, and is killed")
    options = {"library": openvix.environment["VIX_LIBRARY"], "provider": "default", "port": 0, "validate_certs": True, "timeout": 60}
    options.update(dict.fromkeys(("hostname", "username", "password")))

    def work(host):
        host.release = lambda: time.sleep(600)  # as a libvix does that hangs in VixHost_Disconnect
        return host.running()

    assert _worker.run_all([(_session.for_host(work, options), 1, 60)]) == [[[]]]
