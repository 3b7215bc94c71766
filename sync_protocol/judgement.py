"""Verifies any recognised artefact offline: no database, no network, only a trust set and an instant.

Each kind is verified by the module that it belongs to; what it says comes back as facts. Facts may hold a person's
data, because the person shows them; refusals never do.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from sync_protocol import limits
from sync_protocol.artefact import ArtefactKind, looks_like_text
from sync_protocol.batch import Manifest, Purpose, UnverifiedBatch, parse_batch, verify_batch
from sync_protocol.bundle import BundleKind, parse_batch_body, parse_bundle, verify_bundle
from sync_protocol.catalogue import verify_catalogue
from sync_protocol.certificate import Certificate, pick_intermediates, serial_text, verify_chain
from sync_protocol.columns import unpack_doses
from sync_protocol.days import to_datetime
from sync_protocol.dose_proof import parse_dose_proof, verify_dose_proof
from sync_protocol.enrolment_file import fingerprint
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.gateway_list import parse_gateway_json
from sync_protocol.hc1_remarks import Remark, remarks
from sync_protocol.health_certificate import CertifiedProduct, verify_hc1
from sync_protocol.health_content import LaboratoryTest, Recovery, Vaccination
from sync_protocol.ledger_epoch import epoch_facts
from sync_protocol.ledger_evidence import evidence_facts
from sync_protocol.ledger_export import ledger_facts
from sync_protocol.receipt import verify_inclusion
from sync_protocol.slip_text import parse_slip_text
from sync_protocol.tree_head import verify_tree_head
from sync_protocol.trust import TrustSet
from sync_protocol.trust_list import publisher_key_of, verify_trust_list

Fact = str | int


@dataclass(frozen=True, slots=True)
class Surroundings:
    """By what an artefact is judged.

    Attributes:
        trust: whose keys are accepted.
        at: the instant of judgement, epoch seconds, UTC.
        products: the catalogue's products, or None where no catalogue is at hand.
    """

    trust: TrustSet
    at: int
    products: Collection[CertifiedProduct] | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a verified artefact says.

    Attributes:
        facts: by name; instants (names ending in `_at` or `_until`) are epoch seconds, UTC.
        remarks: oddities that are no reason to refuse it.
    """

    facts: Mapping[str, Fact]
    remarks: tuple[Remark, ...] = field(default=())


def judge(kind: ArtefactKind, data: bytes, by: Surroundings) -> Judgement:
    """Verifies an artefact of a recognised kind.

    Raises:
        ProtocolError: why it is refused; the codes are those of the module that the kind belongs to.
    """
    return _JUDGES[kind](data, by)


def _health_certificate(data: bytes, by: Surroundings) -> Judgement:
    verified = verify_hc1(_text(data, Code.HC1_BASE45), by.trust, at=by.at)
    content, entry = verified.content, verified.content.entry
    facts: dict[str, Fact] = {
        "entry": content.kind.name.lower(),
        "issuer": verified.issuer,
        "issued_at": verified.issued_at,
        "expires_at": verified.expires_at,
        "family_name": content.name.fn or content.name.fnt,
        "given_name": content.name.gn or content.name.gnt,
        "birth_date": content.birth_date,
        "disease": entry.tg,
    }
    match entry:
        case Vaccination():
            facts |= {"vaccine": entry.vp, "product": entry.mp, "holder": entry.ma}
            facts |= {"dose": f"{entry.dn}/{entry.sd}", "given_on": entry.dt}
        case LaboratoryTest():
            facts |= {"test": entry.tt, "sampled": entry.sc, "result": entry.tr}
        case Recovery():
            facts |= {"first_positive": entry.fr, "from_day": entry.df, "until_day": entry.du}
    facts |= {"country": entry.co, "authority": entry.is_, "uvci": entry.ci}
    return Judgement(facts | _certificate_facts(verified.signer.certificate), remarks(verified, products=by.products))


