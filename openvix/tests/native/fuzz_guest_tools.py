# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Have libFuzzer look for frames that the agent in the guests of QEMU does not bear: fuzz_guest_tools.py SECONDS [INPUT...].

It ends by 0 when it found none in these seconds. With inputs it runs only those, which earlier runs found.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import tools_frames

from openvix.protocol import frames
from openvix.system import c_build

COMPILERS = ("clang", *(f"clang-{version}" for version in range(22, 13, -1)))
FLAGS = ["-g", "-O1", "-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=undefined"]
ETC = {
    "passwd": "root:x:0:0::/root:/bin/sh\nlab:x:0:0::/home/lab:/bin/sh\nann:x:1001:1001::/home/ann:/bin/sh\nopen::1002:1002::/:/bin/sh\n",
    "group": "root:x:0:\nann:x:1001:\nmore:x:2000:lab,ann\n",
    "shadow": "root:*:::::::\nlab:!:::::::\nann:$1$openvix$:::::::\n",
    "motd": "Welcome\n",
}


def build(folder: Path) -> Path | None:
    """Return the fuzzer, or None where no compiler has libFuzzer."""
    tools = c_build.source_directory("guest_tools")
    sources = [path for path in sorted(tools.glob("*.c")) if path.name != "tools.c"]
    own = Path(__file__).parent / "c" / "fuzz_guest_tools.c"
    for compiler in filter(None, map(shutil.which, COMPILERS)):
        command = [compiler, "-std=c11", *FLAGS, "-o", str(folder / "fuzz"), str(own), *map(str, sources), "-lcrypt"]
        if subprocess.run(command, capture_output=True, check=False).returncode == 0:
            return folder / "fuzz"
    return None


def make_root(root: Path, inputs: list[Path]):
    """Make the directory in which the fuzzer lives, with what it begins with."""
    for name in ("etc", "tmp", "proc", "dev", "corpus", "found", "inputs", "home/ann"):
        (root / name).mkdir(parents=True)
    for name, text in ETC.items():
        (root / "etc" / name).write_text(text, encoding="utf-8")
    (root / "corpus/whole").write_bytes(tools_frames.WHOLE)
    for number, request in enumerate(tools_frames.REQUESTS):
        (root / f"corpus/{number}").write_bytes(frames.encode(*request))
    words = "".join(f'"s\\x{len(name):02x}\\x00\\x00\\x00{name}"\n' for name in tools_frames.OPERATIONS)
    (root / "words").write_text(words, encoding="utf-8")
    for path in inputs:
        shutil.copy(path, root / "inputs")


def main(seconds: str, *inputs: str) -> int:
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        fuzzer = build(Path(folder))
        if fuzzer is None:
            print("this takes clang and its libFuzzer (Debian: apt install clang libclang-rt-14-dev, or the version of your clang) and libcrypt-dev")
            return 2
        root = Path(folder, "root")
        make_root(root, [Path(path) for path in inputs])
        spaces = ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--net", "--fork", "--kill-child"]
        limits = [f"-max_total_time={seconds}", "-max_len=4096", "-timeout=20", "-rss_limit_mb=2048", "-detect_leaks=0", "-close_fd_mask=1"]
        what = [f"/inputs/{Path(path).name}" for path in inputs] or ["-dict=/words", "/corpus"]
        command = [str(fuzzer), *limits, "-artifact_prefix=/found/", "-print_final_stats=1", *what]
        # The namespace has a separate init, so that the fuzzer cannot kill it with a request.
        script = 'mount -t proc proc "$FUZZ_ROOT/proc" && "$@"'
        ended = subprocess.run([*spaces, "sh", "-c", script, "sh", *command], env={**os.environ, "FUZZ_ROOT": str(root)}, check=False).returncode
        for path in sorted((root / "found").iterdir()):
            shutil.copy(path, ".")
            print(f"found: {path.name}, with which it can be run again")
        return ended


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
