# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Information about a host and the connection to it."""

from __future__ import annotations

from .._files import wrapper
from .._vix import locate, products, support
from .._vix.errors import VixError

VMWARE_CONFIG = "/etc/vmware/config"


def describe(connect, chosen):
    """Return the library, every place searched for it, the configuration of VMware's wrapper, and the properties of the host.

    connect: returns a connected host; chosen: the library that was asked for, or None.
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
    """The properties of the host, or the error message of the connection."""
    try:
        with connect() as host:
            described = host.describe()
            provider = described["provider"]
            unsupported = {"unsupported_features": products.lacks(provider), "unsupported_functions": list(support.LACKS.get(provider, ()))}
            return {"connected": True, "error": None, **described, **unsupported, "running_vms": len(host.running())}
    except VixError as error:
        return {"connected": False, "error": str(error)}
