# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What makes a machine its own, read as its first boot reads it."""

from __future__ import annotations

import io
import pathlib
import stat
import subprocess
import tarfile
import tempfile

import pytest
from archives import read_cpio

from openvix.backends.qemu.image import passwords, seed
from openvix.config.errors import ConfigError

LAB = {"name": "lab", "password": "lab", "administrator": True}
TESTER = {"name": "tester", "password": "s3cret", "home": "/srv/tester"}


def sown(hostname="web", accounts=(LAB, TESTER), files=None, processes=()):
    """Return the script and the files of a seed: path to (member, text)."""
    (archive, mode, laid), (script, other, made) = read_cpio(seed.archive(hostname, [*accounts], files or {}, [*processes]))
    assert (script, archive) == ("seed.sh", "seed.tar")
    assert {mode, other} == {stat.S_IFREG | 0o600}
    with tarfile.open(fileobj=io.BytesIO(laid)) as whole:
        return made.decode(), {f"/{each.name}": (each, whole.extractfile(each).read().decode() if each.isreg() else each.linkname) for each in whole}


def carry_out(script, folder):
    """Carry a script out as any user, and return what it complains of and whom it gave what."""
    owners = folder / "owners"
    owners.touch()
    command = f"chown() {{ echo \"$@\" >>'{owners}'; }}\n{script}"
    said = subprocess.run(["sh", "-s"], input=command, capture_output=True, text=True, check=False)
    assert said.stdout == ""
    return said.stderr.splitlines(), owners.read_text().splitlines()


def lines(files, path):
    return {line.split(":")[0]: line.split(":")[1:] for line in files[path][1].splitlines()}


def test_seed_sets_the_host_name():
    _, files = sown("web one")
    assert files["/etc/hostname"][1] == "web one\n"
    assert "127.0.1.1\tweb one\n" in files["/etc/hosts"][1]


def test_user_ids_of_accounts_and_administrators():
    _, files = sown(accounts=[LAB, TESTER, {"name": "root", "password": "r"}, {"name": "www-data", "password": "w"}])
    users = lines(files, "/etc/passwd")

    assert users["lab"][1:3] == ["0", "0"]
    assert users["tester"] == ["x", "1001", "1001", "tester", "/srv/tester", "/bin/bash"]
    assert users["root"] == ["x", "0", "0", "root", "/root", "/bin/bash"]
    # One that every Debian has keeps its number.
    assert users["www-data"] == ["x", "33", "33", "www-data", "/home/www-data", "/bin/bash"]
    # Who asks for the name of user 0 gets the first.
    assert next(iter(users)) == "root"
    groups = lines(files, "/etc/group")
    assert (groups["tester"][1], groups["www-data"][1], groups["tty"][1]) == ("1001", "33", "5")
    assert "lab" not in groups


def test_password_hashes_unreadable_for_users():
    content = seed.archive("web", [LAB, TESTER], {}, [])
    assert b"s3cret" not in content
    _, files = sown()
    shadow, _ = files["/etc/shadow"]
    assert (shadow.mode, shadow.uid, shadow.gid) == (0o640, 0, 42)
    kept = lines(files, "/etc/shadow")["tester"][0]
    assert passwords.hashed("s3cret", kept.split("$")[2]) == kept


def test_empty_passwords_and_locked_users():
    shut = {"name": "shut", "password": "x", "locked": True, "shell": "/usr/sbin/nologin"}
    _, files = sown(accounts=[{"name": "open", "password": ""}, {"name": "free"}, TESTER, shut])
    kept = lines(files, "/etc/shadow")
    assert (kept["open"][0], kept["free"][0]) == ("", "")
    assert {kept[name][0] for name in ("root", "daemon", "www-data")} == {"*"}
    assert kept["shut"][0].startswith("!$6$")
    assert lines(files, "/etc/passwd")["shut"][-1] == "/usr/sbin/nologin"
    assert "/bin/bash" in files["/etc/shells"][1].splitlines()


def test_hash_equals_that_of_linux():
    # Of the specification of SHA-crypt.
    wanted = "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1"
    assert passwords.hashed("Hello world!", "saltstring") == wanted
    assert passwords.hashed("lab") != passwords.hashed("lab")


