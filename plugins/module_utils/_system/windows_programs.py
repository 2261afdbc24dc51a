# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The script by which PowerShell runs a program in a Windows guest, keeps what it says, and ends it when its time is up.

PowerShell 2 to 5 understand it, of which the first has .NET 2: the outputs are read as bytes, both at once, and none of it by a cmdlet that takes them for
text. It writes the same file as linux_programs.py, has the same exit codes, and lies in a file that it deletes as soon as it runs.

PowerShell logs the text of scripts such as this one in the event log of the guest, even without a policy. So arguments, variables and names are not in
that text: they are in the file VALUES beside it, which the script reads and deletes before it starts the program.
"""

from __future__ import annotations

import base64
import re

from . import windows

NAME, VALUES = "run.ps1", "values"
BOM = b"\xef\xbb\xbf"  # without it PowerShell up to 5 reads text in the code page of the country
PLAIN = re.compile(r"[A-Za-z0-9_./\\:@+-]+")  # what a batch file gets without quotes
READ_BY_SHELL = re.compile('[&|<>^()%"!\r\n]')  # what cmd.exe interprets in a command line
UNSPEAKABLE = re.compile('["%\r\n]')  # what cmd.exe interprets even between quotes
TEXT = r"""
Set-StrictMode -Off
if ("$($ExecutionContext.SessionState.LanguageMode)" -ne 'FullLanguage') { exit 84 }
$ErrorActionPreference = 'Stop'
$system = [Environment]::SystemDirectory
$shell = [IO.Path]::Combine($PSHOME, 'powershell.exe')

function Report($lines, $parts) {
    $head = [Text.Encoding]::ASCII.GetBytes("vmlab.vix 1`n" + [string]::Join("`n", $lines) + "`n`n")
    $result = [IO.File]::Open("$private\result", 'CreateNew')
    try {
        $result.Write($head, 0, $head.Length)
        foreach ($part in $parts) {
            $block = New-Object byte[] 65536
            $left = $part.kept
            $file = [IO.File]::OpenRead($part.path)
            try {
                while ($left -gt 0) {
                    $count = $file.Read($block, 0, [int][Math]::Min($left, $block.Length))
                    if ($count -le 0) { break }
                    $result.Write($block, 0, $count)
                    $left -= $count
                }
            } finally { $file.Close() }
        }
    } finally { $result.Close() }
}

function Refuse($reason) {
    Report @("refused $reason") @()
    exit 64
}

function Explain($text) {
    $text = $text.Substring(0, [Math]::Min(500, $text.Length))
    Refuse ('start ' + [Convert]::ToBase64String([Text.Encoding]::UTF8.GetBytes($text)))
}

function Moment($time) {
    $zero = New-Object DateTime 1970, 1, 1, 0, 0, 0, ([DateTimeKind]::Utc)
    $ticks = ($time.ToUniversalTime() - $zero).Ticks
    $part = $ticks % 10000000
    $clock = $time.ToString('yyyy-MM-dd HH\:mm\:ss', [Globalization.CultureInfo]::InvariantCulture)
    '{0} {1:d9} {2}' -f (($ticks - $part) / 10000000), ($part * 100), $clock
}

function Find($names) {
    # An empty file is a program of the Store's, or only offers to install one: it is used if nothing else has the name.
    $empty = $null
    $suffixes = @("$env:PATHEXT".Split(';') | Where-Object { $_ })
    foreach ($name in $names) {
        $places = @('')
        if ($name -notmatch '[\\/:]') { $places = @("$env:PATH".Split(';') | ForEach-Object { $_.Trim(' "') } | Where-Object { $_ }) }
        $endings = @('') + $suffixes
        if (-not [IO.Path]::HasExtension($name)) { $endings = $suffixes + @('') }
        foreach ($place in $places) {
            foreach ($ending in $endings) {
                try {
                    $path = [IO.Path]::Combine([IO.Path]::Combine($directory, $place), $name + $ending)
                    if (-not [IO.File]::Exists($path)) { continue }
                    if ((New-Object IO.FileInfo $path).Length) { return $path }
                    if (-not $empty) { $empty = $path }
                } catch { }
            }
        }
    }
    $empty
}

