# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""OpenVIX's own checks, and how environments are made: "nox -f openvix/noxfile.py -s NAME", or without -f beside those of the collection, which loads this."""

from __future__ import annotations

import ast
import contextlib
import hashlib
import os
import pathlib
import random
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

import nox

OPENVIX = pathlib.Path(__file__).resolve().parent
TESTS = str(OPENVIX / "tests")

# A release of these may add rules: a change here, not a red run on another day.
TESTERS = ("pytest>=9,<10", "pytest-timeout~=2.4", "pytest-xdist~=3.8", "hypothesis>=6.170,<7", "vix==1.0.8")

# Built with a sanitizer or run under valgrind: the C library, by the tests that drive it from separate programs.
WATCHED_TESTS = [f"{TESTS}/{name}.py" for name in ("native/test_libvix_protocol", "native/test_libvix", "cli/test_install", "native/test_stress")]
SANITIZE = "-g -fsanitize=address,undefined -fno-sanitize-recover=undefined"

# What real machines run in.
EMULATOR = "qemu-system-x86_64"

# What uv has for the settings of pip, which it does not read.
UV_SETTINGS = {
    "cert": "SSL_CERT_FILE",
    "constraint": "UV_CONSTRAINT",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "index-url": "UV_DEFAULT_INDEX",
    "proxy": "ALL_PROXY",
    "trusted-host": "UV_INSECURE_HOST",
}

# Bytes of memory that are free on a machine whose tests write into memory.
ROOMY = 8 << 30


def pip_settings():
    """Return the environment in which uv installs from where pip would, by the settings of pip that this machine has."""
    listed = subprocess.run([sys.executable, "-m", "pip", "config", "list"], stdout=subprocess.PIPE, text=True, check=False).stdout
    found = {}
    for line in listed.splitlines():
        name, _dummy, value = line.partition("=")
        if variable := UV_SETTINGS.get(name.rpartition(".")[2]):
            found[variable] = (",".join if variable == "UV_FIND_LINKS" else " ".join)(ast.literal_eval(value).split())
    # As pip does, which takes the newest wherever it is.
    return {"UV_INDEX_STRATEGY": "unsafe-best-match", **found}


def scratch():
    """Return the directory in memory for what tests write, or None on a machine that lacks it or has too little memory.

    An ext4 without a journal takes ever longer to make a file the more have been removed in the last seconds, and tests make and remove thousands.
    """
    memory = "/dev/shm"
    with contextlib.suppress(OSError):
        found, available = os.statvfs(memory), int(re.search(r"MemAvailable: +(\d+)", pathlib.Path("/proc/meminfo").read_text(encoding="ascii"))[1]) << 10
        if os.access(memory, os.W_OK) and not found.f_flag & os.ST_NOEXEC and min(available, found.f_bavail * found.f_frsize) > ROOMY:
            return memory
    return None


def set_up():
    """Set what holds for every session, and for the processes of nox that each may have."""
    # Thousands of processes import what is compiled by the first of them, if that may keep it.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if "UV_INDEX_STRATEGY" not in os.environ:
        os.environ.update({name: value for name, value in pip_settings().items() if name not in os.environ})
    if "TMPDIR" not in os.environ and scratch():
        os.environ["TMPDIR"] = scratch()
    nox.options.default_venv_backend = "uv|venv"
    nox.options.reuse_venv = "yes"


set_up()


def install_openvix(session):
    """Install OpenVIX from the checkout, once for each environment and form of its pyproject.toml."""
    form = hashlib.sha256((OPENVIX / "pyproject.toml").read_bytes()).hexdigest()[:16]
    mark = pathlib.Path(session.virtualenv.location, f"openvix-{form}")
    if not mark.exists():
        session.install("--editable", str(OPENVIX), *compiler_package())
        mark.touch()


def compiler():
    """The C compiler's command: the system's, or else the one in PyPI's ziglang."""
    own = next((path for path in map(shutil.which, ("cc", "gcc", "clang")) if path), None)
    return [own] if own else ["python", "-m", "ziglang", "cc"]


def compiler_package():
    return [] if len(compiler()) == 1 else ["ziglang"]


def pytest(session, *arguments):
    """Run pytest, with three workers for each core since most tests wait rather than work; a test that hangs is ended with the traceback of every thread."""
    # Else each worker would compile every test by itself, with its assertions rewritten.
    session.run("pytest", "--collect-only", "-qq", *arguments, *session.posargs, silent=True, success_codes=[0, 5])
    workers = (f"--numprocesses={3 * (os.cpu_count() or 1)}", "--dist=worksteal", "--timeout=300")
    # What keeps every processor busy gives way to what keeps one busy, and so ends with it.
    session.run("nice", "-n", "19", "pytest", *workers, *arguments, *session.posargs, external=True)


