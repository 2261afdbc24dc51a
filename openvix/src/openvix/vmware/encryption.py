# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Encrypted VMs (docs/vix-semantics.md, section 11): the .vmx contains data to verify a password, but not the password.

As with VMware's partial encryption, what stands in the .vmx beside these keys can be read without the password.
"""

from __future__ import annotations

from openvix.vix import constants
from openvix.vix.errors import VixError
from openvix.vmware import vmx

KEY_SAFE = "encryption.keySafe"


def keys(password: str) -> dict[str, str]:
    """Return the keys in the .vmx of a VM that is encrypted with this password."""
    from openvix.vmware import keysafe  # imported here, as few worlds need it

    return {KEY_SAFE: keysafe.create(password), **keysafe.other_keys()}


def is_encrypted(config: vmx.Settings) -> bool:
    return config.get(KEY_SAFE) is not None


def require_password(config: vmx.Settings, password: str | None) -> None:
    """Raise VIX_E_NEED_KEY for an encrypted VM without a password, VIX_E_CRYPTO_BAD_PASSWORD for a wrong password."""
    safe = config.get(KEY_SAFE)
    if safe is None:
        return
    from openvix.vmware import keysafe  # imported here, as few worlds need it

    if not password:
        raise VixError(constants.VIX_E_NEED_KEY)
    if not keysafe.opens(safe, password):
        raise VixError(constants.VIX_E_CRYPTO_BAD_PASSWORD)
