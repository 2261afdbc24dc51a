# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Encrypted VMs (semantics.md section 11): the .vmx tells whether a password is right, and says it nowhere.

As with VMware's partial encryption, what stands in the .vmx beside these keys can be read without the password.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import urllib.parse
import uuid

from openvix import facts, vmx
from openvix.failure import Failure

KEY_SAFE = "encryption.keySafe"
ROUNDS = 10_000
PHRASE = re.compile(r"vmware:key/list/\(pair/\(phrase/[^/]*/pass2key=PBKDF2-HMAC-SHA-1:cipher=AES-256:rounds=(\d+):salt=([^,]+),HMAC-SHA-1,([^)]+)\)\)")


def keys(password: str) -> dict[str, str]:
    """Return what stands in the .vmx of a VM with this password."""
    salt = secrets.token_bytes(16)
    manner = f"pass2key=PBKDF2-HMAC-SHA-1:cipher=AES-256:rounds={ROUNDS}:salt={_quoted(salt)}"
    phrase = f"phrase/{secrets.token_hex(8)}/{urllib.parse.quote(manner, safe='-')}"
    return {
        "encryptedVM.guid": f"{{{str(uuid.uuid4()).upper()}}}",
        KEY_SAFE: f"vmware:key/list/(pair/({phrase},HMAC-SHA-1,{_quoted(_digest(password, salt, ROUNDS))}))",
        # There is nothing to hide in it.
        "encryption.data": base64.b64encode(secrets.token_bytes(96)).decode(),
    }


def is_encrypted(config: vmx.Settings) -> bool:
    return config.get(KEY_SAFE) is not None


def require_password(config: vmx.Settings, password: str | None):
    """Raise VIX_E_NEED_KEY when an encrypted VM is opened without a password, VIX_E_CRYPTO_BAD_PASSWORD with a wrong one."""
    if not is_encrypted(config):
        return
    if not password:
        raise Failure(facts.VIX_E_NEED_KEY)
    safe = PHRASE.fullmatch(urllib.parse.unquote(config.get(KEY_SAFE)))
    # A key safe that VMware made is a lock that no password opens here.
    if not safe or not hmac.compare_digest(_digest(password, _bytes(safe[2]), int(safe[1])), _bytes(safe[3])):
        raise Failure(facts.VIX_E_CRYPTO_BAD_PASSWORD)


def _digest(password: str, salt: bytes, rounds: int) -> bytes:
    return hashlib.pbkdf2_hmac("sha1", password.encode(), salt, rounds)


def _quoted(raw: bytes) -> str:
    return urllib.parse.quote(base64.b64encode(raw), safe="")


def _bytes(text: str) -> bytes:
    return base64.b64decode(urllib.parse.unquote(text))
