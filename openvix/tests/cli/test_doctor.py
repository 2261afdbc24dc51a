# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a machine is findings that it lacks, with commands of a made-up Debian or with none."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest
from checkout import REPOSITORY
from debian import KERNEL, Debian, kernel

from openvix.backends.qemu.image import images
from openvix.backends.simulated import sandbox
from openvix.cli import doctor
from openvix.system import c_build

ROOT = REPOSITORY
QEMU = 'echo "QEMU emulator version {} (Debian)"'


@pytest.fixture(autouse=True)
def afresh():
    """What is found here of the machine is nothing for other tests, nor theirs for these."""
    for known in (sandbox.helper, sandbox._trial):
        known.cache_clear()
    yield
    for known in (sandbox.helper, sandbox._trial):
        known.cache_clear()


@pytest.fixture
def whole(tmp_path, monkeypatch):
    """A machine that lacks nothing, if it has a compiler."""
    made = Debian(tmp_path)
    made.install("qemu-system-x86_64", QEMU.format("7.2.22"))
    made.install("lz4", "")
    (made.bin / "cc").rename(tmp_path / "cc")
    monkeypatch.setenv("PATH", f"{made.bin}:{os.environ['PATH']}")
    return made


@pytest.fixture
def debian(whole, tmp_path, monkeypatch):
    """One whose compiler is made up as well."""
    (tmp_path / "cc").rename(whole.bin / "cc")
    monkeypatch.setenv("OPENVIX_CACHE", str(tmp_path / "cache"))
    return whole


