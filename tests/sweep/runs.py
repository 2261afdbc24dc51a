# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One run of a task: by the module itself, as Ansible runs it, or by ansible-playbook."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

# How long the processes of a task may take to end after it.
END_SECONDS = 5.0
# How long any task may take, with a hang of the machine.
MOST_SECONDS = 90.0
PLAYBOOK = """
- hosts: localhost
  gather_facts: false
  tasks:
    - name: Run the task
      {action}:
        {options}
      register: result
      ignore_errors: true
    - name: Write the result
      ansible.builtin.copy:
        content: "{{{{ result | to_json }}}}"
        dest: {result}
"""


class Outcome(NamedTuple):
    """What a run left: its result if it printed one, its error output, how long it took, and what it left on the VM host."""

    result: dict | None
    code: int | None
    complaint: str
    seconds: float
    left: list[str]


def run_module(start: Callable, folder: pathlib.Path, module: str, options: dict, meanwhile: Callable[[int], None] | None = None) -> Outcome:
    """Run a module with this directory for its temporary files. start: the fixture start_module; meanwhile: called with its process id."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        workdir = pathlib.Path(place, "tmp")
        workdir.mkdir()
        arguments = {**options, "_ansible_module_name": f"vmlab.vix.{module}", "_ansible_remote_tmp": str(workdir), "_ansible_tmpdir": str(workdir)}
        streams = [pathlib.Path(place, name) for name in ("stdin", "stdout", "stderr")]
        for stream, text in zip(streams, (json.dumps({"ANSIBLE_MODULE_ARGS": arguments}), "", ""), strict=True):
            stream.write_text(text, encoding="utf-8")
        code, began, helper = None, time.monotonic(), None
        with contextlib.ExitStack() as stack:
            opened = [stack.enter_context(stream.open(mode)).fileno() for stream, mode in zip(streams, ("rb", "wb", "wb"), strict=True)]
            name = f"ansible_collections.vmlab.vix.plugins.modules.{module}"
            process = stack.enter_context(start(name, opened, str(workdir), None, MOST_SECONDS))
            if meanwhile:
                helper = threading.Thread(target=meanwhile, args=(process.pid,))
                helper.start()
            with contextlib.suppress(TimeoutError):
                code = process.wait()
            seconds = time.monotonic() - began
            if helper:
                helper.join()
            left = [f"process: {each}" for each in left_in_session(process.pid)]
        left += [f"temporary: {each.name}" for each in workdir.iterdir() if each.name != "stdin"]
        output, complaint = (stream.read_text(encoding="utf-8", errors="replace") for stream in streams[1:])
    result: Any = None
    with contextlib.suppress(ValueError):
        result = json.loads(output)
    return Outcome(result, code, complaint, seconds, left)


def run_playbook(folder: pathlib.Path, module: str, options: dict, meanwhile: Callable[[int], None] | None = None) -> Outcome:
    """Run a task by ansible-playbook, for the action plugin of the module."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        result, temporary = pathlib.Path(place, "result.json"), pathlib.Path(place, "tmp")
        temporary.mkdir()
        text = PLAYBOOK.format(
            action=f"vmlab.vix.{module}", options="\n        ".join(f"{key}: {json.dumps(value)}" for key, value in options.items()), result=result
        )
        pathlib.Path(place, "play.yml").write_text(text, encoding="utf-8")
        own = {"ANSIBLE_LOCALHOST_WARNING": "False", "ANSIBLE_INVENTORY_UNPARSED_WARNING": "False", "ANSIBLE_NOCOLOR": "1"}
        own |= {"ANSIBLE_LOCAL_TEMP": f"{place}/local", "ANSIBLE_REMOTE_TEMP": str(temporary), "TMPDIR": str(temporary)}
        command = [str(pathlib.Path(sys.executable).with_name("ansible-playbook")), "-i", "localhost,", "-c", "local", f"{place}/play.yml"]
        command += ["-e", f"ansible_python_interpreter={sys.executable}"]
        began, code = time.monotonic(), None
        with subprocess.Popen(
            command,
            cwd=place,
            env={**os.environ, **own},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as process:
            helper = threading.Thread(target=meanwhile, args=(process.pid,)) if meanwhile else None
            if helper:
                helper.start()
            try:
                output, _errors = process.communicate(timeout=MOST_SECONDS)
                code = process.returncode
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                output, _errors = process.communicate()
            if helper:
                helper.join()
        seconds = time.monotonic() - began
        left = [f"process: {each}" for each in left_in_session(process.pid)]
        left += [f"temporary: {each.name}" for each in temporary.rglob("*") if each.is_file() or each.name.startswith("vmlab")]
        found = json.loads(result.read_text(encoding="utf-8")) if result.exists() else None
    # The whole output names what went wrong, and a task that failed is not wrong.
    return Outcome(found, code, output if "Traceback" in output or found is None else "", seconds, left)


def left_in_session(leader: int) -> list[str]:
    """Return the command lines of what is left of a session that a process led, after the time that it may take to end, and kill it."""
    end = time.monotonic() + END_SECONDS
    while True:
        found = []
        for name in os.listdir("/proc"):
            with contextlib.suppress(OSError, ValueError):
                fields = pathlib.Path("/proc", name, "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
                if int(fields[3]) == leader and fields[0] != "Z":
                    found.append((int(name), pathlib.Path("/proc", name, "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")[:200]))
        if not found or time.monotonic() > end:
            break
        time.sleep(0.02)
    for pid, _command in found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return [command for _pid, command in found]
