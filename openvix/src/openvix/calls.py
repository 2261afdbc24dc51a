# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of calls: which function of vix.h is answered by what, and which arguments it takes.

A signature has one letter for each argument: h a host, v a VM, p a snapshot, o a snapshot or none, s a text or NULL, i an integer, l a property list.
A function answers with a list of items, each a list of property id and value in turn, or raises Failure.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from openvix import clones, deletion, encryption, facts, folders, screen, snapshots, upgrades, variables
from openvix.failure import Failure
from openvix.machine import OFF, Machine
from openvix.wire import Breach

# Host options: one of them is in no header, yet Fusion 26 wants it (semantics.md section 2.2).
HOST_OPTIONS = facts.VIX_HOSTOPTION_VERIFY_SSL_CERT | 0x200
API_VERSION = 19
# What the guest can say in one message to the host (semantics.md section 18), and what it says of a process beside its texts.
MESSAGE, PROCESS = 65536, 64
LARGEST_SCRIPT = 60536

TABLE = {}
JOBS = set()


def direct(name: str, signature: str):
    """Answer the function of this name at once."""

    def enter(function):
        TABLE[name] = (function, signature)
        return function

    return enter


def job(name: str, signature: str):
    """Answer the function of this name as a job."""

    def enter(function):
        JOBS.add(name)
        return direct(name, signature)(function)

    return enter


@dataclass(frozen=True)
class Refusal:
    """What answers a call that cannot even begin."""

    code: int

    def __call__(self, call, *arguments):
        raise Failure(self.code)


def understand(client, function: str, arguments: list):
    """Return what answers this call, its arguments with objects in the place of references, and the VM that it is about (None: none)."""
    world = client.world
    entry = TABLE.get(function)
    if entry is None or function in world.plays.lacks:
        first = arguments[0] if arguments and isinstance(arguments[0], str) else ""
        return Refusal(facts.VIX_E_NOT_SUPPORTED), (), world.machines.get(first)
    answer, signature = entry
    if len(arguments) != len(signature):
        raise Breach(f"{function} with {len(arguments)} arguments")
    meant = None
    understood = []
    for letter, value in zip(signature, arguments, strict=True):
        if type(value) is not FORMS[letter] and not (value is None and letter in "spo"):
            raise Breach(f"{function} with an argument that is no {FORMS[letter].__name__}")
        if letter == "v":
            if value in world.deleted:
                answer = Refusal(facts.VIX_E_VM_NOT_FOUND)
                letter = "s"
            value = meant = world.machines.get(value)
        elif letter == "p" or (letter == "o" and value is not None):
            value = snapshot_of(world, value)
            meant = meant or (value and value[0])
            letter = "p"
        elif letter == "h" and value not in client.hosts:
            value = None
        if value is None and letter in "hvp":
            answer = Refusal(facts.VIX_E_INVALID_HANDLE)
        understood.append(value)
    if function in NAMES and understood[1]:
        meant = named(world, understood[1])
    elif function == "Vix_GetProperties":
        kept = snapshot_of(world, understood[1])
        meant = kept[0] if kept else world.machines.get(understood[1])
    return answer, understood, meant


FORMS = {"h": str, "v": str, "p": str, "o": str, "s": str, "i": int, "l": list}
# These name a VM by the path of its .vmx.
NAMES = ("VixHost_OpenVM", "VixVM_Open", "VixHost_RegisterVM", "VixHost_UnregisterVM")


def named(world, text: str) -> Machine | None:
    """Return the VM whose .vmx has this path in the notation of the product."""
    path = world.plays.meant(world.directory, text)
    return path and world.find(path)


def reference(machine: Machine, uid: int) -> str:
    """Return the reference of a snapshot; that of a VM is the path of its .vmx."""
    return f"{machine.path}#{uid}"


def snapshot_of(world, text: str | None) -> tuple[Machine, int] | None:
    path, _, uid = (text or "").rpartition("#")
    machine = world.machines.get(path)
    return (machine, int(uid)) if machine and uid.isdigit() else None


