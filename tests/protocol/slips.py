"""What a stranger needs to verify a slip, and slips out of a pass of 3,000 doses."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any, Final

from sync_protocol.batch import PreparedBatch, prepare_batch, sign_batch
from sync_protocol.certificate import Certificate
from sync_protocol.dose import Dose
from sync_protocol.dose_proof import DoseProof, prove_dose
from sync_protocol.manifest import Checkpoint
from sync_protocol.signers.key_signer import KeySigner, PrivateKey
from sync_protocol.trust_list import Revocation, TrustList, sign_trust_list
from tests.builders import ec_key, issue_certificate, make_ca, rsa_key
from tests.protocol.synthetic import SECRET, generate_doses, make_manifest

_FROM: Final = datetime.datetime(2022, 1, 1, tzinfo=datetime.UTC)
AUTHORITY: Final = make_ca("Cơ quan chứng thực số Chính phủ", _FROM)
# 15 April 2022, 18:30 in Vietnam: after the statements of `make_manifest`.
AT: Final = int(datetime.datetime(2022, 4, 15, 11, 30, tzinfo=datetime.UTC).timestamp())
WHEN: Final = "2022-04-15T18:30:00"
HEAD: Final = Checkpoint(epoch=1, size=120_000, root=bytes(range(100, 132)), at=1_650_000_000)


@cache
def slip_signer() -> KeySigner:
    """An officer with an RSA-2048 key, whose certificate is of the authority that the trust list names."""
    return registered(rsa_key(), "Trạm Y tế xã Hòa Hiệp")


def registered(key: PrivateKey, subject: str) -> KeySigner:
    """A signer with a certificate of that authority."""
    return KeySigner(key, certificate=issue_certificate(AUTHORITY, key, subject=subject, at=_FROM, days=1_000))


def certificate_of(signer: KeySigner) -> Certificate:
    """The certificate that it signs with."""
    assert signer.certificate is not None
    return signer.certificate


def trust_list(*certificates: Certificate, revoked: Sequence[Certificate] = ()) -> bytes:
    """The centre's signed list as an auditor has it: the authority, and these registered certificates."""
    content = TrustList(
        version=7,
        issued_at=AT - 86_400,
        expires_at=AT + 86_400,
        ledger_keys=(),
        sealing_keys=(),
        document_signers=(),
        organisation_anchors=(AUTHORITY.certificate,),
        node_keys=(),
        organisation_certificates=certificates,
        revoked=tuple(Revocation(one.thumbprint, AT - 3_600) for one in revoked),
    )
    return sign_trust_list(content, KeySigner(ec_key("publisher")))


def largest_pass(changed: Dose | None = None, **manifest: Any) -> tuple[PreparedBatch, bytes]:
    """A pass of 3,000 doses with its signed statement; a changed dose stands in the place of the second."""
    doses = list(generate_doses(3_000, "pass"))
    if changed is not None:
        doses[1] = replace(changed, sequence=doses[1].sequence)
        doses[0], doses[2] = (
            replace(doses[place], recipient=changed.recipient, dose_number=place + 1) for place in (0, 2)
        )
    values = {"checkpoint": HEAD, "previous": bytes(range(200, 232)), "approver": "Nguyễn Văn Bình"}
    prepared = prepare_batch(make_manifest(doses, **(values | manifest)), doses, SECRET)
    return prepared, sign_batch(prepared, slip_signer())


def proof_of(prepared: PreparedBatch, statement: bytes, index: int = 2) -> DoseProof:
    """The proof of one dose of it."""
    return prove_dose(prepared, index, secret=SECRET, statement_cose=statement)
