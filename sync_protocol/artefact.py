"""Recognises any artefact by its form alone; nothing is verified here, see `judgement`."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import cbor2

from sync_protocol import cbor, contexts, cose, limits
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.ledger_evidence import EVIDENCE_PREFIX
from sync_protocol.ledger_export import EXPORT_PREFIXES


class ArtefactKind(StrEnum):
    """What kinds of artefact there are."""

    HEALTH_CERTIFICATE = "health-certificate"
    SLIP = "slip"
    SEALED = "sealed-bundle"
    BUNDLE = "bundle"
    RECEIPT = "receipt"
    TREE_HEAD = "tree-head"
    TRUST_LIST = "trust-list"
    GATEWAY_LIST = "gateway-list"
    CATALOGUE = "catalogue"
    LEDGER = "ledger-export"
    LEDGER_EPOCH = "ledger-epoch"
    EVIDENCE = "evidence"


_CONTENT_TYPES: Final = {
    (cbor.TAG_ENCRYPT, contexts.SEALED.content_type): ArtefactKind.SEALED,
    (cbor.TAG_SIGN1, contexts.BUNDLE.content_type): ArtefactKind.BUNDLE,
    (cbor.TAG_SIGN1, contexts.TREE_HEAD.content_type): ArtefactKind.TREE_HEAD,
    (cbor.TAG_SIGN1, contexts.LEDGER_EPOCH.content_type): ArtefactKind.LEDGER_EPOCH,
    (cbor.TAG_SIGN1, contexts.TRUST_LIST.content_type): ArtefactKind.TRUST_LIST,
    (cbor.TAG_SIGN1, contexts.CATALOGUE.content_type): ArtefactKind.CATALOGUE,
}
_SLIP_KEYS: Final = {1, 2, 3, 4, 5}
_RECEIPT_KEYS: Final = ({1, 2, 4}, {1, 2, 3, 4})
# A health certificate's text, also with another version or context than ours: then it is refused as such.
_TEXT_MARKS: Final = (b"HC1:", b"HC0:", b"HC2:", b"HL0:", b"hc1:")
# A slip's text, of whatever version.
_SLIP_MARKS: Final = (b"HCVX", b"hcvx")


def looks_like_text(data: bytes) -> bool:
    """Says whether the bytes begin like the text of a QR code of ours; further lines may hold more of them."""
    return data[:256].lstrip().startswith(_TEXT_MARKS + _SLIP_MARKS)


def recognise(data: bytes) -> ArtefactKind:
    """Returns what an artefact claims to be by its form; nothing is verified.

    Raises:
        ProtocolError: NOT_RECOGNISED, TOO_LARGE, or what the decoder of its form raises.
    """
    if looks_like_text(data):
        return ArtefactKind.SLIP if data.lstrip().startswith(_SLIP_MARKS) else ArtefactKind.HEALTH_CERTIFICATE
    if data.startswith(EXPORT_PREFIXES):
        return ArtefactKind.LEDGER
    if data.startswith(EVIDENCE_PREFIX):
        return ArtefactKind.EVIDENCE
    if data[:256].lstrip().startswith(b"["):
        return ArtefactKind.GATEWAY_LIST
    value = cbor.decode(data, max_bytes=limits.SET_BYTES)
    if isinstance(value, cbor2.CBORTag):
        return _by_content_type(value)
    if isinstance(value, dict) and set(value) == _SLIP_KEYS:
        return ArtefactKind.SLIP
    if isinstance(value, dict) and set(value) in _RECEIPT_KEYS:
        return ArtefactKind.RECEIPT
    raise ProtocolError(Code.NOT_RECOGNISED, "file: no artefact of this system")


def _by_content_type(value: cbor2.CBORTag) -> ArtefactKind:
    # Both envelopes have the protected header first.
    match value.value:
        case [bytes(protected), *_] if protected:
            header = cbor.decode(protected, max_bytes=limits.MESSAGE_BYTES)
            content_type = header.get(cose.CONTENT_TYPE) if isinstance(header, dict) else None
            kind = _CONTENT_TYPES.get((value.tag, content_type)) if isinstance(content_type, str) else None
            if kind is not None:
                return kind
    raise ProtocolError(Code.NOT_RECOGNISED, "file: an envelope with content that is no artefact of this system")
