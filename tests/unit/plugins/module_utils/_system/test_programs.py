# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import os
import resource
import secrets
import signal
import subprocess

import pytest
from ansible_collections.vmlab.vix.plugins.module_utils._system import linux_programs, outcomes, programs, windows_programs
from ansible_collections.vmlab.vix.plugins.module_utils._system.exit_codes import DONE
from ansible_collections.vmlab.vix.plugins.module_utils._system.guest_session import GuestSession
from waiting import eventually

ACCOUNTS = [{"name": "lab", "password": "secret", "administrator": True}]
SHELLS = [
    shell
    for shell in (
        ["/bin/dash"],
        ["/bin/bash", "--posix"],
        ["/bin/bash"],
        ["/bin/busybox", "sh"],
        ["/bin/mksh"],
        ["/bin/ksh93"],
        ["/bin/zsh", "--emulate", "sh"],
    )
    if os.path.exists(shell[0])
]


@pytest.fixture
def run(openvix, on_host, tmp_path):
    """Run programs in a guest and return of each its return code, outputs and sizes."""
    web = openvix.add_vm("web", power="powered_on", accounts=ACCOUNTS)

    def on(host, wanted, limit):
        if limit:
            with open("/proc/self/status", encoding="ascii") as file:
                used = next(int(line.split()[1]) for line in file if line.startswith("VmData")) * 1024
            resource.setrlimit(resource.RLIMIT_DATA, (used + limit, used + limit))
        with host.open_vm(web) as vm, vm.log_in("lab", "secret") as guest:
            found = [programs.run(GuestSession(guest, "linux", str(tmp_path)), programs.Program("it", **each)) for each in wanted]
        return [{"rc": one.rc, **{name: content.decode("latin-1") for name, content in one.outputs.items()}, "sizes": one.sizes} for one in found]

    return lambda *wanted, limit=None: on_host(lambda host: on(host, wanted, limit), timeout=60)


PRINT = 'printf "%s\\0" "$@" "$WORD"; cat'


def hypothesis_or_skip():
    hypothesis = pytest.importorskip("hypothesis")
    letters = hypothesis.strategies.sampled_from("ab \t\n\r'\"`$\\!*?[]{}()<>|&;#~=%^,-\x01\x7f\x81\x82\x88\xe4\u2019\u0800\U0001f600")
    word = hypothesis.strategies.one_of(hypothesis.strategies.text(letters, max_size=12), hypothesis.strategies.text(max_size=12))
    return hypothesis, word.filter(lambda text: "\0" not in text and _encodable(text))


def _encodable(text):
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def test_input_comes_out(run):
    """Arguments, a variable and the standard input, whatever is in them."""
    hypothesis, word = hypothesis_or_skip()
    st = hypothesis.strategies

    @hypothesis.settings(deadline=None, max_examples=40, suppress_health_check=list(hypothesis.HealthCheck))
    @hypothesis.given(st.lists(st.tuples(st.lists(word, max_size=6), word, st.one_of(st.binary(max_size=40), word.map(str.encode))), min_size=1, max_size=3))
    def check(cases):
        wanted = [{"names": ["sh"], "arguments": ["-c", PRINT, "sh", *words], "environment": {"WORD": value}, "stdin": given} for words, value, given in cases]
        for (words, value, given), outcome in zip(cases, run(*wanted)):
            expected = b"".join(word.encode() + b"\0" for word in [*words, value]) + given
            assert outcome["stdout"].encode("latin-1") == expected
            assert (outcome["rc"], outcome["stderr"]) == (0, "")

    check()


def test_large_output_not_in_memory(run, tmp_path):
    """What is kept of 100 MB, and all of it in a file, within 32 MB beside what the process had before."""
    target = tmp_path / "all"
    wanted = {"names": ["head"], "arguments": ["-c", "100000000", "/dev/zero"], "fetch": {"stdout": str(target)}}

    (outcome,) = run(wanted, limit=32 << 20)

    assert (len(outcome["stdout"]), outcome["sizes"]["stdout"], target.stat().st_size) == (1 << 20, 100000000, 100000000)


def test_large_input_not_cut(run):
    (outcome,) = run({"names": ["sha256sum"], "stdin": b"\0" * 5_000_000})
    assert outcome["stdout"].split()[0] == hashlib.sha256(b"\0" * 5_000_000).hexdigest()


# The script itself, in every shell that is here


