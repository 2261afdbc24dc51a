# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Guest tools, guest logins and screenshots (docs/vix-semantics.md, sections 16, 17, 23 and 24)."""

from __future__ import annotations

from openvix.calls.table import account_of, answers, require, require_bits
from openvix.vix import constants
from openvix.vix.errors import VixError
from openvix.vm import power, turns, upgrades


@answers("VixVM_WaitForToolsInGuest")
def wait_for_tools_in_guest(call, machine, seconds):
    power.wait_for_tools(machine, call, seconds)
    return []


@answers("VixVM_LoginInGuest")
def login_in_guest(call, machine, user_name, password, options):
    require_bits(options, constants.VIX_LOGIN_IN_GUEST_REQUIRE_INTERACTIVE_ENVIRONMENT)
    require(user_name)
    machine.require_guest()
    session = machine.session
    account = turns.login(machine, lambda: machine.tools.login(user_name, password or ""))
    if options:
        # No user is logged in at the console of a simulated guest.
        raise VixError(constants.VIX_E_INTERACTIVE_SESSION_NOT_PRESENT)
    call.client.logins[machine.path] = (session, account)
    return []


@answers("VixVM_LogoutFromGuest")
def logout_from_guest(call, machine):
    call.client.logins.pop(machine.path, None)
    return []


@answers("VixVM_InstallTools")
def install_tools(call, machine, options, command_line):
    upgrade, at_once = constants.VIX_INSTALLTOOLS_AUTO_UPGRADE, constants.VIX_INSTALLTOOLS_RETURN_IMMEDIATELY
    require_bits(options, upgrade | at_once)
    require(command_line is None)
    # ESX always returns as soon as the image is mounted.
    mounts = machine.host.product.name == "vi_server" and not options & upgrade
    upgrades.install_tools(machine, call, upgrade=bool(options & upgrade), at_once=bool(options & at_once) or mounts)
    return []


@answers("VixVM_CaptureScreenImage")
def capture_screen_image(call, machine, form, properties):
    require(not properties)
    if form != constants.VIX_CAPTURESCREENFORMAT_PNG:
        raise VixError(constants.VIX_E_SCREEN_CAPTURE_BAD_FORMAT)
    account_of(call, machine)
    image = machine.backend.screen(machine.config())
    return [[constants.VIX_PROPERTY_JOB_RESULT_SCREEN_IMAGE_DATA, image, constants.VIX_PROPERTY_JOB_RESULT_SCREEN_IMAGE_SIZE, len(image)]]
