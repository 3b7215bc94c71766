"""From a directory to a running centre; the only file that reads the clock or draws entropy."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import click
from sqlalchemy import Engine

from central.config import PASSWORD_VARIABLE, SIGNER_PIN_VARIABLE, Config, load_config
from central.domain.ledger import LedgerTree
from central.registry.embedded import EmbeddedRegistry
from central.registry.registry import RegistryClient
from central.store.database import open_engine, require_newest
from central.store.key_store import KeyRing, open_key_ring
from sync_protocol.sealing import Entropy
from sync_protocol.signers.opening import open_signer
from sync_protocol.signers.signer import Signer


class Clock(Protocol):
    """Where the time comes from."""

    def now(self) -> int:
        """Epoch seconds, UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> int:
        """Epoch seconds, UTC."""
        return int(time.time())  # noqa: TID251 (this is the one place)


class SystemEntropy:
    """The operating system's random bytes."""

    def token(self, size: int) -> bytes:
        """Gives `size` fresh random bytes."""
        return os.urandom(size)  # noqa: TID251 (this is the one place)


# Asks for a secret: the name of the variable that may hold it, and the question in Vietnamese.
SecretSource = Callable[[str, str], str]


def ask_environment(environment: Mapping[str, str]) -> SecretSource:
    """Takes secrets from variables, and asks at the terminal for those that are not set."""

    def ask(variable: str, question: str) -> str:
        return environment.get(variable) or str(click.prompt(question, hide_input=True, err=True))

    return ask


@dataclass(frozen=True, slots=True)
class Centre:
    """A centre that is open: what workflows get their arguments from."""

    config: Config
    engine: Engine
    clock: Clock
    entropy: Entropy
    keys: KeyRing
    registry: RegistryClient
    ledger: LedgerTree
    secret: SecretSource

    def open_signer(self) -> AbstractContextManager[Signer]:
        """Opens the signer of health certificates for the time of a `with` block; asks for its PIN at most once.

        Raises:
            TokenError: the signer cannot be used.
        """
        return open_signer(self.config.signer_uri, lambda question: self.secret(SIGNER_PIN_VARIABLE, question))


def open_centre(
    directory: Path,
    *,
    environment: Mapping[str, str] | None = None,
    secret: SecretSource | None = None,
    clock: Clock | None = None,
    entropy: Entropy | None = None,
) -> Centre:
    """Opens the centre that `init` made in a directory.

    Args:
        directory: where `centre.toml` lies.
        environment: settings over the file; the process environment unless given.
        secret: where passwords and PINs come from; the environment, then the terminal, unless given.
        clock, entropy: the machine's own unless given.

    Raises:
        ConfigError: the settings are wrong.
        StoreError: the store cannot be opened or has another schema.
        KeyStoreError: the key files do not open.
    """
    surroundings = os.environ if environment is None else environment
    ask = ask_environment(surroundings) if secret is None else secret
    config = load_config(directory, surroundings)
    engine = open_store(config)
    require_newest(engine)
    keys = open_key_ring(config.keys_directory, password=ask(PASSWORD_VARIABLE, "Mật khẩu của các khóa trung tâm"))
    return Centre(
        config=config,
        engine=engine,
        clock=clock or SystemClock(),
        entropy=entropy or SystemEntropy(),
        keys=keys,
        registry=EmbeddedRegistry(engine),
        ledger=LedgerTree(),
        secret=ask,
    )


def open_store(config: Config, *, create: bool = False) -> Engine:
    """Opens the store alone, without keys: for `status` and `check`, and for `init`, which may create it.

    Raises:
        StoreError: not a database that is supported, or it is missing.
    """
    return open_engine(config.store_url, create=create)
