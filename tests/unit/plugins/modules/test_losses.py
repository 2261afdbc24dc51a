# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Failures of every module: one clear message, in time, with nothing left behind and no secret shown."""

from __future__ import annotations

import contextlib
import os
import pathlib
import signal
import threading
import time

import pytest
from waiting import eventually

SECRET = "s3cret-of-lab"
LOGIN = {"guest_username": "lab", "guest_password": SECRET}
ACCOUNTS = [{"name": "lab", "password": SECRET, "administrator": True}]
OPTIONS = {
    "vm_info": {},
    "vm_power": {"state": "powered_off"},
    "vm_restart": {},
    "vm_snapshot": {"name": "clean"},
    "vm_snapshot_info": {},
    "vm_clone": {"dest": "$OPENVIX_WORLD/vms/copy/copy.vmx", "linked": True},
    "vm": {"state": "registered"},
    "vm_hardware": {"power_off": True},
    "vm_shared_folder": {"name": "work", "path": "/tmp"},
    "vm_variable": {"name": "role", "value": "webserver"},
    "vm_tools": {},
    "vm_screenshot": {"dest": "screen.png", **LOGIN},
    "guest_copy": {"content": "Good day\n", "dest": "/etc/motd", **LOGIN},
    "guest_fetch": {"src": "/etc/hostname", "dest": "$OPENVIX_WORLD/fetched", "remote_dest": True, **LOGIN},
    "guest_file": {"path": "/srv", "state": "directory", **LOGIN},
    "guest_stat": {"path": "/etc", **LOGIN},
    "guest_find": {"paths": ["/etc"], **LOGIN},
    "guest_command": {"argv": ["/bin/true"], **LOGIN},
    "guest_script": {"content": "true", **LOGIN},
    "guest_process": {"name": "nothing-of-that-name", "state": "absent", **LOGIN},
    "guest_process_info": LOGIN,
}
GUEST_MODULES = [name for name, options in OPTIONS.items() if "guest_password" in options]
# Seconds after which a hanging library is killed: some time after the deadline of 1 s, which a working library observes itself.
ENDED = 9
every_module = pytest.mark.parametrize("name", OPTIONS)
every_guest_module = pytest.mark.parametrize("name", GUEST_MODULES)


@pytest.fixture
def web(openvix):
    return openvix.add_vm("web", power="powered_on", accounts=ACCOUNTS, snapshots=[{"name": "base"}])


def the_message(result):
    """Return the message of a failed task, which must be one message without a traceback."""
    assert result["_rc"] == 1, result
    assert result["failed"]
    assert "exception" not in result
    assert "\n" not in result["msg"]
    assert "Traceback" not in result["_stderr"]
    return result["msg"]


def test_table_has_every_module():
    modules = pathlib.Path(__file__).resolve().parents[4] / "plugins" / "modules"
    # host_info has no VM, and returns that a library is missing instead of failing. guest_template is guest_copy after the template was rendered.
    assert {path.stem for path in modules.glob("*.py")} == {*OPTIONS, "host_info", "guest_template"}


@every_module
def test_missing_vm(openvix, run_module, name):
    """The lesson of GNS3/gns3-server issue 1064: VMs of another user are not visible, and the message says so."""
    path = f"{openvix.directory}/vms/none/none.vmx"

    result = run_module(name, vm=path, secrets=[SECRET], **OPTIONS[name])

    sentence = the_message(result)
    assert sentence.startswith(f"opening {path}: ")
    assert "(VIX_E_VM_NOT_FOUND, 4000); check the path of the .vmx file" in sentence
    assert (result["error"], result["vix_code"]) == ("VMNotFound", 4000)


@every_module
def test_missing_library(web, run_module, monkeypatch, name):
    monkeypatch.delenv("VIX_LIBRARY")

    sentence = the_message(run_module(name, vm=web, library="/nowhere/libvix.so", secrets=[SECRET], **OPTIONS[name]))

    assert sentence.startswith("loading libvix: no VIX library was found; looked for /nowhere/libvix.so (chosen); install VMware")


@every_module
def test_invalid_library(web, run_module, tmp_path, name):
    (tmp_path / "libvix.so").write_text("no library")

    result = run_module(name, vm=web, library=str(tmp_path / "libvix.so"), secrets=[SECRET], **OPTIONS[name])

    assert the_message(result).startswith(f"{tmp_path}/libvix.so is not a usable VIX library: ")
    assert result["error"] == "LibraryUnusable"


