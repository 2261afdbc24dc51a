# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can go wrong, by kinds that someone acts on. The text of each is for the person at the keyboard."""

from __future__ import annotations

CODE_MASK = 0xFFFF  # the header defines these bits; the others may hold detail (docs/vix-semantics.md, section 6)


class VixError(Exception):
    """VIX, a VM, this machine or the user made an operation fail.

    doing: what was being done and to what, as in "powering on /vms/web/web.vmx"; filled in by whoever knows it.
    code: VIX's number in its low 16 bits, or None when VIX was not the one that refused; raw: all 64 bits of it.
    advice: what to do next, None for what is usual with that code, empty where the text says all; call: the function of VIX's that failed.
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
    """There is no libvix in any place that was looked at."""


class LibraryUnusable(VixError):
    """There is a file, and it cannot be loaded as libvix."""


class LibraryCrashed(VixError):
    """The library took its process down."""


class TimedOut(VixError):
    """The deadline passed. VIX cannot cancel a job, so it may still finish."""


class LicenseRefused(VixError):
    """Connecting was refused for want of a licence; Fusion 26 says so unless asked with an undocumented option."""


class VMNotFound(VixError):
    """There is no VM at that path."""


class FileNotFound(VixError):
    """There is no such file or program, in the guest or on the host."""


class NotRunning(VixError):
    """The VM is not powered on."""


class AlreadyRunning(VixError):
    """The VM is powered on."""


class TryAgain(VixError):
    """Another operation, or a process that just starts or ends, was in the way; nothing was begun."""


class NotReady(VixError):
    """Tools run, and do not take orders for the machine's power yet."""


class NotSupported(VixError):
    """The product or the guest cannot do this."""


class NoToolsInGuest(VixError):
    """An operation needs VMware Tools, and they do not run."""


class SnapshotNotFound(VixError):
    """There is no snapshot of that name or path."""


class UnknownProperty(VixError):
    """This library, host or guest does not know the property."""


class AlreadyExists(VixError):
    """There is something of that name already."""


class Inaccessible(VixError):
    """A file or folder of a guest is not to be had: the user has no right to it, or its name or its disk is bad."""


class NotAFile(VixError):
    """There is something at that path of a guest, and it is no regular file."""


class NotADirectory(VixError):
    """There is something at that path of a guest, and it is no directory."""


class NotFound(VixError):
    """There is nothing of that name."""


class AlreadyCurrent(VixError):
    """There is nothing newer to upgrade to."""


class PasswordNeeded(VixError):
    """The VM is encrypted, and cannot be opened without its password, or with this one."""


class NoRoute(VixError):
    """There is no way from the state that is to the state that should be."""


class Refused(VixError):
    """What was asked for is ambiguous, or would do harm that was not consented to."""


# Codes that mean "already so", "try again" or something else that is acted on (docs/vix-semantics.md, section 26).
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
    """The exception for a VixError value of 64 bits and VIX's text for it."""
    code = raw & CODE_MASK
    return BY_CODE.get(code, VixError)(text.rstrip(". "), code=code, raw=raw)
