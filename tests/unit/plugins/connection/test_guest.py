# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The connection plugin: as Ansible's plugins call it, in this process, and whole tasks by ansible-playbook."""

from __future__ import annotations

import faulthandler
import json
import os
import pathlib
import signal
import threading
import time

import pytest
from ansible.errors import AnsibleAuthenticationFailure, AnsibleConnectionFailure, AnsibleError, AnsibleFileNotFound
from ansible.playbook.play_context import PlayContext
from ansible.plugins.loader import become_loader, connection_loader
from ansible_collections.vmlab.vix.plugins.module_utils import _conversation

PASSWORD = "s3cret-lab"
SESSION = ["VixHost_Connect", "VixHost_OpenVM", "VixVM_WaitForToolsInGuest", "VixVM_LoginInGuest", "VixVM_CreateDirectoryInGuest"]
END = ["VixVM_DeleteDirectoryInGuest", "VixVM_LogoutFromGuest"]
EXECUTE = ["VixVM_RunScriptInGuest", "VixVM_CopyFileFromGuestToHost"]


@pytest.fixture
def web(openvix):
    accounts = [{"name": "lab", "password": PASSWORD, "administrator": True}]
    return openvix.add_vm("web", power="powered_on", accounts=accounts)


@pytest.fixture
def connect(web, home):
    """Make a connection with other options than those that reach the VM of the test; it is closed after the test."""
    made = []

    def make(**options):
        connection = connection_loader.get("vmlab.vix.guest", PlayContext(), os.devnull)
        direct = {"vm": web, "remote_user": "lab", "password": PASSWORD, "connection_timeout": 20, **options}
        connection.set_options(var_options={}, direct=direct)
        made.append(connection)
        return connection

    yield make
    for connection in made:
        connection.close()


@pytest.fixture
def operations(openvix):
    """The operations of VIX that clients called, in order, from the last look at them on."""
    seen = 0

    def look():
        nonlocal seen
        calls = [call["call"] for call in openvix.calls()]
        new, seen = calls[seen:], len(calls)
        return [call for call in new if call.startswith(("VixVM_", "VixHost_Connect", "VixHost_OpenVM"))]

    return look


@pytest.fixture
def left(openvix, web, home):
    """What is left of connections in the guest and on this machine."""

    def look():
        guest = [str(path) for path in (openvix.disk(web) / "tmp").glob("vmlab.vix-*")]
        notes = home / ".ansible/vmlab.vix/guest"
        return guest + [str(path) for path in notes.iterdir()] if notes.is_dir() else guest

    return look


def test_command_with_input_and_both_outputs(connect, left):
    connection = connect()

    assert connection.exec_command("cat; echo err >&2; exit 7", in_data=b"a\0\xff\n") == (7, b"a\0\xff\n", b"err\n")
    assert connection.exec_command("cat") == (0, b"", b"")
    assert connection.exec_command("pwd; umask; echo \"$HOME\"; printf '\\377'")[1].split(b"\n") == [b"/home/lab", b"0022", b"/home/lab", b"\xff"]
    assert connection.exec_command("sh -c 'kill -9 $$'")[0] == 137
    assert connection.exec_command(")")[0] == 2
    assert len(left()) == 2
    connection.close()
    assert left() == []


def test_nothing_to_read_while_command_runs(connect):
    """Neither the command nor its input is in a file when the command begins."""
    listed = connect().exec_command("cat > /dev/null; find /tmp -type f; echo s3cret-word", in_data=b"s3cret-input")[1].decode()

    names = sorted(path.rpartition("/")[2] for path in listed.split("\n") if path.startswith("/"))
    assert names == ["1.err", "1.out", "pid"]


def test_large_input_output_and_command(connect):
    connection, block = connect(), os.urandom(300_000)

    assert connection.exec_command("cat", in_data=block) == (0, block, b"")
    word = "x" * 80_000
    assert connection.exec_command(f"echo {word}") == (0, f"{word}\n".encode(), b"")