def _slip(data: bytes, by: Surroundings) -> Judgement:
    proof = parse_slip_text(_text(data, Code.SLIP_DAMAGED)) if looks_like_text(data) else parse_dose_proof(data)
    certificate = _organisation_certificate(parse_batch(proof.statement_cose), by)
    verified = verify_dose_proof(proof, certificate=certificate)
    dose, manifest = verified.dose, verified.statement.manifest
    # SPEC 8 (15), as on admission: whose doses are signed, the statement says.
    if dose.facility != manifest.dose_facility or dose.node != manifest.dose_node:
        raise ProtocolError(Code.DOSE_FACILITY, "slip: the dose is of another facility or node than its statement")
    facts: dict[str, Fact] = {
        "standing": "provisional",
        "dose_id": dose.dose_id,
        "name": dose.recipient.name,
        "birth_date": dose.recipient.birth_date,
        "product": dose.product,
        "lot": dose.lot,
        "dose": f"{dose.dose_number}/{dose.dose_total}",
        "given_at": dose.given_at,
    }
    return Judgement(facts | _manifest_facts(manifest) | _certificate_facts(certificate))


def _sealed(data: bytes, _: Surroundings) -> Judgement:
    return Judgement({"digest": hashlib.sha256(data).hexdigest(), "bytes": len(data), "opened": "no"})


def _bundle(data: bytes, by: Surroundings) -> Judgement:
    unverified = parse_bundle(data)
    claimed = unverified.claimed
    node_key = by.trust.node_key(claimed.node, claimed.epoch)
    if node_key is None:
        raise ProtocolError(Code.SIGNER_UNKNOWN, "bundle: the trust list names no key of its node")
    verified = verify_bundle(unverified, node_key)
    bundle = verified.bundle
    facts: dict[str, Fact] = {
        "node": bundle.node,
        "epoch": bundle.epoch,
        "sequence": bundle.sequence,
        "bundle_kind": bundle.kind.value,
        "created_at": bundle.created_at,
        "digest": verified.digest.hex(),
        "node_key": fingerprint(node_key),
    }
    if bundle.kind is not BundleKind.BATCH:
        return Judgement(facts)
    body = parse_batch_body(bundle.body)
    batch = parse_batch(body.statement)
    manifest = batch.statement.manifest
    doses = unpack_doses(body.columns, node=manifest.dose_node, facility=manifest.dose_facility)
    certificate = _organisation_certificate(batch, by)
    verify_batch(batch, doses, body.secret, certificate=certificate)
    return Judgement(facts | _manifest_facts(manifest) | _certificate_facts(certificate))


def _receipt(data: bytes, by: Surroundings) -> Judgement:
    verified = verify_inclusion(data, ledger_keys=by.trust.ledger_keys)
    entry = verified.entry
    facts: dict[str, Fact] = {
        "node": entry.node,
        "epoch": entry.epoch,
        "sequence": entry.sequence,
        "digest": entry.digest.hex(),
        "admitted_at": entry.admitted_at,
        "outcome": entry.outcome,
        "doses": entry.doses,
        "ledger_index": entry.index,
        "ledger_size": verified.head.size,
        "ledger_root": verified.head.root.hex(),
    }
    return Judgement(facts)


def _tree_head(data: bytes, by: Surroundings) -> Judgement:
    head = verify_tree_head(data, by.trust.ledger_keys)
    return Judgement(
        {"epoch": head.epoch, "ledger_size": head.size, "ledger_root": head.root.hex(), "signed_at": head.at}
    )


def _trust_list(data: bytes, by: Surroundings) -> Judgement:
    key = by.trust.publisher_key or publisher_key_of(data)
    content = verify_trust_list(data, key, at=by.at)
    facts: dict[str, Fact] = {
        "version": content.version,
        "issued_at": content.issued_at,
        "expires_at": content.expires_at,
        "publisher_key": fingerprint(key),
        # A list that nothing vouches for is only known to be whole.
        "publisher_compared": "no" if by.trust.publisher_key is None else "yes",
        "ledger_keys": len(content.ledger_keys),
        "document_signers": len(content.document_signers),
        "organisation_anchors": len(content.organisation_anchors),
        "revoked": len(content.revoked),
    }
    return Judgement(facts)


def _gateway_list(data: bytes, _: Surroundings) -> Judgement:
    signers = parse_gateway_json(data)
    countries = {signer.country for signer in signers}
    newest = max((signer.listed_at for signer in signers), default=0)
    return Judgement({"document_signers": len(signers), "countries": len(countries), "issued_at": newest})


