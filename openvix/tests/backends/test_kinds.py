# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every kind of machine and of Tools has: the methods of its Protocol, as they stand there; and machines take Tools of any kind."""

from __future__ import annotations

import contextlib
import inspect
import shutil
import threading

import pytest

from openvix.backends import hypervisors
from openvix.backends.qemu import backend as qemu
from openvix.backends.qemu import emulator
from openvix.backends.qemu.image import images
from openvix.backends.qemu.tools import AgentTools
from openvix.backends.simulated import backend as simulated
from openvix.backends.simulated.tools import SimulatedTools
from openvix.backends.vmtoolsd.tools import VmtoolsdTools
from openvix.config import worldfile
from openvix.guest import disks
from openvix.guest.guest_tools import GuestTools
from openvix.guest.machine_backend import MachineBackend
from openvix.guest.rights import Account
from openvix.vix import constants
from openvix.vix.errors import VixError
from openvix.vmware import vmx

KINDS = [
    *((MachineBackend, kind) for kind in (simulated.SimulatedMachine, qemu.QemuMachine)),
    *((GuestTools, kind) for kind in (SimulatedTools, AgentTools, VmtoolsdTools)),
]


class OtherTools(SimulatedTools):
    """A third implementation of guest tools, which only records the events of its machine."""

    def __init__(self):
        self.environment, self.events = {}, []

    def begin(self):
        self.events.append("begin")

    def end(self):
        self.events.append("end")

    def resume(self):
        self.events.append("resume")

    @contextlib.contextmanager
    def quiet(self):
        self.events.append("quiet")
        yield
        self.events.append("loud")

    def stop(self, reset):
        self.events.append("restart" if reset else "stop")
        return False


class Owner:
    """A VM as a backend knows it."""

    name, power, settings = "web", "powered_on", {"ip": "192.0.2.1", "accelerator": "tcg"}

    def __init__(self):
        self.changed = threading.Condition()

    def number(self, key, default):
        return default

    def ended(self):
        pass

    def restarted(self):
        pass


def public(kind: type) -> dict[str, object]:
    return {name: value for name, value in vars(kind).items() if not name.startswith("_")}


@pytest.mark.parametrize(("protocol", "kind"), KINDS)
def test_kind_has_all_of_its_protocol(protocol, kind):
    wanted = public(protocol)
    assert len(wanted) > 15
    assert sorted(set(wanted) - set(public(kind))) == []
    for name, value in wanted.items():
        assert isinstance(value, property) == isinstance(public(kind)[name], property), name


@pytest.mark.parametrize(("protocol", "kind"), KINDS)
def test_kind_has_the_signatures_of_its_protocol(protocol, kind):
    different = {}
    for name, value in public(protocol).items():
        found = public(kind).get(name)
        pair = [inspect.signature(each.fget if isinstance(each, property) else each) for each in (value, found) if each]
        # A generator that is a context manager says Iterator where it is written and AbstractContextManager where it is read.
        if name == "quiet":
            pair = [each.replace(return_annotation=None) for each in pair]
        if len({str(each) for each in pair}) != 1:
            different[name] = pair
    assert different == {}


@pytest.mark.parametrize("kind", [kind for protocol, kind in KINDS])
def test_kind_is_no_other_kind(kind):
    assert kind.__mro__ == (kind, object)


def test_public_methods_beside_the_protocol_are_known():
    """What only one kind has, nobody above can use: it is named here."""
    beside = {kind.__name__: sorted(set(public(kind)) - set(public(protocol))) for protocol, kind in KINDS}
    assert beside == {"SimulatedMachine": [], "QemuMachine": [], "SimulatedTools": [], "AgentTools": ["channel", "lost"], "VmtoolsdTools": []}


@pytest.mark.parametrize("protocol", [MachineBackend, GuestTools])
def test_protocol_documents_each_method(protocol):
    assert [name for name, value in public(protocol).items() if len(inspect.getdoc(value) or "") < 30] == []
    assert "Any" not in inspect.getsource(inspect.getmodule(protocol))