@pytest.mark.parametrize(
    ("name", "number"),
    [*((name, signal.SIGTERM) for name in OPTIONS), *((name, number) for name in ("vm_info", "guest_copy") for number in (signal.SIGINT, signal.SIGHUP))],
)
def test_signal_ends_task(openvix, web, run_module, name, number):
    """There is one message, no content stays on the VM host, which run_module checks, and the process of the library ends as well."""
    function = "VixVM_WaitForToolsInGuest" if name in GUEST_MODULES else "VixHost_Connect"
    openvix.fault(call=function, delay=60)
    openvix.forgive_leaks("a process that is ended by a signal releases nothing")

    def interrupt(process):
        eventually(lambda: openvix.calls(function))
        os.kill(process, number)

    result = run_module(name, vm=web, meanwhile=interrupt, secrets=[SECRET], seconds=30, **OPTIONS[name])

    doing = f"waiting for VMware Tools in {web}" if name in GUEST_MODULES else "connecting to this machine"
    assert the_message(result) == f"{doing}: the task was ended by {number.name}; VMware may still finish what it has begun"
    assert (result["error"], result["vix_code"], result["_stderr"]) == ("Interrupted", None, "")


def test_content_gone_after_signal(openvix, web, run_module):
    openvix.fault(call="VixVM_CopyFileFromHostToGuest", delay=60)
    openvix.forgive_leaks("a process that is ended by a signal releases nothing")

    def interrupt(process):
        eventually(lambda: openvix.calls("VixVM_CopyFileFromHostToGuest"))
        os.kill(process, signal.SIGTERM)

    result = run_module("guest_copy", vm=web, content="Good day\n", dest="/etc/motd", meanwhile=interrupt, seconds=30, **LOGIN)

    assert result["error"] == "Interrupted"
    assert web in the_message(result)


@pytest.mark.parametrize("account", [{"shell": "/usr/sbin/nologin"}, {"locked": True}])
def test_refused_account_explained(openvix, run_module, account):
    """VMware Tools have one code for all accounts that they refuse, so its advice names them."""
    vm = openvix.add_vm("web", power="powered_on", accounts=[{"name": "lab", "password": SECRET, **account}])

    result = run_module("guest_stat", vm=vm, path="/etc", secrets=[SECRET], **LOGIN)

    assert result["vix_code"] == 3015
    advice = "a Linux guest also refuses accounts that are locked or expired, or whose shell is not in /etc/shells (pam_shells)"
    assert the_message(result).endswith(f"; {advice}")


def test_account_without_password(openvix, run_module):
    """VMware Tools log it in with any password, as the settings of PAM in Debian do."""
    vm = openvix.add_vm("web", power="powered_on", accounts=[{"name": "lab", "password": ""}])

    assert run_module("guest_stat", vm=vm, path="/etc", **LOGIN)["stat"]["exists"]


URLS = ["https://ann:s3cret-pw@esx1/sdk", "ann:s3cret-pw@esx1", "https://:s3cret-pw@esx1:443/sdk"]


@pytest.mark.parametrize(("name", "hostname"), [*((name, URLS[0]) for name in OPTIONS), *(("vm_info", hostname) for hostname in URLS[1:])])
def test_password_in_hostname(openvix, web, run_module, name, hostname):
    result = run_module(name, vm=web, hostname=hostname, secrets=[SECRET, "s3cret-pw"], **OPTIONS[name])

    shown = hostname.replace("s3cret-pw", "********")
    sentence = f"connecting to {shown}: hostname contains a password, which would be visible in logs: set username and password"
    assert the_message(result).startswith(sentence)
    assert (result["error"], result["invocation"]["module_args"]["hostname"]) == ("Refused", shown)
    assert openvix.calls("VixHost_Connect") == []


@every_guest_module
@pytest.mark.parametrize("wrong", [{"guest_password": "wr0ng-password"}, {"guest_username": "nobody-here"}])
def test_wrong_credentials(web, run_module, name, wrong):
    result = run_module(name, vm=web, secrets=[SECRET, "wr0ng-password"], **{**OPTIONS[name], **wrong})

    user = wrong.get("guest_username", "lab")
    assert the_message(result).startswith(f"logging {user} in to the guest of {web}: ")
    assert "(VIX_E_GUEST_USER_PERMISSIONS, 3015); check guest_username and guest_password" in result["msg"]


