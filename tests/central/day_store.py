"""A centre's store with admitted doses in it, for the end of the day: real schema, real catalogue, no transport.

Doses are put in with the store's own functions and a ledger entry each batch; how they get there by bundles is tested
elsewhere.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sqlalchemy import Engine

from central.domain.people import person_key, registry_question
from central.domain.verdicts import ADMITTED, JudgedDose
from central.registry.embedded import EmbeddedRegistry
from central.registry.registry import RegistryClient
from central.store import doses as stored_doses
from central.store import facilities, ledger, nodes, people, registry_people, trust
from central.store.database import migrate, open_engine, write_transaction
from central.store.facilities import Facility
from central.store.key_store import KeyRing, KeyRole
from central.store.ledger import StoredHead
from central.store.registry_people import RegistryPerson
from central.store.tables import DOSE_ID_SPAN
from central.store.trust import CertificateRole
from central.workflow.publish_sets import current_catalogue, publish_catalogue
from central.workflow.run_day import CHUNK, DayResult, run_day
from sync_protocol import keys, names
from sync_protocol.days import local_day
from sync_protocol.dose import Dose, EvidenceSource, IdentityEvidence, IdentityState, PaperKind, Recipient, Sex
from sync_protocol.ledger_entry import LedgerEntry, entry_leaf, genesis_entry
from sync_protocol.merkle import Tree
from sync_protocol.signers.key_signer import KeySigner
from sync_protocol.signers.signer import Signer
from sync_protocol.tree_head import TreeHead, sign_tree_head
from sync_protocol.verdict import Verdict
from tests.builders import Authority, SeededEntropy, ec_key, issue_certificate, make_ca

CATALOGUE: Final = Path(__file__).parents[2] / "central" / "data" / "catalogue.toml"
# 8/4/2022, 18:00 in Vietnam.
EVENING: Final = 1_649_415_600
_BEGIN: Final = dt.datetime(2022, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class Someone:
    """A person as the registry has them; a foreigner has nationality and passport number."""

    name: str
    number: str
    birth_date: str = "1990-05-17"
    sex: Sex = Sex.F
    nationality: str = "VN"
    family_name: str | None = None

    @property
    def recipient(self) -> Recipient:
        foreign = self.nationality != "VN"
        return Recipient(
            name=self.name,
            family_name=self.family_name,
            sex=self.sex,
            birth_date=self.birth_date,
            paper=PaperKind.PASSPORT if foreign else PaperKind.CCCD,
            number=self.number,
            nationality=self.nationality,
            phone="0960000001",
            address_unit="",
            guardian="",
            group=0,
        )

    @property
    def state(self) -> IdentityState:
        return IdentityState.MATCHED if self.nationality == "VN" else IdentityState.VOUCHED

    @property
    def registered(self) -> RegistryPerson:
        return RegistryPerson(self.number, "", self.name, names.fold(self.name), self.sex.value, self.birth_date, "")


@dataclass(slots=True)
class DayStore:
    """A store that is being filled."""

    engine: Engine
    keys: KeyRing
    authority: Authority
    signer: KeySigner
    at: int
    tree: Tree = field(default_factory=lambda: Tree([]))
    sequences: dict[str, int] = field(default_factory=dict)
    runs: int = 0

    @property
    def registry(self) -> EmbeddedRegistry:
        return EmbeddedRegistry(self.engine)

    def add_site(self, code: str, name: str) -> None:
        with write_transaction(self.engine) as connection:
            facilities.put_facility(connection, Facility(code, name, ()), at=self.at)
            nodes.add_node(connection, f"{code}A", facility=code, at=self.at)

    def register(self, everybody: Sequence[Someone]) -> None:
        with write_transaction(self.engine) as connection:
            registry_people.put_people(connection, [person.registered for person in everybody])

    def dose(
        self,
        person: Someone,
        site: str,
        *,
        number: int = 1,
        product: str = "AZ",
        given_at: int | None = None,
        replaces: int | None = None,
    ) -> Dose:
        """A dose that the site's node recorded, under its next sequence."""
        node = f"{site}A"
        self.sequences[node] = sequence = self.sequences.get(node, 0) + 1
        at = self.at - 8 * 3_600 if given_at is None else given_at
        return Dose(
            node=node,
            sequence=sequence,
            recipient=person.recipient,
            product=product,
            lot="LOT-7",
            lot_expiry="",
            dose_number=number,
            dose_total=2,
            given_at=at,
            recorded_at=at,
            vaccinator="YT Lan",
            station="",
            reaction="",
            recorded_by="lan",
            late_reason="",
            evidence=IdentityEvidence(person.state, EvidenceSource.PACK, "pack-1", at),
            replaces=replaces,
            replace_reason="Sai ngày sinh" if replaces else "",
            facility=site,
        )

    def admit(self, batch: Sequence[Dose], *, verdicts: Sequence[Verdict] = (), at: int | None = None) -> list[int]:
        """Stores one site's doses as a batch of their own; gives the ids of the versions.

        Args:
            batch: doses of one node, at most as many as a batch holds.
            verdicts: one for each; all are admitted unless given.
            at: arrival, epoch seconds UTC.
        """
        answers = self.registry.answer([registry_question(dose.recipient) for dose in batch])
        with write_transaction(self.engine) as connection:
            diseases = {product.code: product.disease for product in current_catalogue(connection).products}
            judged = [
                JudgedDose(
                    dose,
                    verdict,
                    person_key(dose.recipient, state=dose.evidence.state, answer=answer),
                    local_day(dose.given_at),
                    diseases.get(dose.product, ""),
                )
                for dose, verdict, answer in zip(batch, verdicts or [ADMITTED] * len(batch), answers, strict=True)
            ]
            index = self.tree.size
            arrived_at = at if at is not None else self.at
            entry = LedgerEntry(
                index=index,
                node=batch[0].node,
                epoch=1,
                sequence=index,
                kind="batch",
                digest=index.to_bytes(32),
                previous=bytes(32),
                admitted_at=arrived_at,
                outcome="admitted",
                verdicts_digest=bytes(32),
                doses=len(batch),
            )
            ledger.append_entry(connection, entry)
            self.tree.append(entry_leaf(entry))
            people.put_people(connection, judged, at=arrived_at)
            stored_doses.put_doses(connection, judged, ledger_index=index, at=arrived_at)
        return [index * DOSE_ID_SPAN + leaf for leaf in range(1, len(batch) + 1)]

    def run(
        self, *, signer: Signer | None = None, registry: RegistryClient | None = None, now: int | None = None
    ) -> DayResult:
        """One end of the day, in chunks of three doses unless there are many."""
        self.runs += 1
        return run_day(
            self.engine,
            signer=signer or self.signer,
            registry=registry or self.registry,
            entropy=SeededEntropy(self.runs),
            now=self.at if now is None else now,
            chunk=3 if self.tree.size < 10 else CHUNK,
        )

    def new_signer(self, name: str, *, days: int = 800, trusted: bool = True) -> KeySigner:
        """A document signer whose certificate begins in 2022 and lives so many days."""
        signer = _document_signer(self.authority, name, days=days)
        if trusted:
            assert signer.certificate is not None
            with write_transaction(self.engine) as connection:
                trust.put_trusted(
                    connection, signer.certificate, CertificateRole.DOCUMENT_SIGNER, country="VN", at=self.at
                )
        return signer


