"""Judges our files by libraries of others, and theirs by ours; prints ``N passed, M failed``."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
from cryptography.hazmat.primitives import serialization

from sync_protocol import contexts, cose
from sync_protocol.certificate import Certificate
from sync_protocol.document_signer import document_signer
from sync_protocol.errors import ProtocolError
from sync_protocol.health_certificate import CertifiedProduct, HealthCertificate, certify_dose, verify_hc1
from sync_protocol.issuance import issue_many
from sync_protocol.keys import Algorithm
from sync_protocol.signers.key_signer import KeySigner, PrivateKey
from sync_protocol.trust import TrustSet
from sync_protocol.uvci import make_uvci
from tests.builders import ec_key, issue_certificate, make_ca, rsa_key

PRODUCT = CertifiedProduct("840539006", "1119349007", "EU/1/20/1528", "ORG-100030215")
NAMES = ["Nguyễn Thị Phương Ánh", "Đỗ Đình Đào", "H'Hen Niê", "Lê Văn Ấ", "Trần Ðức Ỷ"]
CONTEXT = contexts.BUNDLE
MESSAGE_BYTES = 100_000
DAY = 86_400
BOTH = ["cwt", "pycose"]


@dataclass(frozen=True, slots=True)
class Judgement:
    """One thing that had to be accepted, or refused, and was or was not."""

    name: str
    passed: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Party:
    """A key with its certificate, under a name that both sides know."""

    name: str
    key: PrivateKey
    certificate: Certificate

    def signer(self, algorithm: Algorithm) -> KeySigner:
        """The key as a signer with an algorithm."""
        return KeySigner(self.key, certificate=self.certificate, algorithm=algorithm)


def contents() -> list[HealthCertificate]:
    """Contents with all kinds of Vietnamese letters; the judge gets them as JSON."""
    return [
        certify_dose(
            name=name,
            family_name="Niê" if "Niê" in name else None,
            birth_date=("1980", "1999-12-31")[number % 2],
            product=PRODUCT,
            dose_number=number + 1,
            dose_total=2,
            given_on="2022-04-15",
            uvci=make_uvci("19001A", f"D{number:06d}"),
            issuer="Cục Y tế dự phòng, Bộ Y tế",
        )
        for number, name in enumerate(NAMES)
    ]


def certificate_cases(party: Party, algorithm: Algorithm, now: int) -> Iterator[dict[str, object]]:
    """Health certificates of ours that must be read, one that is changed and one that has expired."""
    signer = party.signer(algorithm)
    made = contents()
    texts = issue_many(made, signer, issued_at=now, products={PRODUCT})
    old = issue_many(made[:1], signer, issued_at=now - 400 * DAY, products={PRODUCT})[0]
    flipped = texts[0][:-1] + ("0" if texts[0][-1] != "0" else "1")
    common: dict[str, object] = {"kind": "certificate", "key": party.name, "kid": party.certificate.kid.hex()}
    common |= {"alg": algorithm.name, "judges": BOTH, "accept": True}
    for number, (content, text) in enumerate(zip(made, texts, strict=True)):
        yield common | {"name": f"{algorithm.name} {number}", "text": text, "content": content.content()}
    common |= {"content": made[0].content(), "accept": False}
    yield common | {"name": f"{algorithm.name} changed", "text": flipped}
    # Only cwt looks at the times.
    yield common | {"name": f"{algorithm.name} expired", "text": old, "judges": ["cwt"]}


def envelope_cases(party: Party, algorithm: Algorithm) -> Iterator[dict[str, object]]:
    """An envelope of ours, and the same under another message's context."""
    payload = f"payload for {algorithm.name}".encode()
    data = cose.sign1(
        payload,
        signer=party.signer(algorithm),
        content_type=CONTEXT.content_type,
        context=CONTEXT.aad,
        protected={cose.X5T: cose.x5t(party.certificate.thumbprint)},
        unprotected={cose.X5CHAIN: party.certificate.der},
    )
    common: dict[str, object] = {"kind": "envelope", "key": party.name, "alg": algorithm.name, "judges": BOTH}
    common |= {"message": data.hex(), "payload": payload.hex()}
    yield common | {"name": algorithm.name, "context": CONTEXT.aad.hex(), "accept": True}
    yield common | {"name": f"{algorithm.name} elsewhere", "context": contexts.BATCH.aad.hex(), "accept": False}


