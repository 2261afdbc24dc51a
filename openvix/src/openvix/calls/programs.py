# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Programs and processes of a guest (docs/vix-semantics.md, section 19)."""

from __future__ import annotations

from openvix.calls.table import account_of, answers, require, require_bits
from openvix.vix import constants
from openvix.vix.errors import VixError
from openvix.vm import turns

# A list of processes as VMware Tools send it (docs/vix-semantics.md, section 19), of which the size counts.
LIST, PROCESS = "<escaped/>", "<proc><cmd>{}</cmd><name>{}</name><pid>{}</pid><user>{}</user><start>{}</start></proc>"
ESCAPED = {ord(each): f"%{ord(each):02X}" for each in '<>&"%'}
LARGEST_SCRIPT = 60536


@answers("VixVM_RunProgramInGuest")
def run_program_in_guest(call, machine, program, arguments, options, properties):
    require_bits(options, constants.VIX_RUNPROGRAM_RETURN_IMMEDIATELY | constants.VIX_RUNPROGRAM_ACTIVATE_WINDOW)
    require(program and not properties)
    wait = not options & constants.VIX_RUNPROGRAM_RETURN_IMMEDIATELY
    return run_in_guest(machine, wait, machine.tools.run_program, account_of(call, machine), program, arguments)


@answers("VixVM_RunScriptInGuest")
def run_script_in_guest(call, machine, interpreter, text, options, properties):
    require_bits(options, constants.VIX_RUNPROGRAM_RETURN_IMMEDIATELY | constants.VIX_RUNPROGRAM_ACTIVATE_WINDOW)
    require(text is not None and not properties)
    if len((interpreter or "").encode()) + len(text.encode()) > LARGEST_SCRIPT:
        raise VixError(constants.VIX_E_ARGUMENT_TOO_BIG)
    wait = not options & constants.VIX_RUNPROGRAM_RETURN_IMMEDIATELY
    return run_in_guest(machine, wait, machine.tools.run_script, account_of(call, machine), interpreter or None, text)


def run_in_guest(machine, wait, run, *arguments):
    """Run a program in the guest and return the result items. Raises VixError if the VM is powered off before the program ends."""
    lived, begun = machine.run, machine.clock.now()
    # Others are served while a program runs.
    turns.end()
    pid, elapsed, code = run(*arguments, wait=wait)
    if wait:
        turns.await_look(machine, begun)
    if machine.run is not lived:
        raise VixError(constants.VIX_E_VM_NOT_RUNNING)
    return [
        [
            constants.VIX_PROPERTY_JOB_RESULT_PROCESS_ID,
            pid,
            constants.VIX_PROPERTY_JOB_RESULT_GUEST_PROGRAM_ELAPSED_TIME,
            int(elapsed) if wait else 0,
            constants.VIX_PROPERTY_JOB_RESULT_GUEST_PROGRAM_EXIT_CODE,
            code if wait else 0,
        ]
    ]


@answers("VixVM_ListProcessesInGuest")
def list_processes_in_guest(call, machine, options):
    require(not options)
    account_of(call, machine)
    items, options, has_commands = [], machine.settings["tools_options"], machine.settings["process_commands"]
    for process in _sent(machine.tools.processes(), options["process_bytes"]):
        name, command = (process.name, process.command) if options["process_name"] == "first_argument" else (process.command, process.name)
        items.append(
            [
                constants.VIX_PROPERTY_JOB_RESULT_ITEM_NAME,
                name,
                constants.VIX_PROPERTY_JOB_RESULT_PROCESS_ID,
                process.pid,
                constants.VIX_PROPERTY_JOB_RESULT_PROCESS_OWNER,
                process.owner,
                *((constants.VIX_PROPERTY_JOB_RESULT_PROCESS_COMMAND, command) if has_commands else ()),
                constants.VIX_PROPERTY_JOB_RESULT_PROCESS_BEING_DEBUGGED,
                0,
                constants.VIX_PROPERTY_JOB_RESULT_PROCESS_START_TIME,
                int(process.start_time),
            ]
        )
    return items


def _sent(processes, most):
    """Yield the processes of a list that fit into its size in bytes, if that is not 0. The rest is left out without an error."""
    size = len(LIST)
    for process in processes:
        texts = (text.translate(ESCAPED) for text in (process.name, process.command, str(process.pid), process.owner, str(int(process.start_time))))
        size += len(PROCESS.format(*texts).encode("utf-8", "replace"))
        if most and size > most:
            return
        yield process


@answers("VixVM_KillProcessInGuest")
def kill_process_in_guest(call, machine, pid, options):
    require(not options and pid > 0)
    machine.tools.kill(account_of(call, machine), pid)
    return []
