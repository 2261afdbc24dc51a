# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PowerShell of a Windows guest: command lines, paths, scripts that answer by their exit code."""

from __future__ import annotations

import base64
import ntpath
import re
import subprocess

from .exit_codes import DONE

NAME = "windows"
SHELL = r"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe"
OPTIONS = "-NoLogo -NoProfile -NonInteractive -ExecutionPolicy Bypass"
SAME, OTHER, NO_PROGRAM = DONE, 1, 2  # exit codes of the comparison of checksums; the last: nothing there can compute one. Any other: it was killed
# Exit codes from POLICY on are those of policy_script(); the policies by their numbers that stop a script which is not signed.
POLICY, POLICIES = 200, {2: "AllSigned", 3: "Restricted"}
QUOTES = "'\u2018\u2019\u201a\u201b"  # all of these end a string in PowerShell
ILLEGAL = frozenset('<>:"|?*\\/') | {chr(code) for code in range(32)}
DEVICE = re.compile("(con|prn|aux|nul|conin\\$|conout\\$|(com|lpt)[1-9\u00b9\u00b2\u00b3]) *(\\.|$)", re.IGNORECASE)

join, parent, base_name = ntpath.join, ntpath.dirname, ntpath.basename


def is_absolute(path):
    """Whether a path begins with a drive or a share and does not depend on the current directory."""
    drive, rest = ntpath.splitdrive(path)
    return bool(drive) and rest.startswith(("\\", "/"))


def is_illegal(name):
    """Whether Windows does not allow a file name, or takes it for another file, a stream of one, or a device."""
    return not name or bool(set(name) & ILLEGAL) or name[-1] in " ." or bool(DEVICE.match(name))


def quote(text):
    """Quote a text as a literal string for PowerShell."""
    return "'" + "".join(letter * 2 if letter in QUOTES else letter for letter in text) + "'"


def line(argv):
    """The command line that a Windows program splits into exactly these arguments, by the rules of the C library."""
    return subprocess.list2cmdline(argv)


def policy_script():
    """Return a script whose exit code names which execution policy a group policy sets, as policy_of() reads it.

    It reads the registry: where all scripts have to be signed, those of a module with Get-ExecutionPolicy may not be.
    """
    numbers = "; ".join(f"{name} = {number}" for number, name in POLICIES.items())
    return (
        f"$numbers = @{{ {numbers} }}; $scope = 0; $product = 'Windows\\PowerShell'; "
        "if ($PSVersionTable.PSVersion.Major -ge 6) { $product = 'PowerShellCore' }; "
        "foreach ($root in 'HKEY_LOCAL_MACHINE', 'HKEY_CURRENT_USER') { $scope += 10; "
        '$key = "$root\\Software\\Policies\\Microsoft\\$product"; '
        "$enabled = [Microsoft.Win32.Registry]::GetValue($key, 'EnableScripts', $null); "
        "$policy = [Microsoft.Win32.Registry]::GetValue($key, 'ExecutionPolicy', $null); "
        "if ($enabled -eq $null) { continue }; if (-not $enabled) { $policy = 'Restricted' }; "
        f'if ($numbers["$policy"]) {{ exit {POLICY} + $scope + $numbers["$policy"] }}; break }}; exit {POLICY}'
    )


def policy_of(code):
    """Return the execution policy that a group policy sets and that keeps PowerShell from running a script, and its scope; None without one."""
    scope, policy = divmod(code - POLICY, 10)
    return (POLICIES[policy], ("MachinePolicy", "UserPolicy")[scope - 1]) if scope in (1, 2) and policy in POLICIES else None


def run(guest, script):
    """Run a short script in PowerShell, wait for its end, and return its exit code; 0 does not count as an answer (exit_codes.py).

    Every user of the guest can read the script: no secrets.
    """
    encoded = base64.b64encode(script.encode("utf-16-le")).decode()
    return guest.run(SHELL, f"{OPTIONS} -EncodedCommand {encoded}")


def checksum_script(path, checksum):
    """Return a script whose exit code is SAME if a file has this SHA-256, and OTHER if not."""
    return (
        "$ErrorActionPreference = 'Stop'; "
        f"try {{ $file = [IO.File]::Open({quote(path)}, 'Open', 'Read', 'ReadWrite') }} catch {{ exit 2 }}; "
        "try { $sum = [Security.Cryptography.SHA256]::Create().ComputeHash($file) } catch { exit 2 } finally { $file.Close() }; "
        f"if ([BitConverter]::ToString($sum).Replace('-', '') -eq '{checksum}') {{ exit {SAME} }} else {{ exit {OTHER} }}"
    )


def temporary_folder(guest):
    """The directory for temporary files of the user."""
    return guest.environment_variable("TEMP") or r"C:\Windows\Temp"