def has_sanitizers():
    """Whether a program that they are built into runs here; a container may forbid what the search for leaks needs."""
    own = next((path for path in map(shutil.which, ("cc", "gcc", "clang")) if path), None)
    with tempfile.TemporaryDirectory(prefix="sanitized-") as folder:
        program = f"{folder}/program"
        built = own and subprocess.run(
            [own, *shlex.split(SANITIZE), "-x", "c", "-o", program, "-"], input=b"int main(void) { return 0; }", capture_output=True, check=False
        )
        return bool(built) and built.returncode == 0 and subprocess.run([program], capture_output=True, check=False).returncode == 0


def watched(session, **environment):
    """Run the tests of the C library in an environment that has its programs watched, from a separate cache."""
    session.install(*TESTERS)
    install_openvix(session)
    with tempfile.TemporaryDirectory(prefix="watched-") as cache:
        session.env.update(environment, OPENVIX_CACHE=cache)
        pytest(session, *WATCHED_TESTS)


@nox.session(tags=["check"])
def sanitizers(session):
    """Run the C library's tests with AddressSanitizer, its search for leaks, and UBSan built into the library and its clients."""
    if not has_sanitizers():
        session.skip("no compiler here has them")
    watched(session, OPENVIX_CFLAGS=SANITIZE)


@nox.session
def threads(session):
    """Run the C library's tests with ThreadSanitizer; by itself it ends a child that starts threads after a fork."""
    watched(session, OPENVIX_CFLAGS="-g -fsanitize=thread", TSAN_OPTIONS="die_after_fork=0")


@nox.session
def valgrind(session):
    """Run the C library's tests under valgrind."""
    kinds = "definite,indirect"  # threads of the library outlive main(), with what they point to
    runner = f"valgrind -q --error-exitcode=9 --leak-check=full --errors-for-leak-kinds={kinds} --show-leak-kinds={kinds}"
    watched(session, OPENVIX_RUNNER=runner)


@nox.session
def fuzz(session):
    """Have libFuzzer send the guests' agent what it likes, for the seconds that are given, or a minute; with files after them, only those."""
    found = os.pathsep.join([str(OPENVIX / "src"), f"{TESTS}/support"])
    session.run("python", f"{TESTS}/native/fuzz_guest_tools.py", *(session.posargs or ("60",)), env={"PYTHONPATH": found})


def on_machines(session, packages, *arguments):
    """Run tests on real machines, each of which keeps a processor busy while it boots, with these packages. Skipped where QEMU is absent."""
    if not shutil.which(EMULATOR):
        session.skip(f"{EMULATOR} is not installed: .venv/bin/openvix doctor says what to install for real machines")
    session.install(*packages)
    install_openvix(session)
    session.run("openvix", "guest", "build")
    session.run("pytest", f"--numprocesses={os.cpu_count() or 1}", "--dist=worksteal", "--timeout=300", *arguments, *session.posargs)


@nox.session(tags=["test-qemu"])
def qemu(session):
    """Run OpenVIX's own tests of real machines."""
    on_machines(session, TESTERS, "-m", "qemu", TESTS)


@nox.session
def qemu_versions(session):
    """Take a world to the QEMU of another Debian and back. Its packages are fetched by apt once, and unpacked into the cache."""
    session.install(*TESTERS)
    install_openvix(session)
    session.run("openvix", "guest", "build")
    session.run("pytest", "-q", "--timeout=1800", f"{TESTS}/backends/qemu/test_crossing.py", *session.posargs, env={"OPENVIX_OTHER_QEMU": "1"})


@nox.session
def differential(session):
    """Compare OpenVIX's guests with VMware's own vmtoolsd: the part that a seed chooses, or "-- all". "-- SEED" repeats one. Needs root, and apt once."""
    if os.geteuid() != 0:
        session.skip("a guest with VMware's own Tools needs root")
    asked, *options = session.posargs or (str(random.randrange(1 << 32)),)
    session.install(*TESTERS)
    install_openvix(session)
    session.log(f"to repeat this: nox -s differential -- {asked}")
    session.run("pytest", "-q", "--timeout=300", f"{TESTS}/differential", *options, env={"OPENVIX_DIFFERENTIAL": asked})
