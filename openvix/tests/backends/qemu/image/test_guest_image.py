# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The image of real guests, booted: what is in it, and what its first boot makes of a seed."""

from __future__ import annotations

import contextlib
import shlex
import shutil

import pytest
import real_machines
from waiting import eventually

from openvix.backends.qemu import emulator
from openvix.backends.qemu.channel import Broken, Channel
from openvix.backends.qemu.emulator import Emulator, Hardware, Software
from openvix.backends.qemu.image import images, seed
from openvix.backends.qemu.qmp import Qmp

pytestmark = real_machines.NEEDED

SECONDS = 120
ACCOUNTS = [
    {"name": "lab", "password": "lab", "administrator": True},
    {"name": "tester", "password": "s3cret: ü"},
    {"name": "far", "password": "far", "home": "/srv/homes/far"},
    {"name": "near", "password": "near", "home": "/var/tmp"},
]
FILES = {"/etc/motd": "Welcome\n", "/home/tester/.config/a b/c": "deep", "/bin/greet": "#!/bin/sh\necho hi\n", "/etc": "no file", "/run/app.pid": "1"}
PROCESSES = [
    {"name": "apache2", "command": "/usr/sbin/apache2 -k  it's", "owner": "www-data"},
    {"name": "apache2", "command": "/usr/sbin/apache2 -k  it's", "owner": "www-data"},
    {"name": "a worker", "owner": "postgres"},
]


# Names the modules that neither drive a device nor are used.
IDLE = """
while read -r module; do
    module=${module%.ko}
    [ "$(cat "/sys/module/$module/refcnt")" -gt 0 ] && continue
    for driven in "/sys/module/$module"/drivers/*/*/driver "/sys/bus/acpi/drivers/$module"/*/driver; do
        [ -e "$driven" ] && continue 2
    done
    echo "$module"
done <"/usr/lib/modules/$(uname -r)/order"
"""


class Guest:
    """A guest that boots; its disk stays when it ends."""

    def __init__(self, folder, found, hostname="web one", network=False, **sown):
        sown = {"accounts": ACCOUNTS, "files": FILES, "processes": PROCESSES, **sown}
        self._emulator, self._disk = Emulator(folder / "guest"), folder / "disk.qcow2"
        if not self._disk.exists():
            shutil.copyfile(found.root, self._disk)
        initrd = folder / "initrd"
        initrd.write_bytes(found.initrd.read_bytes() + seed.archive(hostname, **sown))
        hardware = Hardware("pc", 128, 1, network, "tcg")
        self._emulator.start(hardware, Software(found.kernel, initrd, found.append), self._disk, tag=None, paused=False)
        self.qmp, self.channel = Qmp(self._emulator.dial(emulator.QMP), lambda event: None), Channel(self._emulator.dial(emulator.TOOLS))
        try:
            self.channel.sync(SECONDS)
        except Broken:
            self.end()
            raise

    def run(self, line, account="lab"):
        """Run a line of shell, and return what it says."""
        said = f"/tmp/said.{account}"
        arguments = ["/bin/sh", "sh", "-c", f"{{ {line}\n}} >{said} 2>&1"]
        [pid] = self.channel.call("run", account, arguments, ["PATH=/usr/sbin:/usr/bin"], answer="i")
        eventually(lambda: not self.channel.call("ended", pid, answer="ii")[0], SECONDS)
        [size, _] = self.channel.call("open", account, said, "", 0, 0, 7, answer="ii")
        [text] = self.channel.call("read", 7, 0, size + 1, answer="b")
        return text.decode()

    def processes(self):
        """Return owner, name and command line of the processes that have one."""
        said = self.channel.call("processes", each="ibbbi")
        return [tuple(said[at + 1 : at + 4]) for at in range(0, len(said), 5) if said[at + 3]]

    def is_on(self):
        return self._emulator.is_alive()

    def stop(self):
        self.channel.call("stop")
        eventually(lambda: not self.is_on(), SECONDS)

    def end(self):
        self.channel.close()
        self._emulator.end()


@contextlib.contextmanager
def booted(folder, variant="plain", **more):
    guest = Guest(folder, images.find(variant), **more)
    try:
        yield guest
    finally:
        guest.end()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("a machine")


@pytest.fixture(scope="module")
def guest(folder):
    with booted(folder) as first:
        yield first


def test_guest_has_its_name_and_files(guest):
    assert guest.run("hostname; cat /etc/motd /run/app.pid").splitlines() == ["web one", "Welcome", "1"]
    # Where links lead in the guest.
    assert guest.run("cat /usr/bin/greet") == FILES["/bin/greet"]


def test_impossible_file_does_not_stop_the_boot(guest):
    assert "etc" in guest.run("cat /var/log/openvix.log")


