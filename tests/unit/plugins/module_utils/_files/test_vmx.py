# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import time

import pytest
from ansible_collections.vmlab.vix.plugins.module_utils._files import encodings, vmx

WORKSTATION = b"""\
#!/usr/bin/vmware
.encoding = "UTF-8"
config.version = "8"
# made by hand
displayName = "web \xe2\x80\x93 |22blue|22"
guestOS = "debian12-64"\t# bookworm
memsize = "2048"
scsi0:0.fileName = "web.vmdk"
ethernet0.present=TRUE
annotation = "one|0Atwo#three"
floppy0.present =
numvcpus = 2#two
"""


def test_vmx_of_workstation_read():
    values = vmx.parse(WORKSTATION, "web.vmx")

    assert values.display_name == 'web \u2013 "blue"'
    assert values.guest_os == "debian12-64"
    assert values["annotation"] == "one\ntwo#three"
    assert values["scsi0:0.filename"] == "web.vmdk"
    assert values["ethernet0.present"] == "TRUE"
    assert values["floppy0.present"] == ""
    assert values.encoding == "UTF-8"
    assert values.problems == ()
    assert values["numvcpus"] == "2"
    assert len(values) == 10


def test_keys_are_case_insensitive():
    values = vmx.parse(b'MemSize = "1"\n', "web.vmx")

    assert list(values) == ["memsize"]
    assert values["MEMSIZE"] == values.get("memSize") == "1"
    assert "memSize" in values
    assert "numvcpus" not in values


def test_missing_value_is_none():
    values = vmx.parse(b"", "web.vmx")

    assert (values.display_name, values.guest_os, values.is_encrypted, len(values)) == (None, None, False, 0)


@pytest.mark.parametrize(
    ("encoding", "codec", "name"),
    [
        ("windows-1252", "cp1252", "Gerät €"),
        ("windows-1251", "cp1251", "Сервер"),
        ("GBK", "gbk", "虚拟机 甲"),
        ("windows-936", "gbk", "虚拟机 甲"),
        ("Shift_JIS", "shift_jis", "表ソ能"),  # whose second bytes are \ in ASCII
        ("Shift_JIS", "cp932", "①1号機 髙橋 Web㈱"),  # wild/04-japanese-host
        ("ibm-943_P130-1999", "cp932", "髙橋"),
        ("Windows-31J", "cp932", "髙橋"),
        ("Big5", "cp950", "裏側 恒"),
        ("EUC-KR", "euc_kr", "서버"),
        ("windows-949-2000", "cp949", "웹 서버 똠"),  # wild/02-korean-host
        ("KS_C_5601-1987", "cp949", "웹 서버 똠"),
        ("ibm-874", "cp874", "เว็บ €"),  # Thai
        ("IBM00858", "cp858", "é €"),
        ("EUC-JP", "euc_jp", "表ソ能"),
        ("ISO-2022-JP", "iso2022_jp", "端末"),
        ("ISO-8859-1", "latin-1", "Gerät"),
        ("utf-8", "utf-8", "\U0001f600"),
    ],
)
def test_text_in_encoding_of_file(encoding, codec, name):
    raw = f'displayName = "{name}"\r\n.ENCODING = "{encoding}"\r\n'.encode(codec)

    assert vmx.parse(raw, "web.vmx").display_name == name


def test_euro_of_code_page_936_read_and_written():
    """Windows has the euro sign as byte 0x80, which is also the second byte of other characters."""
    raw = b'.encoding = "GBK"\ndisplayName = "' + "会".encode("gbk") + b"\x81\x80 \x80 |80" + b'"\n'

    values = vmx.parse(raw, "web.vmx")

    assert values.display_name == f"会{bytes([0x81, 0x80]).decode('gbk')} € €"
    assert vmx.set_values(raw, {"annotation": "5 €"}) == raw + b'annotation = "5 \x80"\n'
    assert vmx.set_values(raw, {"displayName": values.display_name}) == raw


