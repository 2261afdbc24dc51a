# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime
import os
import pathlib
import signal
import stat
import threading
import time

import pytest
from ansible.module_utils.common.parameters import PASS_VARS
from waiting import eventually

PASSWORD = "s3cret-lab"
LOGIN = {"guest_username": "lab", "guest_password": PASSWORD}
ACCOUNTS = [{"name": "lab", "password": PASSWORD, "administrator": True}, {"name": "visitor", "password": "s3cret-visitor"}]
FILES = {"/etc/motd": "Welcome\n", "/srv/site/index.html": "<p>\n"}


@pytest.fixture
def web(openvix):
    return openvix.add_vm("web", power="powered_on", accounts=ACCOUNTS, files=FILES)


@pytest.fixture
def command(run_module, web):
    def run(*argv, **options):
        return run_module("guest_command", vm=web, **{**LOGIN, "timeout": 60, **({"argv": list(argv)} if argv else {}), **options})

    return run


@pytest.fixture
def left(openvix, web):
    """What lies in /tmp of the guest."""
    # VMware Tools leave their directory for scripts there.
    return lambda: sorted(path.name for path in openvix.disk(web).glob("tmp/*") if not path.name.startswith("vmware-") or os.listdir(path))


@pytest.fixture
def running(run_module, web):
    """The command lines of the processes of the guest in which a text occurs."""

    def find(text):
        return [process["command"] for process in run_module("guest_process_info", vm=web, **LOGIN)["processes"] if text in process["command"]]

    return find


def test_output_and_return_code_returned(openvix, command, web, left):
    """The lesson of community.vmware issues 1925 and 896 and ansible/ansible issue 47745: what a command wrote is what its users ask for most."""
    result = command("sh", "-c", "echo out; echo 'two lines'; echo err >&2; exit 3")

    assert (result["rc"], result["stdout"], result["stderr"]) == (3, "out\ntwo lines", "err")
    assert (result["stdout_size"], result["stderr_size"], result["stdout_truncated"], result["stderr_truncated"]) == (14, 4, False, False)
    assert (result["failed"], result["changed"], result["timed_out"]) == (True, True, False)
    assert result["msg"] == f"running sh in the guest of {web} as lab: non-zero return code 3"
    assert (result["vm"], result["cmd"]) == (web, ["sh", "-c", "echo out; echo 'two lines'; echo err >&2; exit 3"])
    assert left() == []


def test_successful_command_changed(command):
    result = command("true")

    assert (result["_rc"], result["rc"], result["changed"], result["stdout"], result["stderr"]) == (0, 0, True, "", "")
    assert "msg" not in result


def test_times_use_guest_clock(command):
    result = command("sleep", "0.3")

    start, end = (datetime.datetime.strptime(result[name], "%Y-%m-%d %H:%M:%S.%f") for name in ("start", "end"))
    assert datetime.timedelta(seconds=0.3) <= end - start < datetime.timedelta(seconds=30)
    assert str(end - start) == result["delta"]
    assert abs(datetime.datetime.now() - start) < datetime.timedelta(hours=24)


def test_command_needs_three_guest_calls(openvix, command):
    command("true")

    calls = [each["call"] for each in openvix.calls() if each["call"].endswith(("InGuest", "FromGuestToHost", "FromHostToGuest"))]
    assert calls == [
        "VixVM_WaitForToolsInGuest",
        "VixVM_LoginInGuest",
        "VixVM_RunScriptInGuest",
        "VixVM_CopyFileFromGuestToHost",
        "VixVM_DeleteDirectoryInGuest",
    ]


def test_cmd_split_like_shell_without_shell(command):
    result = command(cmd=r"""printf '%s|' $HOME "a  b" 'it'"'"'s' c\ d '*' '>' ';'""")

    assert result["cmd"] == ["printf", "%s|", "$HOME", "a  b", "it's", "c d", "*", ">", ";"]
    assert result["stdout"] == "$HOME|a  b|it's|c d|*|>|;|"


def test_invalid_cmd_refused(openvix, command):
    assert command(cmd="echo 'open")["msg"] == "preparing to run a program: cmd cannot be split into words: No closing quotation"
    for empty in ({"cmd": " "}, {"argv": []}, {"argv": [""]}):
        assert command(**empty)["msg"].endswith("the name of the program is empty")
    assert openvix.calls("VixVM_RunScriptInGuest") == []


