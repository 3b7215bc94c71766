"""How fast health certificates are made and verified, on one core, beside what the processor does in raw P-256.

`limit` is `openssl speed ecdsap256` measured for each size in the same run; `peer` is the ordinary way: each
certificate by itself, general CBOR encoder, zlib at its highest level; for verifying, each text by itself.
"""

from __future__ import annotations

import datetime as dt
import re
import subprocess
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sync_protocol import base45, cose
from sync_protocol.document_signer import document_signer
from sync_protocol.errors import ProtocolError
from sync_protocol.hc1_text import PREFIX
from sync_protocol.hc1_verification import verify_many
from sync_protocol.health_certificate import (
    CertifiedProduct,
    HealthCertificate,
    certify_dose,
    encode_claims,
    verify_hc1,
)
from sync_protocol.issuance import expiry, issue_many
from sync_protocol.signers.key_signer import KeySigner
from sync_protocol.trust import TrustSet
from sync_protocol.uvci import make_uvci
from tests.builders import ec_key, issue_certificate, make_ca
from tests.protocol.synthetic import generate_doses

SIZES = {"100": 100, "1k": 1_000, "10k": 10_000}
ISSUE_TARGET = 0.5
VERIFY_TARGET = 0.75

_START = dt.datetime(2022, 1, 1, tzinfo=dt.UTC)
_AT = 1_650_018_600
_PRODUCT = CertifiedProduct("840539006", "1119349007", "EU/1/20/1528", "ORG-100030215")
_RUNS = 5


@dataclass(frozen=True, slots=True)
class _Raw:
    """What `openssl speed` reaches on one core: signatures and verifications a second."""

    sign: float
    verify: float


def measure() -> Iterator[dict[str, object]]:
    """Yields the lines of `issue_hc1` and `verify_hc1`, each at three sizes."""
    key = ec_key("document signer")
    certificate = issue_certificate(make_ca("CSCA", _START), key, subject="DSC", at=_START, days=1_000)
    signer = KeySigner(key, certificate=certificate)
    trust = TrustSet(signers={certificate.kid: (document_signer(certificate),)})
    for suffix, size in SIZES.items():
        contents = _contents(size)
        raw = _openssl_speed()
        texts = issue_many(contents, signer, issued_at=_AT, products={_PRODUCT})
        issued = _rate(size, lambda: issue_many(contents, signer, issued_at=_AT, products={_PRODUCT}))  # noqa: B023
        ordinary = _rate(size, lambda: _issue_ordinarily(contents, signer), runs=1)  # noqa: B023
        yield _line(f"issue_hc1.{suffix}", issued, limit=raw.sign, peer=ordinary, target=ISSUE_TARGET)
        results = verify_many(texts, trust, at=_AT)
        if any(isinstance(result, ProtocolError) for result in results):
            raise RuntimeError("a certificate of ours was refused")
        verified = _rate(size, lambda: verify_many(texts, trust, at=_AT))  # noqa: B023
        single = _rate(size, lambda: [verify_hc1(text, trust, at=_AT) for text in texts], runs=2)  # noqa: B023
        yield _line(f"verify_hc1.{suffix}", verified, limit=raw.verify, peer=single, target=VERIFY_TARGET)


def _contents(size: int) -> list[HealthCertificate]:
    return [
        certify_dose(
            name=dose.recipient.name,
            family_name=None,
            birth_date=dose.recipient.birth_date,
            product=_PRODUCT,
            dose_number=dose.dose_number,
            dose_total=dose.dose_total,
            given_on="2022-04-15",
            uvci=make_uvci("19001A", f"{dose.sequence:08X}"),
            issuer="Cục Y tế dự phòng, Bộ Y tế",
        )
        for dose in generate_doses(size)
    ]


def _issue_ordinarily(contents: Sequence[HealthCertificate], signer: KeySigner) -> list[str]:
    assert signer.certificate is not None
    expires_at = expiry(signer.certificate, issued_at=_AT)
    protected = cose.encode_protected({cose.ALG: int(signer.algorithm), cose.KID: signer.certificate.kid})
    texts = []
    for content in contents:
        payload = encode_claims(content, issued_at=_AT, expires_at=expires_at)
        signature = signer.sign(cose.sig_structure(protected, b"", payload))
        message = cose.encode_sign1(cose.Sign1(protected, {}, payload, signature))
        texts.append(PREFIX + base45.encode(zlib.compress(message, 9)))
    return texts


def _rate(size: int, work: Callable[[], object], *, runs: int = _RUNS) -> float:
    """Returns how many a second in the best of the runs: the others shared the core with something else."""
    best = float("inf")
    for _ in range(runs):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return size / best


def _openssl_speed() -> _Raw:
    output = subprocess.run(
        ["openssl", "speed", "-seconds", "1", "ecdsap256"], capture_output=True, text=True, check=True
    ).stdout
    found = re.search(r"nistp256\)\s+\S+\s+\S+\s+([0-9.]+)\s+([0-9.]+)", output)
    if found is None:
        raise RuntimeError("openssl speed printed no figures for P-256")
    return _Raw(float(found[1]), float(found[2]))


def _line(metric: str, value: float, *, limit: float, peer: float, target: float) -> dict[str, object]:
    ratio = value / limit
    return {
        "metric": metric,
        "value": round(value),
        "unit": "per second and core",
        "limit": round(limit),
        "ratio": round(ratio, 3),
        "peer": round(peer),
        "target": target,
        "met": ratio >= target,
    }
