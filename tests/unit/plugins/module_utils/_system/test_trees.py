# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import time

import pytest
from ansible_collections.vmlab.vix.plugins.module_utils._system import trees, windows
from ansible_collections.vmlab.vix.plugins.module_utils._system.guest_session import GuestSession
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

ACCOUNTS = [{"name": "lab", "password": "s3cret-lab", "administrator": True}]
SLOW = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
LETTERS = st.characters(exclude_categories=["Cs"], exclude_characters="/\0")
TROUBLE = st.text(" \n\t'\"$`\\-.*!~äß日", min_size=1, max_size=6)
NAMES = st.one_of(st.text(LETTERS, min_size=1, max_size=12), TROUBLE).filter(lambda name: name not in (".", ".."))
LEAVES = st.one_of(st.binary(max_size=20), st.tuples(st.sampled_from(["nowhere", "/etc/motd"])), st.just("pipe"))
TREES = st.recursive(st.dictionaries(NAMES, LEAVES, max_size=4), lambda inner: st.dictionaries(NAMES, st.one_of(LEAVES, inner), max_size=4), max_leaves=12)


def plant(place, tree):
    """Create the content of a directory from a dictionary: bytes are a file, a tuple a link, a text a pipe, a dictionary a directory."""
    place.mkdir()
    for number, (name, content) in enumerate(tree.items()):
        path = place / name
        if isinstance(content, dict):
            plant(path, content)
        elif isinstance(content, bytes):
            path.write_bytes(content)
        elif isinstance(content, tuple):
            os.symlink(content[0], path)
        else:
            os.mkfifo(path)
        if not isinstance(content, tuple):
            os.utime(path, (number, 1_000_000_000 + len(place.parts) * 100 + number))


@pytest.fixture
def web(openvix):
    return openvix.add_vm("web", power="powered_on", accounts=ACCOUNTS, files={"/etc/motd": "Welcome\n"})


@pytest.fixture
def in_guest(on_host, web, tmp_path):
    """Do some work with a login in the guest."""

    def do(work):
        def on(host):
            with host.open_vm(web) as vm:
                vm.wait_for_tools(60)
                with vm.log_in("lab", "s3cret-lab") as guest:
                    return work(GuestSession(guest, workdir=str(tmp_path)))

        return on_host(on, timeout=60)

    return do


def content_of(tree):
    return [list(tree.things), {**tree.closed, **tree.avoided}]


def both(session, depth):
    shell, time_there = trees.by_shell(session, ["/srv/it"], depth)
    tree = trees.by_vix(session, "/srv/it", depth)
    tree.things = [trees.certain(session, thing) for thing in tree.things]
    return [content_of(tree), content_of(shell["/srv/it"]), time_there]


@SLOW
@given(tree=TREES, depth=st.one_of(st.none(), st.integers(1, 3)))
def test_vix_and_shell_agree(openvix, web, in_guest, tmp_path, tree, depth):
    place = openvix.disk(web) / "srv" / "it"
    place.parent.mkdir(exist_ok=True)
    shutil.rmtree(place, ignore_errors=True)
    plant(place, tree)

    by_vix, by_shell, time_there = in_guest(lambda session: both(session, depth))

    # Of a link that leads nowhere VIX does not know the time.
    for thing in by_shell[0]:
        if {**thing, "modified": None} in by_vix[0]:
            assert thing["kind"] == "link"
            thing["modified"] = None
    assert by_vix == by_shell
    assert by_vix[1] == {}
    assert len(by_vix[0]) == count(tree, depth)
    assert abs(time_there - time.time()) < 3600
    # VMware Tools keep their directory for scripts there.
    assert [path.name for path in openvix.disk(web).glob("tmp/*") if not path.name.startswith("vmware-") or os.listdir(path)] == []


def count(tree, depth):
    return sum(1 + (count(inner, depth and depth - 1) if isinstance(inner, dict) and depth != 1 else 0) for inner in tree.values())


@pytest.mark.parametrize("links", [{"loop": "."}, {"one": ".", "two": "."}, {"a/up": ".."}, {"a/b/top": "../.."}, {"a/aside": "../c", "c/back": "../a"}])
def test_link_loop_not_followed(openvix, web, in_guest, tmp_path, links):
    place = openvix.disk(web) / "srv" / "it"
    (place / "a" / "b").mkdir(parents=True)
    (place / "c").mkdir()
    (place / "a" / "file").write_text("x")
    for name, target in links.items():
        (place / name).symlink_to(target)

    by_vix, by_shell = in_guest(lambda session: both(session, None))[:2]

    kinds = {thing["path"]: thing["kind"] for thing in by_shell[0]}
    assert {name: kinds[f"/srv/it/{name}"] for name in links} == dict.fromkeys(links, "link")
    assert len(kinds) == 4 + len(links)
    assert {thing["path"] for thing in by_vix[0]} >= set(kinds)
    assert all("is treated as a link back there" in reason for reason in by_vix[1].values())
    assert by_vix[1]


def test_similar_directories_entered(openvix, web, in_guest, tmp_path):
    plant((openvix.disk(web) / "it"), {"x": {"x": {"x": {}}}})

    by_vix = in_guest(lambda session: content_of(trees.by_vix(session, "/it")))

    assert [thing["path"] for thing in by_vix[0]] == ["/it/x", "/it/x/x", "/it/x/x/x"]


def test_guest_clock_returned(in_guest, tmp_path):
    assert abs(in_guest(lambda session: trees.by_shell(session, ["/etc"], 1)[1]) - time.time()) < 3600


