# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where guest tools put the scripts that they run (docs/vix-semantics.md, section 19)."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import threading
from collections.abc import Callable

from openvix.guest.errors import error
from openvix.guest.rights import Account


class TemporaryDirectories:
    """A directory for each account, which stays as long as the guest runs, and after. Its name has two numbers, as of a process and of its start."""

    def __init__(self) -> None:
        self._lock, self._paths = threading.Lock(), dict[str, str]()

    def clear(self) -> None:
        """Forget the directories, as tools do that are started again."""
        with self._lock:
            self._paths.clear()

    def of(self, account: Account, is_directory: Callable[[str], bool], make: Callable[[str], object]) -> str:
        """Return the directory of an account: in /tmp, or in its home if it cannot be made there.

        is_directory, make: look at a path with the rights of the account, and make a directory for it alone. Raises OSError.
        """
        with self._lock:
            known = self._paths.get(account.name)
            if known and is_directory(known):
                return known
            for above in ("/tmp", account.home):
                path = f"{above}/vmware-{account.name}_{1 + os.urandom(1)[0]}-{int.from_bytes(os.urandom(4))}"
                with contextlib.suppress(PermissionError):
                    if is_directory(above):
                        make(path)
                        self._paths[account.name] = path
                        return path
        raise error(errno.EACCES, account.home)


def write_script(directory: str, write: Callable[[str], None]) -> str:
    """Write a script under the first free name in a directory, and return its path. write: creates a file; raises FileExistsError if it is there."""
    for number in itertools.count():
        path = f"{directory}/vixScript{number}"
        with contextlib.suppress(FileExistsError):
            write(path)
            return path
    raise AssertionError("the numbers have no end")