def carried_out(tmp_path, shell, folder, made=False, inline=None, path=None, **program):
    """Run the script without VIX, as this machine's own; return its exit code and the outcome."""
    settings = {"names": ["true"], **program}
    script = linux_programs.text(programs.Program("it", **settings), str(folder), str(folder), inline or {}, made, 20, 0.5)
    place = tmp_path / f"script{secrets.token_hex(4)}"
    place.write_bytes(script)
    environment = {"PATH": path or os.environ["PATH"], "HOME": str(tmp_path)}
    code = subprocess.run([*shell, str(place)], env=environment, timeout=60, check=False).returncode
    result = folder / "result"
    return code, outcomes.read(str(result), 1 << 20, "testing") if result.exists() else None


every_shell = pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: os.path.basename(shell[0]) + "".join(shell[1:]))


@every_shell
def test_all_shells_run_script(shell, tmp_path):
    words = ["a b", "it's", "$HOME", "*", "\\", "", "zw\u00f6lf\n"]
    stdin = "line\n$HOME `x` \\ zw\u00f6lf\x81 no end"
    folder = tmp_path / "vmlab.vix-1-a"

    code, outcome = carried_out(
        tmp_path,
        shell,
        folder,
        names=["none", "sh"],
        arguments=["-c", PRINT + "; echo err >&2; exit 7", "sh", *words],
        environment={"WORD": "o'clock", "vix_folder": "not ours", "IFS": "x"},
        stdin=stdin.encode(),
        inline={str(folder / "stdin"): stdin.encode()},
    )

    assert (code, outcome.rc, outcome.late, outcome.text("stderr")) == (DONE, 7, 0, "err\n")
    assert outcome.text("stdout") == "\0".join([*words, "o'clock", stdin])
    assert sorted(os.listdir(folder)) == ["owner", "pid", "result"]
    assert outcome.pid > 1


@pytest.fixture
def nap():
    """A command that sleeps, like no other, and whether it runs."""
    command = f"sleep 47{secrets.randbelow(10**8):08d}"
    return command, lambda: command in command_lines()


def command_lines():
    for place in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{place}/cmdline", encoding="utf-8", errors="replace") as file:
                yield file.read().rstrip("\0").replace("\0", " ")
        except OSError:  # it has ended
            continue


@every_shell
def test_all_shells_kill_at_timeout(shell, tmp_path, nap):
    program = programs.Program("it", ["sh"], ["-c", f"trap '' TERM; {nap[0]} & {nap[0]}; {nap[0]}"])
    folder = tmp_path / "vmlab.vix-1-a"
    (tmp_path / "script").write_bytes(linux_programs.text(program, str(folder), str(folder), {}, False, 3, 0.3))

    assert subprocess.run([*shell, str(tmp_path / "script")], timeout=60, check=False).returncode == DONE

    outcome = outcomes.read(str(folder / "result"), 1 << 20, "testing")
    assert (outcome.late, outcome.rc) == (1, 137)
    assert not nap[1]()


def begun_by(tmp_path, shell, folder, setsid):
    """Have a shell run a program for a second, which a setsid of the test begins."""
    tools, program = tmp_path / "tools", programs.Program("it", ["sleep"], ["40"])
    tools.mkdir()
    (tools / "setsid").write_text(f"#!/bin/sh\n{setsid}\n")
    (tools / "setsid").chmod(0o755)
    (tmp_path / "script").write_bytes(linux_programs.text(program, str(folder), str(folder), {}, False, 1, 0.3))
    environment = {"PATH": f"{tools}:{os.environ['PATH']}"}
    return subprocess.run([*shell, str(tmp_path / "script")], env=environment, stderr=subprocess.DEVNULL, timeout=60, check=False)


@every_shell
def test_late_start_killed_at_timeout(shell, tmp_path):
    folder = tmp_path / "vmlab.vix-1-a"
    done = begun_by(tmp_path, shell, folder, 'sleep 2\nexec "$@"')

    assert done.returncode == DONE
    outcome = outcomes.read(str(folder / "result"), 1 << 20, "testing")
    assert (outcome.late, outcome.rc) == (1, 143)


