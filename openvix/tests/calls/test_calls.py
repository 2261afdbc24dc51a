# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import inspect
import time
from pathlib import Path

import pytest
from checkout import OPENVIX
from protocol_client import Client
from waiting import eventually

from openvix import calls
from openvix.calls import table
from openvix.vix import constants
from openvix.vix.signatures import DAEMON_FUNCTIONS, JOBS, SIGNATURES

OFF, ON, SUSPENDED, PAUSED = "powered_off", "powered_on", "suspended", "paused"
INVALID = constants.VIX_E_INVALID_ARG
HEADER = OPENVIX / "native" / "libvix" / "vix.h"


@pytest.fixture
def client(openvix):
    with Client(openvix.directory) as connected:
        yield connected


# Connecting


def connecting(client, **changed):
    said = {"version": -1, "provider": 3, "host": None, "port": 0, "user": None, "password": None, "options": 0, "properties": []} | changed
    return client.code("VixHost_Connect", *said.values())


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({}, 0),
        ({"provider": 1}, 0),
        ({"host": "", "user": "", "password": ""}, 0),
        ({"options": 0x200 | constants.VIX_HOSTOPTION_VERIFY_SSL_CERT}, 0),
        ({"version": 1}, INVALID),
        ({"options": 1}, INVALID),
        ({"properties": [7001, "x"]}, INVALID),
        ({"provider": 2}, constants.VIX_E_WRAPPER_SERVICEPROVIDER_NOT_FOUND),
        ({"provider": 4}, constants.VIX_E_WRAPPER_PLAYER_NOT_INSTALLED),
        ({"provider": 99}, constants.VIX_E_WRAPPER_SERVICEPROVIDER_NOT_FOUND),
        ({"provider": 10, "host": "https://esx/sdk", "user": "root", "password": "x"}, constants.VIX_E_NOT_SUPPORTED),
        ({"provider": 11, "host": "https://ws/sdk", "user": "root", "password": "x"}, constants.VIX_E_NOT_SUPPORTED),
        ({"provider": 11, "user": "root", "password": "x"}, constants.VIX_E_INVALID_HOSTNAME_SPECIFICATION),
        ({"host": "elsewhere"}, constants.VIX_E_NOT_FOR_REMOTE_HOST),
    ],
)
def test_connect_checks_arguments_of_provider(client, changed, code):
    assert connecting(client, **changed) == code


@pytest.mark.openvix(product="fusion", needs_host_option=0x200)
def test_world_requires_option_of_fusion_26(openvix):
    with pytest.raises(AssertionError, match="32"):
        Client(openvix.directory)
    with Client(openvix.directory, options=0x200) as client:
        assert connecting(client) == constants.VIX_E_LICENSE


def test_each_connection_is_a_separate_host(client):
    other = client.one("VixHost_Connect", -1, 1, None, 0, None, None, 0, [])
    assert other != client.host
    find = ("VixHost_FindItems", other, constants.VIX_FIND_RUNNING_VMS, [], -1)
    client.items(*find)
    client.connection.begin("VixHost_Disconnect", other)
    assert client.code(*find) == constants.VIX_E_INVALID_HANDLE
    client.items("VixHost_FindItems", client.host, constants.VIX_FIND_RUNNING_VMS, [], -1)


def test_host_reports_its_product(openvix, client):
    wanted = [constants.VIX_PROPERTY_HOST_HOSTTYPE, constants.VIX_PROPERTY_HOST_SOFTWARE_VERSION]
    [[*_, kind, _, version]] = client.items("Vix_GetProperties", constants.VIX_HANDLETYPE_HOST, client.host, wanted)
    assert kind == constants.VIX_SERVICEPROVIDER_VMWARE_WORKSTATION
    assert version.startswith("VMware Workstation 17.6.0")


# Finding and opening


def test_running_vms_are_on_or_paused(openvix, client):
    paths = {state: openvix.add_vm(f"vm-{state}", power=state) for state in (OFF, ON, SUSPENDED, PAUSED)}
    found = client.items("VixHost_FindItems", client.host, constants.VIX_FIND_RUNNING_VMS, [], -1)
    assert sorted(item[1] for item in found) == sorted([paths[ON], paths[PAUSED]])
    assert {item[0] for item in found} == {constants.VIX_PROPERTY_FOUND_ITEM_LOCATION}