def require(right: bool):
    """Raise VIX_E_INVALID_ARG unless an argument is right."""
    if not right:
        raise Failure(facts.VIX_E_INVALID_ARG)


def require_bits(value: int, allowed: int):
    require(not value & ~allowed)


# Host


@job("VixHost_Connect", "iisissil")
def connect(call, api_version, provider, host_name, port, user_name, password, options, properties):
    require(api_version == facts.VIX_API_VERSION and not properties)
    require_bits(options, HOST_OPTIONS)
    world = call.world
    plays = world.plays
    if provider != plays.provider and (provider != facts.VIX_SERVICEPROVIDER_DEFAULT or plays.is_remote):
        if provider in REMOTE:
            raise Failure(facts.VIX_E_NOT_SUPPORTED if host_name else facts.VIX_E_INVALID_HOSTNAME_SPECIFICATION)
        raise Failure(MISSING_PROVIDERS.get(provider, facts.VIX_E_WRAPPER_SERVICEPROVIDER_NOT_FOUND))
    if plays.is_remote:
        if not URL.fullmatch(host_name or ""):
            raise Failure(facts.VIX_E_INVALID_HOSTNAME_SPECIFICATION)
        # VMware's library would hang without them.
        if not user_name or password is None:
            raise Failure(facts.VIX_E_AUTHENTICATION_FAIL)
    elif host_name and plays.name != "server":
        raise Failure(facts.VIX_E_NOT_FOR_REMOTE_HOST)
    needed = world.settings["needs_host_option"]
    if options & needed != needed:
        raise Failure(facts.VIX_E_LICENSE)
    return [[facts.VIX_PROPERTY_JOB_RESULT_HANDLE, call.client.new_host()]]


REMOTE = (facts.VIX_SERVICEPROVIDER_VMWARE_VI_SERVER, facts.VIX_SERVICEPROVIDER_VMWARE_WORKSTATION_SHARED)
# Scheme and path may be left out (semantics.md section 9).
URL = re.compile(r"(https://)?(\[[0-9A-Fa-f:.]+\]|[^\s:/\[\]]+)(:\d{1,5})?(/sdk)?")
MISSING_PROVIDERS = {
    facts.VIX_SERVICEPROVIDER_VMWARE_SERVER: facts.VIX_E_WRAPPER_RUNTIME_NOT_INSTALLED,
    facts.VIX_SERVICEPROVIDER_VMWARE_WORKSTATION: facts.VIX_E_WRAPPER_WORKSTATION_NOT_INSTALLED,
    facts.VIX_SERVICEPROVIDER_VMWARE_PLAYER: facts.VIX_E_WRAPPER_PLAYER_NOT_INSTALLED,
}


@job("VixHost_FindItems", "hili")
def find_items(call, host, kind, criteria, timeout):
    require(timeout == -1 and not criteria)
    world = call.world
    machines = list(world.machines.values())
    if kind == facts.VIX_FIND_REGISTERED_VMS:
        if not world.plays.has_inventory:
            raise Failure(facts.VIX_E_NOT_SUPPORTED)
        found = [machine for machine in machines if machine.path not in world.inventory.unregistered]
    else:
        require(kind == facts.VIX_FIND_RUNNING_VMS)
        found = [machine for machine in machines if machine.is_on]
    return [[facts.VIX_PROPERTY_FOUND_ITEM_LOCATION, world.plays.said(world.directory, machine.path)] for machine in found]


@job("VixHost_RegisterVM", "hs")
def register_vm(call, host, path):
    require(path)
    world, machine = call.world, named(call.world, path)
    if machine is None and not (not world.plays.is_remote and os.path.isfile(path)):
        raise Failure(facts.VIX_E_NOT_FOUND)
    if world.plays.has_inventory and machine:
        world.inventory.register(machine.path, True)
    return []


@job("VixHost_UnregisterVM", "hs")
def unregister_vm(call, host, path):
    require(path)
    world, machine = call.world, named(call.world, path)
    if world.plays.has_inventory and machine:
        if machine.power != OFF:
            raise Failure(facts.VIX_E_VM_IS_RUNNING)
        world.inventory.register(machine.path, False)
    return []