@pytest.fixture
def bare(tmp_path, monkeypatch):
    """A machine that has nothing."""
    monkeypatch.setenv("OPENVIX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(images, "SYSTEM_PATH", "")
    monkeypatch.setattr(c_build, "ZIGLANG", None)
    monkeypatch.setattr(c_build, "_compilers", lambda: iter(()))


def found(findings=None):
    return {(each.purpose, each.name): each for each in (doctor.look() if findings is None else findings)}


def run(*arguments, **environment):
    command = [sys.executable, "-P", "-m", "openvix.cli", "doctor", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=os.environ | environment)


def test_qemu_guests_require_a_new_qemu(debian):
    assert all(finding.fine for finding in doctor.real_guests())
    debian.install("qemu-system-x86_64", QEMU.format("7.1.9"))
    old = found(doctor.real_guests())[doctor.QEMU, "qemu-system-x86_64"]
    assert (old.fine, old.message, old.packages) == (False, f"{debian.bin}/qemu-system-x86_64 is older than 7.2", ())
    debian.install("qemu-system-x86_64", QEMU.format("11.0.1"))
    assert all(finding.fine for finding in doctor.real_guests())
    debian.install("qemu-system-x86_64", "exit 1")
    assert not all(finding.fine for finding in doctor.real_guests())


def test_image_requires_debian_packages(debian):
    findings = found()[doctor.IMAGE, "Debian's apt"]
    assert (findings.fine, findings.message) == (True, KERNEL)
    (debian.mirror / "lists").unlink()
    findings = found()[doctor.IMAGE, "Debian's apt"]
    assert not findings.fine
    assert findings.message.startswith(f"apt finds no package {images.KERNEL}")


@pytest.mark.parametrize(
    ("system", "message"),
    [("Debian GNU/Linux", "; run 'apt-get update' as root to fetch the package lists"), ("Ubuntu", ": this is Ubuntu, not Debian")],
)
def test_missing_lists_or_other_system_reported(debian, monkeypatch, system, message):
    (debian.mirror / "lists").unlink()
    monkeypatch.setattr(doctor.platform, "freedesktop_os_release", lambda: {"NAME": system, "ID": "x"})
    assert found()[doctor.IMAGE, "Debian's apt"].message == f"apt finds no package {images.KERNEL}{message}"


@pytest.mark.parametrize(("version", "unpacker"), [("12", "lz4"), ("13", "zstd"), ("14", "zstd"), ("sid", "lz4"), (None, "lz4")])
def test_unpacker_is_that_of_the_kernel_at_hand(bare, monkeypatch, version, unpacker):
    monkeypatch.setattr(doctor.platform, "freedesktop_os_release", lambda: {"ID": "debian", **({"VERSION_ID": version} if version else {})})
    findings = list(doctor.look())
    assert not found(findings)[doctor.IMAGE, unpacker].needed
    assert unpacker in doctor.install(findings).split()


def test_empty_computer_gets_one_command(bare, monkeypatch):
    monkeypatch.setattr(doctor.platform, "freedesktop_os_release", lambda: {"NAME": "Fedora Linux", "ID": "fedora"})
    findings = list(doctor.look())
    by_name = found(findings)

    assert {name for (_, name), finding in by_name.items() if finding.needed and not finding.fine} >= {
        *("C compiler", "qemu-system-x86_64", "qemu-img", "mke2fs", "debugfs", "static libcrypt", "Debian's apt"),
    }
    assert by_name[doctor.LIBRARY, "C compiler"].message.startswith("cannot compile libvix.so: no C compiler (cc, gcc, clang) was found")
    assert by_name[doctor.IMAGE, "Debian's apt"].message == "the image is built from Debian's packages with apt; this is Fedora Linux"
    assert not by_name[doctor.IMAGE, "lz4"].needed
    command = doctor.install(findings)
    assert command == "apt install --no-install-recommends e2fsprogs gcc libc6-dev libcrypt-dev lz4 qemu-system-x86 qemu-utils"


def test_unused_images_reported_with_removal(debian):
    def findings():
        return found().get((doctor.IMAGE, "old images"))

    newest = images.build(say=lambda line: None)
    assert findings() is None
    for version in ("1.2.3-5", "1.2.3-6"):
        debian.offer(f"linux-image-{version}-cloud-amd64", version, kernel())
        newest = images.build(say=lambda line: None, fresh=True)
    old = findings()
    assert (old.fine, old.packages) == (True, ())
    assert old.message.startswith("2 images, which this version does not use, take 0 MB; remove them with: cd ")
    subprocess.run(["sh", "-c", old.message.partition("remove them with: ")[2]], check=True)
    assert (findings(), images.find()) == (None, newest)


def test_other_processor_is_reported(debian, monkeypatch):
    monkeypatch.setattr(images, "MACHINE", "vax")
    (findings,) = [finding for finding in doctor.look() if finding.purpose == doctor.IMAGE]
    assert (findings.fine, findings.message) == (False, f"the guest image can only be built on vax; this computer is {os.uname().machine}")


def test_no_command_without_missing_packages(debian):
    assert doctor.install([finding for finding in doctor.look() if finding.fine]) == ""


def test_missing_requirement_exits_with_1(debian):
    debian.install("qemu-system-x86_64", "exit 1")
    ended = run()
    assert ended.returncode == 1
    assert ended.stderr.startswith("openvix: missing on this computer: ")
    assert "qemu-system-x86_64" in ended.stderr
    (line,) = [line for line in ended.stdout.splitlines() if "qemu-system-x86_64" in line]
    assert line.split(maxsplit=1)[0] == "missing"
    assert "no version number found in the output of" in line
    findings = json.loads(run("--json").stdout)
    assert findings["fine"] is False
    assert {"purpose", "name", "fine", "message", "packages", "needed"} == set(findings["findings"][0])


def test_complete_computer_exits_with_0(whole):
    lacks = [finding.name for finding in doctor.look() if not finding.fine and finding.name in ("C compiler", "namespaces", "static libcrypt")]
    if lacks:
        pytest.skip(f"this machine lacks {', '.join(lacks)}")
    ended = run()
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "missing" not in ended.stdout
    assert json.loads(run("--json").stdout)["fine"] is True


@pytest.fixture
def checkout(debian, tmp_path):
    """A checkout with .venv on a machine that lacks nothing but an image, and whose apt-get also notes what it is to install."""
    place = tmp_path / "a checkout"
    (place / ".ci").mkdir(parents=True)
    shutil.copy(ROOT / ".ci/real", place / ".ci/real")
    (place / ".venv/bin").mkdir(parents=True)
    (place / ".venv/bin/python").symlink_to(sys.executable)
    (place / ".venv/bin/openvix").write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m openvix.cli "$@"\n')
    (place / ".venv/bin/openvix").chmod(0o755)
    return place


def provided(checkout, debian):
    """What apt-get was to do."""
    (debian.mirror / "asked").unlink(missing_ok=True)
    subprocess.run([checkout / ".ci/real"], check=True, timeout=60)
    options = "-y -qq -o APT::Install-Recommends=false "
    return [line.removeprefix(options) for line in debian.asked() if line.startswith(options)]


def test_ci_script_installs_missing_packages(checkout, debian):
    assert provided(checkout, debian) == []
    lists = (debian.mirror / "lists").read_text()
    (debian.mirror / "lists").unlink()
    assert provided(checkout, debian) == ["update"]
    (debian.mirror / "lists").write_text(lists)
    debian.install("cc", "exit 1")
    assert provided(checkout, debian) == ["update", "install gcc libc6-dev libcrypt-dev"]
    debian.install("qemu-system-x86_64", "exit 1")
    assert provided(checkout, debian) == ["update", "install gcc libc6-dev libcrypt-dev qemu-system-x86"]