def test_files_to_and_fro(connect, openvix, web, tmp_path):
    connection, source = connect(), tmp_path / "so urce ü"
    source.write_bytes(b"\0\xff text")

    connection.put_file(str(source), "/srv/a 'b' $HOME ü")
    connection.fetch_file("/srv/a 'b' $HOME ü", str(tmp_path / "back"))

    assert (openvix.disk(web) / "srv/a 'b' $HOME ü").read_bytes() == (tmp_path / "back").read_bytes() == b"\0\xff text"
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["back", "so urce ü"]


def test_operations_of_session_and_requests(connect, operations, tmp_path):
    """What the guide promises: three for a module that is sent by pipelining, and what a session costs."""
    connection = connect()
    operations()

    connection.exec_command("cat", in_data=b"module")
    assert operations() == [*SESSION, "VixVM_CopyFileFromHostToGuest", *EXECUTE]
    connection.exec_command("true")
    assert operations() == EXECUTE
    (tmp_path / "f").touch()
    connection.put_file(str(tmp_path / "f"), "/srv/f")
    assert operations() == ["VixVM_CopyFileFromHostToGuest"]
    connection.close()
    assert operations() == END


def test_missing_files(connect, tmp_path):
    connection = connect()

    with pytest.raises(AnsibleFileNotFound, match="does not exist"):
        connection.put_file(str(tmp_path / "nothing"), "/srv/f")
    with pytest.raises(AnsibleFileNotFound, match="copying /srv/nothing out of the guest of"):
        connection.fetch_file("/srv/nothing", str(tmp_path / "f"))
    assert list(tmp_path.glob("*f*")) == []
    assert connection.exec_command("echo on")[1] == b"on\n"


@pytest.mark.parametrize(
    ("options", "kind", "sentence"),
    [
        ({"password": "wrong"}, AnsibleAuthenticationFailure, "logging lab in to the guest of"),
        ({"password": None}, AnsibleError, "ansible_password is not set"),
        ({"remote_user": None}, AnsibleError, "ansible_user is not set"),
        ({"vm": "/no/such.vmx"}, AnsibleError, "/no/such.vmx"),
        ({"library": "/no/such.so"}, AnsibleError, "/no/such.so"),
    ],
)
def test_refused_sessions(connect, operations, options, kind, sentence):
    operations()

    with pytest.raises(AnsibleError, match=sentence) as raised:
        connect(**options).exec_command("true")

    assert raised.value.__class__ is kind
    assert operations().count("VixVM_LoginInGuest") == (kind is AnsibleAuthenticationFailure)
    assert "wrong" not in str(raised.value)


def test_vm_powered_off_is_unreachable(connect, openvix):
    with pytest.raises(AnsibleConnectionFailure, match="power it on first"):
        connect(vm=openvix.add_vm("off")).exec_command("true")


@pytest.fixture
def _quiet():
    """Without pytest's own handler, whose report of the wanted crash would only frighten."""
    faulthandler.disable()
    yield
    faulthandler.enable()


@pytest.mark.usefixtures("_quiet")
@pytest.mark.parametrize("kind", ["crash", "hang"])
def test_lost_library_is_unreachable(connect, openvix, kind, monkeypatch, left):
    monkeypatch.setattr(_conversation._worker, "GRACE", 0.2)
    connection = connect(command_timeout=1, connection_timeout=1)
    connection.exec_command("true")
    openvix.fault(call="VixVM_RunScriptInGuest", times=1, **({"crash": True} if kind == "crash" else {"hang": True}))

    with pytest.raises(AnsibleConnectionFailure, match="crashed in VixVM_RunScriptInGuest" if kind == "crash" else "timed out"):
        connection.exec_command("true")

    openvix.forgive_leaks("the process that crashed or hung had a session")
    assert connection.exec_command("echo again")[1] == b"again\n"
    connection.close()
    assert left() == []


