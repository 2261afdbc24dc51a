# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The errors, in classes that some code or playbook distinguishes."""

from __future__ import annotations

CODE_MASK = 0xFFFF  # the header defines these bits; the others may hold detail (docs/vix-semantics.md, section 6)


class VixError(Exception):
    """An operation failed because of VIX, a VM, this machine or the user.

    Args:
        text: What went wrong.
        code: VIX's error number, its low 16 bits, or None if the error is not from VIX.
        raw: All 64 bits of it.
        doing: What was being done and to what, such as "powering on /vms/web/web.vmx".
        advice: What to do next. None: the text of ADVICE for the code. Empty: nothing.

    call: the function of VIX that failed.
    """

    call = ""

    def __init__(self, text: str, code: int | None = None, raw: int | None = None, doing: str | None = None, advice: str | None = None) -> None:
        super().__init__(text)
        self.text, self.code, self.raw, self.doing, self.advice = text, code, raw, doing, advice

    def __str__(self) -> str:
        from .advice import ADVICE
        from .error_names import NAMES

        number = f" ({NAMES.get(self.code, 'unknown to this version')}, {self.code})" if self.code else ""
        advice = ADVICE.get(self.code or 0) if self.advice is None else self.advice
        return f"{self.doing + ': ' if self.doing else ''}{self.text}{number}{'; ' + advice if advice else ''}"


class LibraryNotFound(VixError):
    """No libvix was found."""


class LibraryUnusable(VixError):
    """The file cannot be loaded as libvix."""


class LibraryCrashed(VixError):
    """The library crashed its process."""


class TimedOut(VixError):
    """The deadline passed. VIX cannot cancel a job, so it may still finish."""


class LicenseRefused(VixError):
    """The connection was refused for lack of a licence. Fusion 26 does that unless an undocumented option is set."""


class VMNotFound(VixError):
    """The VM does not exist at that path."""


class FileNotFound(VixError):
    """The file or program does not exist, in the guest or on the host."""


class NotRunning(VixError):
    """The VM is not powered on."""


class AlreadyRunning(VixError):
    """The VM is powered on."""


class TryAgain(VixError):
    """Another operation was in progress, or a process was just starting or ending. Nothing was started."""


class NotReady(VixError):
    """VMware Tools run, but do not accept power operations yet."""


class NotSupported(VixError):
    """The product or the guest does not support this."""


class NoToolsInGuest(VixError):
    """The operation requires VMware Tools, which do not run."""


class SnapshotNotFound(VixError):
    """No snapshot has that name or path."""


class UnknownProperty(VixError):
    """This library, host or guest does not know the property."""


class AlreadyExists(VixError):
    """The name exists already."""


class Inaccessible(VixError):
    """A file or directory of a guest is not accessible: the user has no permission, or its name or disk is bad."""


class NotAFile(VixError):
    """The path in the guest exists and is not a regular file."""


class NotADirectory(VixError):
    """The path in the guest exists and is not a directory."""


class NotFound(VixError):
    """The name does not exist."""


class AlreadyCurrent(VixError):
    """No newer version is available."""


class PasswordNeeded(VixError):
    """The VM is encrypted, and its password is missing or wrong."""


class NoRoute(VixError):
    """The wanted state cannot be reached from the present one."""


class Refused(VixError):
    """The request is ambiguous, or would do harm that it does not allow explicitly."""


# Codes that mean "no change", "try again" or something else that is handled (docs/vix-semantics.md, section 26).
BY_CODE: dict[int, type[VixError]] = {
    4: FileNotFound,
    5: TryAgain,
    6: NotSupported,
    7: Inaccessible,
    12: AlreadyExists,
    13: Inaccessible,
    15: TryAgain,
    16: TryAgain,
    23: AlreadyExists,
    30: PasswordNeeded,
    31: TryAgain,
    32: LicenseRefused,
    2000: NotFound,
    3000: NoToolsInGuest,
    3003: NotSupported,
    3006: NotRunning,
    3007: AlreadyRunning,
    3008: TryAgain,
    3009: NotReady,
    3016: NoToolsInGuest,
    3025: NotSupported,
    4000: VMNotFound,
    4006: AlreadyCurrent,
    6000: UnknownProperty,
    13003: SnapshotNotFound,
    13010: TryAgain,
    13014: TryAgain,
    17004: PasswordNeeded,
    17005: PasswordNeeded,
    20001: NotAFile,
    20002: NotADirectory,
    20004: Inaccessible,
    21010: AlreadyCurrent,
}


def error_for(raw: int, text: str) -> VixError:
    """The exception for an error value of 64 bits and VIX's text for it."""
    code = raw & CODE_MASK
    return BY_CODE.get(code, VixError)(text.rstrip(". "), code=code, raw=raw)
