"""A small centre with enrolled sites, as tests need it: real keys, real certificates, real bundles."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from central.bootstrap import Centre
from central.domain.admission import Registration
from central.domain.demo_certificates import Authority, issue_certificate
from central.store import ledger
from central.store.database import read_transaction, write_transaction
from central.store.facilities import Facility, put_registration
from central.store.registry_people import RegistryPerson, put_people
from central.workflow.accept_enrolment import accept_enrolment
from central.workflow.admit_bundle import admit_bundle
from central.workflow.enrol_facility import enrol_facility
from sync_protocol import names
from sync_protocol.batch import count_people, prepare_batch, sign_batch
from sync_protocol.bundle import BatchBody, Bundle, BundleKind, encode_batch_body, parse_bundle, sign_bundle
from sync_protocol.certificate import Certificate, serial_text
from sync_protocol.columns import pack_doses
from sync_protocol.days import day_start, local_day
from sync_protocol.dose import Dose
from sync_protocol.enrolment import (
    EnrolmentRequest,
    sign_enrolment_request,
    verify_enrolment_answer,
    verify_enrolment_request,
)
from sync_protocol.enrolment_file import parse_enrolment_file, verify_enrolment_file
from sync_protocol.identity import EvidenceSource, IdentityEvidence, IdentityState, PaperKind, Recipient, Sex
from sync_protocol.manifest import Checkpoint, Manifest, Purpose
from sync_protocol.receipt import VerifiedReceipt, verify_receipt
from sync_protocol.sealing import seal
from sync_protocol.signers.key_signer import KeySigner
from tests.builders import ec_key

PASSWORD: Final = "mật khẩu thử"
PIN: Final = "123456"
DAY: Final = "2022-04-15"
MORNING: Final = day_start(DAY) + 8 * 3_600
EVENING: Final = day_start(DAY) + 17 * 3_600
SECRET: Final = bytes(range(32))


@dataclass(slots=True)
class SetClock:
    """Implements `Clock`; shows what it is set to."""

    at: int = EVENING

    def now(self) -> int:
        return self.at


@dataclass(slots=True)
class World:
    """An open centre, and what happens around it."""

    centre: Centre
    authority: Authority

    @property
    def clock(self) -> SetClock:
        assert isinstance(self.centre.clock, SetClock)
        return self.centre.clock

    def offer(self, sealed: bytes) -> bytes:
        """Offers a sealed bundle as the route does."""
        centre = self.centre
        return admit_bundle(
            sealed,
            engine=centre.engine,
            keys=centre.keys,
            registry=centre.registry,
            tree=centre.ledger,
            now=centre.clock.now(),
        )

    def head(self) -> Checkpoint:
        """The newest head of the ledger."""
        with read_transaction(self.centre.engine) as connection:
            newest = ledger.newest_head(connection)
        assert newest is not None
        return newest.head.checkpoint

    def know(self, doses: Sequence[Dose]) -> None:
        """Puts the recipients of doses into the population registry."""
        with write_transaction(self.centre.engine) as connection:
            put_people(connection, [_registered(dose.recipient) for dose in doses if len(dose.recipient.number) == 12])

    def site(self, facility: str = "19001", node: str = "19001A", *, officer: str = "Nguyễn Thị Hà") -> Site:
        """Enrols a node over the real calls, and registers an organisation certificate for its facility."""
        centre = self.centre
        ticket = enrol_facility(
            Facility(facility, f"Trạm y tế {facility}", ("05413",)),
            node,
            engine=centre.engine,
            keys=centre.keys,
            public_url="http://127.0.0.1:8480",
            good_seconds=3_600,
            entropy=centre.entropy,
            now=centre.clock.now(),
            again=True,
        )
        assert ticket.file is not None
        site = Site(self, facility, node, officer=officer)
        site.enrol(ticket.file, spoken=ticket.fingerprint)
        site.certificate = self.certificate(site, seed=f"organisation {facility}")
        self.register(facility, site.certificate, officer=officer)
        return site

    def certificate(self, site: Site, *, seed: str) -> Certificate:
        """An organisation certificate of the training authority over the key of a seed."""
        site.organisation_key = ec_key(seed)
        return issue_certificate(
            self.authority,
            site.organisation_key.public_key(),
            name=site.officer,
            organisation=f"Trạm y tế {site.facility}",
            serial=hashlib.sha256(seed.encode()).digest()[:16],
            now=MORNING,
        )

    def register(self, facility: str, certificate: Certificate, *, officer: str = "", until: int | None = None) -> None:
        """Puts a certificate on record for a facility, as it was before nodes were told of it."""
        with write_transaction(self.centre.engine) as connection:
            put_registration(
                connection,
                facility,
                serial_text(certificate.serial),
                registration=Registration(officer, 0, until),
                at=self.clock.now(),
            )


@dataclass(slots=True)
class Site:
    """A node with its keys and its chain."""

    world: World
    facility: str
    node: str
    officer: str
    epoch: int = 0
    sequence: int = 0
    digest: bytes = bytes(32)
    next_dose: int = 1
    certificate: Certificate | None = None
    organisation_key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec_key("organisation"))
    node_key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec_key("node"))

    def enrol(self, file: bytes, *, spoken: str) -> None:
        """Enrols with a one-time file, as an edge node does."""
        centre = self.world.centre
        content = verify_enrolment_file(parse_enrolment_file(file), spoken=spoken, at=self.world.clock.now())
        self.node_key = ec_key(f"node {self.node} {self.epoch + 1}")
        request = EnrolmentRequest(
            node=self.node,
            one_time_code=content.one_time_code,
            node_key=self.node_key.public_key(),
            node_sealing_key=ec_key(f"sealing {self.node}").public_key(),
        )
        inner = sign_enrolment_request(request, KeySigner(self.node_key))
        assert isinstance(content.sealing_key, ec.EllipticCurvePublicKey)
        sealed = seal(inner, recipient=content.sealing_key, entropy=centre.entropy)
        answer = accept_enrolment(sealed, engine=centre.engine, keys=centre.keys, now=self.world.clock.now())
        verified = verify_enrolment_request(inner)
        self.epoch = verify_enrolment_answer(answer, content.publisher_key, request=verified).epoch
        self.sequence, self.digest = 0, verified.digest

    def dose(self, person: int, **changes: object) -> Dose:
        """The next dose of this site, given to an invented person of that number."""
        dose = Dose(
            node=self.node,
            sequence=self.next_dose,
            facility=self.facility,
            recipient=recipient(person),
            product="AZ",
            lot="FG12345",
            lot_expiry="2022-12-31",
            dose_number=1,
            dose_total=2,
            given_at=MORNING + 3_600 + person % 3_600,
            recorded_at=MORNING + 3_660 + person % 3_600,
            vaccinator="Trần Văn Bình",
            station="B1",
            reaction="",
            recorded_by="ha.nt",
            late_reason="",
            evidence=IdentityEvidence(IdentityState.MATCHED, EvidenceSource.PACK, "pack-1", MORNING),
            replaces=None,
            replace_reason="",
        )
        self.next_dose += 1
        return replace(dose, **changes)  # type: ignore[arg-type]

    def doses(self, people: Sequence[int], **changes: object) -> list[Dose]:
        """One dose for each of these people."""
        return [self.dose(person, **changes) for person in people]

    def manifest(self, doses: Sequence[Dose], **changes: object) -> Manifest:
        """What the officer states about doses."""
        given = [local_day(dose.given_at) for dose in doses]
        manifest = Manifest(
            facility=self.facility,
            node=self.node,
            batch_number=self.sequence + 1,
            purpose=Purpose.SAME_DAY,
            first_day=min(given),
            last_day=max(given),
            people=count_people(doses),
            doses=len(doses),
            catalogue_version=1,
            checkpoint=self.world.head(),
            previous=None,
            approver="",
            claimed_at=self.world.clock.now(),
            signer_name=self.officer,
        )
        return replace(manifest, **changes)  # type: ignore[arg-type]

    def body(self, doses: Sequence[Dose], changes: Mapping[str, object] = MappingProxyType({})) -> BatchBody:
        """The signed batch of doses; `changes` are of its manifest."""
        signer = KeySigner(self.organisation_key, certificate=self.certificate)
        prepared = prepare_batch(self.manifest(doses, **changes), doses, SECRET)
        return BatchBody(sign_batch(prepared, signer), SECRET, pack_doses(doses))

    def link(self, body: bytes, *, kind: BundleKind = BundleKind.BATCH, **changes: object) -> bytes:
        """The next inner bundle of the chain; the chain moves on when `moved` is called."""
        bundle = Bundle(
            node=self.node,
            epoch=self.epoch,
            sequence=self.sequence + 1,
            previous=self.digest,
            kind=kind,
            known_head=self.world.head(),
            created_at=self.world.clock.now(),
            body=body,
        )
        return sign_bundle(replace(bundle, **changes), KeySigner(self.node_key))  # type: ignore[arg-type]

    def seal(self, inner: bytes) -> bytes:
        """Seals an inner bundle to the centre."""
        centre = self.world.centre
        return seal(inner, recipient=centre.keys.sealing_key, entropy=centre.entropy)

    def moved(self, inner: bytes) -> None:
        """Notes that an inner bundle is the newest link."""
        self.sequence, self.digest = self.sequence + 1, hashlib.sha256(inner).digest()

    def send(self, doses: Sequence[Dose], **changes: object) -> VerifiedReceipt:
        """Signs, seals and offers a batch; verifies the receipt."""
        return self.send_inner(self.inner(doses, **changes))

    def inner(self, doses: Sequence[Dose], **changes: object) -> bytes:
        """The next inner bundle, carrying a batch of doses."""
        return self.link(encode_batch_body(self.body(doses, changes)))

    def send_inner(self, inner: bytes) -> VerifiedReceipt:
        """Seals and offers an inner bundle; verifies the receipt as the node would."""
        known = parse_bundle(inner).claimed.known_head
        answer = self.world.offer(self.seal(inner))
        self.moved(inner)
        return verify_receipt(
            answer,
            ledger_keys=[self.world.centre.keys.ledger.public_key],
            node=self.node,
            epoch=self.epoch,
            sequence=self.sequence,
            digest=self.digest,
            known_head=known,
        )


def recipient(person: int, **changes: object) -> Recipient:
    """An invented person: even numbers are men, as their identity numbers say."""
    sex, year = (Sex.M, 1950 + person % 50) if person % 2 == 0 else (Sex.F, 1950 + person % 50)
    name = f"{'Nguyễn Văn' if sex is Sex.M else 'Đặng Thị'} {_GIVEN[person % len(_GIVEN)]}"
    number = f"019{0 if sex is Sex.M else 1}{year % 100:02d}{person:06d}"
    made = Recipient(
        name=name,
        family_name=None,
        sex=sex,
        birth_date=f"{year}-03-{1 + person % 28:02d}",
        paper=PaperKind.CCCD,
        number=number,
        nationality="VN",
        phone="0961234567",
        address_unit="05413",
        guardian="",
        group=9,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


_GIVEN: Final = ("Hùng", "Hương", "Đức", "Ngọc", "Ý", "Thảo", "Vỹ", "Hằng")


def _registered(person: Recipient) -> RegistryPerson:
    return RegistryPerson(
        number=person.number,
        old_number="",
        name=person.name,
        folded_name=names.fold(person.name),
        sex=person.sex.value,
        birth_date=person.birth_date,
        unit=person.address_unit,
    )
