# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Copy directories into a guest with guest_copy."""

from __future__ import annotations

import os
import stat

import pytest

LOGIN = {"guest_username": "lab", "guest_password": "s3cret-lab"}
ACCOUNTS = [{"name": "lab", "password": "s3cret-lab", "administrator": True}, {"name": "visitor", "password": "s3cret-visitor"}]
FILES = {
    "index.html": b"<p>Hello\n",
    "css/site.css": b"p {}\n",
    'css/deep er/it\'s "odd"\nü*': b"\0\1\2",
    "empty": b"",
    "-n": b"a dash",
}


@pytest.fixture
def web(openvix):
    return openvix.add_vm("web", power="powered_on", accounts=ACCOUNTS)


@pytest.fixture
def srv(openvix, web):
    return openvix.disk(web) / "srv"


@pytest.fixture
def site(tmp_path):
    site = tmp_path / "site"
    for name, content in FILES.items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_bytes(content)
    (site / "nothing" / "in it").mkdir(parents=True)
    return site


@pytest.fixture
def copy(run_module, web, site):
    return lambda **options: run_module("guest_copy", **{"vm": web, "src": f"{site}/", "dest": "/srv/www", **LOGIN, **options})


@pytest.fixture(params=["shell", "no shell"])
def shell(request, openvix):
    """With and without what compares and places many files at once."""
    if request.param == "no shell":
        openvix.fault(call="VixVM_RunProgramInGuest", error=3003)
        openvix.fault(call="VixVM_RunScriptInGuest", error=3003)
    return request.param == "shell"


def facts(result):
    return result["diff"][0] if isinstance(result["diff"], list) else result["diff"]