@job("VixHost_OpenVM", "hsil")
def open_vm(call, host, path, options, properties):
    require(options == facts.VIX_VMOPEN_NORMAL)
    # One that is not encrypted does not look at it.
    require(all(key == facts.VIX_PROPERTY_VM_ENCRYPTION_PASSWORD for key in properties[::2]))
    passwords = properties[1::2]
    require(all(isinstance(password, str) for password in passwords))
    return opened(call, host, path, passwords[-1] if passwords else None)


@job("VixVM_Open", "hs")
def open_(call, host, path):
    return opened(call, host, path, None)


def opened(call, host, text, password):
    """Open a VM by the path that a client writes, and return its handle."""
    world = call.world
    path = world.plays.meant(world.directory, text or "")
    require(path)
    machine = world.find(path)
    unlisted = machine and world.plays.has_inventory and machine.path in world.inventory.unregistered
    if not os.path.isfile(path) or unlisted:
        raise Failure(facts.VIX_E_VM_NOT_FOUND)
    if machine is None:
        broken = not path.endswith(".vmx") or os.path.realpath(path).startswith(f"{world.directory}/vms/")
        raise Failure(facts.VIX_E_CANNOT_READ_VM_CONFIG if broken else facts.VIX_E_VM_NOT_FOUND)
    encryption.require_password(machine.config(), password)
    call.client.opened(machine, host)
    return [[facts.VIX_PROPERTY_JOB_RESULT_HANDLE, machine.path]]


# Properties


@direct("Vix_GetProperties", "isl")
def get_properties(call, kind, text, wanted):
    world, item = call.world, []
    if kind == facts.VIX_HANDLETYPE_VM and text in world.machines:
        subject, known = world.machines[text], VM_PROPERTIES
    elif kind == facts.VIX_HANDLETYPE_SNAPSHOT and snapshot_of(world, text):
        (machine, uid), known = snapshot_of(world, text), SNAPSHOT_PROPERTIES
        subject = (machine, snapshots.find(machine, uid))
    elif kind == facts.VIX_HANDLETYPE_HOST and text in call.client.hosts:
        subject, known = world, HOST_PROPERTIES
    else:
        raise Failure(facts.VIX_E_VM_NOT_FOUND if text in world.deleted else facts.VIX_E_INVALID_HANDLE)
    for key in wanted:
        tell = known.get(key)
        if tell is None:
            raise Failure(facts.VIX_E_UNRECOGNIZED_PROPERTY)
        item += key, tell(world, subject)
    return [item]


def shares_path(world, vm):
    """Return where the guest has shared folders; without Tools nobody knows."""
    if not vm.tools_run() or "VixVM_AddSharedFolder" in world.plays.lacks:
        raise Failure(facts.VIX_E_UNRECOGNIZED_PROPERTY)
    return folders.PLACE