@pytest.mark.parametrize(
    ("arguments", "code"), [((constants.VIX_FIND_REGISTERED_VMS, [], -1), constants.VIX_E_NOT_SUPPORTED), ((1, [], 0), INVALID), ((2, [], -1), INVALID)]
)
def test_other_searches_are_rejected(client, arguments, code):
    assert client.code("VixHost_FindItems", client.host, *arguments) == code


@pytest.mark.parametrize("call", ["VixHost_OpenVM", "VixVM_Open"])
def test_vm_opens_by_any_path_to_its_vmx(openvix, client, call, tmp_path):
    vm = openvix.add_vm("web")
    (tmp_path / "link.vmx").symlink_to(vm)
    more = (constants.VIX_VMOPEN_NORMAL, [constants.VIX_PROPERTY_VM_ENCRYPTION_PASSWORD, "x"]) if call == "VixHost_OpenVM" else ()
    for path in (vm, vm.replace("/web/", "/web/../web//"), str(tmp_path / "link.vmx")):
        assert client.one(call, client.host, path, *more) == vm


def test_path_without_vm_is_not_found(openvix, client, tmp_path):
    vm = Path(openvix.add_vm("web"))
    strange = tmp_path / "other.vmx"
    strange.touch()
    result = {str(path): client.code("VixVM_Open", client.host, str(path)) for path in (strange, vm.parent, vm.with_name("no.vmx"), vm.with_suffix(".vmdk"))}
    assert list(result.values()) == [constants.VIX_E_VM_NOT_FOUND] * 3 + [constants.VIX_E_CANNOT_READ_VM_CONFIG]
    for path in ("web.vmx", "", None):
        assert client.code("VixVM_Open", client.host, path) == INVALID
    assert client.code("VixHost_OpenVM", client.host, str(vm), 1, []) == INVALID
    assert client.code("VixHost_OpenVM", client.host, str(vm), 0, [constants.VIX_PROPERTY_VM_NAME, "x"]) == INVALID


def test_removed_vm_cannot_be_opened(openvix, client):
    vm = Path(openvix.add_vm("web"))
    vm.unlink()
    assert client.code("VixVM_Open", client.host, str(vm)) == constants.VIX_E_VM_NOT_FOUND


# Properties


@pytest.mark.parametrize("key", [constants.VIX_PROPERTY_HOST_HOSTTYPE, constants.VIX_PROPERTY_GUEST_SHAREDFOLDERS_SHARES_PATH, 12345, 0])
def test_unknown_property_fails_the_whole_call(openvix, client, key):
    vm = openvix.add_vm("web")
    wanted = [constants.VIX_PROPERTY_VM_NAME, key]
    assert client.code("Vix_GetProperties", constants.VIX_HANDLETYPE_VM, vm, wanted) == constants.VIX_E_UNRECOGNIZED_PROPERTY


def test_properties_have_types_of_the_header(openvix, client):
    vm = openvix.add_vm("web", snapshots=[{"name": "a"}], power=ON)
    snapshot = client.one("VixVM_GetRootSnapshot", vm, 0)
    kinds = {constants.VIX_PROPERTYTYPE_STRING: str, constants.VIX_PROPERTYTYPE_INTEGER: int, constants.VIX_PROPERTYTYPE_BOOL: int}
    for kind, reference, known in (
        (constants.VIX_HANDLETYPE_HOST, client.host, calls.HOST_PROPERTIES),
        (constants.VIX_HANDLETYPE_VM, vm, calls.VM_PROPERTIES),
        (constants.VIX_HANDLETYPE_SNAPSHOT, snapshot, calls.SNAPSHOT_PROPERTIES),
    ):
        [item] = client.items("Vix_GetProperties", kind, reference, list(known))
        assert item[::2] == list(known)
        for key, value in zip(item[::2], item[1::2], strict=True):
            # A text may be NULL.
            assert type(value) is kinds[constants.PROPERTY_TYPES[key]] or (key, value) == (constants.VIX_PROPERTY_VM_VMTEAM_PATHNAME, None), key


def test_unknown_reference_is_an_invalid_handle(openvix, client):
    vm = openvix.add_vm("web")
    for call in (
        ("VixVM_PowerOn", "/none.vmx", 0, []),
        ("VixVM_Open", "host-99", vm),
        ("VixSnapshot_GetParent", "/none.vmx#1"),
        ("VixSnapshot_GetParent", f"{vm}#x"),
        ("Vix_GetProperties", constants.VIX_HANDLETYPE_SNAPSHOT, vm, []),
        ("Vix_GetProperties", constants.VIX_HANDLETYPE_HOST, "host-99", []),
    ):
        assert client.code(*call) == constants.VIX_E_INVALID_HANDLE, call


