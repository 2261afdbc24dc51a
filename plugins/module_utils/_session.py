# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Work on a connected host, in a child process."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING

from . import _worker
from ._vix.errors import NotSupported, Refused, VixError

if TYPE_CHECKING:
    from typing import Any, Callable, Iterator, Mapping, Sequence, TypeVar

    from ._vix.deadline import Deadline
    from ._vix.host import Host
    from ._vix.vm import VM

    Crumb = Callable[[str, str], None]
    Part = Callable[[int, Callable[[], Any]], None]
    Connect = Callable[[], Host]
    Item = TypeVar("Item")

PASSWORD_IN_URL = re.compile(r"^(\w+://)?([^/?#]*?):[^/?#]*@")
CONNECTION = ("provider", "hostname", "port", "username", "password", "validate_certs")


def run(work: Callable[[Host], Any], options: Mapping[str, Any]) -> Any:
    """Return work(host), done in a child process within options["timeout"] seconds; raise _worker.Failure or _worker.Bug.

    options: a dictionary with the options of _options.HOST.
    """
    return _worker.run(partial(_with_host, work, options), options["timeout"])


def run_unconnected(work: Callable[[Connect], Any], options: Mapping[str, Any]) -> Any:
    """As run(), for work(connect). connect() returns a connected host, or raises the error of the connection."""
    return _worker.run(lambda crumb: work(partial(connect, options, crumb)), options["timeout"])


def run_each(work: Callable[[Host, Item], Any], items: Sequence[Item], options: Mapping[str, Any], concurrency: int) -> list[Any]:
    """Return work(host, item) or its _worker.Failure or _worker.Bug for each item, in order. concurrency: how many at once, all on one host."""
    return _worker.run_parts(partial(_with_host_for_each, work, items, concurrency, options), len(items), options["timeout"])


def on_vm(work: Callable[[VM, SimpleNamespace], dict[str, Any]], host: Host, wanted: SimpleNamespace) -> dict[str, Any]:
    """Return work(vm, wanted) for the VM that a task names by its path or its display name, and the path as vm.

    wanted: the options of the task and home; as work gets it, it has the host as well. home: home directory of the user whose lists of VMs are searched
    for a display name, as are the directories in vm_directories. None: the host is another machine.
    """
    with _open_vm(host, wanted) as vm:
        return {**work(vm, SimpleNamespace(**vars(wanted), host=host)), "vm": vm.label}


def in_guest(work: Callable[[Any, SimpleNamespace], dict[str, Any]], host: Host, wanted: SimpleNamespace) -> dict[str, Any]:
    """Return work(session, wanted) for a login in the guest of the VM that a task names, and the path of the VM as vm.

    wanted: as for on_vm(), with workdir, a directory for files of this task. session: a GuestSession, once VMware Tools run in the guest.
    """
    with logged_in(host, wanted) as session:
        return {**work(session, wanted), "vm": session.guest.vm_label}


@contextmanager
def logged_in(host: Host, wanted: SimpleNamespace) -> Iterator[Any]:
    """The GuestSession of a login, once VMware Tools run in the guest. wanted: as for in_guest()."""
    from ._system.guest_session import GuestSession

    with _open_vm(host, wanted) as vm:
        vm.wait_for_tools(wanted.tools_timeout)
        with vm.log_in(wanted.guest_username, wanted.guest_password, wanted.guest_interactive) as guest:
            yield GuestSession(guest, getattr(wanted, "guest_family", "auto"), wanted.workdir)


def _open_vm(host: Host, wanted: SimpleNamespace) -> VM:
    from ._state import names

    return host.open_vm(names.find(host, wanted.vm, wanted.home, getattr(wanted, "vm_directories", None) or ()), wanted.vm_password)


def for_host(work: Callable[[Host], Any], options: Mapping[str, Any]) -> Callable[[Crumb, Part], None]:
    """Return work(host) in the form of _worker.run_all(), with a single part. It answers before it disconnects, where libvix may hang."""
    return partial(_with_host_answered, work, options)


def _with_host_answered(work: Callable[[Host], Any], options: Mapping[str, Any], crumb: Crumb, part: Part) -> None:
    with connect(options, crumb) as host:
        found = work(host)
        part(0, lambda: found)


@contextmanager
def explained(host: Host) -> Iterator[None]:
    """Add the product to a NotSupported that is raised inside."""
    try:
        yield
    except NotSupported as error:
        if error.advice is None:
            from ._vix import products

            with suppress(VixError):
                error.advice = products.lack(host.describe()["provider"], error.call)
        raise


def _with_host(work: Callable[[Host], Any], options: Mapping[str, Any], crumb: Crumb) -> Any:
    with connect(options, crumb) as host, explained(host):
        return work(host)


def _with_host_for_each(
    work: Callable[[Host, Item], Any], items: Sequence[Item], concurrency: int, options: Mapping[str, Any], crumb: Crumb, part: Part
) -> None:
    with connect(options, crumb) as host, ThreadPoolExecutor(concurrency) as pool:
        for number, item in enumerate(items):
            pool.submit(part, number, partial(explained(host)(work), host, item))


def without_password(hostname: str) -> str:
    """The name or URL of a host, masked if it contains a password."""
    return PASSWORD_IN_URL.sub(r"\1\2:********@", hostname)


def connect(options: Mapping[str, Any], crumb: Crumb, deadline: Deadline | None = None) -> Host:
    """Connect to the host of the options and return it. deadline: None for one of options["timeout"] seconds."""
    # Imported here: the parent does not need the binding, and a task with wrong options should not take that time.
    from ._vix import capi, locate
    from ._vix import host as vix_host
    from ._vix.deadline import Deadline

    shown = without_password(options["hostname"] or "")
    if shown != (options["hostname"] or ""):
        text = "hostname contains a password, which would be visible in logs: set username and password, and remove both from hostname"
        raise Refused(text, doing=f"connecting to {shown}")
    library = capi.Library(locate.find(options["library"]), crumb)
    return vix_host.connect(library, deadline or Deadline(options["timeout"]), **{name: options[name] for name in CONNECTION})