HOST_PROPERTIES = {
    facts.VIX_PROPERTY_HOST_HOSTTYPE: lambda world, _: world.plays.provider,
    facts.VIX_PROPERTY_HOST_API_VERSION: lambda world, _: API_VERSION,
    facts.VIX_PROPERTY_HOST_SOFTWARE_VERSION: lambda world, _: f"{world.plays.title} {world.plays.version} (OpenVIX)",
}
VM_PROPERTIES = {
    facts.VIX_PROPERTY_VM_NUM_VCPUS: lambda world, vm: vm.number("numvcpus", 1),
    facts.VIX_PROPERTY_VM_VMX_PATHNAME: lambda world, vm: world.plays.said(world.directory, vm.path),
    facts.VIX_PROPERTY_VM_VMTEAM_PATHNAME: lambda world, vm: "",
    facts.VIX_PROPERTY_VM_MEMORY_SIZE: lambda world, vm: vm.number("memsize", 4),
    facts.VIX_PROPERTY_VM_READ_ONLY: lambda world, vm: 0,
    facts.VIX_PROPERTY_VM_NAME: lambda world, vm: vm.config().get("displayName", vm.name),
    facts.VIX_PROPERTY_VM_GUESTOS: lambda world, vm: vm.config().get("guestOS", "other"),
    facts.VIX_PROPERTY_VM_IN_VMTEAM: lambda world, vm: 0,
    facts.VIX_PROPERTY_VM_POWER_STATE: lambda world, vm: vm.power_bits(),
    facts.VIX_PROPERTY_VM_TOOLS_STATE: lambda world, vm: vm.tools_state(),
    facts.VIX_PROPERTY_VM_IS_RUNNING: lambda world, vm: int(vm.is_on),
    facts.VIX_PROPERTY_VM_SUPPORTED_FEATURES: lambda world, vm: world.plays.features,
    facts.VIX_PROPERTY_VM_SSL_ERROR: lambda world, vm: 0,
    facts.VIX_PROPERTY_GUEST_SHAREDFOLDERS_SHARES_PATH: lambda world, vm: shares_path(world, vm),
}
SNAPSHOT_PROPERTIES = {
    facts.VIX_PROPERTY_SNAPSHOT_DISPLAYNAME: lambda world, found: found[1].name,
    facts.VIX_PROPERTY_SNAPSHOT_DESCRIPTION: lambda world, found: found[1].description,
    facts.VIX_PROPERTY_SNAPSHOT_POWERSTATE: lambda world, found: snapshots.power_bits(found[0], found[1].uid),
}


# Power


@job("VixVM_PowerOn", "vil")
def power_on(call, machine, options, properties):
    require_bits(options, facts.VIX_VMPOWEROP_LAUNCH_GUI | facts.VIX_VMPOWEROP_START_VM_PAUSED)
    require(not properties)
    require_display(call, machine, options)
    window = bool(options & facts.VIX_VMPOWEROP_LAUNCH_GUI)
    machine.power_on(call, paused=bool(options & facts.VIX_VMPOWEROP_START_VM_PAUSED), window=window)
    return []


@job("VixVM_PowerOff", "vi")
def power_off(call, machine, options):
    require_bits(options, facts.VIX_VMPOWEROP_FROM_GUEST)
    if options:
        machine.stop_softly(call, reset=False)
    else:
        machine.power_off(call)
    return []


@job("VixVM_Reset", "vi")
def reset(call, machine, options):
    require_bits(options, facts.VIX_VMPOWEROP_FROM_GUEST)
    if options:
        machine.stop_softly(call, reset=True)
    else:
        machine.reset(call)
    return []


@job("VixVM_Suspend", "vi")
def suspend(call, machine, options):
    require(not options)
    machine.suspend(call)
    return []


@job("VixVM_Pause", "vil")
def pause(call, machine, options, properties):
    require(not options and not properties)
    machine.pause(call)
    return []


@job("VixVM_Unpause", "vil")
def unpause(call, machine, options, properties):
    require(not options and not properties)
    machine.unpause(call)
    return []


@job("VixVM_Delete", "vi")
def delete(call, machine, options):
    require_bits(options, facts.VIX_VMDELETE_DISK_FILES)
    # Servers keep no disk without its VM (semantics.md section 13).
    require(options or call.world.plays.name not in ("vi_server", "server"))
    deletion.delete(call.world, machine, call, with_disks=bool(options))
    return []


@job("VixVM_Clone", "voisil")
def clone(call, machine, snapshot, kind, target, options, properties):
    require(kind in (facts.VIX_CLONETYPE_FULL, facts.VIX_CLONETYPE_LINKED) and not options and not properties)
    require(target and target.startswith("/") and len(os.path.basename(target)) > len(".vmx") and target.endswith(".vmx"))
    require(snapshot is None or snapshot[0] is machine)
    made = clones.clone(call.world, machine, call, snapshot and snapshot[1], kind == facts.VIX_CLONETYPE_LINKED, target)
    call.client.opened(made, call.client.opener(machine))
    return [[facts.VIX_PROPERTY_JOB_RESULT_HANDLE, made.path]]


@job("VixVM_UpgradeVirtualHardware", "vi")
def upgrade_virtual_hardware(call, machine, options):
    require(not options)
    upgrades.upgrade_hardware(machine, call, call.world.plays.hardware)
    return []