def test_stale_login_begun_anew(connect, openvix, web, operations):
    """What a session meets whose guest was reverted: nothing was begun, so it logs in again and repeats it."""
    connection = connect()
    connection.exec_command("true")
    openvix.fault(call="VixVM_RunScriptInGuest", times=1, error=3018)
    operations()

    assert connection.exec_command("echo once >> /srv/log; cat /srv/log")[1] == b"once\n"
    assert operations() == ["VixVM_RunScriptInGuest", *END, *SESSION, *EXECUTE]


def test_vanished_directory_begun_anew(connect, openvix, web):
    connection = connect()
    connection.exec_command("true")
    [folder] = (openvix.disk(web) / "tmp").glob("vmlab.vix-c-*")
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()

    assert connection.exec_command("echo there")[1] == b"there\n"


def test_command_begun_twice_is_run_once(connect, openvix, web):
    """What has begun has opened the file of its errors."""
    connection = connect()
    connection.exec_command("true")
    [folder] = (openvix.disk(web) / "tmp").glob("vmlab.vix-c-*")
    (folder / "2.err").touch()

    with pytest.raises(AnsibleConnectionFailure, match="not started again"):
        connection.exec_command("echo twice > /srv/log")

    assert not (openvix.disk(web) / "srv/log").exists()


def test_killed_shell_is_unreachable(connect):
    with pytest.raises(AnsibleConnectionFailure, match="the shell that runs it was ended"):
        connect().exec_command("kill -9 $PPID $(cat /tmp/vmlab.vix-c-*/pid); sleep 5")


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize("loss", [signal.SIGTERM, signal.SIGKILL])
def test_loss_of_plugins_process_leaves_nothing(connect, openvix, web, left, loss):
    """The far end breaks off what runs in the guest, and deletes what it left there and here."""
    log = openvix.disk(web) / "srv/log"
    process = os.fork()
    if process == 0:
        try:
            connect().exec_command("echo begun > /srv/log; sleep 300")
        finally:
            os._exit(0)
    until(lambda: log.exists() and log.read_text())

    os.kill(process, loss)
    os.waitpid(process, 0)

    openvix.forgive_leaks("the far end ends without a logout")
    until(lambda: left() == [])
    assert not [line for line in everything() if "sleep 300" in line]


