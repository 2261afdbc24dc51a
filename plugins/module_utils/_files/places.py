# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The real paths of many files, with a cache for directories."""

from __future__ import annotations

import os
import re

CROOKED = re.compile(r"//|/\.\.?(/|$)|/$")
DEEPEST = 64  # directories that are checked one by one


class Places:
    """Real paths, with a cache for directories."""

    def __init__(self):
        self._known = {"/": "/"}

    def real(self, path):
        """The os.path.realpath of an absolute path. None if it is not the path of a file."""
        try:
            if not os.path.isabs(path) or b"\0" in os.fsencode(path):
                return None
            if CROOKED.search(path) or path.count("/") > DEEPEST:
                return os.path.realpath(path)
            return self._straight(path, keep=False)
        except UnicodeEncodeError:  # the locale has no such characters, and so no such path
            return None

    def _straight(self, path, keep):
        found = self._known.get(path)
        if found is None:
            folder, name = path.rpartition("/")[::2]
            above = self._straight(folder or "/", keep=True)
            found = f"{above}/{name}" if above != "/" else f"/{name}"
            if os.path.islink(found):
                found = os.path.realpath(found)
            if keep:
                self._known[path] = found
        return found