def require_display(call, machine, options):
    if options & facts.VIX_VMPOWEROP_LAUNCH_GUI and encryption.is_encrypted(machine.config()):
        raise Failure(facts.VIX_E_NOT_SUPPORTED)
    if options & facts.VIX_VMPOWEROP_LAUNCH_GUI and not call.world.settings["display"]:
        raise Failure(facts.VIX_E_NO_DISPLAY_SERVER)


# Snapshots


def snapshot_item(machine, snapshot):
    return [[facts.VIX_PROPERTY_NONE, snapshot and reference(machine, snapshot.uid)]]


@direct("VixVM_GetNumRootSnapshots", "v")
def get_num_root_snapshots(call, machine):
    return [[facts.VIX_PROPERTY_NONE, len(machine.tree.children(0))]]


@direct("VixVM_GetRootSnapshot", "vi")
def get_root_snapshot(call, machine, index):
    return snapshot_item(machine, snapshots.child(machine, 0, index))


@direct("VixVM_GetCurrentSnapshot", "v")
def get_current_snapshot(call, machine):
    return snapshot_item(machine, snapshots.find(machine, machine.tree.current))


@direct("VixVM_GetNamedSnapshot", "vs")
def get_named_snapshot(call, machine, name):
    return snapshot_item(machine, snapshots.named(machine, name))


@direct("VixSnapshot_GetNumChildren", "p")
def get_num_children(call, parent):
    machine, uid = parent
    return [[facts.VIX_PROPERTY_NONE, len(machine.tree.children(snapshots.find(machine, uid).uid))]]


@direct("VixSnapshot_GetChild", "pi")
def get_child(call, parent, index):
    machine, uid = parent
    return snapshot_item(machine, snapshots.child(machine, snapshots.find(machine, uid).uid, index))


@direct("VixSnapshot_GetParent", "p")
def get_parent(call, child):
    machine, uid = child
    return snapshot_item(machine, machine.tree.find(snapshots.find(machine, uid).parent))


@job("VixVM_CreateSnapshot", "vssil")
def create_snapshot(call, machine, name, description, options, properties):
    require_bits(options, facts.VIX_SNAPSHOT_INCLUDE_MEMORY)
    require(not properties)
    snapshot = snapshots.create(machine, call, name or "", description or "", memory=bool(options), only=call.world.plays.keeps_one_snapshot)
    return [[facts.VIX_PROPERTY_JOB_RESULT_HANDLE, reference(machine, snapshot.uid)]]


@job("VixVM_RemoveSnapshot", "vpi")
def remove_snapshot(call, machine, snapshot, options):
    require_bits(options, facts.VIX_SNAPSHOT_REMOVE_CHILDREN)
    require(snapshot[0] is machine)
    snapshots.remove(machine, call, snapshot[1], children=bool(options))
    return []


@job("VixVM_RevertToSnapshot", "vpil")
def revert_to_snapshot(call, machine, snapshot, options, properties):
    stay_off = options == facts.VIX_VMPOWEROP_SUPPRESS_SNAPSHOT_POWERON
    # To stay off excludes every way of starting.
    require_bits(options, options if stay_off else facts.VIX_VMPOWEROP_LAUNCH_GUI)
    require(not properties and snapshot[0] is machine)
    require_display(call, machine, options)
    snapshots.revert(machine, call, snapshot[1], stay_off)
    return []


# Tools and guest login


@job("VixVM_WaitForToolsInGuest", "vi")
def wait_for_tools_in_guest(call, machine, seconds):
    machine.wait_for_tools(call, seconds)
    return []


@job("VixVM_LoginInGuest", "vssi")
def login_in_guest(call, machine, user_name, password, options):
    require_bits(options, facts.VIX_LOGIN_IN_GUEST_REQUIRE_INTERACTIVE_ENVIRONMENT)
    require(user_name)
    machine.require_guest()
    session = machine.session
    account = machine.guest.login(user_name, password or "")
    if options:
        # Nobody sits at the console of a simulated guest.
        raise Failure(facts.VIX_E_INTERACTIVE_SESSION_NOT_PRESENT)
    call.client.logins[machine.path] = (session, account)
    return []