# Functions


def test_the_table_answers_every_daemon_function():
    assert set(calls.TABLE) == DAEMON_FUNCTIONS


def test_functions_with_callback_are_jobs():
    header = HEADER.read_text(encoding="utf-8")
    assert [name for name in DAEMON_FUNCTIONS if f" {name}(" not in header] == []
    assert {line.split("(")[0].split()[-1] for line in header.splitlines() if "VixEventProc *callbackProc" in line} == JOBS


@pytest.mark.parametrize("name", SIGNATURES)
def test_implementation_takes_signed_arguments(name):
    inspect.signature(calls.TABLE[name]).bind("call", *SIGNATURES[name])


@pytest.mark.parametrize("name", ["VixVM_Levitate", "OpenVIX_ReleaseHost", "VixVM_PowerOn"])
def test_second_or_unknown_implementation_is_rejected(name):
    with pytest.raises(LookupError, match=f"^{name} "):
        table.answers(name)


def test_unknown_function_is_not_supported(client):
    assert client.code("VixVM_Levitate", "x") == constants.VIX_E_NOT_SUPPORTED


# Guests

GUEST_CALLS = {
    "VixVM_RunProgramInGuest": ("/bin/true", None, 0, []),
    "VixVM_RunScriptInGuest": (None, "exit 0", 0, []),
    "VixVM_ListProcessesInGuest": (0,),
    "VixVM_KillProcessInGuest": (99999, 0),
    "VixVM_CopyFileFromHostToGuest": ("/none", "/tmp/x", 0, []),
    "VixVM_CopyFileFromGuestToHost": ("/none", "/none/x", 0, []),
    "VixVM_DeleteFileInGuest": ("/none",),
    "VixVM_FileExistsInGuest": ("/none",),
    "VixVM_RenameFileInGuest": ("/none", "/tmp/x", 0, []),
    "VixVM_CreateTempFileInGuest": (0, []),
    "VixVM_GetFileInfoInGuest": ("/none",),
    "VixVM_ListDirectoryInGuest": ("/none", 0),
    "VixVM_CreateDirectoryInGuest": ("/tmp", []),
    "VixVM_DeleteDirectoryInGuest": ("/none", 0),
    "VixVM_DirectoryExistsInGuest": ("/none",),
}


@pytest.mark.parametrize("function", GUEST_CALLS)
def test_guest_call_reports_the_first_obstacle(openvix, client, function):
    states = {
        "off": ({}, constants.VIX_E_VM_NOT_RUNNING),
        "suspended": ({"power": SUSPENDED}, constants.VIX_E_VM_NOT_RUNNING),
        "paused": ({"power": PAUSED}, constants.VIX_E_TOOLS_NOT_RUNNING),
        "booting": ({"power": ON, "boot_seconds": 60}, constants.VIX_E_TOOLS_NOT_RUNNING),
        "toolless": ({"power": ON, "tools": "not_installed"}, constants.VIX_E_TOOLS_NOT_RUNNING),
        "closed": ({"power": ON, "guest_operations": False}, constants.VIX_E_GUEST_OPERATIONS_PROHIBITED),
        "open": ({"power": ON}, constants.VIX_E_ANON_GUEST_OPERATIONS_PROHIBITED),
    }
    result = {name: client.code(function, openvix.add_vm(name, **settings), *GUEST_CALLS[function]) for name, (settings, _) in states.items()}
    assert result == {name: code for name, (_, code) in states.items()}


@pytest.mark.parametrize("function", [name for name, arguments in GUEST_CALLS.items() if isinstance(arguments[0], str)])
@pytest.mark.parametrize("path", [None, ""])
def test_empty_path_is_invalid_also_if_vm_is_off(openvix, client, function, path):
    vm = openvix.add_vm("web")
    assert client.code(function, vm, path, *GUEST_CALLS[function][1:]) == INVALID


