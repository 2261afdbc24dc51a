# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Encrypted VMs (docs/vix-semantics.md, section 11): the .vmx tells whether a password is right, and says it nowhere.

As with VMware's partial encryption, what stands in the .vmx beside these keys can be read without the password.
"""

from __future__ import annotations

from openvix.vix import constants
from openvix.vix.errors import VixError
from openvix.vmware import vmx

KEY_SAFE = "encryption.keySafe"


def keys(password: str) -> dict[str, str]:
    """Return what stands in the .vmx of a VM with this password."""
    from openvix.vmware import keysafe  # which few worlds need

    return {KEY_SAFE: keysafe.made(password), **keysafe.beside()}


def is_encrypted(config: vmx.Settings) -> bool:
    return config.get(KEY_SAFE) is not None


def require_password(config: vmx.Settings, password: str | None) -> None:
    """Raise VIX_E_NEED_KEY when an encrypted VM is opened without a password, VIX_E_CRYPTO_BAD_PASSWORD with a wrong one."""
    safe = config.get(KEY_SAFE)
    if safe is None:
        return
    from openvix.vmware import keysafe  # the same

    if not password:
        raise VixError(constants.VIX_E_NEED_KEY)
    if not keysafe.opens(safe, password):
        raise VixError(constants.VIX_E_CRYPTO_BAD_PASSWORD)