@job("VixVM_LogoutFromGuest", "v")
def logout_from_guest(call, machine):
    call.client.logins.pop(machine.path, None)
    return []


def account_of(call, machine):
    """Return the account that this client is logged in with, or raise what stands against a guest operation."""
    machine.require_guest()
    session, account = call.client.logins.get(machine.path, (None, None))
    if session is not machine.session:
        raise Failure(facts.VIX_E_ANON_GUEST_OPERATIONS_PROHIBITED)
    return account


@job("VixVM_InstallTools", "vis")
def install_tools(call, machine, options, command_line):
    upgrade, at_once = facts.VIX_INSTALLTOOLS_AUTO_UPGRADE, facts.VIX_INSTALLTOOLS_RETURN_IMMEDIATELY
    require_bits(options, upgrade | at_once)
    require(command_line is None)
    # ESX returns as soon as the image is there, whatever it is told.
    mounts = call.world.plays.name == "vi_server" and not options & upgrade
    upgrades.install_tools(machine, call, upgrade=bool(options & upgrade), at_once=bool(options & at_once) or mounts)
    return []


@job("VixVM_CaptureScreenImage", "vil")
def capture_screen_image(call, machine, form, properties):
    require(not properties)
    if form != facts.VIX_CAPTURESCREENFORMAT_PNG:
        raise Failure(facts.VIX_E_SCREEN_CAPTURE_BAD_FORMAT)
    account_of(call, machine)
    config = machine.config()
    image = screen.picture([config.get("displayName", machine.name), machine.power.replace("_", " "), config.get("guestOS", "other")])
    return [[facts.VIX_PROPERTY_JOB_RESULT_SCREEN_IMAGE_DATA, image, facts.VIX_PROPERTY_JOB_RESULT_SCREEN_IMAGE_SIZE, len(image)]]


# Variables


@job("VixVM_ReadVariable", "visi")
def read_variable(call, machine, kind, name, options):
    require(name and not options)
    if kind == facts.VIX_VM_GUEST_VARIABLE:
        value = variables.read_guest(machine, name)
    elif kind == facts.VIX_VM_CONFIG_RUNTIME_ONLY:
        value = variables.read_config(machine, name)
    else:
        require(kind == facts.VIX_GUEST_ENVIRONMENT_VARIABLE)
        value = variables.read_environment(machine, account_of(call, machine), name)
    return [[facts.VIX_PROPERTY_JOB_RESULT_VM_VARIABLE_STRING, value]]


@job("VixVM_WriteVariable", "vissi")
def write_variable(call, machine, kind, name, value, options):
    require(name and "=" not in name and value is not None and not options)
    if kind == facts.VIX_VM_GUEST_VARIABLE:
        variables.write_guest(machine, name, value)
    elif kind == facts.VIX_VM_CONFIG_RUNTIME_ONLY:
        # Not on ESX (semantics.md section 21).
        if call.world.plays.name == "vi_server":
            raise Failure(facts.VIX_E_NOT_SUPPORTED)
        variables.write_config(machine, name, value)
    else:
        require(kind == facts.VIX_GUEST_ENVIRONMENT_VARIABLE)
        variables.write_environment(machine, account_of(call, machine), name, value)
    return []


# Shared folders


@job("VixVM_EnableSharedFolders", "vii")
def enable_shared_folders(call, machine, enabled, options):
    require(enabled in (0, 1) and not options)
    machine.require_tools()
    folders.enable(machine, bool(enabled))
    return []


@job("VixVM_GetNumSharedFolders", "v")
def get_num_shared_folders(call, machine):
    machine.require_tools()
    return [[facts.VIX_PROPERTY_JOB_RESULT_SHARED_FOLDER_COUNT, len(folders.of(machine.config()))]]


