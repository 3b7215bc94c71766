"""The worked example of SPEC section 0: one batch of two doses, from the doses to the receipt, and a page of a feed.

Keys come from seeds and signatures are deterministic (RFC 6979), so the bytes are the same on every machine.
"""

from __future__ import annotations

import hashlib
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from sync_protocol import keys, merkle
from sync_protocol.batch import prepare_batch, sign_batch
from sync_protocol.bundle import (
    BatchBody,
    Bundle,
    BundleKind,
    encode_batch_body,
    parse_bundle,
    sign_bundle,
    verify_bundle,
)
from sync_protocol.certificate import Certificate
from sync_protocol.chain_head import ChainHead
from sync_protocol.columns import pack_doses
from sync_protocol.contact import Statement, sign_statement
from sync_protocol.dose import Dose, EvidenceSource, IdentityEvidence, IdentityState, PaperKind, Recipient, Sex
from sync_protocol.errors import Code
from sync_protocol.feed import NONCE_BYTES, FeedItem, FeedKind, FeedRequest, opening_keys_of, sign_item, sign_request
from sync_protocol.feed_page import StatedHead, framed, open_page, seal_page
from sync_protocol.ledger_entry import ADMITTED as ENTRY_ADMITTED
from sync_protocol.ledger_entry import LedgerEntry, encode_entry, entry_leaf, genesis_entry
from sync_protocol.manifest import Checkpoint, Manifest, Purpose, encode_manifest
from sync_protocol.receipt import build_receipt, verify_receipt
from sync_protocol.sealing import seal, sealed_digest
from sync_protocol.tree_head import check_follows
from sync_protocol.verdict import ADMITTED, Verdict, VerdictState, encode_verdicts, verdicts_digest
from sync_protocol.verdict_changes import VerdictChange, VerdictChanges, encode_changes
from tests.builders import SeededEntropy, ec_key, issue_certificate, make_ca

_AT = 1_790_000_000  # 2026-09-21T14:13:20Z


@dataclass(slots=True)
class RepeatableSigner:
    """A `Signer` on P-256 whose signatures depend on key and message alone (RFC 6979)."""

    private_key: ec.EllipticCurvePrivateKey
    certificate: Certificate | None = None
    operations: int = 0
    algorithm: keys.Algorithm = keys.Algorithm.ES256

    @property
    def public_key(self) -> keys.PublicKey:
        return self.private_key.public_key()

    def sign(self, message: bytes) -> bytes:
        self.operations += 1
        return keys.raw_from_der(self.private_key.sign(message, ec.ECDSA(SHA256(), deterministic_signing=True)))

    def sign_many(self, messages: Sequence[bytes]) -> list[bytes]:
        return [self.sign(message) for message in messages]

    def close(self) -> None:
        """Holds nothing to give back."""


def _dose(sequence: int, name: str, sex: Sex, birth_date: str, number: str) -> Dose:
    return Dose(
        node="19001A",
        sequence=sequence,
        facility="19001",
        recipient=Recipient(
            name=name,
            family_name=None,
            sex=sex,
            birth_date=birth_date,
            paper=PaperKind.CCCD,
            number=number,
            nationality="VN",
            phone=f"09800000{sequence:02d}",
            address_unit="05692",
            guardian="",
            group=9,
        ),
        product="AZ",
        lot="FD0001",
        lot_expiry="2027-03-31",
        dose_number=1,
        dose_total=2,
        given_at=_AT - 7_200 + 60 * sequence,
        recorded_at=_AT - 7_190 + 60 * sequence,
        vaccinator="Lê Thị Mẫu",
        station="Bàn 1",
        reaction="",
        recorded_by="tiem1",
        late_reason="",
        evidence=IdentityEvidence(IdentityState.MATCHED, EvidenceSource.PACK, "pack-3", _AT - 7_000),
        replaces=None,
        replace_reason="",
    )


