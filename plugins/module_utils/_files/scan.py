# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Folders searched for .vmx files."""

from __future__ import annotations

import fnmatch
import os
import re
from collections import namedtuple

# found: (path, where it really lies); left_out: (path, why), of files that would be VMs and of folders that were not entered; problems: sentences.
Search = namedtuple("Search", "found left_out problems")


def search(folders, depth, patterns, excludes, visit=lambda folder: None):
    """Search folders, so many levels deep (1: the folders alone), and return a Search, in the order of the names.

    patterns: of the names of files, one of which must match; excludes: of the names of files and folders, or with a slash of their paths from
    the searched folder on, none of which may match. A symbolic link is followed; what goes in circles ends. visit: called with each folder before
    it is read, and may raise what ends the search.
    """
    wanted, unwanted, result = _matcher(patterns), [(pattern, _matcher([pattern])) for pattern in excludes], Search([], [], [])
    entered = {}  # the depth that was left, by where a folder really lies
    for folder in folders:
        todo = [(folder, os.path.realpath(folder), "", depth)]
        while todo:
            place = todo.pop()
            if entered.get(place[1], 0) < place[3]:
                entered[place[1]] = place[3]
                visit(place[0])
                todo += reversed(_look(place, wanted, unwanted, result))
    return result


def _look(place, wanted, unwanted, result):
    """Put what is in a folder into the result, and return the folders below it that are to be entered."""
    folder, real, inside, depth = place
    try:
        with os.scandir(folder) as entries:
            entries = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        result.problems.append(f"{folder}: it cannot be searched: {error.strerror}")
        return []
    below = []
    for entry in entries:
        is_folder = _is_folder(entry)
        if not is_folder and not wanted(entry.name):
            continue
        where = f"{inside}{entry.name}"
        why = next((pattern for pattern, matches in unwanted if matches(where if "/" in pattern else entry.name)), None)
        if why is not None:
            result.left_out.append((entry.path, f"{why} excludes it"))
            continue
        lies = os.path.realpath(entry.path) if entry.is_symlink() else os.path.join(real, entry.name)
        if not is_folder:
            result.found.append((entry.path, lies))
        elif depth > 1:
            below.append((entry.path, lies, f"{where}/", depth - 1))
    return below


def _is_folder(entry):
    try:
        return entry.is_dir()
    except OSError:  # a link that goes in a circle, or to where we may not look
        return False


def _matcher(patterns):
    """A function that tells whether a name matches one of the patterns, to the letter."""
    if not patterns:
        return lambda name: False
    return re.compile("|".join(map(fnmatch.translate, patterns))).match
