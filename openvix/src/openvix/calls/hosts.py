# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts: connect, and find and register VMs (docs/vix-semantics.md, sections 9 and 10)."""

from __future__ import annotations

import os

from openvix.calls.table import answers, named, require, require_bits
from openvix.config import hosts, products
from openvix.vix import constants
from openvix.vix.errors import VixError
from openvix.vm.machine import OFF

HOST_OPTIONS = constants.VIX_HOSTOPTION_VERIFY_SSL_CERT | products.FUSION_OPTION


@answers("VixHost_Connect")
def connect(call, api_version, provider, host_name, port, user_name, password, options, properties):
    require(api_version == constants.VIX_API_VERSION and not properties)
    require_bits(options, HOST_OPTIONS)
    called = called_host(call.world, provider, host_name)
    product = called.product
    if provider != product.provider and (provider != constants.VIX_SERVICEPROVIDER_DEFAULT or product.is_remote):
        if provider in REMOTE:
            raise VixError(constants.VIX_E_NOT_SUPPORTED if host_name else constants.VIX_E_INVALID_HOSTNAME_SPECIFICATION)
        raise VixError(MISSING_PROVIDERS.get(provider, constants.VIX_E_WRAPPER_SERVICEPROVIDER_NOT_FOUND))
    if product.is_remote:
        if hosts.address(host_name or "") is None:
            raise VixError(constants.VIX_E_INVALID_HOSTNAME_SPECIFICATION)
        # VMware's library hangs without them.
        if not user_name or password is None or not called.accepts(user_name, password):
            raise VixError(constants.VIX_E_AUTHENTICATION_FAIL)
    elif host_name and product.name != "server":
        raise VixError(constants.VIX_E_NOT_FOR_REMOTE_HOST)
    needed = called.settings["needs_host_option"] | product.required_option
    if options & needed != needed:
        raise VixError(constants.VIX_E_LICENSE)
    return [[constants.VIX_PROPERTY_JOB_RESULT_HANDLE, call.client.new_host(called)]]


@answers("VixHost_Disconnect")
def disconnect(call, host):
    call.client.leave_host(host)
    return []


REMOTE = (constants.VIX_SERVICEPROVIDER_VMWARE_VI_SERVER, constants.VIX_SERVICEPROVIDER_VMWARE_WORKSTATION_SHARED)
MISSING_PROVIDERS = {
    constants.VIX_SERVICEPROVIDER_VMWARE_WORKSTATION: constants.VIX_E_WRAPPER_WORKSTATION_NOT_INSTALLED,
    constants.VIX_SERVICEPROVIDER_VMWARE_PLAYER: constants.VIX_E_WRAPPER_PLAYER_NOT_INSTALLED,
}


def called_host(world, provider, name):
    """Return the host that a client connects to: the local host, or a remote host of the world. Raises VixError."""
    if not name or not world.remote or provider in LOCAL:
        return world.local
    address = hosts.address(name)
    if address is None:
        raise VixError(constants.VIX_E_INVALID_HOSTNAME_SPECIFICATION)
    if address not in world.remote:
        raise VixError(constants.VIX_E_CANNOT_CONNECT_TO_HOST, f"connecting to {address[0]}")
    return world.remote[address]


LOCAL = (constants.VIX_SERVICEPROVIDER_VMWARE_WORKSTATION, constants.VIX_SERVICEPROVIDER_VMWARE_PLAYER)


@answers("VixHost_FindItems")
def find_items(call, host, kind, criteria, timeout):
    require(timeout == -1 and not criteria)
    world, place = call.world, call.client.hosts[host]
    machines = [machine for machine in world.machines.values() if machine.host is place]
    if kind == constants.VIX_FIND_REGISTERED_VMS:
        if not place.product.has_inventory:
            raise VixError(constants.VIX_E_NOT_SUPPORTED)
        found = [machine for machine in machines if machine.path not in world.inventory.unregistered]
    else:
        require(kind == constants.VIX_FIND_RUNNING_VMS)
        found = [machine for machine in machines if machine.is_on]
    return [[constants.VIX_PROPERTY_FOUND_ITEM_LOCATION, place.product.format_path(place.directory, machine.path)] for machine in found]


@answers("VixHost_RegisterVM")
def register_vm(call, host, path):
    require(path)
    world, place = call.world, call.client.hosts[host]
    machine = named(world, place, path)
    if machine is None and not (not place.product.is_remote and os.path.isfile(path)):
        raise VixError(constants.VIX_E_NOT_FOUND)
    if place.product.has_inventory and machine:
        world.inventory.register(machine.path, True)
    return []


@answers("VixHost_UnregisterVM")
def unregister_vm(call, host, path):
    require(path)
    world, place = call.world, call.client.hosts[host]
    machine = named(world, place, path)
    if place.product.has_inventory and machine:
        if machine.power != OFF:
            raise VixError(constants.VIX_E_VM_IS_RUNNING)
        world.inventory.register(machine.path, False)
    return []
