"""From a directory and a passphrase to a running node. The only module that reads the clock or draws entropy.

What everybody above sees as the clock is the working clock (`edge.workflow.working_clock`), not the machine's own.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edge.config import Config, read_config
from edge.store.database import Database
from edge.store.key_file import Stretching, open_key_file
from edge.store.schema import migrate
from edge.workflow import init_node as init_node_workflow
from edge.workflow.read_catalogue import CatalogueShelf
from edge.workflow.working_clock import Clock, WorkingClock
from sync_protocol.sealing import Entropy


class SystemClock:
    """The computer's clock: a claim, which the centre judges by its own."""

    def now(self) -> int:
        """Epoch seconds, UTC."""
        return int(time.time())  # noqa: TID251


def elapsed() -> float:
    """Seconds since the machine was turned on, sleep included: they run on whatever somebody does to its clock."""
    boot_clock = getattr(time, "CLOCK_BOOTTIME", None)
    # Windows counts sleep in its own; elsewhere it only makes a sleep look like a jump, which a person can confirm.
    return time.monotonic() if boot_clock is None else time.clock_gettime(boot_clock)


class SystemEntropy:
    """The operating system's random bytes."""

    def token(self, size: int) -> bytes:
        """Gives `size` fresh random bytes."""
        return os.urandom(size)  # noqa: TID251


@dataclass(frozen=True, slots=True)
class Node:
    """A node that is open: its settings, its store, the time, fresh bytes, and the catalogue that holds."""

    config: Config
    database: Database
    clock: WorkingClock
    entropy: Entropy
    shelf: CatalogueShelf

    def close(self) -> None:
        """Close the store."""
        self.database.close()


def init_node(
    directory: Path,
    passphrase: str,
    *,
    by: str,
    clock: Clock | None = None,
    entropy: Entropy | None = None,
    stretching: Stretching | None = None,
) -> None:
    """Create a node in a directory; see `edge.workflow.init_node` for what can go wrong."""
    init_node_workflow.init_node(
        directory,
        passphrase,
        entropy=entropy or SystemEntropy(),
        at=(clock or SystemClock()).now(),
        by=by,
        stretching=stretching,
    )


def open_node(
    directory: Path,
    passphrase: str,
    *,
    environment: Mapping[str, str] | None = None,
    clock: Clock | None = None,
    entropy: Entropy | None = None,
) -> Node:
    """Open a node: settings, data key, database brought to the newest schema.

    Args:
        directory: made by `init_node`.
        passphrase: opens the key file.
        environment: settings over the file; None for the process's own.
        clock, entropy: None for the real ones. A clock that is handed in is compared with no steady one.

    Raises:
        ConfigError: with all problems of the settings.
        StoreError: MISSING, KEY_FILE, PASSPHRASE, DAMAGED, VERSION, BUSY.
    """
    config = read_config(directory, os.environ if environment is None else environment)
    key = open_key_file(config.key_file_path, passphrase)
    database = Database(config.database_path, key)
    used_clock = clock or SystemClock()
    try:
        migrate(database, at=used_clock.now())
        working = WorkingClock(database, used_clock, elapsed if clock is None else None)
        working.look()
    except BaseException:
        database.close()
        raise
    return Node(config, database, working, entropy or SystemEntropy(), CatalogueShelf(database))