def test_homes_belong_to_their_accounts(guest):
    paths = ("/home/lab", "/home/tester", "/home/tester/.config/a b", "/home/tester/.config/a b/c", "/srv/homes", "/srv/homes/far", "/var/tmp")
    result = guest.run(f"stat -c '%a %U %n' {' '.join(map(shlex.quote, paths))}").splitlines()
    owned = ("700 root", "700 tester", "755 tester", "644 tester", "755 root", "700 far", "1777 root")
    assert result == [f"{mode} {path}" for mode, path in zip(owned, paths, strict=True)]


def test_login_gets_the_account_of_the_world(guest):
    assert guest.channel.call("login", "lab", "lab", answer="iibb") == [0, 0, b"/home/lab", b"/bin/bash"]
    assert guest.channel.call("login", "tester", "s3cret: ü", answer="iibb") == [1001, 1001, b"/home/tester", b"/bin/bash"]
    for name, password in (("tester", "lab"), ("root", ""), ("www-data", "*"), ("nobody", "nobody")):
        with pytest.raises(OSError, match="Key"):
            guest.channel.call("login", name, password, answer="iibb")


def test_users_cannot_read_passwords_or_seed(guest):
    for path in ("/etc/shadow", "/dev/virtio-ports/openvix.tools", "/dev/vda", "/proc/1/environ"):
        assert "denied" in guest.run(f"head -c1 {path}", "tester")
    assert guest.run("ls / | grep seed; ls /var/lib/openvix") == "seeded\n"


def test_ordinary_user_cannot_become_root(guest):
    # Shared folders have no host here, of which it complains.
    assert guest.run("find / -xdev -type f -perm /6000 2>/dev/null") == ""
    writable = set(guest.run("find / -xdev ! -type l -perm -2 2>/dev/null").split())
    assert {"/tmp", "/var/tmp"} <= writable <= {"/tmp", "/var/tmp", "/run/lock", "/var/lock"}


def test_processes_run_under_their_names_after_boot(guest):
    apache = (b"www-data", b"apache2", b"/usr/sbin/apache2\0-k\0\0it's\0")
    # They are started in the background: each becomes what it is while the boot goes on.
    eventually(lambda: guest.processes().count(apache) == 2, SECONDS)
    eventually(lambda: guest.processes().count((b"postgres", b"a worker", b"a\0worker\0")) == 1, SECONDS)


def test_guest_is_a_small_debian(guest):
    assert guest.run(". /etc/os-release; echo $ID; readlink /bin; readlink /bin/sh").split() == ["debian", "usr/bin", "dash"]
    assert guest.run("bash -c 'echo $BASH_VERSION'").startswith("5")
    assert guest.run("ls -d /media /mnt /opt /srv /var/log; which vi tar sed").split() == [
        *("/media", "/mnt", "/opt", "/srv", "/var/log", "/usr/bin/vi", "/usr/bin/tar", "/usr/bin/sed"),
    ]
    assert "1.9G" in guest.run("df -h /")


def test_late_modules_are_loaded(guest):
    eventually(lambda: "acpid" in guest.run("ps"), SECONDS)
    assert "fuse" in guest.run("cat /proc/filesystems")
    assert "usage" in guest.run("openvix-shares")
    eventually(lambda: "inet 127.0.0.1" in guest.run("ip a"), SECONDS)


def test_second_boot_keeps_files_of_the_first(guest, folder):
    guest.run("echo other >/etc/hostname; rm -r /home/tester; passwd -d tester; sync")
    guest.stop()
    with booted(folder, hostname="third", files={"/etc/motd": "again"}) as second:
        assert second.run("hostname; cat /etc/motd; ls /home").splitlines() == ["other", "Welcome", "lab"]
        eventually(lambda: second.processes().count((b"postgres", b"a worker", b"a\0worker\0")) == 1, SECONDS)


def test_power_button_shuts_the_guest_down(tmp_path):
    with booted(tmp_path, network=True) as guest:
        eventually(lambda: "acpid" in guest.run("ps"), SECONDS)
        eventually(lambda: "10.0.2.15" in guest.run("ip a"), SECONDS)
        assert "nameserver" in guest.run("cat /etc/resolv.conf")
        assert "default via" in guest.run("ip r")
        eventually(lambda: guest.run(IDLE) == "", SECONDS)
        guest.run("echo kept >/root/kept")
        guest.qmp.ask("system_powerdown")
        eventually(lambda: not guest.is_on(), SECONDS)
    with booted(tmp_path) as guest:
        assert guest.run("cat /root/kept; dmesg | grep -c recovery") == "kept\n0\n"


@pytest.mark.skipif(images.find("python") is None, reason="there is no guest image with Python")
def test_guest_with_python_has_its_library(tmp_path):
    with booted(tmp_path, "python") as guest:
        names = "json, ssl, sqlite3, asyncio, ctypes, lzma, zipfile, tempfile"
        assert guest.run(f"python3 -c 'import {names}; print(json.dumps([__import__(\"sys\").version_info[0]]))'", "tester") == "[3]\n"
        # Compiled before: an ordinary user could not keep it.
        assert guest.run("ls /usr/lib/python3.*/json/__pycache__ | wc -l").strip() == "5"