def test_checksums_with_any_names(openvix, web, in_guest, tmp_path):
    plant((openvix.disk(web) / "it"), {"a\nb": b"one", "-n": b"two", "it's \"\\": b"", "link": ("a\nb",), "sub": {"c": b"x"}})

    tree = in_guest(lambda session: content_of(trees.by_shell(session, ["/it"], None, sums=True)[0]["/it"]))

    sums = {thing["path"]: thing.get("checksum") for thing in tree[0]}
    wanted = {"/it/a\nb": b"one", "/it/-n": b"two", "/it/it's \"\\": b"", "/it/sub/c": b"x"}
    assert sums == {"/it/link": None, "/it/sub": None, **{path: hashlib.sha256(content).hexdigest() for path, content in wanted.items()}}


def test_several_directories_separated(openvix, web, in_guest, tmp_path):
    plant((openvix.disk(web) / "it"), {"a": b""})
    plant((openvix.disk(web) / "it2"), {"b": b""})

    found = in_guest(lambda session: [content_of(tree) for tree in trees.by_shell(session, ["/it", "/it2"], None)[0].values()])

    assert [[thing["path"] for thing in things] for things, dummy in found] == [["/it/a"], ["/it2/b"]]


def test_whole_guest_listed(openvix, web, in_guest, tmp_path):
    (openvix.disk(web) / "first").write_text("x")

    found = in_guest(lambda session: content_of(trees.by_shell(session, ["/"], 1)[0]["/"]))

    assert {"/first", "/etc"} <= {thing["path"] for thing in found[0]}


@pytest.mark.parametrize("fault", [{"call": "VixVM_RunScriptInGuest", "error": 3003}, {"call": "VixVM_RunScriptInGuest", "error": 4}])
def test_no_shell_returns_none(openvix, in_guest, tmp_path, fault):
    openvix.fault(**fault)

    assert in_guest(lambda session: trees.by_shell(session, ["/etc"], 1)) is None


def test_oversized_script_not_run(openvix, in_guest, tmp_path):
    folders = [f"/{number:05}{'x' * 200}" for number in range(300)]

    assert in_guest(lambda session: trees.by_shell(session, folders, 1)) is None
    assert openvix.calls("VixVM_RunScriptInGuest") == []


def test_non_text_name_shown(openvix, web, in_guest, tmp_path):
    place = openvix.disk(web) / "srv" / "it"
    place.mkdir(parents=True)
    os.mkdir(os.fsencode(place) + b"/bad\xff")

    by_vix, by_shell = in_guest(lambda session: both(session, None))[:2]

    assert [thing["path"] for thing in by_vix[0]] == [thing["path"] for thing in by_shell[0]] == ["/srv/it/bad\ufffd"]
    assert by_vix[1] == {"/srv/it/bad\ufffd": "its name cannot be passed to VIX"}


def sh(script, **options):
    return subprocess.run(["/bin/sh", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60, check=False, **options).stdout


def test_unreadable_directory_reported(tmp_path):
    plant(tmp_path / "it", {"open": {"a": b""}, "closed": {"b": b""}, "deaf": {"c": b""}})
    (tmp_path / "it" / "closed").chmod(0o100)
    (tmp_path / "it" / "deaf").chmod(0o400)
    folder = str(tmp_path / "it")
    person = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
    if person:
        for place in [tmp_path, *tmp_path.parents][:-2]:
            place.chmod(place.stat().st_mode | 0o055)
        for name in ("closed", "deaf"):
            os.chown(tmp_path / "it" / name, 65534, 65534)

    found = trees.read(sh(trees.script([folder]), **person), [folder])[0]

    assert found[folder].closed == {f"{folder}/closed": trees.NOT_READABLE, f"{folder}/deaf": trees.NOT_READABLE}
    assert f"{folder}/open/a" in [thing["path"] for thing in found[folder].things]
    found = trees.read(sh(trees.script([folder], 1), **person), [folder])[0]
    assert found[folder].closed == {}, "what is not looked into is not missed"


@pytest.mark.parametrize("size", [0, 1, 20, -1, -2, -5])
def test_incomplete_answer_is_none(tmp_path, size):
    plant(tmp_path / "it", {"a": b""})
    answer = sh(trees.script([str(tmp_path / "it")]))
    assert trees.read(answer, [str(tmp_path / "it")])

    assert trees.read(answer[:size], [str(tmp_path / "it")]) is None
    assert trees.read(answer, [str(tmp_path / "it"), str(tmp_path)]) is None


def info(name, size=0, is_directory=False):
    return {"name": name, "size": size, "is_directory": is_directory, "is_link": False, "modified": 5}


def test_windows_paths_joined():
    first = trees.things_in("C:\\it", [info("b", is_directory=True), info("a", 3)], windows)
    below = {"C:\\it\\b": trees.things_in("C:\\it\\b", [info("c")], windows)}

    tree = trees.grown(below.__getitem__, windows, "C:\\it", None, first)

    assert [(thing["path"], thing["kind"], thing["size"]) for thing in tree.things] == [
        ("C:\\it\\a", "file", 3),
        ("C:\\it\\b", "directory", 0),
        ("C:\\it\\b\\c", "file", 0),
    ]


@pytest.mark.parametrize("name", ["..", ".", "", "..\\Windows", "a/b", "C:"])
def test_unsafe_name_not_followed(name):
    first = trees.things_in("C:\\it", [info(name, is_directory=True)], windows)

    tree = trees.grown({}.__getitem__, windows, "C:\\it", None, first)

    assert [thing["name"] for thing in tree.things] == [name]
    assert list(tree.avoided.values()) == ["its name cannot be passed to VIX"]