def test_argv_and_cmd_exactly_one_required(command):
    assert command()["_rc"] == 1
    assert command("true", cmd="true")["_rc"] == 1


def test_environment_and_chdir_applied(command):
    code = 'pwd; echo "$WORD"; echo "$NUMBER"; cat; umask'
    result = command("sh", "-c", code, chdir="/srv/site", environment={"WORD": 'it\'s $HOME\n"x"', "NUMBER": 7}, stdin="given")

    assert result["stdout"] == '/srv/site\nit\'s $HOME\n"x"\n7\ngiven\n0022'


@pytest.mark.parametrize(
    ("options", "count"), [({}, 6), ({"stdin_add_newline": False}, 5), ({"stdin": "hello\n"}, 6), ({"stdin": ""}, 0), ({"stdin": None}, 0)]
)
def test_stdin_newline_as_requested(command, options, count):
    options = {"stdin": "hello", **options}
    if not options["stdin"]:
        options["stdin_add_newline"] = False
    assert command("wc", "-c", **options)["stdout"] == str(count)


def test_trailing_newlines_stripped_unless_kept(command):
    assert command("printf", "a\n\n\n")["stdout"] == "a"
    assert command("printf", "a\n\n\n", strip_empty_ends=False)["stdout"] == "a\n\n\n"


def test_chdir_default_is_home(command):
    assert command("pwd")["stdout"] == "/home/lab"


def test_program_found_in_given_path(openvix, command, web):
    tool = openvix.disk(web) / "opt" / "tool"
    tool.parent.mkdir(exist_ok=True)
    tool.write_text("#!/bin/sh\necho tool\n")
    tool.chmod(0o755)

    assert command("tool")["error"] == "FileNotFound"
    assert command("tool", environment={"PATH": "/nowhere:/opt:/usr/bin:/bin"})["stdout"] == "tool"
    assert command("./tool", chdir="/opt")["stdout"] == "tool"


INSTALL = "install it in the guest, or use its full path"


@pytest.mark.parametrize(
    ("argv", "options", "error", "words"),
    [
        (["nothing-such"], {}, "FileNotFound", f"no such program in the guest: nothing-such; {INSTALL}"),
        (["/opt/none"], {}, "FileNotFound", f"no such program in the guest: /opt/none; {INSTALL}"),
        (["/etc/motd"], {}, "Refused", "/etc/motd cannot be executed by the user"),
        (["/etc"], {}, "Refused", "/etc cannot be executed by the user"),
        (["true"], {"chdir": "/none"}, "Refused", "/none does not exist in the guest, or the user may not enter it"),
        (["true"], {"chdir": "srv"}, "Refused", "srv is not an absolute path of the guest"),
        (["true"], {"environment": {"a b": "c"}}, "Refused", "'a b' is not a valid name of an environment variable"),
        (["true", "a\0b"], {}, "Refused", "arguments, paths and variables cannot contain a NUL character"),
    ],
)
@pytest.mark.parametrize("no_wait", [False, True])
def test_program_not_runnable_one_message(command, left, web, argv, options, error, words, no_wait):
    result = command(*argv, no_wait=no_wait, **options)

    assert (result["error"], result["_rc"], "rc" in result) == (error, 1, False)
    assert result["msg"] == f"running {argv[0]} in the guest of {web} as lab: {words}"
    assert left() == []


@pytest.mark.parametrize("there", ["/etc/motd", "/srv/site"])
def test_creates_existing_not_run(openvix, command, there):
    result = command("touch", "/srv/ran", creates=there)

    assert (result["changed"], result["rc"], result["stdout"]) == (False, 0, f"skipped, since {there} exists")
    assert command("touch", "/srv/ran", removes="/srv/none")["stdout"] == "skipped, since /srv/none does not exist"
    assert command("true", creates="srv")["error"] == command("true", removes="srv")["error"] == "Refused"
    assert openvix.calls("VixVM_RunScriptInGuest") == []
    assert len(openvix.calls("VixVM_GetFileInfoInGuest")) == 2


