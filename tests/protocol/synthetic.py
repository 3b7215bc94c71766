"""Days and passes of invented people, made by the generator beside the checkout, as doses of ours.

The generator says nothing of when a dose was typed in or an identity was checked; here both happen when it is given.
"""

from __future__ import annotations

import datetime
import importlib.util
from collections.abc import Sequence
from functools import cache
from typing import Any, Final, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from sync_protocol.batch import Manifest, Purpose, count_people
from sync_protocol.certificate import Certificate, parse_certificate
from sync_protocol.days import local_day
from sync_protocol.dose import Dose, EvidenceSource, IdentityEvidence, IdentityState, PaperKind, Recipient, Sex
from sync_protocol.signers.key_signer import KeySigner, PrivateKey
from tests.builders import rsa_key
from tests.testdata import testdata_path

_Item = TypeVar("_Item")

NODE: Final = "19001A"
FACILITY: Final = "19001"
SECRET: Final = bytes(range(32))
_DAY: Final = "2022-04-15"
# 1 January 2022: certificates of the tests are valid on the generator's day.
VALID_FROM: Final = datetime.datetime(2022, 1, 1, tzinfo=datetime.UTC)


def generate_records(count: int, shape: str, *, seed: int = 20220415) -> list[dict[str, Any]]:
    """The generator's own records, shape "day" or "pass"."""
    return _generator().records(count, shape, seed)  # type: ignore[no-any-return]


@cache
def generate_doses(count: int, shape: str = "day", *, seed: int = 20220415) -> tuple[Dose, ...]:
    """The generator's records as doses."""
    records = generate_records(count, shape, seed=seed)
    return tuple(_dose(record, sequence) for sequence, record in enumerate(records, 1))


def entropy_of(count: int, shape: str, *, seed: int = 20220415) -> float:
    """The information in the generator's own choices, in bytes: what no encoding of its records goes below."""
    generator = _generator().Gen(seed)
    for _ in generator.day_records(count) if shape == "day" else generator.pass_records(count):
        pass
    return float(generator.r.bits) / 8


class Repeatable:
    """Choices that look random and are the same on every machine.

    Args:
        seed: which choices.
    """

    def __init__(self, seed: int) -> None:
        self._rng = _generator().Rng(seed)

    def randrange(self, start: int, stop: int | None = None) -> int:
        low, high = (0, start) if stop is None else (start, stop)
        return low + int(self._rng.below(high - low))

    def choice(self, items: Sequence[_Item]) -> _Item:
        return items[self.randrange(len(items))]


def make_manifest(doses: tuple[Dose, ...] | list[Dose], /, **changes: Any) -> Manifest:
    """A manifest that fits the doses; `changes` makes it one that does not."""
    days = sorted(local_day(dose.given_at) for dose in doses) or [_DAY]
    values: dict[str, Any] = {
        "facility": FACILITY,
        "node": NODE,
        "batch_number": 1,
        "purpose": Purpose.SAME_DAY,
        "first_day": days[0],
        "last_day": days[-1],
        "people": count_people(doses),
        "doses": len(doses),
        "catalogue_version": 1,
        "checkpoint": None,
        "previous": None,
        "approver": "",
        "claimed_at": 1_650_020_000,
        "signer_name": "Trần Thị Ánh",
    }
    return Manifest(**(values | changes))


def organisation_signer(key: PrivateKey, *, serial: int = 0x5403A1F0) -> KeySigner:
    """A signer with an organisation certificate as a public authority in Vietnam would issue it, about 1 KB."""
    return KeySigner(key, certificate=organisation_certificate(key, serial=serial))


def organisation_certificate(key: PrivateKey, *, serial: int = 0x5403A1F0) -> Certificate:
    """A certificate of the size and form in which public authorities in Vietnam issue them, about 1.2 KB."""
    subject = _name("VN", ("Thái Nguyên", "Huyện Đồng Hỷ"), "Sở Y tế tỉnh Thái Nguyên", "Trạm Y tế xã Hóa Thượng")
    issuer = _name("VN", ("Hà Nội", "Quận Ba Đình"), "Ban Cơ yếu Chính phủ", "Cơ quan chứng thực số Bộ Y tế")
    authority = rsa_key()
    location = x509.UniformResourceIdentifier("http://ca.gov.vn/pki/pub/crl/byt.crl")
    usage = x509.KeyUsage(True, True, False, False, False, False, False, False, False)
    policy = x509.PolicyInformation(x509.ObjectIdentifier("2.16.704.1.1.1"), ["http://ca.gov.vn/policy"])
    access = [
        x509.AccessDescription(method, location)
        for method in (AuthorityInformationAccessOID.OCSP, AuthorityInformationAccessOID.CA_ISSUERS)
    ]
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(VALID_FROM)
        .not_valid_after(VALID_FROM + datetime.timedelta(days=1_000))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.CertificatePolicies([policy]), critical=False)
        .add_extension(x509.AuthorityInformationAccess(access), critical=False)
        .add_extension(
            x509.CRLDistributionPoints([x509.DistributionPoint([location], None, None, None)]), critical=False
        )
        .sign(authority, hashes.SHA256())
    )
    return parse_certificate(signed.public_bytes(serialization.Encoding.DER))


def _name(country: str, places: tuple[str, str], organisation: str, name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, country),
            x509.NameAttribute(NameOID.STATE_OR_PROVINCE_NAME, places[0]),
            x509.NameAttribute(NameOID.LOCALITY_NAME, places[1]),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )


def _generator() -> Any:
    path = testdata_path().parent / "tools" / "gen_doses.py"
    spec = importlib.util.spec_from_file_location("gen_doses", path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError("the folder tools beside the test data holds no gen_doses.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _dose(record: dict[str, Any], sequence: int) -> Dose:
    at = int(datetime.datetime.fromisoformat(record["at"]).timestamp())
    return Dose(
        node=NODE,
        sequence=sequence,
        recipient=Recipient(
            name=record["name"],
            family_name=None,
            sex=Sex(record["sex"]),
            birth_date=record["dob"],
            paper=PaperKind.CCCD,
            number=record["cccd"],
            nationality="VN",
            phone=record["phone"],
            address_unit=record["comm"],
            guardian="",
            group=record["group"],
        ),
        product=record["vaccine"],
        lot=record["lot"],
        lot_expiry="2022-10-31",
        dose_number=record["dose"],
        dose_total=max(2, record["dose"]),
        given_at=at,
        recorded_at=at,
        vaccinator=record["by"],
        station="Bàn 1",
        reaction="",
        recorded_by="Phạm Thu Hà",
        late_reason="",
        evidence=IdentityEvidence(
            state=IdentityState.MATCHED, source=EvidenceSource.PACK, reference="pack-3", checked_at=at
        ),
        replaces=None,
        replace_reason="",
        facility=FACILITY,
    )
