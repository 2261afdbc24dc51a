# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.vmlab.vix.plugins.module_utils._vix import locate
from ansible_collections.vmlab.vix.plugins.module_utils._vix.errors import LibraryNotFound


def put(root, path, text=""):
    place = root / path.lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)
    return str(place)


@pytest.fixture(autouse=True)
def _home(monkeypatch):
    monkeypatch.setenv("HOME", "/home/lab")


def test_chosen_library_only(tmp_path):
    put(tmp_path, "/usr/lib/libvixAllProducts.so")
    chosen = put(tmp_path, "/opt/mine.so")

    assert locate.find(chosen, str(tmp_path)) == chosen
    with pytest.raises(LibraryNotFound, match=r"/nowhere\.so \(chosen\); install"):
        locate.find("/nowhere.so", str(tmp_path))


@pytest.mark.parametrize("config", ["/etc/vmware/config", "/home/lab/.vmware/config"])
def test_vmware_config_before_defaults(tmp_path, config):
    put(tmp_path, "/usr/lib/libvixAllProducts.so")
    wanted = put(tmp_path, "/opt/vmware/vix/libvixAllProducts.so")
    put(tmp_path, config, 'product.name = "VMware Workstation"\n  vix.libdir="/opt/vmware/vix"\nvix.libdirectory = "/no"\n')

    assert locate.find(None, str(tmp_path)) == wanted


@pytest.mark.parametrize(
    "place",
    [
        "/usr/lib/vmware-vix/libvixAllProducts.so",
        "/usr/lib/libvixAllProducts.so",
        "/usr/lib64/vmware-vix/libvixAllProducts.so",
        "/usr/lib/vmware-vix/lib/libvixAllProducts.so",
        "/opt/vmware/lib/vmware-vix/libvixAllProducts.so",
        "/Applications/VMware Fusion.app/Contents/Public/libvixAllProducts.dylib",
    ],
)
def test_default_places_listed_if_missing(tmp_path, place):
    with pytest.raises(LibraryNotFound) as raised:
        locate.find(None, str(tmp_path))
    assert f"{tmp_path}{place} (" in str(raised.value)

    wanted = put(tmp_path, place)
    assert locate.find(None, str(tmp_path)) == wanted


def test_directory_is_not_library(tmp_path):
    (tmp_path / "usr/lib/libvixAllProducts.so").mkdir(parents=True)

    with pytest.raises(LibraryNotFound):
        locate.find(None, str(tmp_path))


def test_wsl_advice(tmp_path):
    """The lesson of hashicorp/vagrant issue 9628: VMware of Windows is out of reach of its Linux subsystem."""
    put(tmp_path, "/proc/version", "Linux version 5.15.90.1-microsoft-standard-WSL2")

    with pytest.raises(LibraryNotFound, match="the Windows Subsystem for Linux cannot load the VIX library of VMware for Windows"):
        locate.find(None, str(tmp_path))