function Hidden($file, $arguments) {
    $start = New-Object Diagnostics.ProcessStartInfo
    $start.FileName = $file
    $start.Arguments = $arguments
    $start.WorkingDirectory = $system
    $start.UseShellExecute = $false
    $start.CreateNoWindow = $true
    $start
}

try {
    [IO.File]::Delete("$private\run.ps1")
    $given = @{}
    foreach ($row in [IO.File]::ReadAllLines("$private\values")) {
        $words = $row.Split(' ')
        $given[$words[0]] = @()
        for ($i = 1; $i -lt $words.Length; $i++) {
            $given[$words[0]] += [Text.Encoding]::UTF8.GetString([Convert]::FromBase64String($words[$i].Substring(1)))
        }
    }
    [IO.File]::Delete("$private\values")
    $names, $environment = $given['names'], $given['environment']
    $line, $directory = $given['line'][0], $given['directory'][0]
    $batch = $null
    if ($given['batch'].Length) { $batch = $given['batch'][0] }
    $now = [DateTime]::UtcNow
    $parent = [IO.Path]::GetDirectoryName($private)
    foreach ($old in @([IO.Directory]::GetDirectories($parent, 'vmlab.vix-*-*')) + @([IO.Directory]::GetFiles($parent, 'vmlab.vix-*-*'))) {
        try {
            $minutes = [int][IO.Path]::GetFileName($old).Split('-')[1]
            if ([IO.Directory]::GetLastWriteTimeUtc($old).AddMinutes($minutes) -ge $now) { continue }
            # A clock that jumps makes everything old: what a process uses is kept.
            $used = $false
            if ([IO.File]::Exists("$old\owner")) {
                try { [void][Diagnostics.Process]::GetProcessById([int][IO.File]::ReadAllText("$old\owner")); $used = $true } catch { }
            }
            if ($used) { continue }
            if ([IO.Directory]::Exists($old)) { [IO.Directory]::Delete($old, $true) } else { [IO.File]::Delete($old) }
        } catch { }
    }
    try { [void][IO.Directory]::CreateDirectory("$private\begun") } catch { exit 81 }
    if ([IO.File]::Exists("$private\begun\once")) { exit 82 }
    [IO.File]::Create("$private\begun\once").Close()
    [IO.File]::WriteAllText("$private\owner", "$PID")

    for ($i = 0; $i -lt $environment.Length; $i += 2) { [Environment]::SetEnvironmentVariable($environment[$i], $environment[$i + 1], 'Process') }
    if (-not $directory) { $directory = "$env:USERPROFILE" }
    elseif (-not [IO.Directory]::Exists($directory)) { Refuse 'chdir' }
    if (-not [IO.Directory]::Exists($directory)) { $directory = $system }
    $file = Find $names
    if (-not $file) { Refuse 'missing' }
    $start = Hidden $file $line
    if ('.bat', '.cmd' -contains [IO.Path]::GetExtension($file).ToLowerInvariant()) {
        if ($file.Contains('%')) { Refuse 'percent' }
        if ($batch -eq $null) { Refuse 'quotes' }
        $start.FileName = [IO.Path]::Combine($system, 'cmd.exe')
        $start.Arguments = '/d /v:off /s /c ""' + $file + '"' + $batch + '"'
    }
    $start.WorkingDirectory = $directory
    $start.RedirectStandardInput = $start.RedirectStandardOutput = $start.RedirectStandardError = $wait
    # An encoding with a byte order mark would write that to the input of the program.
    try { if ([Console]::InputEncoding.GetPreamble().Length) { [Console]::InputEncoding = New-Object Text.UTF8Encoding $false } } catch { }
    $begin = [DateTime]::Now
    $clock = [Diagnostics.Stopwatch]::StartNew()
    try { $process = [Diagnostics.Process]::Start($start) } catch {
        $why = $_.Exception
        while ($why.InnerException) { $why = $why.InnerException }
        Explain $why.Message
    }
    $id = $process.Id
    if (-not $wait) {
        if ($tidy) {
            try { [IO.File]::WriteAllText([IO.Path]::Combine($shelf, 'owner'), "$id") } catch { }
            $text = "Wait-Process -Id $id -ErrorAction SilentlyContinue; [IO.Directory]::Delete($tidy, `$true)"
            $text = [Convert]::ToBase64String([Text.Encoding]::Unicode.GetBytes($text))
            [void][Diagnostics.Process]::Start((Hidden $shell "-NoLogo -NoProfile -NonInteractive -EncodedCommand $text"))
        }
        Report @("pid $id", "start $(Moment $begin)") @()
        exit 64
    }

    $streams = @()
    foreach ($name in 'stdout', 'stderr') {
        $from = $process.StandardOutput.BaseStream
        if ($name -eq 'stderr') { $from = $process.StandardError.BaseStream }
        $to = New-Object IO.FileStream "$private\$name", 'CreateNew', 'Write', 'Read'
        $block = New-Object byte[] 65536
        $streams += @{ from = $from; to = $to; block = $block; open = $true; pending = $from.BeginRead($block, 0, $block.Length, $null, $null) }
    }
    $input_file = $null
    $input_stream = $process.StandardInput.BaseStream
    $input_block = New-Object byte[] 65536
    $input_pending = $null
    if ([IO.File]::Exists("$private\stdin")) { $input_file = [IO.File]::OpenRead("$private\stdin") }

    $late = $left = 0
    $quiet = [Diagnostics.Stopwatch]::StartNew()
    while ($true) {
        while ($input_stream -and ($input_pending -eq $null -or $input_pending.IsCompleted)) {
            $count = 0
            try {
                if ($input_pending) { $input_stream.EndWrite($input_pending); $input_pending = $null }
                if ($input_file) { $count = $input_file.Read($input_block, 0, $input_block.Length) }
                if ($count) { $input_pending = $input_stream.BeginWrite($input_block, 0, $count, $null, $null) }
            } catch { $count = 0 }
            if (-not $count) {
                try { $input_stream.Close() } catch { }
                $input_stream = $null
            }
        }
        $handles = @()
        foreach ($stream in $streams) {
            while ($stream.open -and $stream.pending.IsCompleted) {
                $count = 0
                try { $count = $stream.from.EndRead($stream.pending) } catch { }
                if ($count) {
                    $stream.to.Write($stream.block, 0, $count)
                    $stream.pending = $stream.from.BeginRead($stream.block, 0, $stream.block.Length, $null, $null)
                    $quiet = [Diagnostics.Stopwatch]::StartNew()
                } else { $stream.open = $false }
                if ($late -or $clock.Elapsed.TotalSeconds -ge $seconds) { break }
            }
            if ($stream.open) { $handles += $stream.pending.AsyncWaitHandle }
        }
        $ended, $over = $process.HasExited, ($clock.Elapsed.TotalSeconds -ge $seconds)
        # Processes that it started may keep its outputs open: they are read until they are silent.
        if ($ended -and (-not $handles -or $late -or $quiet.ElapsedMilliseconds -gt 500)) { break }
        if (-not $late -and $ended -and $over) {
            $left = 1
            break
        }
        if (-not $late -and $over) {
            $late = $left = 1
            try {
                $kill = [Diagnostics.Process]::Start((Hidden "$system\taskkill.exe" "/T /F /PID $id"))
                if ($kill.WaitForExit(10000) -and -not $kill.ExitCode) { $left = 0 }
            } catch { }
            try { $process.Kill() } catch { }
            [void]$process.WaitForExit(5000)
            $clock = [Diagnostics.Stopwatch]::StartNew()
            continue
        }
        if ($late -and $clock.Elapsed.TotalSeconds -ge 5) { break }
        if ($input_pending) { $handles += $input_pending.AsyncWaitHandle }
        if ($handles) { [void][Threading.WaitHandle]::WaitAny([Threading.WaitHandle[]]$handles, 50) } else { [void]$process.WaitForExit(50) }
    }
    $code = -1
    if ($process.HasExited) { $code = $process.ExitCode }
    $end = [DateTime]::Now
    if ($input_file) { $input_file.Close() }
    [IO.File]::Delete("$private\stdin")
    $lines = @("rc $code", "late $late", "left $left", "pid $id", "start $(Moment $begin)", "end $(Moment $end)")
    $parts = @()
    for ($i = 0; $i -lt 2; $i++) {
        $name = ('stdout', 'stderr')[$i]
        $streams[$i].to.Close()
        $size = (New-Object IO.FileInfo "$private\$name").Length
        $kept = [Math]::Min($size, $most)
        $lines += "$name $size $kept"
        $parts += @{ path = "$private\$name"; kept = $kept }
    }
    $lines += "encoding $([Globalization.CultureInfo]::CurrentCulture.TextInfo.OEMCodePage)"
    Report $lines $parts
    foreach ($name in $spent) { try { [IO.File]::Delete($name) } catch { } }
    exit 64
} catch {
    try { Explain "$_" } catch { exit 83 }
}
"""


def command(path):
    """The program that runs the script in a file of the guest, and its arguments as text."""
    return windows.SHELL, f"{windows.OPTIONS} -File {windows.line([path])}"


def batch_arguments(words):
    """The arguments of a batch file for cmd.exe, each after a blank. None if cmd.exe cannot pass them."""
    if any(UNSPEAKABLE.search(word) for word in words):
        return None
    return "".join(f" {word}" if PLAIN.fullmatch(word) else f' "{word}"' for word in words)


def raw_arguments(line):
    """A command line as the arguments of a batch file. None if cmd.exe would interpret a part of it."""
    return None if READ_BY_SHELL.search(line) else f" {line}"


def text(program, folder, shelf, inline, made, seconds, grace):
    """Return the script, as bytes. The arguments are those of linux_programs.text(); inline is empty, as files are always sent."""
    script = windows.join(shelf, program.script_name)
    spent = [script, *(windows.join(folder, name) for name in ("stdout", "stderr") if name not in program.fetch)]
    values = {
        "private": windows.quote(folder),
        "seconds": str(seconds),
        "most": f"[long]{program.max_output}",
        "wait": "$true" if program.wait else "$false",
        "shelf": windows.quote(shelf),
        "tidy": windows.quote("" if shelf == folder else windows.quote(shelf)),
        "spent": _list(map(windows.quote, spent)),
    }
    lines = "".join(f"${name} = {value}\n" for name, value in values.items())
    return BOM + (lines + TEXT.lstrip("\n")).encode("utf-8", "surrogateescape")


def values(program, shelf):
    """Return the content of VALUES, as bytes: a line for each name, with its texts in Base64, each after a colon."""
    script = windows.join(shelf, program.script_name)
    raw = isinstance(program.arguments, str)
    words = [] if raw else program.placed(program.arguments, script)
    batch = raw_arguments(program.arguments) if raw else batch_arguments(words)
    rows = {
        "names": program.placed(program.names, script),
        "line": [program.arguments if raw else windows.line(words)],
        "batch": [] if batch is None else [batch],
        "directory": [program.chdir or ""],
        "environment": [text for pair in sorted(program.environment.items()) for text in pair],
    }
    return "".join(f"{' '.join([name, *map(_packed, texts)])}\r\n" for name, texts in rows.items()).encode("ascii")


def _packed(text):
    return f":{base64.b64encode(text.encode('utf-8', 'surrogateescape')).decode('ascii')}"


def _list(words):
    return f"@({', '.join(words)})"