def test_each_encoding_of_vmware_known():
    table = json.loads((pathlib.Path(__file__).parents[5] / "facts" / "encodings.json").read_text(encoding="utf-8"))["codecs"]

    for codec, names in table.items():
        for name in names:
            assert vmx.parse(f'.encoding = "{name}"\nmemsize = "4"\n'.encode(), "web.vmx")["memsize"] == "4"
            assert vmx.parse(f'.encoding = "{name.upper()}"\nmemsize = 4\n'.encode(), "web.vmx")["memsize"] == "4"
        text = bytes(each for each in range(128, 256)).decode(codec, "ignore")
        assert encodings.decode(encodings.encode(text, codec), codec) == text
        assert encodings.PROBE.encode(codec) == encodings.PROBE.encode("ascii")


def test_byte_order_mark_skipped():
    raw = b'\xef\xbb\xbfdisplayName = "web"\r\nmemsize = "4"\r\n'

    assert vmx.parse(raw, "web.vmx").display_name == "web"
    assert vmx.set_values(raw, {"displayname": "db"}) == b'\xef\xbb\xbfdisplayName = "db"\r\nmemsize = "4"\r\n'


def test_broken_character_hides_no_value():
    values = vmx.parse(b'annotation = "Ger\xe4t"\ndisplayName = "web"\n', "web.vmx")

    assert values["annotation"] == "Ger\ufffdt"
    assert values.display_name == "web"


@pytest.mark.parametrize(
    ("escaped", "value"),
    [
        ("|22", '"'),
        ("|7C", "|"),
        ("|7c22", "|22"),
        ("|0D|0A", "\r\n"),
        ("|C3|A4", "ä"),
        ("|", "|"),
        ("|2", "|2"),
        ("|2x|22", '|2x"'),
        ("||22", "||22"),
        ("|zz", "|zz"),
    ],
)
def test_escapes_decoded_as_vmware_does(escaped, value):
    assert vmx.parse(f'annotation = "{escaped}"'.encode(), "web.vmx")["annotation"] == value


def test_escaped_second_byte_of_character():
    assert "亅".encode("gbk") == b"\x81|"
    raw = b'.encoding = "GBK"\ndisplayName = "\x81|7C"\n'

    assert vmx.parse(raw, "web.vmx").display_name == "亅"
    assert vmx.set_values(b'.encoding = "GBK"\n', {"displayName": "亅"}) == raw


def test_repeated_key_last_one_counts():
    values = vmx.parse(b'displayName = "old"\nmemsize = "4"\ndisplayname = "new"\n', "web.vmx")

    assert values.display_name == "new"
    assert values.problems == ("line 3 repeats displayname, and the last one counts",)


@pytest.mark.parametrize(
    ("text", "encrypted"),
    [
        ('encryption.keySafe = "vmware:key/list/(pair/(phrase/x))"', True),
        ('vmx.encryptionType = "partial"', True),
        ('encryption.data = "aGk="', True),
        ('vmx.encryptionType = "none"', False),
        ('encryption.keySafe = ""', False),
        ('vtpm.present = "FALSE"', False),
    ],
)
def test_encryption_detected(text, encrypted):
    assert vmx.parse(text.encode(), "web.vmx").is_encrypted is encrypted


@pytest.mark.parametrize(("text", "number"), [("2048", 2048), ("-7", -7), (" 4 ", 4), ("", 0), ("1_0", 0), ("٣", 0), ("9" * 21, 0), ("2 GB", 0)])
def test_number_or_default(text, number):
    assert vmx.parse(f'memsize = "{text}"'.encode(), "web.vmx").number("memSize", 0) == number