@pytest.mark.parametrize(
    ("hypervisor", "machine", "tools"), [("simulated", simulated.SimulatedMachine, SimulatedTools), ("qemu", qemu.QemuMachine, AgentTools)]
)
def test_hypervisor_gives_a_machine_its_tools(tmp_path, hypervisor, machine, tools):
    settings = worldfile.complete({"hypervisor": hypervisor})
    backend = hypervisors.of(settings).new(tmp_path, "web", settings, Owner())
    assert (type(backend), type(backend.tools)) == (machine, tools)
    assert backend.tools is backend.tools
    assert not backend.runs()


def test_simulated_machine_takes_other_tools(tmp_path):
    other = OtherTools()
    (tmp_path / "disks").mkdir()
    disks.create(tmp_path / "disks" / "1", hostname="web", accounts=[], files={})
    machine = simulated.SimulatedMachine(tmp_path, "web", [], Owner(), lambda system: other)
    assert machine.tools is other
    machine.start(1, vmx.read(b'displayName = "web"\n'), resumed=False, paused=False)
    try:
        assert machine.runs()
        machine.freeze()
        machine.thaw()
        assert machine.keep(1, runs=True, memory=False) == 2
        assert not machine.stop(True)
        assert not machine.stop(False)
    finally:
        machine.halt()
    assert not machine.runs()
    assert other.events == ["begin", "resume", "quiet", "loud", "restart", "stop", "end"]


def test_qemu_machine_takes_other_tools(tmp_path):
    links = []
    other = OtherTools()
    owner = Owner()
    machine = qemu.QemuMachine(tmp_path, owner, lambda link: links.append(link) or other)
    assert machine.tools is other
    (link,) = links
    assert not link.runs()
    with pytest.raises(OSError, match="No such file"):
        link.dial()
    link.settle()
    with owner.changed:
        woken = threading.Thread(target=link.changed)
        woken.start()
        assert owner.changed.wait(60)
    woken.join()
    with pytest.raises(VixError) as caught:
        machine.stop(True)
    assert caught.value.code == constants.VIX_E_TOOLS_NOT_RUNNING
    with pytest.raises(VixError) as caught:
        machine.stop(False)  # its power button, which a machine that does not run has not
    assert caught.value.code == constants.VIX_E_VM_NOT_RUNNING
    machine.halt()
    assert other.events == ["restart", "stop", "end"]


@pytest.mark.qemu
@pytest.mark.skipif(not shutil.which(emulator.PROGRAM) or images.find() is None, reason="QEMU is not installed here, or there is no guest image")
def test_running_qemu_reports_to_other_tools(tmp_path):
    other = OtherTools()
    (tmp_path / "disks").mkdir()
    disk, _ = qemu.make(tmp_path, "web", worldfile.complete({"hypervisor": "qemu"}), False)
    (tmp_path / "guest").mkdir()
    machine = qemu.QemuMachine(tmp_path, Owner(), lambda link: other)
    disk = machine.start(disk, vmx.read(b'displayName = "web"\n'), resumed=False, paused=False)
    try:
        machine.freeze()
        machine.thaw()
        assert machine.keep(disk, runs=True, memory=False) == 1
        assert machine.stop(False)  # by its power button: these Tools do not take the request
    finally:
        machine.halt()
    # What ran before is ended first, if anything did.
    assert other.events == ["end", "begin", "quiet", "loud", "resume", "quiet", "loud", "stop", "end"]


def test_environment_is_added_to_programs():
    tools = OtherTools()
    tools.environment = {"LANG": "C"}
    account = Account("lab", True, "/home/lab")
    assert tools.environment_of(account)["LANG"] == "C"
    assert tools.environment_of(account)["HOME"] == "/home/lab"