@pytest.mark.parametrize(
    ("settings", "login", "code"),
    [
        ({"power": ON}, ("lab", "lab", 0), 0),
        ({"power": ON}, ("lab", "wrong", 0), constants.VIX_E_GUEST_USER_PERMISSIONS),
        ({"power": ON}, ("nobody", "lab", 0), constants.VIX_E_GUEST_USER_PERMISSIONS),
        ({"power": ON, "accounts": [{"name": "lab"}]}, ("lab", "", 0), 0),
        ({"power": ON, "accounts": [{"name": "lab"}]}, ("lab", "any", 0), 0),
        ({"power": ON, "accounts": [{"name": "lab", "locked": True}]}, ("lab", "", 0), constants.VIX_E_GUEST_USER_PERMISSIONS),
        ({"power": ON}, ("lab", "lab", 8), constants.VIX_E_INTERACTIVE_SESSION_NOT_PRESENT),
        ({"power": ON}, ("lab", "lab", 1), INVALID),
        ({"power": ON}, (None, "lab", 0), INVALID),
        ({"power": ON}, ("", "lab", 0), INVALID),
        ({}, ("lab", "lab", 0), constants.VIX_E_VM_NOT_RUNNING),
        ({"power": ON, "tools": "not_installed"}, ("lab", "lab", 0), constants.VIX_E_TOOLS_NOT_RUNNING),
        ({"power": ON, "guest_operations": False}, ("lab", "lab", 0), constants.VIX_E_GUEST_OPERATIONS_PROHIBITED),
    ],
)
def test_login_checks_guest_and_credentials(openvix, client, settings, login, code):
    assert client.code("VixVM_LoginInGuest", openvix.add_vm("web", **settings), *login) == code


def test_failed_login_keeps_the_current_one(openvix, client):
    vm = openvix.add_vm("web", power=ON)
    client.log_in(vm)
    client.code("VixVM_LoginInGuest", vm, "lab", "wrong", 0)
    assert client.is_logged_in(vm)


def test_login_is_per_client_and_vm(openvix, client):
    vm, other = openvix.add_vm("web", power=ON), openvix.add_vm("db", power=ON)
    client.log_in(vm)
    with Client(openvix.directory) as second:
        assert (client.is_logged_in(vm), client.is_logged_in(other), second.is_logged_in(vm)) == (True, False, False)


def go_off(client, vm):
    client.items("VixVM_PowerOff", vm, 0)
    client.items("VixVM_PowerOn", vm, 0, [])


def revert(client, vm):
    client.revert(vm, client.take(vm, memory=True))


def suspend(client, vm):
    client.items("VixVM_Suspend", vm, 0)
    client.items("VixVM_PowerOn", vm, 0, [])


def disconnect(client, vm):
    client.connection.begin("VixHost_Disconnect", client.host)


@pytest.mark.parametrize(
    ("act", "kept"),
    [
        (go_off, False),
        (revert, False),
        (disconnect, False),
        (lambda client, vm: client.items("VixVM_LogoutFromGuest", vm), False),
        (lambda client, vm: client.connection.begin("OpenVIX_ReleaseVM", vm), False),
        (lambda client, vm: client.items("VixVM_Reset", vm, 0), True),
        (suspend, True),
    ],
    ids=["power_off", "revert", "disconnect", "logout", "release", "reset", "suspend"],
)
def test_login_ends(openvix, client, act, kept):
    vm = openvix.add_vm("web", power=ON)
    client.one("VixVM_Open", client.host, vm)
    client.log_in(vm)
    assert client.is_logged_in(vm)
    act(client, vm)
    assert client.is_logged_in(vm) == kept


def test_second_logout_succeeds(openvix, client):
    vm = openvix.add_vm("web")
    client.items("VixVM_LogoutFromGuest", vm)


