# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Password hashes of a Linux system: SHA-crypt with SHA-512, which Python's library no longer has."""

from __future__ import annotations

import hashlib
import secrets

ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
ROUNDS = 5000
SALT_LENGTH = 16
# The order in which the bytes of a digest are written, three at a time.
ORDER = [(0, 21, 42)]
while len(ORDER) < 21:
    first, second, third = ((each + 22) % 63 for each in ORDER[-1])
    ORDER.append((first, second, third))


def hashed(password: str, salt: str | None = None) -> str:
    """Return the hash of a password for /etc/shadow: Drepper's SHA-crypt, scheme 6, by default with a new salt."""
    salt = salt or "".join(secrets.choice(ALPHABET) for _ in range(SALT_LENGTH))
    word, grain = password.encode(), salt.encode()
    inner = hashlib.sha512(word + grain + word).digest()
    outer = hashlib.sha512(word + grain + _repeated(inner, len(word)))
    length = len(word)
    while length:
        outer.update(inner if length & 1 else word)
        length >>= 1
    digest = outer.digest()
    words = _repeated(hashlib.sha512(word * len(word)).digest(), len(word))
    grains = _repeated(hashlib.sha512(grain * (16 + digest[0])).digest(), len(grain))
    for number in range(ROUNDS):
        mixed = words if number & 1 else digest
        mixed += (grains if number % 3 else b"") + (words if number % 7 else b"")
        digest = hashlib.sha512(mixed + (digest if number & 1 else words)).digest()
    written = "".join(_written((digest[first], digest[second], digest[third]), 4) for first, second, third in ORDER)
    return f"$6${salt}${written}{_written((0, 0, digest[63]), 2)}"


def _repeated(digest: bytes, length: int) -> bytes:
    return (digest * (length // len(digest) + 1))[:length]


def _written(three: tuple[int, int, int], letters: int) -> str:
    number = int.from_bytes(bytes(three))
    return "".join(ALPHABET[number >> 6 * place & 63] for place in range(letters))