def test_creates_missing_run(command):
    assert command("touch", "/srv/ran", creates="/srv/ran", removes="/etc/motd")["changed"]
    assert not command("touch", "/srv/ran", creates="/srv/ran")["changed"]


def test_check_mode_not_run(openvix, command, web):
    skipped = command("touch", "/srv/ran", check_mode=True)
    wouldrun = command("touch", "/srv/ran", creates="/srv/ran", check_mode=True)
    wouldnot = command("touch", "/srv/ran", creates="/etc/motd", check_mode=True)

    assert (skipped["skipped"], skipped["changed"]) == (True, False)
    assert ("skipped" in wouldrun, wouldrun["changed"], wouldrun["rc"]) == (False, True, 0)
    assert ("skipped" in wouldnot, wouldnot["changed"]) == (False, False)
    assert not (openvix.disk(web) / "srv/ran").exists()
    assert openvix.calls("VixVM_RunScriptInGuest") == []


def test_timeout_kills_program_and_children(command, left, running):
    """The lesson of adobe/aquarium-fish issue 22 and dshikashio/vixpy issue 1: nothing runs without a deadline, and here the guest keeps it."""
    code = """
    trap '' TERM
    echo begun
    (trap '' TERM; while :; do sleep 4711; done) &
    setsid sh -c 'trap "" TERM; sleep 4712' &
    sh -c 'sh -c "sleep 4713; sleep 4713" & exit' &
    sleep 4714
    sleep 4715
    """
    result = command("sh", "-c", code, program_timeout=4)

    assert (result["failed"], result["timed_out"], result["stdout"]) == (True, True, "begun")
    assert "as lab: timed out after 4 s; the program and what it started were killed; increase program_timeout and timeout" in result["msg"]
    assert running("sleep") == []
    assert left() == []


def test_timeout_soft_stop_not_killed(command):
    result = command("sh", "-c", "trap 'echo asked; exit 7' TERM; while :; do sleep 0.1; done", program_timeout=4)

    assert (result["rc"], result["stdout"], result["timed_out"]) == (7, "asked", True)


def test_default_timeout_before_task_deadline(command, running):
    """The lesson of dblock/vmwaretasks issue 20: an upper bound, and the reason."""
    result = command("sleep", "4711", timeout=4, passed=lambda: 0)  # by the guest's clock it has 3 s

    assert (result["timed_out"], result["rc"]) == (True, 143)
    assert running("sleep") == []


def test_background_process_not_waited_for(command, running):
    result = command("sh", "-c", "sleep 4711 & echo done")

    assert (result["rc"], result["stdout"]) == (0, "done")
    eventually(lambda: running("sleep") == ["sleep 4711"])


def test_no_own_process_left_running(command, running):
    command("true")
    eventually(lambda: running("sh") == running("sleep") == [])


def test_signals_have_default_handling(command):
    """A shell lets what it starts in the background ignore an interrupt."""
    assert command("sh", "-c", "trap 'echo interrupted; exit 4' INT; kill -INT $$; echo ignored")["stdout"] == "interrupted"


def test_no_wait_returns_pid(command, run_module, web, left):
    result = command("sleep", "4711", no_wait=True)

    def commands():
        processes = run_module("guest_process_info", vm=web, **LOGIN)["processes"]
        return [process["command"] for process in processes if process["pid"] == result["pid"]]

    eventually(lambda: commands() == ["sleep 4711"])
    assert (result["changed"], result["cmd"], "rc" in result, "stdout" in result) == (True, ["sleep", "4711"], False, False)
    assert left() == []


@pytest.mark.parametrize("fault", [{"crash": True}, {"crash": True, "where": "job"}, {"error": 1}, {"hang": True}])
@pytest.mark.parametrize("call", ["VixVM_RunScriptInGuest", "VixVM_CopyFileFromGuestToHost", "VixVM_DeleteDirectoryInGuest"])
def test_no_file_left_beside_destination(openvix, command, tmp_path, call, fault):
    """Whatever happens to the process that works with the library, there is no part of an output beside its destination."""
    openvix.fault(call=call, times=1, **fault)
    openvix.forgive_leaks("a process that crashed or was killed releases nothing")
    out = tmp_path / "out"

    result = command("echo", "secret", stdout_dest=str(out), timeout=2)

    assert [path.name for path in tmp_path.iterdir()] == ([] if result.get("failed") else ["out"])