def test_guest_calls_return_documented_results(openvix, client, tmp_path):
    vm = openvix.add_vm("web", power=ON, files={"/etc/motd": "Welcome"})
    client.log_in(vm)
    (tmp_path / "in").write_text("carried")

    client.items("VixVM_CreateDirectoryInGuest", vm, "/home/lab/a/b", [])
    client.items("VixVM_CopyFileFromHostToGuest", vm, str(tmp_path / "in"), "/home/lab/a/b/file", 0, [])
    assert (openvix.disk(vm) / "home/lab/a/b/file").read_text() == "carried"
    [info] = client.items("VixVM_GetFileInfoInGuest", vm, "/home/lab/a/b/file")
    assert info[::2] == [
        constants.VIX_PROPERTY_JOB_RESULT_FILE_SIZE,
        constants.VIX_PROPERTY_JOB_RESULT_FILE_FLAGS,
        constants.VIX_PROPERTY_JOB_RESULT_FILE_MOD_TIME,
    ]
    assert info[1:4:2] == [7, 0]
    [listed] = client.items("VixVM_ListDirectoryInGuest", vm, "/home/lab/a", 0)
    assert listed[:6] == [
        constants.VIX_PROPERTY_JOB_RESULT_ITEM_NAME,
        "b",
        constants.VIX_PROPERTY_JOB_RESULT_FILE_SIZE,
        0,
        constants.VIX_PROPERTY_JOB_RESULT_FILE_FLAGS,
        1,
    ]
    client.items("VixVM_RenameFileInGuest", vm, "/home/lab/a/b/file", "/home/lab/a/other", 0, [])
    client.items("VixVM_CopyFileFromGuestToHost", vm, "/home/lab/a/other", str(tmp_path / "out"), 0, [])
    assert (tmp_path / "out").read_text() == "carried"

    exists = constants.VIX_PROPERTY_JOB_RESULT_GUEST_OBJECT_EXISTS
    assert client.items("VixVM_FileExistsInGuest", vm, "/etc/motd") == [[exists, 1]]
    assert client.items("VixVM_DirectoryExistsInGuest", vm, "/etc/motd") == [[exists, 0]]
    client.items("VixVM_DeleteFileInGuest", vm, "/home/lab/a/other")
    client.items("VixVM_DeleteDirectoryInGuest", vm, "/home/lab/a", 0)
    assert client.items("VixVM_DirectoryExistsInGuest", vm, "/home/lab/a") == [[exists, 0]]
    temporary = client.one("VixVM_CreateTempFileInGuest", vm, 0, [])
    assert client.items("VixVM_FileExistsInGuest", vm, temporary) == [[exists, 1]]
    assert client.code("VixVM_GetFileInfoInGuest", vm, "/none") == constants.VIX_E_FILE_NOT_FOUND


def test_program_reports_pid_time_and_exit_code(openvix, client):
    vm = openvix.add_vm("web", power=ON)
    client.log_in(vm)
    [ended] = client.items("VixVM_RunProgramInGuest", vm, "/bin/sh", "-c 'exit 7'", 0, [])
    keys = [
        constants.VIX_PROPERTY_JOB_RESULT_PROCESS_ID,
        constants.VIX_PROPERTY_JOB_RESULT_GUEST_PROGRAM_ELAPSED_TIME,
        constants.VIX_PROPERTY_JOB_RESULT_GUEST_PROGRAM_EXIT_CODE,
    ]
    assert ended[::2] == keys
    assert ended[5] == 7
    [script] = client.items("VixVM_RunScriptInGuest", vm, None, "exit 3", 0, [])
    assert script[5] == 3


def test_started_program_is_listed_until_killed(openvix, client):
    vm = openvix.add_vm("web", power=ON)
    client.log_in(vm)
    [[_, pid, _, elapsed, _, code]] = client.items("VixVM_RunProgramInGuest", vm, "/bin/sleep", "60", constants.VIX_RUNPROGRAM_RETURN_IMMEDIATELY, [])
    assert (elapsed, code) == (0, 0)

    def pids():
        return [item[3] for item in client.items("VixVM_ListProcessesInGuest", vm, 0)]

    assert pid in pids()
    client.items("VixVM_KillProcessInGuest", vm, pid, 0)
    assert pid not in pids()
    assert client.code("VixVM_KillProcessInGuest", vm, pid, 0) == constants.VIX_E_NO_SUCH_PROCESS


def test_program_ends_with_its_vm(openvix, client):
    vm = openvix.add_vm("web", power=ON)
    client.log_in(vm)
    job = client.connection.begin("VixVM_RunProgramInGuest", vm, "/bin/sleep", "60", 0, [])
    eventually(lambda: any("sleep" in item for item in client.items("VixVM_ListProcessesInGuest", vm, 0)))
    client.items("VixVM_PowerOff", vm, 0)
    assert client.connection.wait(job)[0] == constants.VIX_E_VM_NOT_RUNNING


def test_long_script_is_too_big(openvix, client):
    vm = openvix.add_vm("web", power=ON)
    client.log_in(vm)
    assert client.code("VixVM_RunScriptInGuest", vm, "/bin/sh", "#" * (60536 - 7), 0, []) == 0
    assert client.code("VixVM_RunScriptInGuest", vm, "/bin/sh", "#" * (60536 - 6), 0, []) == constants.VIX_E_ARGUMENT_TOO_BIG


