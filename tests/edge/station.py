"""A commune station with an enrolled node and a simulated centre: what the tests of signing and exchange start from.

The node is put together from store rows, so that these tests do not depend on enrolment, import or recording.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from edge.domain.dosing import DoseFacts
from edge.domain.signing_pass import PlannedPass
from edge.store import doses, identity_checks, node_identity, people, sets
from edge.store.database import Database, Tracer
from edge.store.identity_checks import CheckResult
from edge.store.migrations.migration import Migration
from edge.store.node_identity import NodeIdentity
from edge.store.schema import MIGRATIONS, migrate
from edge.store.sets import StoredSet, StoredSetKind
from edge.workflow.plan_passes import plan_passes
from edge.workflow.prepare_pass import Officer
from edge.workflow.sign_pass import SealedPass, sign_pass
from sync_protocol.dose import EvidenceSource, IdentityState, PaperKind, Recipient, Sex
from sync_protocol.signers.key_signer import KeySigner
from tests.builders import SeededEntropy, ec_key, issue_certificate, make_ca
from tests.simulator import EPOCH, POLICY, SimulatedCentre

NODE: Final = "19001A"
FACILITY: Final = "19001"
OFFICER: Final = Officer("Trần Thị Ánh")
DAY: Final = "2022-04-15"
# 15 April 2022, 16:30 in Vietnam.
AFTERNOON: Final = int(datetime.datetime(2022, 4, 15, 9, 30, tzinfo=datetime.UTC).timestamp())
MORNING: Final = AFTERNOON - 7 * 3_600
DAY_SECONDS: Final = 86_400
DATA_KEY: Final = bytes(range(32))
REQUEST_DIGEST: Final = bytes([7]) * 32


@dataclass(slots=True)
class TickingClock:
    """A clock that a test moves by hand."""

    at: int = AFTERNOON

    def now(self) -> int:
        return self.at


@dataclass(slots=True)
class Station:
    """The node's store, the centre, the clock and a signing officer with a certificate."""

    database: Database
    centre: SimulatedCentre
    clock: TickingClock
    entropy: SeededEntropy
    signer: KeySigner
    people: int = field(default=0)

    def record(
        self,
        count: int,
        *,
        per_person: int = 1,
        state: IdentityState = IdentityState.MATCHED,
        given_at: int = MORNING,
        late_reason: str = "",
    ) -> list[int]:
        """Write doses of new people and return their sequences."""
        sequences: list[int] = []
        with self.database.write_transaction() as tables:
            results = []
            for _ in range(count):
                self.people += 1
                person_id = people.add(tables, _recipient(self.people), state=state, at=given_at, by="Y tá")
                person = people.get(tables, person_id)
                assert person is not None
                results.append(CheckResult(person, state, EvidenceSource.PACK, "pack-1"))
                sequences += [
                    doses.add(
                        tables,
                        person_id,
                        _facts(number, given_at, late_reason),
                        at=given_at + 60,
                        by="Y tá",
                        submission=f"{self.people}-{number}",
                    )
                    for number in range(1, per_person + 1)
                ]
            identity_checks.add_many(tables, results, at=given_at, by="Y tá")
        return sequences

    def plan(self, *, late_reason: str = "") -> tuple[PlannedPass, ...]:
        """What could be signed now."""
        return plan_passes(self.database, POLICY, now=self.clock.now(), late_reason=late_reason).passes

    def sign(self, planned: PlannedPass | None = None) -> SealedPass:
        """Sign the first planned pass."""
        chosen = planned or self.plan()[0]
        return sign_pass(
            self.database, chosen, self.signer, officer=OFFICER, now=self.clock.now(), entropy=self.entropy
        )


def make_station(
    directory: Path, *, tracer: Tracer | None = None, name: str = NODE, steps: tuple[Migration, ...] = MIGRATIONS
) -> Station:
    """A fresh station under this directory, its store with these steps of the schema."""
    clock = TickingClock()
    centre = SimulatedCentre(clock.now)
    database = Database.create(directory / "node.db", DATA_KEY, tracer=tracer)
    migrate(database, at=clock.now(), steps=steps)
    key = ec_key(f"node {name}")
    centre.enrol_key(name, key.public_key(), ec_key(f"opening {name}").public_key(), request_digest=REQUEST_DIGEST)
    with database.write_transaction() as tables:
        node_identity.ask(tables, _identity(centre, name), at=clock.now())
        node_identity.confirm(tables, epoch=EPOCH, at=clock.now())
        catalogue = StoredSet(
            StoredSetKind.CATALOGUE,
            1,
            cose=centre.catalogue(),
            expires_at=clock.now() + 300 * DAY_SECONDS,
            imported_at=clock.now(),
        )
        sets.add(tables, catalogue)
    return Station(database, centre, clock, entropy=SeededEntropy(), signer=organisation_signer())


def organisation_signer(*, days: int = 365) -> KeySigner:
    """The officer's key with an organisation certificate, valid from the beginning of 2022."""
    at = datetime.datetime(2022, 1, 1, tzinfo=datetime.UTC)
    key = ec_key("organisation")
    certificate = issue_certificate(make_ca("Thử nghiệm CA", at), key, subject="Trạm Y tế xã", at=at, days=days)
    return KeySigner(key, certificate=certificate)


def _identity(centre: SimulatedCentre, name: str) -> NodeIdentity:
    return NodeIdentity(
        node=name,
        facility=FACILITY,
        facility_name="Trạm Y tế xã Hòa Hiệp",
        centre_url="http://127.0.0.1:9",
        epoch=0,
        node_key=ec_key(f"node {name}"),
        opening_key=ec_key(f"opening {name}"),
        publisher_key=centre.publisher.public_key,
        sealing_key=centre.sealing.public_key(),
        ledger_key=centre.ledger.public_key,
        enrolment_file=b"",
        request=b"",
        sealed_request=b"",
        request_digest=REQUEST_DIGEST,
        enrolled_at=None,
    )


def _recipient(number: int) -> Recipient:
    return Recipient(
        name=f"Nguyễn Thị Thử {['Một', 'Hai', 'Ba', 'Bốn', 'Năm'][number % 5]}",
        family_name=None,
        sex=Sex.F,
        birth_date="1985-03-01",
        paper=PaperKind.CCCD,
        number=f"054185{number:06d}",
        nationality="VN",
        phone=f"09{number:08d}",
        address_unit="05413",
        guardian="",
        group=9,
    )


def _facts(number: int, given_at: int, late_reason: str) -> DoseFacts:
    return DoseFacts(
        product="AZ",
        lot="ABX1234",
        lot_expiry="2022-12-31",
        dose_number=number,
        dose_total=max(2, number),
        # Later doses of a person are minutes later: the rules of intervals are not the store's business.
        given_at=given_at + number * 60,
        vaccinator="Lê Văn Kim",
        station="Bàn 1",
        reaction="",
        late_reason=late_reason,
    )
