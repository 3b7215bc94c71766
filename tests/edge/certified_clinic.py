"""A clinic whose doses have health certificates, and a trust list by which they are verified."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from edge.store import doses, sets
from edge.store.sets import StoredSet, StoredSetKind
from edge.workflow.exchange import exchange
from edge.workflow.take_feed import fetch_feed
from sync_protocol.days import add_months, local_day
from sync_protocol.feed import FeedKind
from sync_protocol.health_certificate import CertifiedProduct, certify_dose
from sync_protocol.identity import Recipient
from sync_protocol.issuance import issue_many
from sync_protocol.passports import CertificateState, IssuedCertificate, Passports, encode_passports
from sync_protocol.trust_list import TrustList, sign_trust_list
from sync_protocol.uvci import make_uvci
from tests.builders import SeededEntropy
from tests.edge.clinic import NODE, NOW, Clinic, make_clinic
from tests.edge.signed_clinic import record_people, sign_all
from tests.protocol.passports import AUTHORITY_NAME, ec_signer
from tests.protocol.slips import slip_signer

ISSUED: Final = NOW - 300


def make_certified(directory: Path, people: Sequence[Recipient]) -> tuple[Clinic, dict[int, IssuedCertificate]]:
    """A clinic where each of these people got a dose, signed and certified; gives the certificates by sequence."""
    clinic = make_clinic(directory)
    record_people(clinic, people)
    sign_all(clinic, slip_signer())
    exchange(clinic.database, clinic.centre, now=lambda: NOW, entropy=SeededEntropy(5))
    trust_document_signer(clinic)
    return clinic, certify(clinic, range(1, len(people) + 1))


def certify(
    clinic: Clinic, sequences: Sequence[int], *, issue: int = 1, changed: Mapping[int, Recipient] | None = None
) -> dict[int, IssuedCertificate]:
    """The centre certifies these doses and tells the node; gives the certificates by sequence.

    Args:
        changed: whose content stands in the certificate of a dose instead.
    """
    with clinic.database.read() as tables:
        held = doses.assemble(tables, list(sequences))
    product = {one.code: CertifiedProduct(one.disease, one.vp, one.mp, one.ma) for one in clinic.catalogue.products}
    contents = []
    for dose in held:
        person = (changed or {}).get(dose.sequence, dose.recipient)
        contents.append(
            certify_dose(
                name=person.name,
                family_name=person.family_name,
                birth_date=person.birth_date,
                product=product[dose.product],
                dose_number=dose.dose_number,
                dose_total=max(dose.dose_total, dose.dose_number),
                given_on=local_day(dose.given_at),
                uvci=make_uvci("19001", f"ABCDEFGH{dose.sequence:04d}{issue:04d}"),
                issuer=AUTHORITY_NAME,
            )
        )
    texts = issue_many(contents, ec_signer(), issued_at=ISSUED, products=set(product.values()))
    state = CertificateState.ISSUED if issue == 1 else CertificateState.RENEWED
    made = tuple(
        IssuedCertificate(dose.sequence, issue, state, ISSUED, add_months(ISSUED, 12), text)
        for dose, text in zip(held, texts, strict=True)
    )
    tell(clinic, made)
    return {one.sequence: one for one in made}


def revoke(clinic: Clinic, certificate: IssuedCertificate) -> None:
    """The centre takes a certificate back and tells the node."""
    tell(clinic, [replace(certificate, state=CertificateState.REVOKED, hc1="")])


def tell(clinic: Clinic, certificates: Sequence[IssuedCertificate]) -> None:
    """Put certificates into the node's feed and let it hear them."""
    clinic.centre.put_item(NODE, FeedKind.PASSPORTS, encode_passports(Passports(NODE, tuple(certificates))))
    fetch_feed(clinic.database, clinic.centre, now=lambda: NOW, entropy=SeededEntropy(len(certificates)))


def trust_document_signer(clinic: Clinic, *, version: int = 2, expires_at: int = NOW + 30 * 86_400) -> None:
    """Store a trust list that names the document signer of the tests."""
    signer = ec_signer().certificate
    assert signer is not None
    content = TrustList(
        version=version,
        issued_at=NOW - 86_400,
        expires_at=expires_at,
        ledger_keys=(clinic.centre.ledger.public_key,),
        sealing_keys=(clinic.centre.sealing.public_key(),),
        document_signers=(signer,),
        organisation_anchors=(),
    )
    signed = sign_trust_list(content, clinic.centre.publisher)
    with clinic.database.write_transaction() as tables:
        sets.add(tables, StoredSet(StoredSetKind.TRUST_LIST, version, signed, expires_at=expires_at, imported_at=NOW))
