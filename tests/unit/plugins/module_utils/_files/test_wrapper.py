# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What VMware's wrapper will do, by its configuration. Each case was observed with VMware's own (docs/vix-semantics.md, sections 2.4, 2.5 and 2.6)."""

from __future__ import annotations

import pytest
from ansible_collections.vmlab.vix.plugins.module_utils._files import wrapper

LINE = "ws 19 vmdb 17.6.1 Workstation-17.0.0"


@pytest.fixture
def read(tmp_path):
    """Lay out a product, and return what the wrapper does: lines of the two tables, settings by file, directories with an implementation."""

    def read(*lines, product_lines=(), provider="workstation", directories=("Workstation-17.0.0",), home="/home/lab", etc=None, own=None):
        files = {
            "usr/lib/vmware-vix/vixwrapper-config.txt": "# a comment\n\n" + "".join(f"{line}\n" for line in lines),
            "usr/lib/vmware/vixwrapper-product-config.txt": "".join(f"{line}\n" for line in product_lines),
            "etc/vmware/config": {"vix.libdir": "/usr/lib/vmware-vix", "product.name": "VMware Workstation", "product.version": "17.6.1"}
            if etc is None
            else etc,
            "home/lab/.vmware/config": own or {},
        }
        for directory in directories:
            files[f"usr/lib/vmware-vix/{directory}/64bit/libvix.so"] = ""
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text if isinstance(text, str) else "".join(f'{key} = "{value}"\n' for key, value in text.items()), encoding="utf-8")
        return wrapper.read(provider, f"{tmp_path}{home}" if home else None, str(tmp_path))

    return read


def loaded(found):
    """The directory of the implementation that is loaded, and the code of the problem."""
    code = found.problem and int(found.problem.partition("(")[2][:5])
    return found.implementation and found.implementation.split("/")[-3], code


def test_line_of_installed_version_used(read, tmp_path):
    found = read(LINE)

    assert (loaded(found), found.problem) == (("Workstation-17.0.0", None), None)
    table, library = f"{tmp_path}/usr/lib/vmware-vix/vixwrapper-config.txt", f"{tmp_path}/usr/lib/vmware-vix/Workstation-17.0.0/64bit/libvix.so"
    assert found.lines == [wrapper.Line("ws", "19", "vmdb", "17.6.1", "Workstation-17.0.0", table, library, None)]
    assert [path.replace(str(tmp_path), "") for path, is_there in found.configuration if is_there] == ["/etc/vmware/config", "/home/lab/.vmware/config"]
    assert len(found.configuration) == 5


@pytest.mark.parametrize(
    ("lines", "changed", "code"),
    [
        ([LINE], {"etc": {}}, 22005),
        ([LINE], {"etc": {"product.version": "17.6.1"}}, 22005),
        ([], {}, 22003),
        (["player 19 vmdb 17.6.1 Workstation-17.0.0"], {}, 22003),
        ([LINE], {"provider": "workstation_shared"}, 22003),
        ([LINE], {"provider": "vi_server"}, 22003),
        ([LINE], {"etc": {"vix.libdir": "/usr/lib/vmware-vix"}}, 22001),
        ([LINE], {"etc": {"vix.libdir": "/usr/lib/vmware-vix", "workstation.product.version": "17.6.1"}}, 22001),
        ([LINE], {"etc": {"vix.libdir": "/usr/lib/vmware-vix"}, "provider": "default"}, 22001),
        ([LINE.replace("ws", "player")], {"etc": {"vix.libdir": "/usr/lib/vmware-vix"}, "provider": "player"}, 22004),
        # naim94a/vix#15: after an upgrade the product is not found until the configuration has a line for it.
        (["ws 19 vmdb 17.0.0 Workstation-17.0.0"], {}, 22002),
        (["ws 19 vmdb e.x.p Workstation-17.0.0"], {}, 22002),
        (["ws 18 vmdb 17.6.1 Workstation-17.0.0"], {}, 22002),
        ([LINE], {"directories": ()}, 22002),
    ],
)
def test_cause_of_each_refusal(read, lines, changed, code):
    assert loaded(read(*lines, **changed)) == (None, code)