def everything():
    """The command line of each process."""
    texts = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            texts.append(path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
        except OSError:
            continue
    return texts


def test_killed_far_end_tidied_by_next_login(connect, openvix, web, left):
    """Nobody is there to do it when it happens: the next session of this machine finds the note."""
    connection = connect()
    connection.exec_command("sleep 301 & echo begun")
    os.kill(connection._line._line._process, signal.SIGKILL)
    openvix.forgive_leaks("it was killed")
    with pytest.raises(AnsibleConnectionFailure):
        connection.exec_command("true")
    connection.close()
    assert left() != []

    other = connect()
    other.exec_command("true")
    other.close()

    assert left() == []


def test_alarm_of_task_breaks_off_command(connect, openvix, web, left):
    """As the keyword timeout of a task does it."""

    class Alarm(Exception):
        pass

    def ring(*dummy):
        raise Alarm

    connection = connect()
    connection.exec_command("true")
    log = openvix.disk(web) / "srv/log"
    old = signal.signal(signal.SIGALRM, ring)
    caller = threading.Thread(target=lambda: (until(log.exists), os.kill(os.getpid(), signal.SIGALRM)))
    caller.start()
    try:
        with pytest.raises(Alarm):
            connection.exec_command("touch /srv/log; sleep 302")
    finally:
        caller.join()
        signal.signal(signal.SIGALRM, old)

    openvix.forgive_leaks("the far end ends without a logout")
    assert left() == []
    assert not [line for line in everything() if "sleep 302" in line]


# -- another user


ASKING = """#!/bin/sh
# As sudo -S: it asks on standard error, and takes the first line of its input.
printf '%s' "$1" >&2
IFS= read -r given || exit 1
[ "$given" = 'p "w" $x' ] || { echo "Sorry, try again." >&2; exit 1; }
shift
exec "$@"
"""


@pytest.fixture
def becoming(connect, openvix, web):
    """A connection that changes the user by a program of the test's in place of sudo, and the begin of such a command."""
    program = openvix.disk(web) / "srv/ask"
    program.write_text(ASKING)
    program.chmod(0o755)

    def make(password):
        connection, become = connect(), become_loader.get("ansible.builtin.sudo")
        become.set_options(direct={"become_pass": password})
        connection.set_become_plugin(become)
        become.build_become_command("true", connection._shell)
        return connection, f"/srv/ask '{become.prompt}' sh -c 'echo {become.success}; cat; echo end >&2'", become

    return make


def test_password_given_where_it_is_asked_for(becoming):
    connection, command, become = becoming('p "w" $x')

    rc, stdout, stderr = connection.exec_command(command, in_data=b"module")

    assert (rc, stdout, stderr) == (0, become.success.encode() + b"\nmodule", b"end\n")


def test_password_not_given_where_none_is_needed(becoming):
    connection, _command, become = becoming('p "w" $x')

    assert connection.exec_command(f"echo {become.success}; cat", in_data=b"module")[1] == become.success.encode() + b"\nmodule"


def test_wrong_password_named(becoming):
    connection, command, _become = becoming("wrong-s3cret")

    with pytest.raises(AnsibleError, match="Incorrect sudo password") as raised:
        connection.exec_command(command, in_data=b"module")

    assert "wrong-s3cret" not in str(raised.value)


def test_silent_program_does_not_hang(becoming, monkeypatch):
    from ansible_collections.vmlab.vix.plugins.module_utils._system import linux_shell

    monkeypatch.setattr(linux_shell, "PROMPT_TENTHS", 3)
    connection, _command, _become = becoming("any")

    with pytest.raises(AnsibleConnectionFailure, match="neither asked for a password"):
        connection.exec_command("cat > /dev/null", in_data=b"module")


# Ends when there are three of it.
MEET = "mktemp /srv/XXXXXXXX; until [ $(ls /srv | wc -l) = 3 ]; do sleep 0.05; done; exit 5"


# -- a session that is kept for later tasks


@pytest.fixture
def keep(connect, home):
    """Make connections that share a session, which is ended after the test."""
    made = []

    def make(**options):
        made.append(connect(persist=120, **options))
        return made[-1]

    yield make
    for connection in made:
        connection.reset()
    until(lambda: keepers(home) == [])


def keepers(home):
    """Process ids of those that keep a session."""
    own = f"{home}/.ansible/cp/vix-".encode()
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if any(word.startswith(own) for word in words):
            found.append(int(path.parent.name))
    return found


def sockets(home):
    return [path for path in (home / ".ansible/cp").iterdir() if path.is_socket()]


def test_session_outlives_connection(keep, operations, home, left):
    first, second = keep(), keep()
    assert first.exec_command("cat", in_data=b"one")[1] == b"one"
    first.close()
    operations()

    assert second.exec_command("echo two")[1] == b"two\n"
    second.close()

    assert operations() == EXECUTE
    [path] = sockets(home)
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o700, 0o700)
    second.reset()
    until(lambda: left() == [])
    assert operations() == END
    assert sockets(home) == []


def test_other_password_finds_no_session(keep, home):
    keep().exec_command("true")

    with pytest.raises(AnsibleAuthenticationFailure):
        keep(password="wrong").exec_command("true")


def test_processes_at_once_share_a_keeper(keep, home):
    """A lock is held while one is started. What is asked at the same time runs at the same time, in a session each."""
    own, processes = keep(), []
    for _number in range(3):
        processes.append(os.fork())
        if processes[-1] == 0:
            try:
                os._exit(keep().exec_command(MEET)[0])
            finally:
                os._exit(1)

    assert [os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) for process in processes] == [5, 5, 5]
    assert len(sockets(home)) == 1
    assert own.exec_command("exit 6")[0] == 6


@pytest.mark.parametrize("which", ["keeper", "far end"])
def test_killed_keeper_is_replaced(keep, openvix, home, left, which):
    connection = keep()
    connection.exec_command("true")
    processes = sorted(keepers(home))
    os.kill(processes[0 if which == "keeper" else -1], signal.SIGKILL)
    openvix.forgive_leaks("it was killed")

    with pytest.raises(AnsibleConnectionFailure):
        connection.exec_command("true")
    assert keep().exec_command("echo again")[1] == b"again\n"

    keep().reset()
    until(lambda: left() == [])