@every_guest_module
def test_no_guest_tools(openvix, run_module, name):
    vm = openvix.add_vm("bare", power="powered_on", tools="not_installed", accounts=ACCOUNTS)

    result = run_module(name, vm=vm, tools_timeout=1, secrets=[SECRET], **OPTIONS[name])

    assert the_message(result).startswith(f"waiting for VMware Tools in {vm}: no answer within 1 s; VMware Tools are not installed")
    assert result["error"] == "NoToolsInGuest"


@every_guest_module
@pytest.mark.parametrize("power", ["powered_off", "suspended", "paused"])
def test_powered_off_guest_not_waited_for(openvix, run_module, name, power):
    vm = openvix.add_vm("bare", power=power, accounts=ACCOUNTS)

    assert (
        the_message(run_module(name, vm=vm, secrets=[SECRET], **OPTIONS[name]))
        == f"waiting for VMware Tools in {vm}: the VM is {power}; power it on first (vmlab.vix.vm_power)"
    )
    assert openvix.calls("VixVM_WaitForToolsInGuest") == []


@every_module
def test_deadline_passed(openvix, web, run_module, name):
    openvix.fault(call="VixHost_OpenVM", delay=60)

    result = run_module(name, vm=web, timeout=1, passed=lambda: bool(openvix.calls("VixHost_OpenVM")), secrets=[SECRET], seconds=50, **OPTIONS[name])

    assert the_message(result) == f"opening {web}: timed out after 1 s; VIX cannot cancel the operation, so it may still finish"
    assert result["error"] == "TimedOut"


@every_module
def test_library_hang(openvix, web, run_module, name):
    openvix.fault(call="VixHost_OpenVM", hang=True)
    openvix.forgive_leaks("the process of the library is killed")

    result = run_module(name, vm=web, timeout=1, passed=lambda: ENDED * bool(openvix.calls("VixHost_OpenVM")), secrets=[SECRET], **OPTIONS[name])

    assert (
        the_message(result)
        == f"opening {web}: timed out after 1 s: the VIX library hangs in VixHost_OpenVM; its process was killed, and VMware may still finish"
    )
    assert result["error"] == "TimedOut"


@every_module
@pytest.mark.parametrize(
    ("death", "words"),
    [
        ({"crash": True}, "crashed in VixHost_OpenVM (SIGSEGV)"),
        ({"abort": True}, "crashed in VixHost_OpenVM (SIGABRT)"),
        ({"exit": True}, "exited in VixHost_OpenVM (exit code 3)"),
    ],
)
def test_library_crash(openvix, web, run_module, name, death, words):
    """The lesson of hooklift/govix issue 22 and hashicorp/vagrant issue 9224: the engine dies, and the caller must not."""
    openvix.fault(call="VixHost_OpenVM", **death)
    openvix.forgive_leaks("the process of the library died")

    result = run_module(name, vm=web, secrets=[SECRET], **OPTIONS[name])

    assert the_message(result) == f"opening {web}: the VIX library {words}; check VMware's logs and run the task again"
    assert result["error"] == "LibraryCrashed"


@pytest.mark.parametrize("name", ["vm_power", "vm_snapshot"])
def test_library_crash_during_job(openvix, web, run_module, name):
    openvix.fault(call="VixHost_OpenVM", crash=True, where="job")
    openvix.forgive_leaks("the process of the library died")

    sentence = the_message(run_module(name, vm=web, secrets=[SECRET], **OPTIONS[name]))

    assert sentence.startswith(f"opening {web}: the VIX library crashed in Vix")
    assert "VixHost_OpenVM (SIGSEGV)" in sentence


@every_module
def test_endless_job(openvix, web, run_module, name):
    """The lesson of dshikashio/vixpy issue 1: stuck for ever in the wait for a job."""
    openvix.fault(call="VixHost_OpenVM", hang=True, where="job")

    result = run_module(name, vm=web, timeout=1, passed=lambda: bool(openvix.calls("VixHost_OpenVM")), secrets=[SECRET], **OPTIONS[name])

    assert the_message(result) == f"opening {web}: timed out after 1 s; VIX cannot cancel the operation, so it may still finish"