# Busybox has its own setsid.
@pytest.mark.parametrize("shell", [shell for shell in SHELLS if "busybox" not in shell[0]], ids="".join)
def test_watcher_ends_with_program(shell, tmp_path):
    """The state after a program whose shell was killed, and whose directory was removed."""
    folder = tmp_path / "vmlab.vix-1-a"
    done = begun_by(tmp_path, shell, folder, f'rm -r "{folder}"\nkill -KILL $PPID')

    assert done.returncode == -signal.SIGKILL
    eventually(lambda: not any(str(tmp_path / "script") in line for line in command_lines()), 30)


@every_shell
def test_all_shells_refuse_alike(shell, tmp_path):
    assert carried_out(tmp_path, shell, tmp_path / "a", names=["nothing-such"])[1].refused[0] == "missing"
    assert carried_out(tmp_path, shell, tmp_path / "b", names=["/etc/passwd"])[1].refused[0] == "denied"
    assert carried_out(tmp_path, shell, tmp_path / "c", chdir="/none")[1].refused[0] == "chdir"
    assert carried_out(tmp_path, shell, tmp_path / "none" / "d")[0] == 81
    assert carried_out(tmp_path, shell, tmp_path / "a")[0] == 82, "it was there before"


@every_shell
def test_sent_script_started_once(shell, tmp_path):
    folder = tmp_path / "vmlab.vix-1-a"
    folder.mkdir()
    (folder / "stdin").write_bytes(b"given")

    assert carried_out(tmp_path, shell, folder, made=True, names=["cat"], stdin=b"given")[1].outputs["stdout"] == b"given"
    assert carried_out(tmp_path, shell, folder, made=True, names=["cat"], stdin=b"given")[0] == 82


@every_shell
def test_no_setsid_children_by_parent(shell, tmp_path, nap):
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("sh", "rm", "mkdir", "date", "head", "wc", "sleep", "find", "kill"):
        found = next((os.path.join(place, name) for place in ("/bin", "/usr/bin") if os.path.exists(os.path.join(place, name))), None)
        if found:
            (tools / name).symlink_to(found)
    program = programs.Program("it", ["sh"], ["-c", f"{nap[0]} & {nap[0]}"])
    folder = tmp_path / "vmlab.vix-1-a"
    (tmp_path / "script").write_bytes(linux_programs.text(program, str(folder), str(folder), {}, False, 3, 0.3))

    assert subprocess.run([*shell, str(tmp_path / "script")], env={"PATH": str(tools)}, timeout=60, check=False).returncode == DONE

    assert outcomes.read(str(folder / "result"), 1 << 20, "testing").late == 1
    assert not nap[1]()


def test_date_without_fractions(tmp_path):
    (tmp_path / "tools").mkdir()
    date = tmp_path / "tools" / "date"
    date.write_text("#!/bin/sh\necho '1790000000 %N 2026-09-21 15:33:20'\n")
    date.chmod(0o755)

    outcome = carried_out(tmp_path, SHELLS[0], tmp_path / "vmlab.vix-1-a", path=f"{tmp_path}/tools:{os.environ['PATH']}")[1]

    assert (outcome.start, outcome.delta) == ("2026-09-21 15:33:20.000000", "0:00:00")


@pytest.mark.parametrize(("left", "wanted", "seconds"), [(300, None, 285), (20, None, 15), (300, 10, 10), (300, 400, 285), (2, None, 1), (0.5, 5, 1)])
def test_program_limit_below_task_limit(left, wanted, seconds):
    found, grace = programs.time_for(left, wanted)

    assert found == seconds
    assert found + grace < max(left, 2)


def test_secret_not_in_arguments():
    program = programs.Program("it", ["cat"], stdin=b"s3cret-stdin", environment={"KEY": "s3cret-key"}, script=b"s3cret-script")
    inline = {"/tmp/f/stdin": b"s3cret-stdin", "/tmp/f/script": b"s3cret-script"}
    text = linux_programs.text(program, "/tmp/f", "/tmp/f", inline, False, 20, 2).decode()

    lines = [line for line in text.splitlines() if "s3cret" in line]
    assert lines == ["s3cret-script", "s3cret-stdin", "  export KEY=s3cret-key"]


@pytest.mark.parametrize("writer", [linux_programs, windows_programs])
@pytest.mark.parametrize("wait", [True, False])
def test_success_has_agreed_exit_code(writer, wait):
    """The scripts contain the number as a literal."""
    text = writer.text(programs.Program("it", ["x"], wait=wait), "/f", "/f", {}, False, 1, 1).decode()

    assert "exit 0\n" not in text
    assert f"exit {DONE}\n" in text