def test_seed_homes_belong_to_their_accounts():
    script, files = sown(accounts=[{"name": "a"}, {"name": "b"}], files={"/home/b/.ssh/deep/keys": "k", "/home/c/keys": "k", "/etc/motd": "hi"})
    result = {path: (oct(member.mode), member.uid, member.gid) for path, (member, _) in files.items() if path.startswith("/home")}
    assert result == {
        "/home/a": ("0o700", 1000, 1000),
        "/home/b": ("0o700", 1001, 1001),
        "/home/b/.ssh": ("0o755", 1001, 1001),
        "/home/b/.ssh/deep": ("0o755", 1001, 1001),
    }
    assert list(files).index("/home/b") < list(files).index("/home/b/.ssh") < list(files).index("/home/b/.ssh/deep")
    assert script.splitlines()[-3:] == ["lay 1001:1001 /home/b/.ssh/deep/keys k", "lay 0:0 /home/c/keys k", "lay 0:0 /etc/motd hi"]


def test_home_is_created_only_if_missing(tmp_path):
    there, missing = tmp_path / "th'ere", tmp_path / "new one/home"
    there.mkdir(mode=0o755)
    script, files = sown(accounts=[{"name": "root", "home": str(there)}, {"name": "a", "home": str(missing)}])

    assert carry_out(script, tmp_path) == ([], [f"1001:1001 {missing}"])
    assert there.stat().st_mode & 0o777 == 0o755
    assert missing.stat().st_mode & 0o777 == 0o700
    assert not [path for path in files if path.startswith(str(tmp_path))]


@pytest.fixture
def outside_dev():
    """A directory in which a script can run with paths of a guest. They must not be below /dev, where tmp_path may be."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as directory:
        yield pathlib.Path(directory)


def test_files_have_content_and_fail_separately(outside_dev):
    text = "it's $HOME `x`\\n%s\n\nno end"
    home = f"{outside_dev}/home of a"
    wanted = {f"{outside_dev}/deep/ü b/c": text, str(outside_dev): "a directory", f"{outside_dev}/empty": "", f"{home}/own": "-n", f"{home}/own/below": ""}
    script, _ = sown(accounts=[{"name": "a", "home": home}], files=wanted)
    complaints, owners = carry_out(script, outside_dev)

    # Of the one that is a directory, and of the one below what is none.
    assert len(complaints) == 3
    assert (outside_dev / "deep/ü b/c").read_text() == text
    assert (outside_dev / "deep/ü b/c").stat().st_mode & 0o777 == 0o644
    assert (outside_dev / "empty").read_text() == ""
    assert (outside_dev / "home of a/own").read_text() == "-n"
    assert owners == [f"1000:1000 {home}", f"1000:1000 {home}/own"]


@pytest.mark.parametrize("path", ["/proc/x", "/sys/a/b", "/dev/x", "/dev"])
def test_file_outside_the_disk_is_an_error(path):
    with pytest.raises(ConfigError, match="cannot be created in the guest"):
        sown(files={path: ""})


def test_processes_start_with_their_name_and_owner():
    processes = [
        {"name": "apache2", "command": "/usr/sbin/apache2 -k  it's", "owner": "www-data"},
        {"name": "/opt/pg/postgres", "owner": "postgres"},
        {"name": "apache2", "owner": "tester"},
        {"name": "..", "command": "$x"},
    ]
    _, files = sown(processes=processes)
    member, script = files["/etc/openvix/processes"]

    assert member.mode == 0o755
    assert [line.split(" ", 1)[1] for line in script.splitlines()[1:]] == [
        "start-stop-daemon -S -b -c 33:33 -x /usr/lib/openvix/processes/1/apache2 -a /usr/sbin/apache2 -- -k '' 'it'\"'\"'s'",
        "start-stop-daemon -S -b -c 101:101 -x /usr/lib/openvix/processes/2/postgres -a /opt/pg/postgres -- ",
        "start-stop-daemon -S -b -c 1001:1001 -x /usr/lib/openvix/processes/3/apache2 -a apache2 -- ",
        "start-stop-daemon -S -b -c 0:0 -x /usr/lib/openvix/processes/4/process -a '$x' -- ",
    ]
    links = {path: text for path, (member, text) in files.items() if member.issym()}
    assert len(links) == 4
    assert set(links.values()) == {"/usr/sbin/openvix-tools"}
    assert lines(files, "/etc/passwd")["postgres"] == ["x", "101", "101", "postgres", "/nonexistent", "/usr/sbin/nologin"]


def test_seed_without_processes_starts_none():
    _, files = sown()
    assert "/etc/openvix/processes" not in files


@pytest.mark.parametrize("owner", ["a:b", "a\nb", "a/b"])
def test_invalid_owner_of_process_is_an_error(owner):
    with pytest.raises(ConfigError, match="is not a valid user name"):
        sown(processes=[{"name": "p", "owner": owner}])
