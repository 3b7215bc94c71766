"""The centre that was made once, since opening key files is slow; each test gets a copy of its store."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from sqlalchemy import Engine

from central.bootstrap import Centre
from central.config import CONFIG_FILE, encode_config, load_config
from central.domain.demo_certificates import Authority
from central.domain.ledger import LedgerTree
from central.registry.embedded import EmbeddedRegistry
from central.store.database import open_engine
from central.store.demo_authorities import ORGANISATION_AUTHORITY, read_authority
from central.store.key_store import KeyRing, open_key_ring
from central.workflow.init_centre import init_centre, make_demo_material
from tests.builders import SeededEntropy
from tests.central.scenario import MORNING, PASSWORD, PIN, SetClock, World


def make_directory(directory: Path) -> None:
    """Makes a training centre on SQLite, as `init` does."""
    directory.mkdir(parents=True)
    (directory / CONFIG_FILE).write_text(encode_config({("centre", "name"): "Trung tâm thử"}), encoding="utf-8")
    fill_store(directory, open_engine(f"sqlite:///{directory / 'centre.db'}", create=True))


def fill_store(directory: Path, engine: Engine) -> None:
    """Brings an empty store to life with the keys of a directory, which are made if they are missing."""
    config = load_config(directory, {})
    entropy = SeededEntropy(7)
    material = make_demo_material(
        config.keys_directory, password=PASSWORD, signer_pin=PIN, entropy=entropy, now=MORNING
    )
    init_centre(
        config,
        engine=engine,
        material=material,
        catalogue=files("central").joinpath("data/catalogue.toml").read_text(encoding="utf-8"),
        password=PASSWORD,
        entropy=entropy,
        now=MORNING,
    )
    engine.dispose()


@dataclass(frozen=True, slots=True)
class Template:
    """A centre that was made once, since opening key files is slow; each test gets a copy of its store."""

    directory: Path
    keys: KeyRing
    authority: Authority

    @classmethod
    def make(cls, directory: Path) -> Template:
        make_directory(directory)
        ring = open_key_ring(directory / "keys", password=PASSWORD)
        return cls(directory, ring, read_authority(directory / "keys" / ORGANISATION_AUTHORITY, password=PASSWORD))

    def copy(self, directory: Path) -> World:
        """A world of its own on SQLite."""
        shutil.copytree(self.directory, directory)
        return self.world(directory, open_engine(f"sqlite:///{directory / 'centre.db'}"))

    def world(self, directory: Path, engine: Engine) -> World:
        """A world upon a store that is filled."""
        centre = Centre(
            config=load_config(directory, {}),
            engine=engine,
            clock=SetClock(),
            entropy=SeededEntropy(11),
            keys=self.keys,
            registry=EmbeddedRegistry(engine),
            ledger=LedgerTree(),
            secret=lambda variable, _: PIN if variable.endswith("PIN") else PASSWORD,
        )
        return World(centre, self.authority)