def test_old_file_beside_destination_removed(command, tmp_path):
    """A task that was killed leaves its part behind. The next one removes it, unless it is young and may belong to a task that runs."""
    for name, hours in ((f".out.{'0' * 16}.part", 25), (f".out.{'1' * 16}.part", 1), (f".other.{'0' * 16}.part", 25), (".out.mine.part", 25)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (time.time() - hours * 3600,) * 2)

    command("true", stdout_dest=str(tmp_path / "out"))

    assert sorted(path.name for path in tmp_path.iterdir()) == [f".other.{'0' * 16}.part", f".out.{'1' * 16}.part", ".out.mine.part", "out"]


@pytest.mark.parametrize("options", [{"stdin": "x"}, {"program_timeout": 5}, {"stdout_dest": "/tmp/x"}, {"stderr_dest": "/tmp/x"}])
def test_no_wait_without_stdin_and_stdout(openvix, command, options):
    assert "cannot be used with no_wait=true" in command("true", no_wait=True, **options)["msg"]
    assert openvix.calls("VixVM_RunScriptInGuest") == []


@pytest.mark.parametrize("options", [{"program_timeout": 0}, {"max_output": -1}, {"max_output": (1 << 22) + 1}])
def test_invalid_numbers_refused(command, options):
    assert command("true", **options)["error"] == "Refused"


def test_large_output_truncated_with_size(command):
    result = command("sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' x; printf 'zwölf' >&2", max_output=4)

    assert (result["stdout"], result["stdout_size"], result["stdout_truncated"]) == ("xxxx", 3000000, True)
    assert (result["stderr"], result["stderr_size"], result["stderr_truncated"]) == ("zw\u00f6", 6, True)
    assert command("printf", "zwölf", max_output=3)["stdout"] == "zw", "a letter is not cut in two"
    assert command("echo", "x", max_output=0)["stdout_truncated"]


def test_binary_output_returned_as_text(command):
    assert command("printf", r"a\377b")["stdout"] == "a\ufffdb"


def test_full_output_saved_on_request(command, tmp_path, left):
    """The lesson of community.proxmox issue 416: a file that is copied is quicker than output that is brought in pieces."""
    out, err = tmp_path / "out", tmp_path / "err"
    out.write_text("old")

    result = command("sh", "-c", "head -c 100000000 /dev/zero; echo err >&2", max_output=1, stdout_dest=str(out), stderr_dest=str(err))

    assert (out.stat().st_size, err.read_text(), result["stdout_size"]) == (100000000, "err\n", 100000000)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (out, err)] == [0o600, 0o600]
    assert sorted(os.listdir(tmp_path)) == ["err", "out"]
    assert left() == []


def test_output_dest_checked_before_run(openvix, command, tmp_path):
    assert "is a directory" in command("true", stdout_dest=str(tmp_path))["msg"]
    assert "stderr_dest cannot be written to" in command("true", stderr_dest=str(tmp_path / "none" / "file"))["msg"]
    assert openvix.calls("VixVM_RunScriptInGuest") == []


def test_failed_output_fetch_leaves_no_part(openvix, command, tmp_path, left):
    openvix.fault(call="VixVM_CopyFileFromGuestToHost", from_=2, error=7)
    (tmp_path / "out").write_text("old")

    assert command("echo", "new", stdout_dest=str(tmp_path / "out"))["vix_code"] == 7

    assert (tmp_path / "out").read_text() == "old"
    assert os.listdir(tmp_path) == ["out"]
    assert left() == []


