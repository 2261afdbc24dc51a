# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The scripts by which PowerShell compares many files at once, and puts files that have arrived in their places.

Their input is a list, with a line for each file or directory and tabs between its fields: names in Windows do not contain tabs.
"""

from __future__ import annotations

from . import leftovers
from .exit_codes import DONE
from .windows import parent, quote

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
    $directory = [IO.Directory]::Exists($path)
    if ($want -eq 'directory') {{ if (-not $directory) {{ if ($file.Exists) {{ $word = 'special' }} else {{ $word = 'absent' }} }} else {{ $word = '' }} }}
    elseif ($directory) {{ $word = 'directory' }}
    elseif (-not $file.Exists) {{ $word = 'absent' }}
    elseif ($file.Attributes -band [IO.FileAttributes]::ReparsePoint) {{ $word = 'link' }}
    else {{
      # A file that another program has open cannot be read: it is not the same until it is known to be.
      $word = 'other'
      try {{ if ({equal}) {{ $word = '' }} }} catch {{ }}
    }}
    if ($word) {{ $answer.WriteLine("$number $word") }}
  }}
  $answer.WriteLine('{end}')
}} finally {{ $answer.Close() }}
exit {done}
"""
# What killed tasks left is marked when it is old, and removed when the mark is old: a clock that jumped removes nothing that is in use.
# MOVEFILE_REPLACE_EXISTING and MOVEFILE_WRITE_THROUGH: PowerShell 2 has no other atomic replacement.
PLACE = """\
trap {{ [IO.File]::WriteAllText({said}, [string]$_); exit {not_placed} }}
$lines = {lines}
$kernel = Add-Type -PassThru -Namespace VmlabVix -Name Files -MemberDefinition @'
[DllImport("kernel32.dll", CharSet = CharSet.Unicode, SetLastError = true)] public static extern bool MoveFileExW(string a, string b, uint flags);
'@
foreach ($line in $lines) {{
  $kind, $name, $sum, $path, $backup = $line.Split("`t")
  if ($kind -eq 'file' -and $sum -and (Get-Sum ({directory} + '\\' + $name)) -ne $sum) {{ exit {damaged} }}
}}
$left = @()
foreach ($above in {above}, {higher}) {{ try {{ $left += [IO.Directory]::GetDirectories($above, '.vmlab.vix-*-*') }} catch {{ }} }}
foreach ($old in $left) {{
  try {{
    $facts = New-Object IO.DirectoryInfo $old
    if ($facts.Attributes -band [IO.FileAttributes]::ReparsePoint) {{ continue }}
    if (([DateTime]::UtcNow - $facts.LastWriteTimeUtc).TotalMinutes -le [int]$facts.Name.Split('-')[1]) {{ continue }}
    $owner = $old + '\\owner'
    if ([IO.File]::Exists($owner)) {{ [IO.Directory]::Delete($old, $true) }} else {{ [IO.File]::WriteAllText($owner, '{nobody}') }}
  }} catch {{ }}
}}
$failed = @()
foreach ($line in $lines) {{
  $kind, $name, $sum, $path, $backup = $line.Split("`t")
  if ($kind -eq 'directory') {{ [void][IO.Directory]::CreateDirectory($path); continue }}
  $new = {directory} + '\\' + $name
  # One file that another program has open does not keep the others from their places.
  try {{
    if ([IO.File]::Exists($path)) {{
      if ($backup) {{ [IO.File]::Copy($path, $backup) }}
      $rights = New-Object Security.AccessControl.FileSecurity
      try {{
        $rights.SetSecurityDescriptorBinaryForm([IO.File]::GetAccessControl($path).GetSecurityDescriptorBinaryForm(), 'Access')
        [IO.File]::SetAccessControl($new, $rights)
      }} catch {{ }}
      # Hidden and System.
      $kept = [int][IO.File]::GetAttributes($path) -band 6
      if ($kept) {{ [IO.File]::SetAttributes($new, ([int][IO.File]::GetAttributes($new) -bor $kept)) }}
    }}
    if (-not $kernel::MoveFileExW($new, $path, 9)) {{
      throw (New-Object ComponentModel.Win32Exception ([Runtime.InteropServices.Marshal]::GetLastWin32Error()))
    }}
  }} catch {{
    $why = $_.Exception
    while ($why.InnerException) {{ $why = $why.InnerException }}
    $failed += $path + ': ' + $why.Message
  }}
}}
if ($failed) {{ [IO.File]::WriteAllText({said}, [string]::Join('; ', $failed)); exit {not_placed} }}
exit {done}
"""


def comparison_list(files, directories):
    """The input of the comparison, as bytes. files: paths and what is wanted of them (linux_copies.wanted_of()); directories: paths."""
    wants = [*((want, path) for path, want in files), *(("directory", path) for path in directories)]
    return _encoded(f"{number}\t{want}\t{path}" for number, (want, path) in enumerate(wants, 1))


def comparing(method, list_path, answer_path):
    """Return the script that writes to a new file a number and a word for each line of the list that differs, and END at the end."""
    return HASH + COMPARE.format(list=quote(list_path), answer=quote(answer_path), equal=EQUAL[method], end=END, done=DONE)


def placing_lines(arrivals, made=()):
    """The input of the placing script, as lines. arrivals: linux_copies.Arrivals; made: directories to create, each after its parent."""
    lines = [f"directory\t\t\t{path}\t" for path in made]
    return lines + [f"file\t{each.name}\t{each.checksum or ''}\t{each.target}\t{each.backup or ''}" for each in arrivals]


def placing_list(arrivals, made=()):
    """The same as bytes of a file."""
    return _encoded(placing_lines(arrivals, made))


def placing(directory, said_path, lines):
    """Return the script that verifies received files and moves them to their destination. lines: path of the list, or the lines themselves."""
    read = "[IO.File]::ReadAllLines({}, [Text.Encoding]::UTF8)"
    source = read.format(quote(lines)) if isinstance(lines, str) else f"@({', '.join(map(quote, lines))})"
    words = {"above": quote(parent(directory)), "higher": quote(parent(parent(directory))), "nobody": leftovers.NOBODY}
    return HASH + PLACE.format(**words, directory=quote(directory), said=quote(said_path), lines=source, damaged=DAMAGED, not_placed=NOT_PLACED, done=DONE)


def _encoded(lines):
    return "".join(f"{line}\r\n" for line in lines).encode("utf-8")