@pytest.mark.parametrize(
    ("provider", "lines"),
    [
        ("workstation_shared", ["ws-shared 19 vmodl 1.0 A"]),
        ("vi_server", ["viserver 19 vmodl e.x.p A"]),
        ("vi_server", ["viserver 19 vmodl e.x.p B", "esx 19 vmodl e.x.p A"]),
        ("player", ["player 19 vmdb 17.6.1 A", "ws 19 vmdb 17.6.1 B"]),
        ("default", ["ws 19 vmdb 17.6.1 A", "player 19 vmdb 17.6.1 B"]),
        ("workstation", ["ws 19 vmdb 17.6.1 B", "ws 19 vmdb 17.6.1 A"]),
        ("workstation", ["ws 19 vmdb 17.6.1 A", "ws 19 vmdb 17.6.1 Missing"]),
        ("workstation", ["ws 19 vmdb 12.0.0 Missing", "ws 19 vmdb 17.6.1 A"]),
    ],
)
def test_line_that_is_used(read, provider, lines):
    assert loaded(read(*lines, provider=provider, directories=("A", "B"))) == ("A", None)


def test_missing_line_of_version_reported(read, tmp_path):
    """The lesson of naim94a/vix issue 15: after an upgrade the product is 'not found' until the configuration has a line for it."""
    found = read("ws 19 vmdb 17.0.0 Workstation-17.0.0", "player 19 vmdb 17.6.1 Workstation-17.0.0")

    reason = "it is for version 17.0.0, and product.version is 17.6.1; they must be equal to the letter"
    assert found.problem == f"no line for ws can be used (22002): {tmp_path}/usr/lib/vmware-vix/vixwrapper-config.txt: {reason}"


def test_product_name_decides_for_default_provider(read):
    lines = ["player 19 vmdb 17.6.1 A", "ws 19 vmdb 17.6.1 B"]

    assert loaded(read(*lines, provider="default", directories=("A", "B"), own={"product.name": "VMware Player"})) == ("A", None)


def test_lines_of_product_config_win(read):
    found = read(LINE, product_lines=["ws 19 vmdb 17.6.1 Other"], directories=("Workstation-17.0.0", "Other"))

    assert loaded(found) == ("Other", None)
    assert [line.directory for line in found.lines] == ["Other", "Workstation-17.0.0"]
    assert loaded(read(product_lines=[LINE])) == ("Workstation-17.0.0", None)


def test_users_file_wins_key_by_key(read):
    assert loaded(read(LINE, own={"product.version": "17.6.2"})) == (None, 22002)
    assert loaded(read(LINE, own={"product.version": "17.6.2"}, home=None)) == ("Workstation-17.0.0", None)


def test_malformed_line_reported(read):
    found = read("ws 19 vmdb 17.6.1", "ws 19 vmdb 17.6.1 Workstation-17.0.0 more", LINE)

    assert [line.problem for line in found.lines] == [None, "it has 6 words instead of 5", "it has 4 words instead of 5"]
    assert loaded(found) == ("Workstation-17.0.0", None)


def test_lines_of_other_versions_do_no_harm(read):
    """VMware ships lists of versions, few of which are installed."""
    found = read("ws 19 vmdb 12.0.0 Workstation-12", LINE)

    assert found.problem is None
    assert "12.0.0" in found.lines[1].problem


def test_wrapper_and_implementation_differ(tmp_path):
    (tmp_path / "wrapper.so").write_bytes(b"\x7fELF...\0vixwrapper-config.txt\0...")
    (tmp_path / "libvix.so").write_bytes(b"\x7fELF...")

    assert [wrapper.is_wrapper(str(tmp_path / name)) for name in ("wrapper.so", "libvix.so", "none.so")] == [True, False, False]