@pytest.mark.parametrize("options", [{}, {"stdin": "x" * 100000 + "s3cret-stdin"}])
@pytest.mark.parametrize("end", ["", "; exit 3", "; sleep 4711"])
def test_secrets_not_in_argv_or_files(openvix, run_module, web, tmp_path_factory, options, end):
    options = {"environment": {"KEY": "s3cret-environment"}, "stdin": "s3cret-stdin", **options}
    code = f"cat > /dev/null; touch /srv/begun; while [ ! -e /srv/go ]; do sleep 0.05; done{end}"
    secrets, results, seen = ["s3cret-environment", "s3cret-stdin", PASSWORD], [], 0
    base = tmp_path_factory.getbasetemp()
    before = set(base.iterdir())
    wanted = {"argv": ["sh", "-c", code], "program_timeout": 10 if "4711" in end else 40, "secrets": secrets, **options}
    task = threading.Thread(target=lambda: results.append(run_module("guest_command", vm=web, timeout=60, **LOGIN, **wanted)))
    task.start()
    eventually(lambda: (openvix.disk(web) / "srv/begun").exists() or not task.is_alive())
    for place in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = place.read_bytes()
        except OSError:  # it has ended
            continue
        seen += b"/srv/begun" in line
        assert not any(secret.encode() in line for secret in secrets), line
    assert files_with(secrets, [openvix.disk(web)]) == [], "what is in memory needs no file"
    (openvix.disk(web) / "srv/go").touch()
    task.join()

    assert seen, results
    assert results[0]["_rc"] == bool(end)
    assert files_with(secrets[:2], [openvix.directory, *(set(base.iterdir()) - before)]) == []


def files_with(texts, places):
    files = [path for place in places for path in pathlib.Path(place).rglob("*") if path.is_file()]
    return [path for path in files if any(text.encode() in path.read_bytes() for text in texts)]


def test_output_equal_to_secret_not_masked(command):
    # From ansible-core 2.21 on a result has its options only where they are asked for, with what an older one does not know.
    asked = {"_ansible_inject_invocation": True} if "inject_invocation" in PASS_VARS else {}
    result = command("sh", "-c", "echo $LEVEL; cat", environment={"LEVEL": "1"}, stdin="word", **asked)

    assert result["stdout"] == "1\nword"
    arguments = result["invocation"]["module_args"]
    assert (arguments["stdin"], arguments["environment"]) == ("VALUE_SPECIFIED_IN_NO_LOG_PARAMETER",) * 2


def test_password_in_output_masked(command):
    assert PASSWORD not in str(command("echo", PASSWORD, environment={"KEY": PASSWORD}))


def test_partial_output_detected(openvix, command, tmp_path):
    """The lesson of ansible/ansible issue 40112: a truncated copy is reported as truncated."""
    openvix.fault(call="VixVM_CopyFileFromGuestToHost", from_=2, cut=3)

    result = command("echo", "a whole line", stdout_dest=str(tmp_path / "out"))

    assert result["msg"].endswith(": only 3 of the 13 bytes of its stdout were received")
    assert os.listdir(tmp_path) == []


def test_guest_down_reported_not_run_again(openvix, run_module, command, web):
    """The lesson of ansible/ansible pull 60473: Tools are said to run while the guest restarts."""
    results = []

    def run():
        results.append(command("sh", "-c", "echo x >> /srv/runs; sleep 60"))

    task = threading.Thread(target=run)
    task.start()
    eventually((openvix.disk(web) / "srv/runs").exists)
    assert run_module("vm_restart", vm=web, stop="hard")["changed"]
    task.join()

    assert (results[0]["error"], results[0]["vix_code"]) == ("NotRunning", 3006)
    assert "the guest was shut down or restarted meanwhile; what the program had done by then is not known (VIX_E_VM_NOT_RUNNING, 3006)" in results[0]["msg"]
    assert (openvix.disk(web) / "srv/runs").read_text() == "x\n"


def test_program_lost_by_restart_reported(openvix, command):
    openvix.fault(call="VixVM_CopyFileFromGuestToHost", error=4)

    assert "its result is missing: the guest was shut down or restarted meanwhile" in command("true")["msg"]


def test_killed_task_program_ended_directory_removed(openvix, run_module, command, web, left, running):
    """The lesson of adobe/aquarium-fish issue 62: what a crash left over is cleared at the next start."""
    openvix.forgive_leaks("the process of the library was killed")
    results = []

    def run():
        results.append(command("sh", "-c", "echo $$ > /srv/pid; sleep 4711", program_timeout=10, timeout=40))

    task = threading.Thread(target=run)
    task.start()
    eventually((openvix.disk(web) / "srv/pid").exists)
    os.kill(openvix.calls("VixVM_RunScriptInGuest")[0]["client"], signal.SIGKILL)
    task.join()
    assert results[0]["error"] == "LibraryCrashed"

    eventually(lambda: running("sleep") == [])
    eventually(lambda: len(left()) == 1)
    (folder,) = left()
    assert folder.startswith("vmlab.vix-3-")
    command("true")
    assert left() == [folder], "it may still be needed"
    owner = openvix.disk(web) / "tmp" / folder / "owner"
    process, since = owner.read_text().split()
    owner.write_text(f"{process} {max(1, int(since) - 5 * 60)}\n")
    long_ago = time.time() - 5 * 60
    os.utime(owner.parent, (long_ago, long_ago))
    command("true")
    assert left() == []


