# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can be known of a host and of the way to it."""

from __future__ import annotations

from .._files import wrapper
from .._vix import locate, products, support
from .._vix.errors import VixError

VMWARE_CONFIG = "/etc/vmware/config"


def describe(connect, chosen):
    """Return which library was found and every place looked at, what VMware's wrapper is told, and what the host says of itself.

    connect: a callable that returns a connected host; chosen: the library that was asked for, or None.
    """
    places = [{"path": path, "reason": why, "found": found} for path, why, found in locate.places(chosen)]
    library = next((place["path"] for place in places if place["found"]), None)
    lines, problems = wrapper.read(library, VMWARE_CONFIG) if library else ([], [])
    return {
        "library": library,
        "searched": places,
        "wrapper": {"lines": [line._asdict() for line in lines], "problems": problems + [line.problem for line in lines if line.problem]},
        **_connected(connect),
    }


def _connected(connect):
    """What the host says of itself, or the sentence about why it says nothing."""
    try:
        with connect() as host:
            described = host.describe()
            provider = described["provider"]
            unsupported = {"unsupported_features": products.lacks(provider), "unsupported_functions": list(support.LACKS.get(provider, ()))}
            return {"connected": True, "error": None, **described, **unsupported, "running_vms": len(host.running())}
    except VixError as error:
        return {"connected": False, "error": str(error)}
