# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task costs through the connection to a guest, beside ssh with ControlPersist and pipelining to an sshd on this machine, in one run.

The guest is simulated, and has this machine's Python: so both run the same modules. OpenSSH's sshd must be installed; BENCH_SSHD names another path.
"""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import time

from measure import ACCOUNTS, LOGIN, bench, table

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "7"))
GUESTS = 20
SSHD = os.environ.get("BENCH_SSHD") or shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
PYTHON = "/usr/bin/python3"
# A task, and what it may take in times of ssh: with a session for each task, and with one that is kept. None: no goal.
TASKS = {
    "raw": ({"ansible.builtin.raw": "true"}, 0.45, 0.25),
    "ping": ({"ansible.builtin.ping": {}}, 0.8, None),
    "command": ({"ansible.builtin.command": "true"}, 0.8, None),
    "copy": ({"ansible.builtin.copy": {"content": "{{ round }}", "dest": "/tmp/bench-copy"}}, 0.8, None),
    "setup": ({"ansible.builtin.setup": {}}, 0.95, None),
}
CALLBACK = """
import json
import time

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = "name: seconds\\ntype: notification\\nshort_description: Seconds\\ndescription: Seconds of each task.\\n"


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_NAME = "seconds"

    def v2_playbook_on_task_start(self, task, is_conditional):
        self._begin = time.monotonic()

    def v2_runner_on_ok(self, result):
        with open("seconds", "a") as file:
            file.write(json.dumps([result.task_name, time.monotonic() - self._begin]) + "\\n")
"""


def main():
    if SSHD is None:
        print("Not run, for want of sshd to compare with: the connection to guests.\n")
        return
    with bench() as world, server(world.directory) as ssh:
        vm = world.world.add_vm("web", power="powered_on", accounts=ACCOUNTS)
        guest = {
            "ansible_connection": "vmlab.vix.guest",
            "ansible_vix_vm": vm,
            "ansible_user": LOGIN["guest_username"],
            "ansible_password": LOGIN["guest_password"],
        }
        kinds = {"ssh": ssh, "guest": guest, "guest, kept": {**guest, "ansible_vix_persist": 30}}
        seconds = {kind: play(world, {kind: variables}) for kind, variables in kinds.items()}
        print(f"Medians of {ROUNDS} rounds in seconds; settings of the world: those of a new one, without the delays of VMware Tools.\n")
        rows = []
        for name, (_task, *goals) in TASKS.items():
            base = statistics.median(seconds["ssh"][name])
            row = [name, base]
            for kind, goal in zip(("guest", "guest, kept"), goals, strict=True):
                own = statistics.median(seconds[kind][name])
                row += [own, own / base, "" if goal is None else f"{goal:g}"]
            rows.append(row)
        table(["task", "ssh", "guest", "times ssh", "goal", "guest, kept", "times ssh", "goal"], rows)
        many(world, ssh, guest)


def many(world, ssh, guest):
    """Print the time of one task on many hosts at once."""
    vms = [world.world.add_vm(f"web{number}", power="powered_on", accounts=ACCOUNTS) for number in range(GUESTS)]
    kinds = {
        "ssh": {f"host{number}": ssh for number in range(GUESTS)},
        "guest": {f"host{number}": {**guest, "ansible_vix_vm": vm} for number, vm in enumerate(vms)},
    }
    took = {}
    for kind, hosts in kinds.items():
        begin = time.monotonic()
        play(world, hosts, rounds=1, tasks={"ping": TASKS["ping"]}, forks=GUESTS)
        took[kind] = time.monotonic() - begin
    table(
        [f"ping on {GUESTS} at once", "s", "times ssh", "goal"],
        [[kind, each, each / took["ssh"], "" if kind == "ssh" else "1.2"] for kind, each in took.items()],
    )


def play(world, hosts, rounds=ROUNDS, tasks=None, forks=5):
    """Run the tasks, each in all rounds after one that does not count, and return their seconds by name."""
    folder = world.directory
    (folder / "callbacks").mkdir(exist_ok=True)
    (folder / "callbacks" / "seconds.py").write_text(CALLBACK)
    (folder / "seconds").write_text("")
    common = {"ansible_python_interpreter": PYTHON}
    (folder / "inventory.json").write_text(json.dumps({"all": {"hosts": hosts, "vars": common}}))
    listed = [{"name": name, **task, "vars": {"round": number}} for number in range(rounds + 1) for name, (task, *_goals) in (tasks or TASKS).items()]
    (folder / "play.yml").write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": listed}]))
    own = {
        "ANSIBLE_CALLBACK_PLUGINS": "callbacks",
        "ANSIBLE_CALLBACKS_ENABLED": "seconds",
        "ANSIBLE_PIPELINING": "1",
        "ANSIBLE_HOST_KEY_CHECKING": "0",
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(folder / "cp"),
    }
    command = [str(pathlib.Path(sys.executable).with_name("ansible-playbook")), "-f", str(forks), "-i", "inventory.json", "play.yml"]
    done = subprocess.run(command, cwd=folder, env={**world.environment, **own}, capture_output=True, text=True, timeout=900, check=False)
    if done.returncode:
        sys.exit(done.stdout[-4000:] + done.stderr[-2000:])
    found = {}
    for line in (folder / "seconds").read_text().splitlines():
        name, seconds = json.loads(line)
        found.setdefault(name, []).append(seconds)
    return {name: each[len(hosts) :] for name, each in found.items()}


@contextlib.contextmanager
def server(folder):
    """Serve this user by sshd, and yield the variables of a host that reaches it."""
    place = folder / "sshd"
    place.mkdir()
    for key in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(place / key)], check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (place / "config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {place}/host\nAuthorizedKeysFile {place}/user.pub\nPidFile none\n"
        "StrictModes no\nUsePAM no\nPermitRootLogin prohibit-password\nMaxStartups 100\nMaxSessions 100\nSubsystem sftp internal-sftp\n"
    )
    if os.geteuid() == 0:
        os.makedirs("/run/sshd", mode=0o755, exist_ok=True)  # it demands that
    with subprocess.Popen([SSHD, "-D", "-e", "-f", str(place / "config")], stderr=(place / "log").open("w")) as process:
        try:
            end = time.monotonic() + 30
            while True:
                with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
                    break
                if process.poll() is not None or time.monotonic() > end:
                    sys.exit(f"sshd did not start:\n{(place / 'log').read_text()}")
                time.sleep(0.05)
            yield {
                "ansible_connection": "ssh",
                "ansible_host": "127.0.0.1",
                "ansible_port": port,
                "ansible_user": getpass.getuser(),
                "ansible_ssh_private_key_file": str(place / "user"),
                "ansible_ssh_common_args": "-F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null",
            }
        finally:
            process.terminate()


if __name__ == "__main__":
    main()
