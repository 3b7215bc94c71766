"""Exports what strangers verify by: the whole ledger with its head, and the trust list in both forms."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Engine

from central.store import ledger, ledger_epochs, trust
from central.store.database import read_transaction
from central.store.key_store import KeyRing
from central.store.published_sets import PublishedKind, newest_set
from central.store.trust import CertificateRole
from central.workflow.publish_sets import COUNTRY, trust_list_content
from sync_protocol import limits
from sync_protocol.days import DAY_SECONDS
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.gateway_list import TrustedSigner, encode_gateway_json
from sync_protocol.ledger_export import LedgerExport, export_pieces
from sync_protocol.trust_list import sign_trust_list


def export_ledger(engine: Engine) -> Iterator[bytes]:
    """Gives the ledger file piece by piece: every entry, and the head over exactly these."""
    with read_transaction(engine) as connection:
        newest = ledger.newest_head(connection)
        assert newest is not None
        entries = [stored.entry for stored in ledger.all_entries(connection)]
        epochs = [stored.signed for stored in ledger_epochs.all_epochs(connection)]
    yield from export_pieces(LedgerExport(entries, newest.signed, epochs))


def export_gateway_list(engine: Engine) -> str:
    """The document signers in the European gateway's JSON form."""
    with read_transaction(engine) as connection:
        signers = trust.trusted(connection, CertificateRole.DOCUMENT_SIGNER)
    return encode_gateway_json(
        [
            TrustedSigner(
                kid=signer.kid,
                country=COUNTRY,
                certificate=signer,
                listed_at=int(signer.not_before.timestamp()),
            )
            for signer in signers
        ]
    )


def export_signed_list(engine: Engine, *, keys: KeyRing, days: int, now: int, facilities: str = "") -> bytes:
    """Our own signed trust list for those who verify offline: all nodes' keys, and the registered certificates.

    Args:
        engine, keys: of the centre.
        days: for how long it is good.
        now: epoch seconds, UTC.
        facilities: with what the codes of the facilities begin whose certificates are told.

    Raises:
        ProtocolError: TOO_LARGE where readers would refuse it for its size.
    """
    with read_transaction(engine) as connection:
        published = newest_set(connection, PublishedKind.TRUST_LIST)
        assert published is not None
        content = trust_list_content(
            connection,
            version=published.version,
            issued_at=now,
            expires_at=now + days * DAY_SECONDS,
            with_nodes=True,
            organisations=[
                *trust.registered_seen(connection, facilities=facilities),
                # What names its signer by thumbprint alone brings no authority along either.
                *trust.trusted(connection, CertificateRole.ORGANISATION_INTERMEDIATE),
            ],
        )
    signed = sign_trust_list(content, keys.publisher)
    if len(signed) > limits.SET_BYTES:
        raise ProtocolError(Code.TOO_LARGE, f"trust list: more than {limits.SET_BYTES} bytes")
    return signed