def example_text() -> str:
    """The section, from the first dose to the verified receipt, and one contact with the feed."""
    entropy = SeededEntropy(1)
    at = datetime.fromtimestamp(_AT, UTC)
    organisation_key = ec_key("example organisation")
    certificate = issue_certificate(make_ca("Example CA", at), organisation_key, subject="Example station", at=at)
    doses = (
        _dose(1, "Nguyễn Văn Mẫu", Sex.M, "1984-03-05", "019084000123"),
        _dose(2, "Trần Thị Ví Dụ", Sex.F, "1991-11-20", "019191000456"),
    )
    tree = merkle.Tree([entry_leaf(genesis_entry(_AT - 86_400))])
    known = Checkpoint(epoch=1, size=1, root=tree.root, at=_AT - 86_400)
    manifest = Manifest(
        facility="19001",
        node="19001A",
        batch_number=1,
        purpose=Purpose.SAME_DAY,
        first_day="2026-09-21",
        last_day="2026-09-21",
        people=2,
        doses=2,
        catalogue_version=1,
        checkpoint=known,
        previous=None,
        approver="",
        claimed_at=_AT,
        signer_name="Trưởng trạm",
    )
    secret = entropy.token(32)
    prepared = prepare_batch(manifest, doses, secret)
    statement = sign_batch(prepared, RepeatableSigner(organisation_key, certificate))
    columns = pack_doses(doses)
    bundle = Bundle(
        node="19001A",
        epoch=1,
        sequence=1,
        previous=bytes(32),
        kind=BundleKind.BATCH,
        known_head=known,
        created_at=_AT + 5,
        body=encode_batch_body(BatchBody(statement=statement, secret=secret, columns=columns)),
    )
    node_key, ledger = ec_key("example node"), RepeatableSigner(ec_key("example ledger"))
    inner = sign_bundle(bundle, RepeatableSigner(node_key))
    verified = verify_bundle(parse_bundle(inner), node_key.public_key())
    sealed = seal(inner, recipient=ec_key("example sealing").public_key(), entropy=entropy)
    verdicts = [ADMITTED, ADMITTED]
    entry = LedgerEntry(
        index=1,
        node="19001A",
        epoch=1,
        sequence=1,
        kind="batch",
        digest=verified.digest,
        previous=bytes(32),
        admitted_at=_AT + 60,
        outcome=ENTRY_ADMITTED,
        verdicts_digest=verdicts_digest(encode_verdicts(verdicts)),
        doses=2,
    )
    tree.append(entry_leaf(entry))
    receipt = build_receipt(
        entry, tree, epoch=1, at=_AT + 60, known_head_size=1, ledger_signer=ledger, verdicts=verdicts
    )
    verify_receipt(
        receipt,
        ledger_keys=[ledger.public_key],
        node="19001A",
        epoch=1,
        sequence=1,
        digest=verified.digest,
        known_head=known,
    )
    parts = [
        ("First dose, the content of leaf 1 after its salt", prepared.dose_bytes[0]),
        ("Manifest, the content of leaf 0", encode_manifest(manifest)),
        ("Batch secret", secret),
        ("Leaf hash of the manifest", prepared.leaf_hashes[0]),
        ("Leaf hash of the first dose", prepared.leaf_hashes[1]),
        ("Leaf hash of the second dose", prepared.leaf_hashes[2]),
        ("Root", prepared.statement.root),
        ("Organisation certificate (DER)", certificate.der),
        ("Signed statement (COSE_Sign1)", statement),
        ("Both doses as columns", columns),
        ("Inner bundle (COSE_Sign1 by the node key)", inner),
        ("Its digest", verified.digest),
        ("Sealed bundle (COSE_Encrypt), what travels", sealed),
        ("Its digest on the way", sealed_digest(sealed)),
        ("Ledger entry 1", encode_entry(entry)),
        ("Answer of the centre: entry, COSE receipt, consistency, verdicts", receipt),
    ]
    parts += _feed_parts(known, entry.digest, tree, entropy)
    return "\n".join(_part(title, data) for title, data in parts)


def _feed_parts(known: Checkpoint, chain: bytes, tree: merkle.Tree, entropy: SeededEntropy) -> list[tuple[str, bytes]]:
    """One contact after that receipt: the node still names the head of before, and gets one item."""
    node, opening, publisher = ec_key("example node"), ec_key("example opening"), ec_key("example publisher")
    asked = FeedRequest("19001A", 1, 0, at=_AT + 90, nonce=entropy.token(NONCE_BYTES), known=known)
    change = VerdictChange(1, 2, ADMITTED, Verdict(VerdictState.QUARANTINED, Code.CERTIFICATE_REVOKED), _AT + 80)
    body = encode_changes(VerdictChanges("19001A", (change,)))
    item = sign_item(FeedItem("19001A", 1, FeedKind.VERDICTS, _AT + 85, body), RepeatableSigner(publisher))
    head = Checkpoint(epoch=1, size=2, root=tree.root, at=_AT + 60)
    statement = Statement(
        node="19001A",
        newest_item=1,
        at=_AT + 91,
        nonce=asked.nonce,
        head=head,
        versions={"catalogue": 1, "trust-list": 1},
        chain=ChainHead(1, 1, chain),
    )
    signed = sign_statement(statement, RepeatableSigner(publisher))
    stated = StatedHead(signed, path_from=known.size, path=tree.consistency(known.size))
    page = seal_page([item], newest=1, recipient=opening.public_key(), entropy=entropy, stated=stated)
    opened = open_page(page, opening_keys_of(opening), publisher.public_key(), node="19001A")
    assert opened.statement == statement
    check_follows(head, known, path=stated.path)
    return [
        ("Request for the feed (COSE_Sign1 by the node key)", sign_request(asked, RepeatableSigner(node))),
        ("Body of item 1: one verdict that changed", body),
        ("Item 1 (COSE_Sign1 by the publisher key)", item),
        ("Statement beside it (COSE_Sign1 by the publisher key)", signed),
        ("Answer: the length of the page, and the page, sealed to the node", framed(page)),
    ]


def _part(title: str, data: bytes) -> str:
    lines = "\n".join(textwrap.wrap(data.hex(), 120))
    digest = "" if len(data) <= 32 else f", SHA-256 `{hashlib.sha256(data).hexdigest()[:16]}…`"
    return f"**{title}** ({len(data)} bytes{digest})\n\n```\n{lines}\n```\n"