def test_missing_number_is_default():
    assert vmx.parse(b"", "web.vmx").number("memsize") is None


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b'memsize = "4"\ndisplayName = "we', 'line 2 is not KEY = "VALUE"'),
        (b'memsize = "4"\ndisplayN', 'line 2 is not KEY = "VALUE"'),
        (b'displayName = "web" db', "line 1"),
        (b'displayName = "a" "b"', "line 1"),
        (b"displayName = web 1", "line 1"),
        (b'display name = "web"', "line 1"),
        (b'= "web"', "line 1"),
        (b'#memsize\nmem#size = "4"', "line 2"),
        (b"\x7fELF\x02\x01\x01\x00", "it is not a text file"),
        (b'.encoding = "klingon"', "its encoding is unknown: klingon"),
        (b'.encoding = "utf-16"', "unknown: utf-16"),
        (b'.encoding = "utf-7"', "unknown: utf-7"),
        (b'.encoding = "unicode_escape"', "unknown: unicode_escape"),
        (b'.encoding = "raw_unicode_escape"', "unknown: raw_unicode_escape"),
        (b'.encoding = "utf-8-sig"', "unknown: utf-8-sig"),
        (b'.encoding = "a|00b"', "unknown: a"),
        (b'.encoding = "\xe4"', "unknown: \ufffd"),
        (b'.encoding = "GBK"\n.encoding = "klingon"', "unknown: klingon"),
        (b'.encoding = "idna"', "unknown: idna"),
        (b'.encoding = "hex"', "unknown: hex"),
        (b'.encoding = "cp037"', "unknown: cp037"),
        (b'.encoding = "../x"', "unknown: ../x"),
        (b'.encoding = ""', "unknown: "),
        (b" " * (vmx.MAX_BYTES + 1), "it is larger than 4 MiB"),
    ],
    ids=lambda value: value[:40].decode("latin-1") if isinstance(value, bytes) else "",
)
def test_broken_file_names_path_and_reason(raw, reason):
    with pytest.raises(vmx.BrokenFile) as caught:
        vmx.parse(raw, "/vms/web/web.vmx")

    assert str(caught.value) == f"/vms/web/web.vmx: {caught.value.reason}"
    assert caught.value.path == "/vms/web/web.vmx"
    assert reason in caught.value.reason
    with pytest.raises(vmx.BrokenFile):
        vmx.set_values(raw, {"displayName": "db"})


# -- files


def test_file_read(tmp_path):
    path = tmp_path / "web.vmx"
    path.write_bytes(WORKSTATION)

    assert vmx.read(str(path)).number("memsize") == 2048


def test_missing_file_is_not_broken(tmp_path):
    with pytest.raises(FileNotFoundError):
        vmx.read(str(tmp_path / "web.vmx"))


def test_read_size_is_limited(tmp_path):
    path = tmp_path / "web.vmx"
    with open(str(path), "wb") as file:
        file.truncate(1 << 40)  # a hole of a tebibyte

    with pytest.raises(vmx.BrokenFile, match="larger than 4 MiB"):
        vmx.read(str(path))


def test_special_file_not_waited_for(tmp_path):
    pipe = str(tmp_path / "web.vmx")
    os.mkfifo(pipe)

    for path in (pipe, str(tmp_path), "/dev/zero"):
        with pytest.raises(vmx.BrokenFile, match="it is not a file"):
            vmx.read(path)


def test_impossible_path_raises(tmp_path):
    (tmp_path / "file").write_bytes(b"")

    for path in ("/vms/we\0b.vmx", str(tmp_path / "file" / "web.vmx"), f"/{'x' * 5000}"):
        with pytest.raises(vmx.BrokenFile, match="it cannot be read"):
            vmx.read(path)


# -- setting values


def test_value_set_other_lines_kept():
    after = vmx.set_values(WORKSTATION, {"displayname": 'new "one"', "new.key": "a|b\n"})

    before, lines = WORKSTATION.split(b"\n"), after.split(b"\n")
    assert lines[4] == b'displayName = "new |22one|22"'
    assert lines[:4] + lines[5:12] == before[:4] + before[5:12]
    assert lines[12:] == [b'new.key = "a|7Cb|0A"', b""]


def test_same_value_changes_no_byte():
    assert vmx.set_values(WORKSTATION, {"ethernet0.present": "TRUE", "GUESTOS": "debian12-64"}) == WORKSTATION


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"", b'displayName = "db"\n'),
        (b'memsize = "4"', b'memsize = "4"\ndisplayName = "db"\n'),
        (b'memsize = "4"\r\n', b'memsize = "4"\r\ndisplayName = "db"\r\n'),
        (b'a = "1"\r\nb = "2"', b'a = "1"\r\nb = "2"\r\ndisplayName = "db"\r\n'),
        (b'displayName = "web"', b'displayName = "db"'),
        (b'displayName = "web"\r\n', b'displayName = "db"\r\n'),
        (b"DISPLAYNAME=web\n\n\n", b'DISPLAYNAME = "db"\n\n\n'),
        (b'displayName = "a"\nx = "1"\ndisplayName = "b"\n', b'displayName = "a"\nx = "1"\ndisplayName = "db"\n'),
        (b'annotation = "Ger\xe4t"\ndisplayName = "web"\n', b'annotation = "Ger\xe4t"\ndisplayName = "db"\n'),
    ],
)
def test_line_ends_and_foreign_bytes_kept(before, after):
    assert vmx.set_values(before, {"displayName": "db"}) == after