def tree(folder):
    """Content by path, None for a directory."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


def leftovers(openvix, vm):
    return [path for path in openvix.disk(vm).rglob("*") if ".part" in path.name or "vmlab.vix" in path.name]


@pytest.mark.parametrize(("slash", "root"), [("", "www/site"), ("/", "www")])
def test_directory_copied_with_contents(openvix, ladder, web, srv, site, shell, slash, root):
    """The slash at the end of src means what it means for ansible.builtin.copy."""
    done = ladder("guest_copy", lambda: tree(srv), vm=web, src=f"{site}{slash}", dest="/srv/www", **LOGIN)

    assert tree(srv / root) == tree(site)
    assert (done["target"], done["files"], done["size"], done["copied"]) == (f"/srv/{root}", 5, 23, sorted(FILES))
    assert facts(done)["before"]["state"] == "absent"
    assert facts(done)["after"] == {"path": f"/srv/{root}", "state": "directory", "directories": [], "absent": [], "different": [], "attributes": []}
    assert leftovers(openvix, web) == []
    if shell:
        assert {mode_of(path) for path in srv.rglob("*") if path.is_dir()} == {0o755}
        assert {mode_of(path) for path in srv.rglob("*") if path.is_file()} == {0o644}


def test_only_differences_sent_others_kept(openvix, ladder, copy, web, srv, site, shell):
    copy()
    (srv / "www" / "index.html").write_text("<p>Hello!")
    (srv / "www" / "css" / "site.css").unlink()
    (srv / "www" / "own").write_text("of the guest")
    before = {path.name: path.stat().st_ino for path in (srv / "www").iterdir()}

    done = ladder("guest_copy", lambda: tree(srv), ["warnings"], vm=web, src=f"{site}/", dest="/srv/www/", **LOGIN)

    assert done["copied"] == ["css/site.css", "index.html"]
    assert (facts(done)["before"]["absent"], facts(done)["before"]["different"]) == (["css/site.css"], ["index.html"])
    assert tree(srv / "www") == {**tree(site), "own": b"of the guest"}
    after = {path.name: path.stat().st_ino for path in (srv / "www").iterdir()}
    assert {name for name in before if before[name] != after[name]} == {"index.html"}
    assert leftovers(openvix, web) == []


def test_same_size_difference_detected(ladder, copy, web, srv, site, shell):
    copy()
    (srv / "www" / "-n").write_text("b dash")
    assert ladder("guest_copy", lambda: tree(srv), ["warnings"], vm=web, src=f"{site}/", dest="/srv/www", **LOGIN)["copied"] == ["-n"]


def test_calls_independent_of_file_count(openvix, copy, srv, site, tmp_path):
    """The lesson of community.proxmox pull request 188, slow transfers: a call for each file is what takes the time."""
    counts = []
    for number in (5, 700):
        source = tmp_path / f"of{number}"
        for each in range(number):
            (source / str(each % 7)).mkdir(parents=True, exist_ok=True)
            (source / str(each % 7) / f"{each}.txt").write_text(f"file {each}\n")
        for expected in (True, False):
            before = len(openvix.calls())
            result = copy(src=str(source), diff=False)
            assert (result["changed"], result["files"]) == (expected, number)
            counts.append(len([call for call in openvix.calls()[before:] if call["call"].startswith("VixVM_")]))
        assert tree(srv / "www" / source.name) == tree(source)

    few, few_again, many, many_again = counts
    assert (few, few_again) == (9, 6)  # wait, log in, compare (3), create a directory, send, move, log out
    assert (many, many_again) == (11, 7)  # the scripts that compare and place are too long for VIX and go as files


@pytest.mark.parametrize("mode", ["0640", "u=rw,g=r,o=", "u+x"])
def test_mode_applied_to_each_file(openvix, ladder, copy, web, srv, site, mode):
    copy(directory_mode="0700")
    done = ladder("guest_copy", lambda: mode_of(srv / "www/empty"), vm=web, src=f"{site}/", dest="/srv/www", mode=mode, owner="0", **LOGIN)

    assert (done["copied"], facts(done)["before"]["attributes"]) == ([], sorted(FILES))
    assert {mode_of(path) for path in srv.rglob("*") if path.is_file()} == {0o744 if mode == "u+x" else 0o640}
    assert {mode_of(path) for path in srv.rglob("*") if path.is_dir()} == {0o700}
    assert leftovers(openvix, web) == []


def test_mode_preserve_for_each_file(ladder, copy, web, srv, site):
    for number, name in enumerate(FILES):
        (site / name).chmod(0o600 + number * 8)
    ladder("guest_copy", vm=web, src=f"{site}/", dest="/srv/www", mode="preserve", **LOGIN)
    assert {name: mode_of(srv / "www" / name) for name in FILES} == {name: mode_of(site / name) for name in FILES}

    (srv / "www" / "empty").chmod(0o777)
    done = ladder("guest_copy", vm=web, src=f"{site}/", dest="/srv/www", mode="preserve", **LOGIN)
    assert facts(done)["before"]["attributes"] == ["empty"]


def test_replaced_file_keeps_mode(copy, srv):
    copy()
    (srv / "www" / "index.html").write_text("<p>")
    (srv / "www" / "index.html").chmod(0o604)
    copy()
    assert mode_of(srv / "www" / "index.html") == 0o604


def test_existing_directory_keeps_mode(copy, srv):
    (srv / "www" / "css").mkdir(parents=True)
    (srv / "www" / "css").chmod(0o711)
    copy(directory_mode="0750")
    assert (mode_of(srv / "www" / "css"), mode_of(srv / "www" / "css" / "deep er"), mode_of(srv / "www" / "nothing")) == (0o711, 0o750, 0o750)


@pytest.mark.parametrize("compare", ["size_and_time", "existence"])
def test_other_compare_methods(ladder, copy, web, srv, site, shell, compare):
    copy()
    for name in FILES:
        os.utime(site / name, (1e9, 1e9))
    (srv / "www" / "-n").write_text("b dash")
    (srv / "www" / "index.html").write_text("longer than it was")
    os.utime(srv / "www" / "css/site.css", (1e9 - 1, 1e9 - 1))
    (srv / "www" / "empty").unlink()

    done = ladder("guest_copy", lambda: tree(srv), ["warnings"], vm=web, src=f"{site}/", dest="/srv/www", compare=compare, **LOGIN)

    assert done["copied"] == (["css/site.css", "empty", "index.html"] if compare == "size_and_time" else ["empty"])


def test_force_false_copies_missing_only(ladder, copy, web, srv, site, shell):
    copy()
    (srv / "www" / "index.html").write_text("<p>")
    (srv / "www" / "empty").unlink()

    done = ladder("guest_copy", lambda: tree(srv), vm=web, src=f"{site}/", dest="/srv/www", force=False, **LOGIN)

    assert (done["copied"], (srv / "www" / "index.html").read_text()) == (["empty"], "<p>")


def test_backup_keeps_replaced_files(ladder, copy, web, srv, site, shell):
    copy()
    (srv / "www" / "index.html").write_text("<p>")
    (srv / "www" / "empty").unlink()

    done = ladder("guest_copy", lambda: tree(srv), ["backup_files", "warnings"], vm=web, src=f"{site}/", dest="/srv/www", backup=True, **LOGIN)

    [kept] = done["backup_files"]
    assert kept.startswith("/srv/www/index.html.")
    assert (srv / kept[len("/srv/") :]).read_text() == "<p>"


def test_one_invalid_file_replaces_none(openvix, copy, web, srv):
    copy()
    before = tree(srv)
    (srv / "www" / "index.html").unlink()
    (srv / "www" / "css" / "site.css").unlink()

    result = copy(validate="grep -q Hello %s")

    assert result["msg"].startswith(f"validating the new content of /srv/www/css/site.css in the guest of {web} as lab: grep -q Hello %s ended with 1")
    assert set(before) - set(tree(srv)) == {"www/index.html", "www/css/site.css"}
    assert leftovers(openvix, web) == []


def test_guest_link_replaced_by_file(ladder, copy, web, srv, site, shell):
    copy()
    (srv / "www" / "index.html").rename(srv / "elsewhere")
    (srv / "www" / "index.html").symlink_to("../elsewhere")

    assert ladder("guest_copy", lambda: tree(srv), vm=web, src=f"{site}/", dest="/srv/www", **LOGIN)["copied"] == ["index.html"]
    assert not (srv / "www" / "index.html").is_symlink()


def test_guest_link_to_directory_used(copy, srv, shell):
    (srv / "styles").mkdir()
    (srv / "www").mkdir()
    (srv / "www" / "css").symlink_to("../styles")

    copy()

    assert (srv / "styles" / "site.css").read_bytes() == FILES["css/site.css"]
    assert (srv / "www" / "css").is_symlink()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda srv: (srv / "www/index.html").mkdir(parents=True), "/srv/www/index.html is a directory, and is not replaced by a file: delete it first"),
        (lambda srv: (srv / "www").mkdir() or (srv / "www/css").write_text(""), "/srv/www/css exists and is not a directory: delete it first"),
        (lambda srv: (srv / "www").write_text(""), "/srv/www exists and is not a directory: delete it first"),
    ],
)
@pytest.mark.parametrize("check_mode", [True, False])
def test_blocking_path_reported(openvix, copy, web, srv, site, shell, make, words, check_mode):
    make(srv)
    before = tree(srv)

    result = copy(check_mode=check_mode)

    assert result["msg"] == f"copying {site}/ to /srv/www in the guest of {web} as lab: {words}"
    assert (tree(srv), leftovers(openvix, web)) == (before, [])


@pytest.mark.parametrize("call", ["VixVM_CreateDirectoryInGuest", "VixVM_CopyFileFromHostToGuest", "VixVM_CopyFileFromGuestToHost"])
def test_failed_step_replaces_nothing(openvix, copy, web, srv, call):
    openvix.fault(call=call, error=7)

    result = copy()

    assert result["vix_code"] == 7
    assert (list(srv.iterdir()), leftovers(openvix, web)) == ([], [])


def test_guest_down_reported_next_copy_cleans_up(openvix, copy, web, srv, site):
    openvix.fault(call="VixVM_CopyFileFromHostToGuest", error=3016)
    openvix.fault(call="VixVM_DeleteDirectoryInGuest", error=3016)

    assert copy()["error"] == "NoToolsInGuest"
    answer, left = sorted(leftovers(openvix, web), key=lambda path: srv in path.parents)
    assert (mode_of(answer), mode_of(left)) == (0o700, 0o700)

    openvix.clear_faults()
    (answer / "owner").write_text("999999999 1\n")
    for place in (answer, left):
        os.utime(place, (1, 1))
    assert copy()["changed"]
    assert (tree(srv / "www"), leftovers(openvix, web)) == (tree(site), [left])
    (left / "owner").write_text("999999999 1\n")
    os.utime(left, (1, 1))
    (srv / "www" / "index.html").write_text("changed")
    assert copy()["changed"]
    assert leftovers(openvix, web) == []


def test_unwritable_dest_reported(copy):
    result = copy(dest="/opt/www", guest_username="visitor", guest_password="s3cret-visitor")

    assert result["vix_code"] == 13
    assert "as visitor" in result["msg"]


def test_empty_directory_created(ladder, web, srv, tmp_path, shell):
    (tmp_path / "bare" / "inner").mkdir(parents=True)
    ladder("guest_copy", lambda: tree(srv), vm=web, src=str(tmp_path / "bare"), dest="/srv", **LOGIN)
    assert tree(srv) == {"bare": None, "bare/inner": None}


# The source


def test_source_links_followed(copy, srv, site, tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "file").write_text("linked")
    (site / "folder").symlink_to("../there")
    (site / "file").symlink_to("../there/file")

    copy()

    assert ((srv / "www/folder/file").read_text(), (srv / "www/file").read_text()) == ("linked", "linked")
    assert not (srv / "www/folder").is_symlink()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda site: (site / "css" / "loop").symlink_to(".."), "css/loop is a symbolic link loop"),
        (lambda site: (site / "loose").symlink_to("nowhere"), "loose is a dangling symlink"),
        (lambda site: os.mkfifo(site / "pipe"), "pipe is neither a file nor a directory"),
        (lambda site: open(os.fsencode(site) + b"/\xff", "w").close(), "the name '\\udcff' is not valid UTF-8, which VIX requires"),
    ],
)
def test_invalid_source_reported_before_login(openvix, copy, site, make, words):
    make(site)

    msg = copy()["msg"]

    assert msg.startswith("reading src: ")
    assert msg.endswith(words)
    assert openvix.calls() == []


def test_invalid_windows_name_refused(openvix, copy):
    assert copy(dest="C:\\www", guest_family="windows")["msg"].endswith('this name is not allowed in a Windows guest: css/deep er/it\'s "odd"\nü*')
    assert openvix.calls("VixVM_CopyFileFromHostToGuest") == []


# Diffs


def test_diff_contains_each_file(copy, srv, shell):
    copy()
    (srv / "www" / "index.html").write_text("<p>")
    (srv / "www" / "empty").unlink()

    texts = copy()["diff"][1:]

    assert sorted(texts, key=str) == [
        {"before_header": "/srv/www/empty", "before": "", "after_header": "/srv/www/empty", "after": ""},
        {"before_header": "/srv/www/index.html", "before": "<p>", "after_header": "/srv/www/index.html", "after": "<p>Hello\n"},
    ]


def test_diff_of_many_files_limited(copy, site):
    for number in range(30):
        (site / f"file{number}").write_text("x")

    diff = copy(check_mode=True)["diff"]

    assert (len(diff), diff[-1]) == (1 + 20 + 1, {"prepared": "15 more files are copied, whose differences are not shown\n"})


def test_names_equal_on_windows_refused(openvix, copy, tmp_path):
    (tmp_path / "other").mkdir()
    for name in ("README", "Readme", "straße", "strasse"):
        (tmp_path / "other" / name).write_text(name)

    result = copy(src=f"{tmp_path}/other/", dest="C:\\www", guest_family="windows")

    assert result["msg"].endswith(": README and Readme are the same file in a Windows guest")
    assert openvix.calls("VixVM_CopyFileFromHostToGuest") == []
