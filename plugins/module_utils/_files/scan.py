# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Searching directories for .vmx files."""

from __future__ import annotations

import fnmatch
import os
import re
from collections import namedtuple

DEPTH = 4  # levels of a directory that the user names

# found: (path, real path); left_out: (path, reason) of files and directories that were skipped; problems: messages.
Search = namedtuple("Search", "found left_out problems")


def search(folders, depth, patterns, excludes, visit=lambda folder: None):
    """Search directories and return a Search, sorted by name. depth: number of levels, 1 for the directories alone.

    patterns: for names of files, one of which must match. As in a shell, only a pattern that begins with a dot matches a hidden file, such as
    those that macOS writes beside each file on a foreign file system (._NAME). excludes: for names of files and directories, or with a slash
    for their paths from the searched directory on, none of which may match. Symbolic links are followed, loops are not. visit: called with
    each directory before it is read, and may raise what ends the search.
    """
    wanted = _matcher(patterns), _matcher([pattern for pattern in patterns if pattern.startswith(".")])
    unwanted, result = [(pattern, _matcher([pattern])) for pattern in excludes], Search([], [], [])
    entered = {}  # the remaining depth, by real path of a directory
    for folder in folders:
        todo = [(folder, os.path.realpath(folder), "", depth)]
        while todo:
            place = todo.pop()
            if entered.get(place[1], 0) < place[3]:
                entered[place[1]] = place[3]
                visit(place[0])
                todo += reversed(_look(place, wanted, unwanted, result))
    return result


def vmx_files(directories, depth=DEPTH):
    """Return path and real path of each .vmx file in directories. What cannot be read is skipped."""
    return search(directories, depth, ["*.vmx"], []).found


def _look(place, wanted, unwanted, result):
    """Add the content of a directory to the result, and return the directories below it to search."""
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
        if not is_folder and not wanted[0](entry.name):
            continue
        if not is_folder and entry.name.startswith(".") and not wanted[1](entry.name):
            result.left_out.append((entry.path, "it is a hidden file"))
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
    """A function that returns whether a name matches one of the patterns, case-sensitive."""
    if not patterns:
        return lambda name: False
    return re.compile("|".join(map(fnmatch.translate, patterns))).match