@job("VixVM_GetSharedFolderState", "vi")
def get_shared_folder_state(call, machine, index):
    machine.require_tools()
    folder = folders.at(machine, index)
    return [
        [
            facts.VIX_PROPERTY_JOB_RESULT_ITEM_NAME,
            folder.name,
            facts.VIX_PROPERTY_JOB_RESULT_SHARED_FOLDER_HOST,
            folder.host,
            facts.VIX_PROPERTY_JOB_RESULT_SHARED_FOLDER_FLAGS,
            folder.flags,
        ]
    ]


@job("VixVM_SetSharedFolderState", "vssi")
def set_shared_folder_state(call, machine, name, host_path, flags):
    folders.set_state(machine, folder_of(machine, name, host_path, flags))
    return []


@job("VixVM_AddSharedFolder", "vssi")
def add_shared_folder(call, machine, name, host_path, flags):
    folders.add(machine, folder_of(machine, name, host_path, flags))
    return []


@job("VixVM_RemoveSharedFolder", "vsi")
def remove_shared_folder(call, machine, name, flags):
    require(name and not flags)
    machine.require_tools()
    folders.remove(machine, name)
    return []


def folder_of(machine, name, host_path, flags):
    """Return the folder that a client describes, of a VM whose folders can be changed now."""
    require_bits(flags, facts.VIX_SHAREDFOLDER_WRITE_ACCESS)
    require(name and "/" not in name and name not in (".", ".."))
    require_path(host_path)
    machine.require_tools()
    return folders.Folder(name, host_path, bool(flags))


# Guest processes


@job("VixVM_RunProgramInGuest", "vssil")
def run_program_in_guest(call, machine, program, arguments, options, properties):
    require_bits(options, facts.VIX_RUNPROGRAM_RETURN_IMMEDIATELY | facts.VIX_RUNPROGRAM_ACTIVATE_WINDOW)
    require(program and not properties)
    wait = not options & facts.VIX_RUNPROGRAM_RETURN_IMMEDIATELY
    return ran(machine, wait, machine.guest.run_program, account_of(call, machine), program, arguments)


@job("VixVM_RunScriptInGuest", "vssil")
def run_script_in_guest(call, machine, interpreter, text, options, properties):
    require_bits(options, facts.VIX_RUNPROGRAM_RETURN_IMMEDIATELY | facts.VIX_RUNPROGRAM_ACTIVATE_WINDOW)
    require(text is not None and not properties)
    if len((interpreter or "").encode()) + len(text.encode()) > LARGEST_SCRIPT:
        raise Failure(facts.VIX_E_ARGUMENT_TOO_BIG)
    wait = not options & facts.VIX_RUNPROGRAM_RETURN_IMMEDIATELY
    return ran(machine, wait, machine.guest.run_script, account_of(call, machine), interpreter or None, text)


def ran(machine, wait, run, *arguments):
    """Run a program in the guest and tell its end, unless the VM ends before it."""
    lived = machine.run
    pid, elapsed, code = run(*arguments, wait=wait)
    if machine.run is not lived:
        raise Failure(facts.VIX_E_VM_NOT_RUNNING)
    return [
        [
            facts.VIX_PROPERTY_JOB_RESULT_PROCESS_ID,
            pid,
            facts.VIX_PROPERTY_JOB_RESULT_GUEST_PROGRAM_ELAPSED_TIME,
            int(elapsed) if wait else 0,
            facts.VIX_PROPERTY_JOB_RESULT_GUEST_PROGRAM_EXIT_CODE,
            code if wait else 0,
        ]
    ]


@job("VixVM_ListProcessesInGuest", "vi")
def list_processes_in_guest(call, machine, options):
    require(not options)
    account_of(call, machine)
    items, room = [], MESSAGE
    for process in machine.guest.processes():
        room -= PROCESS + sum(len(text.encode("utf-8", "replace")) for text in (process.name, process.owner, process.command))
        if room < 0:
            # The list is cut where the message is full, and nobody is told.
            break
        items.append(
            [
                facts.VIX_PROPERTY_JOB_RESULT_ITEM_NAME,
                process.name,
                facts.VIX_PROPERTY_JOB_RESULT_PROCESS_ID,
                process.pid,
                facts.VIX_PROPERTY_JOB_RESULT_PROCESS_OWNER,
                process.owner,
                facts.VIX_PROPERTY_JOB_RESULT_PROCESS_COMMAND,
                process.command,
                facts.VIX_PROPERTY_JOB_RESULT_PROCESS_BEING_DEBUGGED,
                0,
                facts.VIX_PROPERTY_JOB_RESULT_PROCESS_START_TIME,
                int(process.start_time),
            ]
        )
    return items