def test_task_that_is_killed_leaves_session_to_others(keep, openvix, web, home):
    log = openvix.disk(web) / "srv/log"
    keep().exec_command("true")
    process = os.fork()
    if process == 0:
        try:
            keep().exec_command("touch /srv/log; sleep 303")
        finally:
            os._exit(0)
    until(log.exists)

    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)

    openvix.forgive_leaks("the command was broken off")
    assert keep().exec_command("echo again")[1] == b"again\n"
    assert not [line for line in everything() if "sleep 303" in line]


def test_idle_keeper_ends(connect, home, left):
    connection = connect(persist=0.1)
    connection.exec_command("true")
    connection.close()

    until(lambda: keepers(home) == [])
    assert sockets(home) == []
    assert left() == []


def test_directory_of_sockets_that_others_may_write(connect, home):
    (home / ".ansible/cp").mkdir(parents=True)
    (home / ".ansible/cp").chmod(0o777)

    with pytest.raises(AnsibleError, match="nobody else may write to it"):
        connect(persist=10).exec_command("true")


# -- a VM host that is another machine


@pytest.fixture
def elsewhere(connect, tmp_path):
    """Make a connection to a VM host whose files are others: the home of its user is."""
    (tmp_path / "there").mkdir()

    def make(command="env HOME={home} sh -c", **options):
        return connect(vm_host="there", vm_host_command=command.format(home=tmp_path / "there", host="{host}"), **options)

    return make


def test_guest_of_other_vm_host(elsewhere, openvix, web, operations, tmp_path, left):
    connection, block = elsewhere(), os.urandom(3_000_000)
    (tmp_path / "source").write_bytes(block)
    (tmp_path / "empty").touch()
    operations()

    assert connection.exec_command("cat; exit 3", in_data=block) == (3, block, b"")
    connection.put_file(str(tmp_path / "source"), "/srv/source")
    connection.put_file(str(tmp_path / "empty"), "/srv/source2")
    connection.fetch_file("/srv/source", str(tmp_path / "back"))
    with pytest.raises(AnsibleFileNotFound):
        connection.fetch_file("/srv/nothing", str(tmp_path / "none"))

    assert (tmp_path / "back").read_bytes() == block
    assert (openvix.disk(web) / "srv/source2").read_bytes() == b""
    assert not (tmp_path / "none").exists()
    copies = ["VixVM_CopyFileFromHostToGuest", "VixVM_CopyFileFromHostToGuest", "VixVM_CopyFileFromGuestToHost", "VixVM_CopyFileFromGuestToHost"]
    assert operations() == [*SESSION, "VixVM_CopyFileFromHostToGuest", *EXECUTE, *copies]
    connection.close()
    assert left() == []
    [program] = (tmp_path / "there/.ansible/vmlab.vix").glob("*.zip")
    program.write_bytes(b"damaged")
    assert elsewhere().exec_command("echo again")[1] == b"again\n"


def test_vm_host_that_does_not_answer(elsewhere):
    with pytest.raises(AnsibleConnectionFailure, match=r"sh -c 'echo no key >&2; exit 255' ended with exit code 255: no key"):
        elsewhere("sh -c 'echo no key >&2; exit 255'").exec_command("true")
    with pytest.raises(AnsibleConnectionFailure, match="/no/such/ssh cannot be run"):
        elsewhere("/no/such/ssh {host}").exec_command("true")
    with pytest.raises(AnsibleConnectionFailure, match="its shell must print nothing at the login"):
        elsewhere("sh -c 'echo Welcome to there'").exec_command("true")


