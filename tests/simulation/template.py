"""The world on its first morning, made once: each seed gets copies of its stores.

A training centre with a small registry, two sites with an enrolled node each, their officers' certificates registered
and told by the feed, their population packs in place.
"""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from central.domain.admission import Registration
from central.store.facilities import Facility
from central.workflow.build_population_pack import build_population_pack
from central.workflow.enrol_facility import enrol_facility
from central.workflow.register_certificate import register_certificate
from edge.store.database import Database
from edge.store.schema import migrate
from edge.workflow.enrol import enrol
from edge.workflow.import_pack import import_pack
from sync_protocol.certificate import Certificate, serial_text
from sync_protocol.days import DAY_SECONDS
from sync_protocol.signers.key_signer import KeySigner
from sync_protocol.signers.signer import Signer
from sync_protocol.signers.software import read_file, unlock
from tests.builders import SeededEntropy
from tests.central import template as central_template
from tests.central.scenario import MORNING, PIN, Site, World, recipient
from tests.simulation.dice import Dice
from tests.system.test_answers_end_to_end import Way

DATA_KEY: Final = bytes(range(32))
OFFICER: Final = "Trần Thị Ánh"
NURSE: Final = "Y tá Sáu"
# Whom the registry knows; people with a larger number are strangers to it.
REGISTERED: Final = range(1, 121)
STORE: Final = "node.db"
_PACK_DAYS: Final = 300


@dataclass(frozen=True, slots=True)
class SiteTemplate:
    """A site: its codes, and the officer's key with its certificate."""

    code: str
    facility: str
    signer: KeySigner


@dataclass(frozen=True, slots=True)
class Template:
    """What all seeds start from.

    Attributes:
        directory: of the centre's and the nodes' stores, all closed.
        work: where a seed's copies are put; one seed after the other.
        centre: the open centre, whose store is at `work`.
        document_signer: signs health certificates.
    """

    directory: Path
    work: Path
    centre: World
    document_signer: Signer
    sites: tuple[SiteTemplate, ...]

    def fresh(self) -> None:
        """Puts the first morning's stores into the working directory."""
        self.centre.centre.engine.dispose()
        shutil.rmtree(self.work)
        shutil.copytree(self.directory, self.work)


@functools.cache
def template() -> Template:
    """The template of this process, in memory where the machine has a place for that; removed at its end."""
    memory = Path("/dev/shm")
    base = Path(tempfile.mkdtemp(prefix="hcvx-simulation-", dir=memory if memory.is_dir() else None))
    atexit.register(shutil.rmtree, base, ignore_errors=True)
    work = base / "work"
    made = central_template.Template.make(base / "first")
    work.mkdir()
    world = made.copy(work / "centre")
    world.clock.at = MORNING
    _fill_registry(world)
    sites = tuple(
        _enrol(world, work / code, code=code, facility=facility)
        for code, facility in (("19001A", "19001"), ("19002A", "19002"))
    )
    world.centre.engine.dispose()
    # Keys and settings are open already; only the stores are copied for each seed.
    shutil.copytree(work, base / "morning")
    # Opened without the warning of the programs, which is tested where it belongs.
    signer = unlock(read_file(world.centre.config.signer_uri.removeprefix("software:")), PIN)
    return Template(base / "morning", work, centre=world, document_signer=signer, sites=sites)


def _fill_registry(world: World) -> None:
    site = Site(world, "19001", "19001A", officer=OFFICER)
    world.know([site.dose(person, recipient=recipient(person)) for person in REGISTERED])


def _enrol(world: World, directory: Path, *, code: str, facility: str) -> SiteTemplate:
    centre, at = world.centre, world.clock.at
    ticket = enrol_facility(
        Facility(facility, f"Trạm y tế {facility}", ("05413",)),
        code,
        engine=centre.engine,
        keys=centre.keys,
        public_url="http://127.0.0.1:8480",
        good_seconds=3_600,
        entropy=centre.entropy,
        now=at,
    )
    assert ticket.file is not None
    directory.mkdir()
    database = Database.create(directory / STORE, DATA_KEY)
    migrate(database, at=at)
    enrol(database, Way(world), ticket.file, spoken=ticket.fingerprint, entropy=Dice(code), at=at, by=NURSE)
    pack = build_population_pack(
        code,
        whole=True,
        good_seconds=_PACK_DAYS * DAY_SECONDS,
        engine=centre.engine,
        keys=centre.keys,
        entropy=SeededEntropy(3),
        now=at,
    )
    import_pack(database, pack.sealed, at=at, by=NURSE)
    database.close()
    holder = Site(world, facility, code, officer=OFFICER)
    certificate = world.certificate(holder, seed=f"organisation {facility}")
    register(world, facility, certificate)
    return SiteTemplate(code, facility, KeySigner(holder.organisation_key, certificate=certificate))


def register(world: World, facility: str, certificate: Certificate, *, until: int | None = None) -> None:
    """Registers a certificate for the officer of a facility and tells the nodes."""
    register_certificate(
        facility,
        serial_text(certificate.serial),
        registration=Registration(OFFICER, 0, until),
        certificate=certificate,
        engine=world.centre.engine,
        keys=world.centre.keys,
        now=world.clock.at,
    )