@job("VixVM_KillProcessInGuest", "vii")
def kill_process_in_guest(call, machine, pid, options):
    require(not options and pid > 0)
    machine.guest.kill(account_of(call, machine), pid)
    return []


# Guest files


def require_path(*paths):
    """Raise unless each is an absolute path."""
    require(all(path and path.startswith("/") for path in paths))


@job("VixVM_CopyFileFromHostToGuest", "vssil")
def copy_file_from_host_to_guest(call, machine, host_path, guest_path, options, properties):
    require_path(host_path, guest_path)
    require(not options and not properties)
    machine.guest.copy_in(account_of(call, machine), host_path, guest_path)
    return []


@job("VixVM_CopyFileFromGuestToHost", "vssil")
def copy_file_from_guest_to_host(call, machine, guest_path, host_path, options, properties):
    require_path(guest_path, host_path)
    require(not options and not properties)
    machine.guest.copy_out(account_of(call, machine), guest_path, host_path)
    return []


@job("VixVM_FileExistsInGuest", "vs")
def file_exists_in_guest(call, machine, path):
    require_path(path)
    return [[facts.VIX_PROPERTY_JOB_RESULT_GUEST_OBJECT_EXISTS, int(machine.guest.file_exists(account_of(call, machine), path))]]


@job("VixVM_DirectoryExistsInGuest", "vs")
def directory_exists_in_guest(call, machine, path):
    require_path(path)
    return [[facts.VIX_PROPERTY_JOB_RESULT_GUEST_OBJECT_EXISTS, int(machine.guest.directory_exists(account_of(call, machine), path))]]


def file_properties(info):
    return [
        facts.VIX_PROPERTY_JOB_RESULT_FILE_SIZE,
        info.size,
        facts.VIX_PROPERTY_JOB_RESULT_FILE_FLAGS,
        info.flags,
        facts.VIX_PROPERTY_JOB_RESULT_FILE_MOD_TIME,
        int(info.modified),
    ]


@job("VixVM_GetFileInfoInGuest", "vs")
def get_file_info_in_guest(call, machine, path):
    require_path(path)
    return [file_properties(machine.guest.file_info(account_of(call, machine), path))]


@job("VixVM_ListDirectoryInGuest", "vsi")
def list_directory_in_guest(call, machine, path, options):
    require_path(path)
    require(not options)
    found = machine.guest.list_directory(account_of(call, machine), path)
    return [[facts.VIX_PROPERTY_JOB_RESULT_ITEM_NAME, info.name, *file_properties(info)] for info in found]


@job("VixVM_CreateDirectoryInGuest", "vsl")
def create_directory_in_guest(call, machine, path, properties):
    require_path(path)
    require(not properties)
    machine.guest.create_directory(account_of(call, machine), path)
    return []


@job("VixVM_DeleteDirectoryInGuest", "vsi")
def delete_directory_in_guest(call, machine, path, options):
    require_path(path)
    require(not options)
    machine.guest.delete_directory(account_of(call, machine), path)
    return []


@job("VixVM_DeleteFileInGuest", "vs")
def delete_file_in_guest(call, machine, path):
    require_path(path)
    machine.guest.delete_file(account_of(call, machine), path)
    return []


@job("VixVM_RenameFileInGuest", "vssil")
def rename_file_in_guest(call, machine, old, new, options, properties):
    require_path(old, new)
    require(not options and not properties)
    machine.guest.rename(account_of(call, machine), old, new)
    return []


@job("VixVM_CreateTempFileInGuest", "vil")
def create_temp_file_in_guest(call, machine, options, properties):
    require(not options and not properties)
    return [[facts.VIX_PROPERTY_JOB_RESULT_ITEM_NAME, machine.guest.create_temp_file(account_of(call, machine))]]