def make_day_store(directory: Path, *, at: int = EVENING) -> DayStore:
    """An empty centre at an instant: keys, document signer, catalogue, genesis entry."""
    engine = open_engine(f"sqlite:///{directory / 'centre.db'}", create=True)
    migrate(engine)
    sealing = ec_key("sealing")
    ring = KeyRing(
        ledger=KeySigner(ec_key("ledger")),
        publisher=KeySigner(ec_key("publisher")),
        sealing={keys.key_id(sealing.public_key()): sealing},
        sealing_key=sealing.public_key(),
    )
    authority = make_ca("country", _BEGIN)
    store = DayStore(engine, ring, authority, _document_signer(authority, "signer", days=800), at)
    genesis = genesis_entry(at - 86_400)
    store.tree.append(entry_leaf(genesis))
    assert store.signer.certificate is not None
    with write_transaction(engine) as connection:
        for role, key in ((KeyRole.LEDGER, ring.ledger), (KeyRole.PUBLISHER, ring.publisher)):
            trust.put_centre_key(connection, role, key.public_key, at=at)
        trust.put_centre_key(connection, KeyRole.SEALING, ring.sealing_key, at=at)
        trust.put_trusted(connection, store.signer.certificate, CertificateRole.DOCUMENT_SIGNER, country="VN", at=at)
        publish_catalogue(connection, CATALOGUE.read_text(encoding="utf-8"), keys=ring, days=366, now=at)
        ledger.append_entry(connection, genesis)
        head = TreeHead(epoch=1, size=1, root=store.tree.root, at=genesis.admitted_at)
        ledger.put_head(connection, StoredHead(head, sign_tree_head(head, ring.ledger)))
    return store


def _document_signer(authority: Authority, name: str, *, days: int) -> KeySigner:
    key = ec_key(f"document signer {name}")
    certificate = issue_certificate(authority, key, subject=f"DSC {name}", at=_BEGIN, days=days)
    return KeySigner(key, certificate=certificate)
