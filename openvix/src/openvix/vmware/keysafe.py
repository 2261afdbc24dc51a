# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The key safe of an encrypted VM in VMware's format, by which a password is verified."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import urllib.parse
import uuid

ROUNDS = 10_000
PHRASE = re.compile(r"vmware:key/list/\(pair/\(phrase/[^/]*/pass2key=PBKDF2-HMAC-SHA-1:cipher=AES-256:rounds=(\d+):salt=([^,]+),HMAC-SHA-1,([^)]+)\)\)")


def create(password: str) -> str:
    """Return a new key safe for this password."""
    salt = secrets.token_bytes(16)
    manner = f"pass2key=PBKDF2-HMAC-SHA-1:cipher=AES-256:rounds={ROUNDS}:salt={_quoted(salt)}"
    phrase = f"phrase/{secrets.token_hex(8)}/{urllib.parse.quote(manner, safe='-')}"
    return f"vmware:key/list/(pair/({phrase},HMAC-SHA-1,{_quoted(_digest(password, salt, ROUNDS))}))"


def other_keys() -> dict[str, str]:
    """Return the other keys in the .vmx of an encrypted VM."""
    # Placeholders: OpenVIX encrypts no data.
    return {"encryptedVM.guid": f"{{{str(uuid.uuid4()).upper()}}}", "encryption.data": base64.b64encode(secrets.token_bytes(96)).decode()}


def opens(text: str, password: str) -> bool:
    """Return whether a password opens a key safe."""
    safe = PHRASE.fullmatch(urllib.parse.unquote(text))
    # A key safe of VMware has another format; no password opens it here.
    return safe is not None and hmac.compare_digest(_digest(password, _bytes(safe[2]), int(safe[1])), _bytes(safe[3]))


def _digest(password: str, salt: bytes, rounds: int) -> bytes:
    return hashlib.pbkdf2_hmac("sha1", password.encode(), salt, rounds)


def _quoted(raw: bytes) -> str:
    return urllib.parse.quote(base64.b64encode(raw), safe="")


def _bytes(text: str) -> bytes:
    return base64.b64decode(urllib.parse.unquote(text))