def test_value_written_in_encoding_of_file():
    before = '.encoding = "windows-1252"\r\nannotation = "Gerät"\r\n'

    after = vmx.set_values(before.encode("cp1252"), {"displayName": "Büro"})

    assert after == (before + 'displayName = "Büro"\r\n').encode("cp1252")
    assert vmx.set_values(before, {"displayName": "Büro"}) == after


@pytest.mark.parametrize("before", [b'.encoding = "windows-1252"\n', '.encoding = "windows-1252"\n'])
def test_value_outside_encoding_refused(before):
    with pytest.raises(vmx.BrokenFile, match=r"web\.vmx: its encoding, windows-1252, cannot hold displayName"):
        vmx.set_values(before, {"displayName": "虚拟机"}, "web.vmx")


@pytest.mark.parametrize("key", ["", "display name", "a=b", "a#b", "a\nb", 'a"b', "ä", ".encoding", ".Encoding"])
def test_invalid_key_not_set(key):
    with pytest.raises(ValueError, match="cannot be set"):
        vmx.set_values(b"", {key: "x"})


# -- whatever comes


@pytest.mark.parametrize(
    "raw",
    [
        b"a =" + b" " * (vmx.MAX_BYTES - 4) + b'"',
        b"\n" * vmx.MAX_BYTES,
        b'a="' + b"|2" * (vmx.MAX_BYTES // 2 - 4) + b'"',
        b"=" * vmx.MAX_BYTES,
        b"#" + b'"' * (vmx.MAX_BYTES - 1),
        b"a=1\n" * (vmx.MAX_BYTES // 4),
        b'memsize="' + b"9" * (vmx.MAX_BYTES - 10) + b'"',
        b'.encoding="' + b"x" * (vmx.MAX_BYTES - 12) + b'"',
    ],
    ids=lambda raw: raw[:12].decode(),
)
def test_largest_malformed_file_bounded_time(raw):
    begin = time.process_time()
    with contextlib.suppress(vmx.BrokenFile):
        vmx.parse(raw, "web.vmx").number("memsize")

    assert time.process_time() - begin < 20  # seconds; a quadratic way takes hours


def test_any_bytes_mapping_or_broken_file():
    hypothesis = pytest.importorskip("hypothesis")
    st = hypothesis.strategies
    pieces = [
        b'"',
        b"|",
        b"|2",
        b"|22",
        b"=",
        b" ",
        b"\t",
        b"#",
        b"\n",
        b"\r",
        b"\0",
        b"a",
        b"displayName",
        b".encoding = ",
        b'"GBK"\n',
        b"utf-7",
        b"\xef\xbb\xbf",
        b"\xff",
        b"\x81",
    ]

    @hypothesis.settings(deadline=None, max_examples=400)
    @hypothesis.given(st.one_of(st.binary(), st.lists(st.sampled_from(pieces)).map(b"".join)), st.text())
    def throw(raw, value):
        try:
            values = vmx.parse(raw, "web.vmx")
            assert all(isinstance(text, str) for pair in values.items() for text in pair)
            after = vmx.parse(vmx.set_values(raw, {"displayName": value}), "web.vmx")
        except vmx.BrokenFile:
            return
        assert after["displayname"] == value
        assert {key: text for key, text in after.items() if key != "displayname"} == {key: text for key, text in values.items() if key != "displayname"}

    throw()


def test_set_values_read_back():
    hypothesis = pytest.importorskip("hypothesis")
    st = hypothesis.strategies
    key = st.text("abcXYZ019.:_-", min_size=1).filter(lambda key: key.lower() != ".encoding")
    text = st.text(st.characters(blacklist_categories=("Cs",)))

    @hypothesis.settings(deadline=None, max_examples=200)
    @hypothesis.given(st.dictionaries(key, text), key, text, st.sampled_from(["UTF-8", "GB18030"]), st.sampled_from(["\n", "\r\n"]))
    def write(values, name, value, encoding, end):
        before = vmx.set_values(f'# kept{end}.encoding = "{encoding}"{end}'.encode("ascii"), values)
        expected = {name.lower(): value for name, value in values.items()}
        hypothesis.assume(len(expected) == len(values))

        assert dict(vmx.parse(before, "web.vmx")) == {".encoding": encoding, **expected}
        after = vmx.set_values(before, {name: value})
        assert dict(vmx.parse(after, "web.vmx")) == {".encoding": encoding, **expected, name.lower(): value}
        lines, others = before.split(b"\n"), after.split(b"\n")
        assert len(others) - len(lines) == (name.lower() not in expected)
        assert sum(line not in others for line in lines) <= 1
        assert vmx.set_values(after, {name: value}) == after

    write()


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_usual_file_read_by_fast_parser(end):
    text = f'#!/usr/bin/vmware{end}.encoding = "UTF-8"{end}displayName = "wéb |22blue|22"{end}{end}annotation = "one|0Atwo"{end}'

    quick = vmx._parse_usual(text.encode("utf-8"))

    assert dict(quick) == {".encoding": "UTF-8", "displayname": 'wéb "blue"', "annotation": "one\ntwo"}


@pytest.mark.parametrize("encoding", ["windows-1252", "Shift_JIS", "windows-949-2000", "x-iscii-de"])
def test_ascii_file_read_by_fast_parser(encoding):
    """84 of 151 .vmx files found are in another encoding than UTF-8, nearly all with only ASCII in them."""
    raw = f'.encoding = "{encoding}"\ndisplayName = "a|41|22"\n'.encode()

    assert dict(vmx._parse_usual(raw)) == {".encoding": encoding, "displayname": 'aA"'}


def test_escaped_bytes_decoded_by_fast_parser():
    raw = b'.encoding = "Shift_JIS"\ndisplayName = "|87|40"\n'

    assert dict(vmx._parse_usual(raw)) == dict(vmx._parse_any(raw, "web.vmx")) == {".encoding": "Shift_JIS", "displayname": "①"}


@pytest.mark.parametrize(
    "raw",
    [
        b'a = "1"\na = "2"\n',
        b'A = "1"\na = "2"\n',
        b"a = 1\n",
        b'a = "1" # one\n',
        b'a = "1\n',
        b'a = "\xe4"\n',
        b'.encoding = "windows-1252"\na = "\xc3\xa4"\n',
        b'.encoding = "klingon"\na = "1"\n',
        b'\xef\xbb\xbfa = "1"\n',
        b'a = "\0"\n',
        b"\n" * (vmx.USUAL_LINES + 1),
        b'a = "' + b"x" * vmx.MAX_BYTES + b'"\n',
    ],
    ids=range(12),
)
def test_unusual_file_left_to_full_parser(raw):
    assert vmx._parse_usual(raw) is None


def test_fast_and_full_parser_agree():
    hypothesis = pytest.importorskip("hypothesis")
    st = hypothesis.strategies
    pieces = [
        "a",
        "displayName",
        ".encoding",
        "UTF-8",
        "utf-8",
        '.encoding = "Shift_JIS"\n',
        '.encoding = "GBK"\n',
        "|80",
        " = ",
        "=",
        '"',
        '"\n',
        '"\r\n',
        "|",
        "|22",
        "|C3|A4",
        "|0",
        "#",
        " ",
        "\t",
        "\r",
        "\n",
        "ä",
        "\u2028",
        "\x0b",
        "x:0",
    ]
    lines = WORKSTATION.decode("utf-8").splitlines(True)

    @hypothesis.settings(deadline=None, max_examples=600)
    @hypothesis.given(st.one_of(st.binary(), st.lists(st.sampled_from(pieces + lines)).map(lambda texts: "".join(texts).encode("utf-8"))))
    def read(raw):
        quick = vmx._parse_usual(raw)
        if quick is not None:
            thorough = vmx._parse_any(raw, "web.vmx")
            assert (dict(quick), quick.encoding, quick.problems) == (dict(thorough), thorough.encoding, thorough.problems)

    read()