def judge_ours(folder: Path, judge: Path, parties: dict[str, Party], now: int) -> Iterator[Judgement]:
    """Lets the judge read our files; it writes its own into the folder afterwards."""
    cases: list[dict[str, object]] = []
    for name, algorithm in (("ec", Algorithm.ES256), ("rsa", Algorithm.PS256)):
        cases += certificate_cases(parties[name], algorithm, now)
        cases += envelope_cases(parties[name], algorithm)
    cases += envelope_cases(parties["rsa"], Algorithm.RS256)
    order = {
        "issued_at": now,
        "expires_at": now + 300 * DAY,
        "content": contents()[0].content(),
        "context": CONTEXT.aad.hex(),
        "content_type": CONTEXT.content_type,
        "kids": {name: party.certificate.kid.hex() for name, party in parties.items()},
    }
    (folder / "cases.json").write_text(json.dumps({"cases": cases, "order": order}), "utf-8")
    for name, party in parties.items():
        _write_keys(folder, name, party.key)
    program = Path(__file__).with_name("judge.py")
    finished = subprocess.run([str(judge), str(program), str(folder)], capture_output=True, text=True, check=False)
    for line in finished.stdout.splitlines():
        yield Judgement(**json.loads(line))
    yield Judgement("the judge came to its end", finished.returncode == 0, finished.stderr.strip())


def judge_theirs(folder: Path, parties: dict[str, Party], now: int) -> Iterator[Judgement]:
    """Verifies what the judge wrote."""
    signers = {party.certificate.kid: (document_signer(party.certificate),) for party in parties.values()}
    trust = TrustSet(signers=signers)
    expected = contents()[0]
    texts, envelopes = sorted(folder.glob("*.hc1")), sorted(folder.glob("*.cose"))
    yield Judgement("the judge wrote its files", (len(texts), len(envelopes)) == (6, 4), f"{len(texts)} texts")
    for path in texts:
        detail = ""
        try:
            detail = (
                "" if verify_hc1(path.read_text("ascii"), trust, at=now).content.entry.ci == expected.uvci else "other"
            )
        except ProtocolError as refusal:
            detail = str(refusal)
        yield Judgement(f"we read {path.name}", detail == "", detail)
    for path in envelopes:
        key = parties["ec" if "ES256" in path.name else "rsa"].certificate.public_key
        message = cose.parse_sign1(path.read_bytes(), max_bytes=MESSAGE_BYTES, strict=False)
        for context, accept in ((CONTEXT, True), (contexts.BATCH, False)):
            detail = ""
            try:
                cose.verify_sign1(message, key, context=context.aad, content_type=CONTEXT.content_type)
            except ProtocolError as refusal:
                detail = str(refusal)
            yield Judgement(f"we read {path.name} as {context.content_type}", (detail == "") == accept, detail)


def _write_keys(folder: Path, name: str, key: PrivateKey) -> None:
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / f"{name}.private.pem").write_bytes(private)
    public = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    (folder / f"{name}.public.pem").write_bytes(public)


@click.command()
@click.option("--judge", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def main(judge: Path) -> None:
    """Runs all judgements with the interpreter JUDGE, whose environment holds cwt and pycose."""
    # cwt judges the times by its own clock, so this is about now.
    now = int(time.time())  # noqa: TID251
    start = dt.datetime.fromtimestamp(now - 500 * DAY, dt.UTC)
    authority = make_ca("CSCA", start)
    keys: dict[str, PrivateKey] = {"ec": ec_key("interop"), "rsa": rsa_key()}
    parties = {
        name: Party(name, key, issue_certificate(authority, key, subject=f"DSC {name}", at=start, days=1_500))
        for name, key in keys.items()
    }
    with tempfile.TemporaryDirectory() as folder:
        found = [*judge_ours(Path(folder), judge, parties, now), *judge_theirs(Path(folder), parties, now)]
    failed = [judgement for judgement in found if not judgement.passed]
    for judgement in failed:
        click.echo(f"FAILED {judgement.name}: {judgement.detail}")
    click.echo(f"{len(found) - len(failed)} passed, {len(failed)} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
