# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A connected host for as long as some work takes, in the process that may be lost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial

from . import _worker
from ._vix.errors import NotSupported, VixError

CONNECTION = ("provider", "hostname", "port", "username", "password", "validate_certs")


def run(work, options):
    """Return work(host), done in a worker under the deadline of options["timeout"] seconds; raise _worker.Failure or _worker.Bug.

    options: a dictionary with the options of the fragment "host", however they were come by.
    """
    return _worker.run(partial(_with_host, work, options), options["timeout"])


def run_unconnected(work, options):
    """Return work(connect), done likewise; connect() returns a connected host, or raises what it could not be connected for."""
    return _worker.run(lambda crumb: work(partial(_connect, options, crumb)), options["timeout"])


def run_each(work, items, options, concurrency):
    """Return, for each item in order, work(host, item) or the _worker.Failure or _worker.Bug it ended in; so many at once, all on one host."""
    return _worker.run_parts(partial(_with_host_for_each, work, items, concurrency, options), len(items), options["timeout"])


def for_host(work, options):
    """Return work(host) as _worker.run_all() takes it, with a single part. Its answer is given before the host is left, where libvix may hang."""
    return partial(_with_host_answered, work, options)


def _with_host_answered(work, options, crumb, part):
    with _connect(options, crumb) as host:
        found = work(host)
        part(0, lambda: found)


@contextmanager
def explained(host):
    """Have it said which product it was that does not support what the "with", or the function decorated so, asks of it."""
    try:
        yield
    except NotSupported as error:
        if error.advice is None:
            from ._vix import products

            with suppress(VixError):
                error.advice = products.lack(host.describe()["provider"], error.call)
        raise


def _with_host(work, options, crumb):
    with _connect(options, crumb) as host, explained(host):
        return work(host)


def _with_host_for_each(work, items, concurrency, options, crumb, part):
    with _connect(options, crumb) as host, ThreadPoolExecutor(concurrency) as pool:
        for number, item in enumerate(items):
            pool.submit(part, number, partial(explained(host)(work), host, item))


def _connect(options, crumb):
    # Imported here: the parent has no use for the binding, and a task with wrong options should not pay for it.
    from ._vix import capi, locate
    from ._vix.deadline import Deadline
    from ._vix.host import connect

    library = capi.Library(locate.find(options["library"]), crumb)
    return connect(library, Deadline(options["timeout"]), **{name: options[name] for name in CONNECTION})
