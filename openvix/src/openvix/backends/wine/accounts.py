# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Accounts of a Windows guest: their profiles, rights and environment.

The rights apply to guest operations of VIX, as in a simulated Linux guest (guest/rights.py). An administrator has all rights. Another account cannot read
the profiles of others and the registry's files. It can write below its own profile, in the public profile, and in the directories for data and
temporary files of all programs.
"""

from __future__ import annotations

from openvix.guest import paths, rights, windows_paths
from openvix.guest.rights import Account

# The account of Windows itself, which owns its services.
SYSTEM = "SYSTEM"
# The directories of a new profile.
FOLDERS = ("AppData\\Local\\Temp", "AppData\\Roaming", "Desktop", "Documents", "Downloads", "Music", "Pictures", "Videos")
PUBLIC = "C:\\Users\\Public"
_WRITABLE = (PUBLIC, "C:\\ProgramData", "C:\\Windows\\Temp")
_HIDDEN = ("C:\\Windows\\System32\\config", f"C:\\Users\\{SYSTEM}")


def profile_of(account: dict) -> str:
    """Return the path of an account's profile in the guest; account: as in the world file."""
    return account.get("home") or f"C:\\Users\\{account['name']}"


def find(name: str, hostname: str, accounts: list[dict]) -> dict | None:
    """Return the account with this name, in which case does not matter and which may begin with the name of the computer; None without one."""
    computer, backslash, bare = name.rpartition("\\")
    if backslash and computer.casefold() not in (".", hostname.casefold()):
        return None
    return next((account for account in accounts if account["name"].casefold() == bare.casefold()), None)


def account_of(disk: paths.Disk, settings: dict, accounts: list[dict]) -> Account:
    """Return the rights of an account on a disk; its directories are paths of the disk."""
    home, *others = (windows_paths.resolve(disk, path) for path in (profile_of(settings), *map(profile_of, accounts), *_HIDDEN))
    hidden = tuple(sorted({other for other in others if other != home and not rights.is_below(home, other)}))
    writable = tuple(windows_paths.resolve(disk, path) for path in _WRITABLE)
    return Account(settings["name"], bool(settings.get("administrator", False)), home, hidden, writable, modes=False)


def temporary(account: Account) -> str:
    """Return the directory of temporary files of an account, as the guest knows it."""
    return f"{windows_paths.shown(account.home)}\\AppData\\Local\\Temp"


def environment_of_system(hostname: str) -> dict[str, str]:
    """Return the environment of services."""
    return environment(Account(SYSTEM, True, f"{windows_paths.DRIVE}/Users/{SYSTEM}"), hostname, {})


def environment(account: Account, hostname: str, variables: dict[str, str]) -> dict[str, str]:
    """Return the environment of programs of an account, with additional variables. The case of their names does not matter."""
    profile, computer = windows_paths.shown(account.home), hostname.upper()[:15]
    system = "C:\\windows"
    usual = {
        "ALLUSERSPROFILE": "C:\\ProgramData",
        "APPDATA": f"{profile}\\AppData\\Roaming",
        "CommonProgramFiles": "C:\\Program Files\\Common Files",
        "COMPUTERNAME": computer,
        "ComSpec": f"{system}\\system32\\cmd.exe",
        # .NET programs do not start in Wine without it.
        "DOTNET_EnableWriteXorExecute": "0",
        "HOMEDRIVE": profile[:2],
        "HOMEPATH": profile[2:],
        "LOCALAPPDATA": f"{profile}\\AppData\\Local",
        "NUMBER_OF_PROCESSORS": "1",
        "OS": "Windows_NT",
        "Path": f"{system}\\system32;{system};{system}\\system32\\wbem;{system}\\system32\\WindowsPowerShell\\v1.0;C:\\Program Files\\PowerShell\\7",
        "PATHEXT": ".COM;.EXE;.BAT;.CMD;.VBS;.VBE;.JS;.JSE;.WSF;.WSH;.MSC",
        "PROCESSOR_ARCHITECTURE": "AMD64",
        "ProgramData": "C:\\ProgramData",
        "ProgramFiles": "C:\\Program Files",
        "ProgramFiles(x86)": "C:\\Program Files (x86)",
        "ProgramW6432": "C:\\Program Files",
        "PUBLIC": PUBLIC,
        "SystemDrive": "C:",
        "SystemRoot": system,
        "TEMP": temporary(account),
        "TMP": temporary(account),
        "USERDOMAIN": computer,
        "USERNAME": account.name,
        "USERPROFILE": profile,
        "windir": system,
    }
    known = {name.upper(): name for name in usual}
    return usual | {known.get(name.upper(), name): value for name, value in variables.items()}