def test_old_tools_list_no_command_lines(openvix, client):
    vm = openvix.add_vm("web", power=ON, processes=[{"name": "cron", "command": "/usr/sbin/cron -f"}], process_commands=False)
    client.log_in(vm)
    items = client.items("VixVM_ListProcessesInGuest", vm, 0)
    assert any("cron" in item for item in items)
    assert not any(constants.VIX_PROPERTY_JOB_RESULT_PROCESS_COMMAND in item or "/usr/sbin/cron -f" in item for item in items)


WORDY = [{"name": f"p{number}", "command": f"/bin/p{number} {'x' * 2000}"} for number in range(40)]


def test_long_process_list_is_truncated_silently(openvix, client):
    vm = openvix.add_vm("web", power=ON, processes=WORDY)
    client.log_in(vm)
    # 65,387 bytes, of which init needs 93 and each of the others some 2,100.
    assert len(client.items("VixVM_ListProcessesInGuest", vm, 0)) == 32
    openvix.change_vm(vm, tools_options={"process_bytes": 0})
    assert len(client.items("VixVM_ListProcessesInGuest", vm, 0)) == 41


def test_size_of_process_list_counts_every_byte(openvix, client):
    vm = openvix.add_vm("web", power=ON, processes=[{"name": "x", "command": "/bin/x <&>%"}])
    client.log_in(vm)
    start = 10  # digits, until the year 2286
    init = len("<proc><cmd>init</cmd><name>/sbin/init</name><pid>1</pid><user>root</user><start></start></proc>") + start
    other = len("<proc><cmd>x</cmd><name>/bin/x %3C%26%3E%25</name><pid>2</pid><user>root</user><start></start></proc>") + start
    for missing, count in ((0, 2), (1, 1)):
        openvix.change_vm(vm, tools_options={"process_bytes": len("<escaped/>") + init + other - missing})
        assert len(client.items("VixVM_ListProcessesInGuest", vm, 0)) == count


def test_name_of_process_can_be_the_command_line(openvix, client):
    vm = openvix.add_vm("web", power=ON, processes=[{"name": "cron", "command": "/usr/sbin/cron -f"}])
    client.log_in(vm)
    name, command = constants.VIX_PROPERTY_JOB_RESULT_ITEM_NAME, constants.VIX_PROPERTY_JOB_RESULT_PROCESS_COMMAND

    def texts():
        item = client.items("VixVM_ListProcessesInGuest", vm, 0)[1]
        return item[item.index(name) + 1], item[item.index(command) + 1]

    assert texts() == ("cron", "/usr/sbin/cron -f")
    openvix.change_vm(vm, tools_options={"process_name": "command_line"})
    assert texts() == ("/usr/sbin/cron -f", "cron")


def test_killed_program_has_the_configured_code(openvix, client):
    vm = openvix.add_vm("web", power=ON)
    client.log_in(vm)

    def code():
        [item] = client.items("VixVM_RunProgramInGuest", vm, "/bin/sh", "-c 'kill -9 $$'", 0, [])
        return item[5]

    assert code() == 0
    openvix.change_vm(vm, tools_options={"killed_exit_code": "signal"})
    assert code() == 137


@pytest.mark.openvix(clock="stepped")
def test_directory_is_read_anew_for_each_page(openvix, client):
    vm = openvix.add_vm("web", power=ON)
    client.log_in(vm)
    for name in "abcdefg":
        (openvix.disk(vm) / "srv" / name).touch()
    names = [item[1] for item in client.items("VixVM_ListDirectoryInGuest", vm, "/srv", 0)]
    openvix.change_vm(vm, tools_options={"page_files": 3, "login_seconds": 1})
    job = client.connection.begin("VixVM_ListDirectoryInGuest", vm, "/srv", 0)
    time.sleep(0.2)
    openvix.advance(1.01)
    time.sleep(0.3)
    # The second page begins one entry later than it would have.
    (openvix.disk(vm) / "srv" / names[0]).unlink()
    openvix.advance(1.01)
    error, items, _ = client.connection.wait(job)
    assert (error, [item[1] for item in items]) == (0, names[:3] + names[4:])


def test_all_pages_of_a_directory_are_listed(openvix, client):
    vm = openvix.add_vm("web", power=ON)
    client.log_in(vm)
    for number in range(800):
        (openvix.disk(vm) / f"srv/{number}").touch()
    for size in (361, 400, 0):
        openvix.change_vm(vm, tools_options={"page_files": size})
        assert len({item[1] for item in client.items("VixVM_ListDirectoryInGuest", vm, "/srv", 0)}) == 800


