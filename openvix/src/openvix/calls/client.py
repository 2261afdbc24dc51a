# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The interface of a client connection for calls."""

from __future__ import annotations

from collections.abc import Container
from typing import Protocol

from openvix.config.hosts import Host
from openvix.vm.keeper import Keeper


class World(Keeper, Protocol):
    """The world that a client is connected to."""

    @property
    def local(self) -> Host:
        """The local host."""

    @property
    def deleted(self) -> Container[str]:
        """The .vmx paths of deleted VMs, of which clients may still have handles."""


class Client(Protocol):
    """A connection of a client."""

    @property
    def world(self) -> World:
        """The world."""

    @property
    def hosts(self) -> dict[str, Host]:
        """The hosts to which the client is connected, by reference."""
