# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""VIX errors for errors of the guest's operating system."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator

from openvix.vix import constants
from openvix.vix.errors import VixError

# An error of newer guests without a name in vix.h (docs/vix-semantics.md, sections 6 and 18).
DIRECTORY_NOT_EMPTY = 20006

# docs/vix-semantics.md, section 18
CODES = {
    errno.EPERM: constants.VIX_E_FILE_ACCESS_ERROR,
    errno.EACCES: constants.VIX_E_FILE_ACCESS_ERROR,
    errno.EAGAIN: constants.VIX_E_OBJECT_IS_BUSY,
    errno.EBUSY: constants.VIX_E_OBJECT_IS_BUSY,
    errno.EEXIST: constants.VIX_E_FILE_ALREADY_EXISTS,
    errno.EFBIG: constants.VIX_E_FILE_TOO_BIG,
    errno.ENOTEMPTY: DIRECTORY_NOT_EMPTY,
    errno.ENOTDIR: constants.VIX_E_NOT_A_DIRECTORY,
    errno.ENOENT: constants.VIX_E_FILE_NOT_FOUND,
    errno.ENODEV: constants.VIX_E_FILE_NOT_FOUND,
    errno.ENOSPC: constants.VIX_E_DISK_FULL,
    errno.EISDIR: constants.VIX_E_NOT_A_FILE,
    errno.ESRCH: constants.VIX_E_NO_SUCH_PROCESS,
    errno.ENAMETOOLONG: constants.VIX_E_FILE_NAME_TOO_LONG,
    errno.EINVAL: constants.VIX_E_INVALID_ARG,
    errno.EMSGSIZE: constants.VIX_E_INVALID_ARG,
    errno.ENOMEM: constants.VIX_E_OUT_OF_MEMORY,
    errno.ELOOP: constants.VIX_E_OUT_OF_MEMORY,
    errno.EIO: constants.VIX_E_FILE_ERROR,
    errno.EMFILE: constants.VIX_E_FILE_ERROR,
    errno.ENFILE: constants.VIX_E_FILE_ERROR,
    errno.EMLINK: constants.VIX_E_FILE_ERROR,
    errno.EROFS: constants.VIX_E_FILE_ERROR,
    errno.ETIMEDOUT: constants.VIX_E_FILE_ERROR,
}


@contextlib.contextmanager
def as_vix_errors() -> Iterator[None]:
    """Convert each OSError in the block into a VixError (docs/vix-semantics.md, section 18)."""
    try:
        yield
    except OSError as error:
        raise VixError(CODES.get(error.errno or 0, constants.VIX_E_FAIL), str(error)) from error


def error(number: int, path: str) -> OSError:
    """Return an OSError with this errno for a path."""
    return OSError(number, errno.errorcode[number], path)
