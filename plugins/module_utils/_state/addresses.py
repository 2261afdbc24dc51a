# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which of the addresses that a VM is said to have is the one to reach it by."""

from __future__ import annotations

import ipaddress

SOURCES = ("tools", "lease", "reservation", "vmx")


class Rule:
    """Chooses an address.

    sources: those that are believed, the best first; networks: an address must be in one of them, and rather in the first (none: it may be in any);
    ignored: networks whose addresses are never chosen. Raises ValueError for what is no network.
    """

    def __init__(self, sources, networks, ignored):
        self._rank = {source: rank for rank, source in reversed(list(enumerate(sources)))}
        self._networks, self._ignored = _networks(networks), _networks(ignored)
        self._places = {}

    def choose(self, addresses):
        """Return the best of the addresses, each with its source, or None. Of equals the first is the best."""
        best = None
        for each in addresses:
            place, rank = self._place(each["address"]), self._rank.get(each["source"])
            if place is not None and rank is not None and (best is None or (place, rank) < best[0]):
                best = ((place, rank), each["address"])
        return best and best[1]

    def _place(self, text):
        """Among the networks, the number of the first that has the address; None for what is not to be chosen."""
        if text not in self._places:
            self._places[text] = self._find_place(text)
        return self._places[text]

    def _find_place(self, text):
        try:
            address = ipaddress.ip_address(text)
        except ValueError:  # a guest says what it likes
            return None
        if any(address in network for network in self._ignored):
            return None
        return next((number for number, network in enumerate(self._networks) if address in network), None) if self._networks else 0


def _networks(texts):
    return [ipaddress.ip_network(text, strict=False) for text in texts]