@every_module
def test_unreachable_host(openvix, web, run_module, monkeypatch, tmp_path, name):
    monkeypatch.setenv("OPENVIX_WORLD", str(tmp_path / "none"))

    result = run_module(name, vm=web, secrets=[SECRET], **OPTIONS[name])

    assert the_message(result).startswith("connecting to this machine: ")
    assert "(VIX_E_HOST_NOT_CONNECTED, 26); start VMware, or the OpenVIX world that OPENVIX_WORLD names" in result["msg"]


@every_module
def test_killed_daemon_restarted(openvix, web, run_module, name):
    openvix.kill_daemon()

    assert run_module(name, vm=web, **OPTIONS[name])["_rc"] == 0


@pytest.mark.parametrize("name", ["vm_power", "vm_info"])
def test_high_code_bits_ignored(openvix, web, run_module, name):
    openvix.fault(call="VixHost_OpenVM", error=4000, junk=0x7FFF12345678)

    assert run_module(name, vm=web, **OPTIONS[name])["vix_code"] == 4000


@every_guest_module
def test_password_not_in_argv_or_environment(openvix, web, run_module, name):
    openvix.fault(call="VixVM_LoginInGuest", hang=True)
    openvix.forgive_leaks("the process of the library is killed")
    results, looked = [], threading.Event()
    task = threading.Thread(
        target=lambda: results.append(run_module(name, vm=web, timeout=1, passed=lambda: ENDED * looked.is_set(), secrets=[SECRET], **OPTIONS[name]))
    )

    task.start()
    while task.is_alive() and not openvix.calls("VixVM_LoginInGuest"):
        time.sleep(0.01)
    clients = [call["client"] for call in openvix.calls("VixVM_LoginInGuest")]
    tasks = [process for client in clients for process in session_of(client)]
    seen = [process for process in tasks if shows(process, SECRET)]
    looked.set()
    task.join()

    assert clients, results
    assert the_message(results[0]).startswith(f"logging lab in to the guest of {web}: timed out")
    assert len(tasks) > 1, "the module and its child are looked at"
    assert seen == []


def session_of(client):
    """The processes of the task that a client of the library is part of."""
    session = os.getsid(client)
    for process in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(ProcessLookupError):
            if os.getsid(int(process)) == session:
                yield process


def shows(process, secret):
    return any(secret.encode() in read(process, name) for name in ("cmdline", "environ"))


def read(process, name):
    try:
        return pathlib.Path("/proc", process, name).read_bytes()
    except OSError:  # it ended meanwhile, or is another user's
        return b""


@every_guest_module
def test_password_not_in_files(openvix, web, run_module, tmp_path_factory, name):
    base = tmp_path_factory.getbasetemp()
    before = set(base.iterdir())
    run_module(name, vm=web, secrets=[SECRET], **OPTIONS[name])

    places = [*(set(base.iterdir()) - before), pathlib.Path(openvix.directory)]
    assert len(places) > 1, "the directory of the task is examined"
    own = pathlib.Path(openvix.directory) / "vms"  # the world keeps its accounts there
    files = [path for place in places for path in place.rglob("*") if path.is_file() and own not in path.parents]
    assert [path for path in files if SECRET.encode() in path.read_bytes()] == []


@pytest.mark.parametrize("name", ["vm_power", "vm_info"])
def test_vm_password_not_in_output(openvix, web, run_module, name):
    openvix.fault(call="VixHost_OpenVM", error=17005)

    sentence = the_message(run_module(name, vm=web, vm_password="s3cret-of-vm", secrets=["s3cret-of-vm"], **OPTIONS[name]))

    assert sentence.endswith("; check vm_password")


def test_fusion_connect_retried_with_option(openvix, run_module, web):
    openvix.fault(call="VixHost_Connect", times=1, error=32)

    assert run_module("vm_info", vm=web)["vms"][0]["path"] == web
    assert len(openvix.calls("VixHost_Connect")) == 2


def test_refused_licence_reported(openvix, run_module, web):
    openvix.fault(call="VixHost_Connect", error=32)

    assert "(VIX_E_LICENSE, 32); check the licence" in the_message(run_module("vm_info", vm=web))


@pytest.mark.parametrize("variable", ["VIX_LIBRARY", "VIX_PROVIDER"])
def test_environment_replaces_options(run_module, web, monkeypatch, variable):
    assert run_module("vm_info", vm=web)["_rc"] == 0
    monkeypatch.setenv(variable, "nonsense")
    assert run_module("vm_info", vm=web)["_rc"] == 1
