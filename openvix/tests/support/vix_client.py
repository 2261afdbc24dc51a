# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Calls every function of PyPI's vix once: vix_client.py WEB DIRECTORY. Prints the results and which functions of the package were used."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import vix
from vix import VixError, VixHost, VixVM
from vix.VixHandle import VixHandle
from vix.VixJob import VixJob

PACKAGE = str(Path(vix.__file__).parent)
web, directory = sys.argv[1:]
used, results = set(), {}


def profile(frame, event, argument):
    if event == "call" and frame.f_code.co_filename.startswith(PACKAGE):
        used.add(frame.f_code.co_qualname)


def refused(function, *arguments, **options):
    """Return the code of the error that a call raises."""
    try:
        function(*arguments, **options)
    except VixError as error:
        return error._error & 0xFFFF
    return None


def host_and_files():
    info = host.host_info
    results["host"] = [info.host_type, info.api_version, bool(info.software_version)]
    results["none running"] = host.find_items()
    results["no inventory"] = refused(host.find_items, VixHost.VIX_FIND_REGISTERED_VMS)
    for function in (host.register_vm, host.unregister_vm):
        try:
            function(web)
        except Exception as error:
            results[function.__name__] = type(error).__name__


def power(vm):
    results["texts"] = [vm.vmx_path, vm.name, vm.guest_os, repr(vm)]
    results["machine"] = [*vm.machine_info, vm.is_readonly, vm.is_running, vm.supported_features]
    vm.upgrade_virtual_hardware()
    vm.power_on()
    vm.wait_for_tools(30)
    results["on"] = [vm.power_state, vm.tools_state, vm.is_running]
    results["running"] = host.find_items(names_only=True)
    results["no display"] = refused(vm.power_on, launch_gui=True)
    vm.pause()
    results["paused"] = vm.power_state
    vm.unpause()
    vm.suspend()
    results["suspended"] = vm.power_state
    vm.power_on()
    vm.reset()
    vm.wait_for_tools(30)
    # The flag of the package is inverted: "blocking" returns at once.
    vm.install_tools(blocking=True)
    results["again"] = refused(vm.install_tools, blocking=True)


def guest_files(vm):
    vm.create_directory("/srv/a/b")
    Path(directory, "there").write_bytes(bytes(range(256)))
    vm.copy_host_to_guest(f"{directory}/there", "/srv/a/one")
    vm.file_rename("/srv/a/one", "/srv/a/two")
    vm.copy_guest_to_host("/srv/a/two", f"{directory}/back")
    results["exist"] = [vm.dir_exists("/srv/a"), vm.dir_exists("/srv/a/two"), vm.file_exists("/srv/a/two"), vm.file_exists("/srv/a")]
    info = vm.get_file_info("/srv/a/two")
    results["info"] = [info.size, info.is_dir, info.is_sym, info.last_mod.year >= 2020]
    results["listed"] = sorted([each.name, each.size, each.is_dir] for each in vm.dir_list("/srv/a"))
    temporary = vm.create_temp()
    results["temporary"] = vm.file_exists(temporary)
    vm.file_delete(temporary)
    vm.dir_delete("/srv/a")
    results["gone"] = refused(vm.file_delete, "/srv/a/two")


def guest_programs(vm):
    program, script = vm.proc_run("/bin/sh", "-c 'exit 7'"), vm.run_script("exit 8\n", "/bin/sh")
    results["ended"] = [program.exit_code, script.exit_code, program.pid > 0]
    sleeper = vm.proc_run("/bin/sleep", "1000", should_block=False)
    vm.run_script("exit 0", should_block=False)
    results["listed process"] = [[each.owner, each.is_debug] for each in vm.proc_list() if each.pid == sleeper.pid]
    vm.proc_kill(sleeper.pid)
    results["no such process"] = refused(vm.proc_kill, 999999)


def rest_of_the_guest(vm):
    vm.var_write("role", "wärter")
    vm.var_write("TERM", "vt100", VixVM.VIX_GUEST_ENVIRONMENT_VARIABLE)
    results["variables"] = [vm.var_read("role"), vm.var_read("TERM", VixVM.VIX_GUEST_ENVIRONMENT_VARIABLE)]
    vm.share_enable()
    vm.add_shared_folder("work", directory, write_access=False)
    before = vm.get_shared_folder_state(0)
    vm.share_set_state("work", directory, allow_write=True)
    results["share"] = [vm.get_shared_folder_count(), before.name, before.host_path, before.write_access, vm.get_shared_folder_state(0).write_access]
    vm.share_remove("work")
    vm.share_enable(False)
    image = vm.capture_screen_image()
    vm.capture_screen_image(f"{directory}/screen.png")
    results["screen"] = [image[:4] == b"\x89PNG", Path(directory, "screen.png").read_bytes() == image]


def snapshots(vm):
    root = vm.create_snapshot("root", "first", include_memory=False)
    leaf = vm.create_snapshot("leaf")
    found = [vm.snapshot_get_current(), vm.snapshot_get_named("root/leaf"), root.get_child(0)]
    results["same"] = [each._handle == leaf._handle for each in found]
    found += [vm.snapshot_get_root(), leaf.get_parent()]
    results["tree"] = [vm.snapshots_get_root_count(), root.get_num_children(), [each.name for each in found[3:]], root.get_parent(), root.description]
    results["snapshot power"] = [root.power_state, leaf.power_state]
    results["unknown"] = refused(vm.snapshot_get_named, "none")
    vm.snapshot_revert(root)
    results["reverted"] = vm.power_state
    clone = vm.clone(f"{directory}/clone/clone.vmx", snapshot=root, linked=True)
    results["clone"] = clone.name
    clone.vm_delete(delete_files=True)
    vm.snapshot_remove(root, remove_children=True)
    # Snapshots must be released explicitly in this package.
    results["valid"] = all(each.is_valid() for each in found)
    for each in (*found, leaf, root):
        each.release()


def jobs_and_handles(vm):
    job = VixJob(vix.vix.VixVM_PowerOn(vm._handle, 0, 0, vix.ffi.NULL, vix.ffi.NULL))
    # The package returns a byte string, which is always true.
    while job.is_done() == b"\0":
        pass
    results["error"] = job.get_error()._error
    vm.power_off(from_guest=False)
    vm.add_ref()
    vm.release()
    results["type"] = [vm.get_type(), vm.get_property_type(VixHandle.VIX_PROPERTY_VM_NAME)]
    results["no error"] = str(VixError(0)) != str(VixError(4000))


sys.setprofile(profile)
with VixHost() as host:
    host_and_files()
    vm = host.open_vm(web)
    power(vm)
    vm.login("lab", "lab")
    results["wrong password"] = refused(vm.login, "lab", "wrong")
    guest_files(vm)
    guest_programs(vm)
    rest_of_the_guest(vm)
    vm.logout()
    vm.power_off()
    snapshots(vm)
    jobs_and_handles(vm)
    del vm
sys.setprofile(None)
print(json.dumps({"results": results, "used": sorted(used)}))
