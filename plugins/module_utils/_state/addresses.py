# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The choice of the address by which a VM is reached, among all that are known."""

from __future__ import annotations

import ipaddress


class Rule:
    """Chooses an address. Raises ValueError for a text that is not a network.

    Args:
        sources: Accepted sources of addresses, the preferred one first.
        networks: Networks of which one must contain the address, the preferred one first. Empty: any address.
        ignored: Networks whose addresses are never chosen.
    """

    def __init__(self, sources, networks, ignored):
        self._rank = {source: rank for rank, source in reversed(list(enumerate(sources)))}
        self._networks, self._ignored = _networks(networks), _networks(ignored)
        self._places = {}

    def choose(self, addresses):
        """Return the best of the addresses, which are dictionaries of address and source, or None. Of equal ones, the first."""
        best = None
        for each in addresses:
            place, rank = self._place(each["address"]), self._rank.get(each["source"])
            if place is not None and rank is not None and (best is None or (place, rank) < best[0]):
                best = ((place, rank), each["address"])
        return best and best[1]

    def _place(self, text):
        """The number of the first network that contains the address. None if the address must not be chosen."""
        if text not in self._places:
            self._places[text] = self._find_place(text)
        return self._places[text]

    def _find_place(self, text):
        try:
            address = ipaddress.ip_address(text)
        except ValueError:  # a guest may report anything
            return None
        if any(address in network for network in self._ignored):
            return None
        return next((number for number, network in enumerate(self._networks) if address in network), None) if self._networks else 0


def _networks(texts):
    return [ipaddress.ip_network(text, strict=False) for text in texts]