def _catalogue(data: bytes, by: Surroundings) -> Judgement:
    if by.trust.publisher_key is None:
        raise ProtocolError(Code.SIGNER_UNKNOWN, "catalogue: a signed trust list is needed for its publisher's key")
    catalogue = verify_catalogue(data, by.trust.publisher_key, at=by.at)
    facts: dict[str, Fact] = {
        "version": catalogue.version,
        "issued_at": catalogue.issued_at,
        "expires_at": catalogue.expires_at,
        "products": len(catalogue.products),
        "publisher_key": fingerprint(by.trust.publisher_key),
    }
    return Judgement(facts)


def _ledger(data: bytes, by: Surroundings) -> Judgement:
    return Judgement(ledger_facts(data, by.trust.ledger_keys))


def _evidence(data: bytes, by: Surroundings) -> Judgement:
    return Judgement(evidence_facts(data, by.trust.ledger_keys, by.trust.publisher_key))


def _organisation_certificate(batch: UnverifiedBatch, by: Surroundings) -> Certificate:
    """Finds the certificate that a statement names, and checks that it led to an anchor when it is said to have signed.

    Raises:
        ProtocolError: SIGNER_UNKNOWN, TIME_WINDOW, CERTIFICATE_REVOKED and those of `verify_chain`.
    """
    listed = by.trust.organisation_certificates
    certificate = next(iter(batch.certificates), None) or listed.get(batch.thumbprint)
    if certificate is None:
        raise ProtocolError(Code.SIGNER_UNKNOWN, "statement: its certificate neither came along nor is it in the list")
    claimed_at = batch.statement.manifest.claimed_at
    if claimed_at > by.at + limits.CLOCK_AHEAD_SECONDS:
        raise ProtocolError(Code.TIME_WINDOW, "statement: claims to be signed after the instant of verification")
    path = verify_chain(
        certificate,
        intermediates=pick_intermediates(certificate, (*batch.certificates[1:], *listed.values())),
        anchors=by.trust.organisation_anchors,
        at=to_datetime(claimed_at),
    )
    # Alone, a statement has no proven latest time, so a certificate that is revoked by now proves nothing, nor does one
    # whose authority is.
    if any(by.trust.is_revoked(item.thumbprint, at=by.at) for item in path):
        raise ProtocolError(Code.CERTIFICATE_REVOKED, "statement: a certificate of its path is revoked")
    return certificate


def _text(data: bytes, code: Code) -> str:
    """The text of a QR code, without the white space around it; refused with this code when it is none."""
    try:
        return data.decode("ascii").strip("\r\n\t ")
    except UnicodeDecodeError:
        raise ProtocolError(code, "text: characters outside the base45 alphabet") from None


def _manifest_facts(manifest: Manifest) -> dict[str, Fact]:
    facts: dict[str, Fact] = {"facility": manifest.dose_facility, "node": manifest.dose_node}
    if manifest.purpose is Purpose.DELEGATED:
        facts |= {"signing_facility": manifest.facility, "signing_node": manifest.node}
    facts |= {name: text for name in ("late_reason", "offline_reason") if (text := getattr(manifest, name))}
    return facts | {
        "signed_by": manifest.signer_name,
        "batch_number": manifest.batch_number,
        "purpose": manifest.purpose.value,
        "people": manifest.people,
        "doses": manifest.doses,
        "claimed_at": manifest.claimed_at,
    }


def _certificate_facts(certificate: Certificate) -> dict[str, Fact]:
    return {
        "signer": certificate.subject,
        "signer_serial": serial_text(certificate.serial),
        "signer_from": int(certificate.not_before.timestamp()),
        "signer_until": int(certificate.not_after.timestamp()),
    }


_JUDGES: Final[dict[ArtefactKind, Callable[[bytes, Surroundings], Judgement]]] = {
    ArtefactKind.HEALTH_CERTIFICATE: _health_certificate,
    ArtefactKind.SLIP: _slip,
    ArtefactKind.SEALED: _sealed,
    ArtefactKind.BUNDLE: _bundle,
    ArtefactKind.RECEIPT: _receipt,
    ArtefactKind.TREE_HEAD: _tree_head,
    ArtefactKind.TRUST_LIST: _trust_list,
    ArtefactKind.GATEWAY_LIST: _gateway_list,
    ArtefactKind.CATALOGUE: _catalogue,
    ArtefactKind.LEDGER: _ledger,
    ArtefactKind.LEDGER_EPOCH: lambda data, by: Judgement(epoch_facts(data, by.trust.ledger_keys)),
    ArtefactKind.EVIDENCE: _evidence,
}
