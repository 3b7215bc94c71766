"""Re-validates the registered certificates by two judges, and the revocations by the lists that are held (I13)."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection

from central.domain.finding import Finding
from central.domain.path_judge import PathJudge
from central.store import crls, ledger, signed_batches, trust
from central.store.trust import AUTHORITY_ROLES, CertificateRole
from central.workflow.recheck_revocations import in_question, revocations_known, revoked_signers
from sync_protocol.certificate import Certificate, pick_intermediates, serial_text, verify_chain
from sync_protocol.crl import listed_by, parse_crl, verify_crl
from sync_protocol.days import to_datetime
from sync_protocol.errors import Code, ProtocolError

# A list of 50,000 entries costs the second judge 0.15 s for each certificate; by path alone it does 1,500 in a second.
WITH_LISTS: Final = 50


def check_trust(connection: Connection) -> list[Finding]:
    """Checks what the centre trusts organisations by.

    1. every list that is held verifies under an authority, and every certificate that it names is revoked here;
    2. every registered certificate leads to an anchor by one judge exactly where it does by the other; with the lists,
       the second one is asked about the first `WITH_LISTS` that are not known to be revoked;
    3. no dose is admitted, without a health certificate yet, upon a signature that is in question by what is known.
    """
    findings = _check_lists(connection)
    findings += _check_paths(connection)
    for batch, _ in in_question(connection, list(revoked_signers(connection))):
        if signed_batches.batch_standing(connection, batch.ledger_index).releasable:
            findings.append(Finding("I13", f"entry {batch.ledger_index}", "is admitted though its signer is revoked"))
    return findings


def _check_lists(connection: Connection) -> list[Finding]:
    # (1)
    findings = []
    authorities = [row.certificate for row in trust.trusted_rows(connection, AUTHORITY_ROLES)]
    held = {one.digest: one for one in crls.held_crls(connection)}
    for der in crls.held_ders(connection):
        try:
            crl = parse_crl(der)
            verify_crl(crl, authorities, at=crl.this_update)
            listed = listed_by(crl)
        except ProtocolError as error:
            findings.append(Finding("I12", "revocation list", error.rule))
            continue
        one = held.get(crl.digest)
        place = f"revocation list of {crl.this_update}"
        if one is None:
            findings.append(Finding("I12", place, "the list is not the one of its row"))
            continue
        known = crls.listed_of_line(connection, one.line)
        missing = [
            serial
            for serial, item in listed.items()
            if (row := known.get(serial_text(serial))) is None or row.revoked_at > item.revoked_at
        ]
        if missing:
            findings.append(Finding("I13", place, f"{len(missing)} certificates that it names are not revoked here"))
    return findings


def _check_paths(connection: Connection) -> list[Finding]:
    # (2)
    anchors = trust.trusted(connection, CertificateRole.ORGANISATION_ANCHOR)
    known = trust.trusted(connection, CertificateRole.ORGANISATION_INTERMEDIATE)
    certificates = trust.registered_seen(connection)
    newest = ledger.newest_head(connection)
    if not certificates or newest is None:
        return []
    at = newest.head.at
    ours = [_judge(item, anchors=anchors, known=known, at=at) for item in certificates]
    by_path = PathJudge(intermediates=known, anchors=anchors, lists=[], at=at).judge(certificates)
    pairs = zip(certificates, ours, by_path, strict=True)
    findings = [_disagreement(item, mine, other) for item, mine, other in pairs if (mine is None) != (other is None)]
    revoked = _revoked_at(connection, certificates, at=at)
    good = [item for item, mine in zip(certificates, ours, strict=True) if mine is None and item not in revoked]
    asked = good[:WITH_LISTS]
    by_lists = PathJudge(intermediates=known, anchors=anchors, lists=crls.held_ders(connection), at=at).judge(asked)
    findings += [
        _disagreement(item, None, other) for item, other in zip(asked, by_lists, strict=True) if other is not None
    ]
    return findings


def _judge(
    certificate: Certificate, *, anchors: tuple[Certificate, ...], known: tuple[Certificate, ...], at: int
) -> Code | None:
    intermediates = pick_intermediates(certificate, known)
    try:
        verify_chain(certificate, intermediates=intermediates, anchors=anchors, at=to_datetime(at))
    except ProtocolError as error:
        return error.code
    return None


def _revoked_at(connection: Connection, certificates: tuple[Certificate, ...], *, at: int) -> set[Certificate]:
    """The certificates that are revoked at an instant, by themselves or by an authority that is."""
    revocations = revocations_known(connection)
    authorities = [row.certificate for row in trust.trusted_rows(connection, AUTHORITY_ROLES)]

    def is_revoked(certificate: Certificate) -> bool:
        listed = revocations.listed(certificate)
        noted = revocations.noted.get(certificate.thumbprint)
        return (noted is not None and noted <= at) or (listed is not None and listed.revoked_at <= at)

    fallen = {item.subject for item in authorities if is_revoked(item)}
    return {item for item in certificates if item.issuer in fallen or is_revoked(item)}


def _disagreement(certificate: Certificate, mine: Code | None, other: Code | None) -> Finding:
    said = f"{mine.value if mine else 'good'} by one judge, {other.value if other else 'good'} by the other"
    return Finding("I13", f"certificate {serial_text(certificate.serial)}", said)
