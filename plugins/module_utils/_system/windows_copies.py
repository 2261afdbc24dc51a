# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The scripts by which PowerShell compares many files at once, and puts files that have arrived in their places.

What they are about stands in a list, a line for each file or folder with tabs between its fields, which no name in Windows has in it.
"""

from __future__ import annotations

from .windows import quote

DAMAGED, NOT_PLACED = 21, 26  # exit codes
END = "end"

HASH = """\
$ErrorActionPreference = 'Stop'
function Get-Sum($path) {
  $file = [IO.File]::Open($path, 'Open', 'Read', 'ReadWrite')
  try { [BitConverter]::ToString([Security.Cryptography.SHA256]::Create().ComputeHash($file)).Replace('-', '') } finally { $file.Close() }
}
"""
EQUAL = {
    "checksum": "(Get-Sum $path) -eq $want",
    "size_and_time": ("$file.Length -eq [int64]$want.Split('.')[0] -and ($file.LastWriteTimeUtc - $zero).TotalSeconds -ge [int64]$want.Split('.')[1]"),
    "existence": "$true",
}
COMPARE = """\
$zero = New-Object DateTime 1970, 1, 1, 0, 0, 0, ([DateTimeKind]::Utc)
$answer = New-Object IO.StreamWriter ([IO.File]::Open({answer}, 'CreateNew', 'Write', 'None'))
try {{
  foreach ($line in [IO.File]::ReadAllLines({list}, [Text.Encoding]::UTF8)) {{
    $number, $want, $path = $line.Split("`t")
    $file = New-Object IO.FileInfo $path
    $folder = [IO.Directory]::Exists($path)
    if ($want -eq 'folder') {{ if (-not $folder) {{ if ($file.Exists) {{ $word = 'special' }} else {{ $word = 'absent' }} }} else {{ $word = '' }} }}
    elseif ($folder) {{ $word = 'folder' }}
    elseif (-not $file.Exists) {{ $word = 'absent' }}
    elseif ($file.Attributes -band [IO.FileAttributes]::ReparsePoint) {{ $word = 'link' }}
    elseif ({equal}) {{ $word = '' }}
    else {{ $word = 'other' }}
    if ($word) {{ $answer.WriteLine("$number $word") }}
  }}
  $answer.WriteLine('{end}')
}} finally {{ $answer.Close() }}
exit 0
"""
# MOVEFILE_REPLACE_EXISTING and MOVEFILE_WRITE_THROUGH: no other way that PowerShell 2 has is all at once.
PLACE = """\
trap {{ [IO.File]::WriteAllText({said}, [string]$_); exit {not_placed} }}
$lines = {lines}
$kernel = Add-Type -PassThru -Namespace VmlabVix -Name Files -MemberDefinition @'
[DllImport("kernel32.dll", CharSet = CharSet.Unicode, SetLastError = true)] public static extern bool MoveFileExW(string a, string b, uint flags);
'@
foreach ($line in $lines) {{
  $kind, $name, $sum, $path, $backup = $line.Split("`t")
  if ($kind -eq 'file' -and $sum -and (Get-Sum ({folder} + '\\' + $name)) -ne $sum) {{ exit {damaged} }}
}}
foreach ($line in $lines) {{
  $kind, $name, $sum, $path, $backup = $line.Split("`t")
  if ($kind -eq 'folder') {{ [void][IO.Directory]::CreateDirectory($path); continue }}
  $new = {folder} + '\\' + $name
  if ([IO.File]::Exists($path)) {{
    if ($backup) {{ [IO.File]::Copy($path, $backup) }}
    $rights = New-Object Security.AccessControl.FileSecurity
    try {{
      $rights.SetSecurityDescriptorBinaryForm([IO.File]::GetAccessControl($path).GetSecurityDescriptorBinaryForm(), 'Access')
      [IO.File]::SetAccessControl($new, $rights)
    }} catch {{ }}
  }}
  if (-not $kernel::MoveFileExW($new, $path, 9)) {{
    throw ($path + ': ' + (New-Object ComponentModel.Win32Exception ([Runtime.InteropServices.Marshal]::GetLastWin32Error())).Message)
  }}
}}
exit 0
"""


def comparison_list(files, folders):
    """The list of what is compared, as bytes. files: of each the path and what is wanted of it, as linux_copies.wanted_of() has it; folders: paths."""
    wants = [*((want, path) for path, want in files), *(("folder", path) for path in folders)]
    return _encoded(f"{number}\t{want}\t{path}" for number, (want, path) in enumerate(wants, 1))


def comparing(method, list_path, answer_path):
    """Return the script that writes into a new file, for each line of the list that is not as it should be, its number and a word, and at last END."""
    return HASH + COMPARE.format(list=quote(list_path), answer=quote(answer_path), equal=EQUAL[method], end=END)


def placing_lines(arrivals, made=()):
    """The lines that say what is put where. arrivals: as linux_copies.Arrival; made: folders to be made, each after the one it is in."""
    lines = [f"folder\t\t\t{path}\t" for path in made]
    return lines + [f"file\t{each.name}\t{each.checksum or ''}\t{each.target}\t{each.backup or ''}" for each in arrivals]


def placing_list(arrivals, made=()):
    """The same as a list in a file, as bytes."""
    return _encoded(placing_lines(arrivals, made))


def placing(folder, said_path, lines):
    """Return the script that verifies what has arrived in a folder and puts it in its place. lines: the path of the list, or the lines themselves."""
    read = "[IO.File]::ReadAllLines({}, [Text.Encoding]::UTF8)"
    told = read.format(quote(lines)) if isinstance(lines, str) else f"@({', '.join(map(quote, lines))})"
    return HASH + PLACE.format(folder=quote(folder), said=quote(said_path), lines=told, damaged=DAMAGED, not_placed=NOT_PLACED)


def _encoded(lines):
    return "".join(f"{line}\r\n" for line in lines).encode("utf-8")