# The delays of VMware Tools, by a clock that only the test advances.


def waiting_for(openvix, client, job, seconds):
    """Check that a job ends after these seconds and not before; return its result."""
    time.sleep(0.2)
    openvix.advance(seconds - 0.01)
    time.sleep(0.2)
    assert openvix.calls()[-1]["error"] is None
    openvix.advance(0.02)
    return client.connection.wait(job)


@pytest.mark.openvix(clock="stepped")
def test_login_and_refusal_take_their_seconds(openvix, client):
    vm = openvix.add_vm("web", power=ON, tools_options={"login_seconds": 0.5, "refusal_seconds": 3})
    job = client.connection.begin("VixVM_LoginInGuest", vm, "lab", "wrong", 0)
    assert waiting_for(openvix, client, job, 3)[0] == constants.VIX_E_GUEST_USER_PERMISSIONS
    job = client.connection.begin("VixVM_LoginInGuest", vm, "lab", "lab", 0)
    assert waiting_for(openvix, client, job, 0.5)[0] == 0
    # Each operation logs in again.
    job = client.connection.begin("VixVM_FileExistsInGuest", vm, "/etc/passwd")
    assert waiting_for(openvix, client, job, 0.5)[0] == 0


@pytest.mark.openvix(clock="stepped")
def test_end_of_program_is_seen_each_second(openvix, client):
    vm = openvix.add_vm("web", power=ON, tools_options={"program_seconds": 1})
    client.log_in(vm)
    job = client.connection.begin("VixVM_RunProgramInGuest", vm, "/bin/true", None, 0, [])
    eventually(lambda: [call for call in openvix.calls() if call["call"] == "VixVM_RunProgramInGuest"])
    assert waiting_for(openvix, client, job, 1)[0] == 0


@pytest.mark.parametrize("alone", [True, False])
def test_kill_holds_up_others_by_the_options(openvix, client, alone):
    vm = openvix.add_vm("web", power=ON, tools_options={"one_at_a_time": alone, "term_seconds": 1.5})
    client.log_in(vm)
    ready = f"{openvix.disk(vm)}/tmp/ready"
    line = "-c 'trap \"\" TERM; echo >/tmp/ready; while :; do sleep 0.1; done'"
    pid = client.items("VixVM_RunProgramInGuest", vm, "/bin/sh", line, 1, [])[0][1]
    eventually(Path(ready).exists)
    begun = time.monotonic()
    job = client.connection.begin("VixVM_KillProcessInGuest", vm, pid, 0)
    eventually(lambda: openvix.calls("VixVM_KillProcessInGuest"))
    time.sleep(0.2)
    assert client.code("VixVM_FileExistsInGuest", vm, "/etc/passwd") == 0
    assert (time.monotonic() - begun > 1.4) is alone
    assert client.connection.wait(job)[0] == 0


def test_programs_run_beside_each_other(openvix, client):
    vm = openvix.add_vm("web", power=ON, tools_options={"one_at_a_time": True})
    client.log_in(vm)
    job = client.connection.begin("VixVM_RunProgramInGuest", vm, "/bin/sh", "-c 'until [ -e /tmp/go ]; do sleep 0.05; done'", 0, [])
    eventually(lambda: any("/tmp/go" in str(item) for item in client.items("VixVM_ListProcessesInGuest", vm, 0)))
    assert client.code("VixVM_RunProgramInGuest", vm, "/bin/sh", "-c ': >/tmp/go'", 0, []) == 0
    assert client.connection.wait(job)[0] == 0


def test_stalled_kill_fails_though_the_process_is_dead(openvix, client):
    vm = openvix.add_vm("web", power=ON, processes=[{"name": "cron"}])
    client.log_in(vm)
    openvix.fault(call="VixVM_KillProcessInGuest", error=1, where="after", delay=0.5)
    [pid] = [item[3] for item in client.items("VixVM_ListProcessesInGuest", vm, 0) if "cron" in item]
    begun = time.monotonic()
    assert client.code("VixVM_KillProcessInGuest", vm, pid, 0) == constants.VIX_E_FAIL
    assert time.monotonic() - begun >= 0.5
    assert len(client.items("VixVM_ListProcessesInGuest", vm, 0)) == 1