@pytest.mark.parametrize("who", ["near", "far"])
def test_lost_line_to_vm_host(elsewhere, openvix, web, left, who, home):
    """Whichever end is lost: what runs in the guest ends, and nothing is left there."""
    log = openvix.disk(web) / "srv/log"
    process = os.fork()
    if process == 0:
        try:
            elsewhere().exec_command("echo $$ > /srv/log; sleep 304")
        except AnsibleConnectionFailure:
            os._exit(7)
        finally:
            os._exit(0)
    until(lambda: log.exists() and log.read_text())

    far = [pid for pid in children(process) if "_guest_relay" in command_line(pid)]
    os.kill(process if who == "near" else far[0], signal.SIGKILL)

    status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    assert status == (-signal.SIGKILL if who == "near" else 7)
    openvix.forgive_leaks("the far end ends without a logout")
    until(lambda: list((openvix.disk(web) / "tmp").glob("vmlab.vix-*")) == [])
    until(lambda: not [line for line in everything() if "sleep 304" in line])


def children(pid):
    found = [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return found + [each for child in found for each in children(child)]


def command_line(pid):
    return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace")


# -- whole tasks


TASKS = """
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.ping:
    - ansible.builtin.copy: {content: "häl lo\\n", dest: "/srv/ü x", mode: "0640"}
    - ansible.builtin.copy: {content: "häl lo\\n", dest: "/srv/ü x", mode: "0640"}
      register: again
    - ansible.builtin.command: {cmd: cat, stdin: abc}
      register: said
      environment: {KEY: s3cret-key}
    - ansible.builtin.command: "echo {{ item }}"
      loop: [1, 2, 3]
    - ansible.builtin.fetch: {src: "/srv/ü x", dest: got, flat: true}
    - ansible.builtin.script: script.sh a b
      register: script
    - ansible.builtin.command: sleep 0.1
      async: 20
      poll: 1
    - ansible.builtin.meta: reset_connection
    - ansible.builtin.wait_for_connection: {timeout: 30, sleep: 1}
    - ansible.builtin.raw: "exit 3"
      register: raw
      ignore_errors: true
    - ansible.builtin.assert:
        that:
          - not again.changed
          - said.stdout == "abc"
          - script.stdout_lines == ["a b"]
          - raw.rc == 3
"""


def test_modules_of_ansible_in_guest(openvix, web, home, run_ansible, tmp_path, monkeypatch, left):
    monkeypatch.chdir(tmp_path)
    variables = {
        "ansible_connection": "vmlab.vix.guest",
        "ansible_vix_vm": web,
        "ansible_user": "lab",
        "ansible_password": PASSWORD,
        "ansible_python_interpreter": "/usr/bin/python3",
        "ansible_remote_tmp": "/tmp/.ansible",  # that of the tests may be below /dev, which is not on the disk of a guest
    }
    pathlib.Path("inventory.json").write_text(json.dumps({"all": {"hosts": {"web": variables}}}))
    pathlib.Path("play.yml").write_text(TASKS)
    script = pathlib.Path("script.sh")
    script.write_text('#!/bin/sh\necho "$@"\n')

    done = run_ansible("ansible-playbook", "-vvvv", "-i", "inventory.json", "play.yml")

    assert done.returncode == 0, done.stdout + done.stderr
    assert pathlib.Path("got").read_text() == "häl lo\n"
    assert PASSWORD not in done.stdout + done.stderr
    assert left() == []
    loop = done.stdout.split("TASK [ansible.builtin.command]")[2].split("TASK")[0]
    assert loop.count("CONNECT THROUGH VMWARE TOOLS") == 1
    # With pipelining no module is copied. From ansible-core 2.22 on, no message says that it is enabled.
    assert "AnsiballZ" not in loop


def test_unreachable_guest_named(openvix, home, run_ansible):
    off = openvix.add_vm("off")

    extra = ["-e", f"ansible_connection=vmlab.vix.guest ansible_vix_vm={off} ansible_user=lab ansible_password={PASSWORD}"]
    done = run_ansible("ansible", "-i", "web,", "web", "-m", "raw", "-a", "true", *extra)

    assert "web | UNREACHABLE!" in done.stdout
    assert off in done.stdout
    assert "power it on first (vmlab.vix.vm_power)" in done.stdout