def test_foreign_directory_not_removed(openvix, command, web, left):
    names = ["vmlab.vix-notes", "vmlab.vix-1", "vmlab.vix--x", "vmlab.vix-a-b", "vmlab.vix-1 2-x"]
    long_ago = time.time() - 1000 * 60
    for name in names:
        (openvix.disk(web) / "tmp" / name).mkdir()
        os.utime(openvix.disk(web) / "tmp" / name, (long_ago, long_ago))
    (openvix.disk(web) / "tmp/vmlab.vix-1-link").symlink_to("/srv")
    for place in ("srv", "tmp/vmlab.vix-1-link"):
        os.utime(openvix.disk(web) / place, (long_ago, long_ago), follow_symlinks=False)

    command("true")

    assert left() == sorted([*names, "vmlab.vix-1-link"])
    assert (openvix.disk(web) / "srv/site/index.html").exists()


def test_guest_without_scripts_uses_file(openvix, command, left):
    openvix.fault(call="VixVM_RunScriptInGuest", error=3025)

    result = command("sh", "-c", "cat; echo $A", stdin="given", environment={"A": "b"})

    assert (result["rc"], result["stdout"]) == (0, "given\nb")
    assert left() == []


def test_guest_without_programs_vix_error(openvix, command, left):
    openvix.fault(call="VixVM_RunScriptInGuest", error=3003)
    openvix.fault(call="VixVM_RunProgramInGuest", error=3003)

    assert command("true")["error"] == "NotSupported"
    assert left() == []


def test_guest_without_shell_reported(openvix, command, web):
    openvix.fault(call="VixVM_RunScriptInGuest", error=4)

    result = command("true")

    assert (result["error"], result["vix_code"]) == ("FileNotFound", 4)
    words = "no such program in the guest: /bin/sh; set guest_family if the guest runs another operating system (VIX_E_FILE_NOT_FOUND, 4)"
    assert result["msg"] == f"running true in the guest of {web} as lab: {words}"


@pytest.mark.parametrize(("reported", "number"), [("zero", 0), ("signal", 137)])
def test_killed_wrapper_script_reported(openvix, command, web, reported, number):
    """It is the parent of the program's shell. VMware Tools report 0 for it."""
    openvix.change_vm(web, tools_options={"killed_exit_code": reported})

    result = command("sh", "-c", "kill -9 $PPID; sleep 0.2")

    assert f"the script that runs it ended with exit code {number} before it wrote a result" in result["msg"]


def test_forged_result_not_believed(command):
    """Values from the guest are not trusted."""
    result = command("sh", "-c", 'cd "$(dirname "$(readlink /proc/$$/fd/1)")" && mkdir result; sleep 0.1')

    assert "its output could not be stored" in result["msg"]


def test_unprivileged_user_runs_allowed_program(command, left):
    visitor = {"guest_username": "visitor", "guest_password": "s3cret-visitor"}
    assert command("sh", "-c", "echo $USER", **visitor)["stdout"] == "visitor"
    assert command("wc", "-c", stdin="x" * 100000, **visitor)["stdout"] == "100001"
    assert left() == []


def test_many_arguments_passed_in_file(command, left):
    words = [f"word {number} it's" for number in range(5000)]

    assert command("sh", "-c", "echo $#", "sh", *words)["stdout"] == "5000"
    assert left() == []


def test_windows_guest_command_line(openvix, command):
    """The simulated guest is none: a path of Windows begins at the root there, as every relative one, and leads nowhere."""
    assert command("ipconfig", guest_family="windows")["vix_code"] == 4
    assert [each["call"] for each in openvix.calls() if "Script" in each["call"] or "Program" in each["call"]] == ["VixVM_RunProgramInGuest"]
