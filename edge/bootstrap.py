"""From a directory and a passphrase to a running node. The only module that reads the clock or draws entropy."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from edge.config import Config, read_config
from edge.store.database import Database
from edge.store.key_file import Stretching, open_key_file
from edge.store.schema import migrate
from edge.workflow import init_node as init_node_workflow
from edge.workflow.read_catalogue import CatalogueShelf
from sync_protocol.sealing import Entropy


class Clock(Protocol):
    """Says what time it is."""

    def now(self) -> int:
        """Epoch seconds, UTC."""
        ...


class SystemClock:
    """The computer's clock: a claim, which the centre judges by its own."""

    def now(self) -> int:
        """Epoch seconds, UTC."""
        return int(time.time())  # noqa: TID251


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
    clock: Clock
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
        clock, entropy: None for the real ones.

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
    except BaseException:
        database.close()
        raise
    return Node(config, database, used_clock, entropy or SystemEntropy(), CatalogueShelf(database))
