"""The centre in memory behind `CentralApi`: a real ledger with real receipts, and every misbehaviour a test asks for.

It opens, verifies, chains and answers as the centre must (SPEC 8, in short), so that a node's workflows can be tried
without a server. `faults` says what goes wrong with the next offers; each planted fault is used up once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from sync_protocol import keys, limits
from sync_protocol.api import NetworkError, RemoteProblem
from sync_protocol.batch import parse_batch, verify_batch
from sync_protocol.bundle import Bundle, BundleKind, VerifiedBundle, parse_batch_body, parse_bundle, verify_bundle
from sync_protocol.catalogue import Catalogue, Policy, Product, Unit, sign_catalogue
from sync_protocol.chain_head import ChainHead
from sync_protocol.columns import unpack_doses
from sync_protocol.contact import Statement, sign_statement
from sync_protocol.dose import Dose
from sync_protocol.enrolment import EnrolmentAnswer, sign_enrolment_answer, verify_enrolment_request
from sync_protocol.enrolment_file import EnrolmentFile, sign_enrolment_file
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.feed import FeedItem, FeedKind, FeedRequest, parse_request, parted, sign_item, verify_request
from sync_protocol.feed_page import StatedHead, framed, seal_page
from sync_protocol.ledger_entry import ADMITTED, LedgerEntry, entry_leaf, genesis_entry
from sync_protocol.manifest import Checkpoint
from sync_protocol.merkle import Tree
from sync_protocol.receipt import build_receipt
from sync_protocol.sealing import open_sealed
from sync_protocol.signers.key_signer import KeySigner
from sync_protocol.tree_head import TreeHead, sign_tree_head
from sync_protocol.trust_list import TrustList, sign_trust_list
from sync_protocol.verdict import ADMITTED as DOSE_ADMITTED
from sync_protocol.verdict import Verdict, encode_verdicts, verdicts_digest
from tests.builders import SeededEntropy, ec_key
from tests.transfers import Spool, take_transfer

EPOCH: Final = 1
YEAR_SECONDS: Final = 365 * 86_400
PRODUCTS: Final = (
    Product("AZ", "AstraZeneca", "EU/1/21/1529", "ORG-100001699", "29061000087103", "840539006", 2, 28, 18),
    Product("PF", "Pfizer", "EU/1/20/1528", "ORG-100030215", "1119349007", "840539006", 2, 21, 12),
    Product("JA", "Janssen", "EU/1/20/1525", "ORG-100001417", "29061000087103", "840539006", 1, 0, 18),
)
POLICY: Final = Policy(
    signing_start="2022-04-08", same_day=True, batch_people=1_000, batch_doses=3_000, booster_interval_days=90
)


class Fault(Enum):
    """What goes wrong with one offer."""

    UNREACHED = auto()
    ANSWER_LOST = auto()
    LATER = auto()
    FORGED_KEY = auto()
    FLIPPED_BIT = auto()
    OTHER_RECEIPT = auto()
    HISTORY_REWRITTEN = auto()
    NONSENSE = auto()


@dataclass(frozen=True, slots=True)
class _Kept:
    bundle: VerifiedBundle
    doses: tuple[Dose, ...]
    receipt: bytes


@dataclass(slots=True)
class SimulatedCentre:
    """A centre with the keys of a seed.

    Attributes:
        now: the clock.
        judge: gives the verdict of each dose; admits all unless a test says otherwise.
        faults: what goes wrong with the next offers, in order; None for "nothing".
        versions: what the centre says of sets; trust list and catalogue are made by its own methods.
        refuse: codes with which the next whole bundles are refused by receipt, in order; None to admit.
        is_away: whether the feed is asked for in vain.
        problems: unsigned problems that the next offers get instead of an answer.
    """

    now: Callable[[], int]
    judge: Callable[[Dose], Verdict] = lambda _: DOSE_ADMITTED
    faults: list[Fault | None] = field(default_factory=list)
    refuse: list[Code | None] = field(default_factory=list)
    problems: list[Code] = field(default_factory=list)
    offers: int = 0
    asked: int = 0
    is_away: bool = False
    entries: list[LedgerEntry] = field(default_factory=list)
    kept: dict[bytes, _Kept] = field(default_factory=dict)
    nodes: dict[str, ec.EllipticCurvePublicKey] = field(default_factory=dict)
    heads: dict[str, ChainHead] = field(default_factory=dict)
    openings: dict[str, ec.EllipticCurvePublicKey] = field(default_factory=dict)
    feeds: dict[str, list[bytes]] = field(default_factory=dict)
    codes: dict[str, tuple[bytes, bytes]] = field(default_factory=dict)
    enrolments: dict[bytes, bytes] = field(default_factory=dict)
    nonces: set[tuple[str, bytes]] = field(default_factory=set)
    versions: dict[str, int] = field(default_factory=lambda: {"catalogue": 1})
    spool: Spool = field(default_factory=dict)
    publisher: KeySigner = field(default_factory=lambda: KeySigner(ec_key("simulated publisher")))
    ledger: KeySigner = field(default_factory=lambda: KeySigner(ec_key("simulated ledger")))
    sealing: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec_key("simulated sealing"))

    def __post_init__(self) -> None:
        self.entries.append(genesis_entry(self.now()))

    @property
    def tree(self) -> Tree:
        """The ledger."""
        return Tree([entry_leaf(entry) for entry in self.entries])

    @property
    def admitted_doses(self) -> list[str]:
        """The ids of all doses in admitted bundles, in the order of the ledger."""
        admitted = (self.kept[entry.digest] for entry in self.entries[1:] if entry.outcome == ADMITTED)
        return [dose.dose_id for kept in admitted for dose in kept.doses]

    def enrolment_file(
        self, node: str, *, facility: str, facility_name: str, centre_url: str, anchors: bytes = b""
    ) -> bytes:
        """A one-time file for a node."""
        code = hashlib.sha256(node.encode()).digest()[:16]
        self.codes[node] = (code, facility.encode())
        content = EnrolmentFile(
            centre_url=centre_url,
            facility=facility,
            facility_name=facility_name,
            units=("05413",),
            node=node,
            one_time_code=code,
            publisher_key=self.publisher.public_key,
            sealing_key=self.sealing.public_key(),
            ledger_key=self.ledger.public_key,
            catalogue=self.catalogue(),
            trust_list=self.trust_list(),
            expires_at=self.now() + 86_400,
            anchors=anchors,
        )
        return sign_enrolment_file(content, self.publisher)

    def enrol_key(
        self, node: str, key: ec.EllipticCurvePublicKey, opening: ec.EllipticCurvePublicKey, *, request_digest: bytes
    ) -> None:
        """Register a node as if its request had been answered."""
        self.nodes[node] = key
        self.openings[node] = opening
        self.heads[node] = ChainHead(EPOCH, 0, request_digest)

    def enrol(self, request: bytes) -> bytes:
        """Register the node; the repeat gives the same answer."""
        inner = open_sealed(request, {keys.key_id(self.sealing.public_key()): self.sealing})
        verified = verify_enrolment_request(inner)
        asked = verified.request
        if verified.digest not in self.enrolments:
            if self.codes.pop(asked.node, (b"",))[0] != asked.one_time_code:
                raise RemoteProblem(Code.ENROLMENT_INVALID, "the code is not good")
            assert isinstance(asked.node_key, ec.EllipticCurvePublicKey)
            assert isinstance(asked.node_sealing_key, ec.EllipticCurvePublicKey)
            self.enrol_key(asked.node, asked.node_key, asked.node_sealing_key, request_digest=verified.digest)
            answer = EnrolmentAnswer(asked.node, EPOCH, asked.node_key, verified.digest, self.now())
            self.enrolments[verified.digest] = sign_enrolment_answer(answer, self.publisher)
        return self.enrolments[verified.digest]

    def offer(self, sealed: bytes) -> bytes:
        """Admit a bundle and give its receipt, unless a fault or a problem is planted."""
        self.offers += 1
        fault = self.faults.pop(0) if self.faults else None
        if fault is Fault.UNREACHED:
            raise NetworkError("unreached", try_again=True)
        if fault is Fault.LATER:
            raise NetworkError("later", try_again=True, retry_after_seconds=3_600)
        if self.problems:
            raise RemoteProblem(self.problems.pop(0), "planted")
        answer = self._admit(sealed)
        match fault:
            case Fault.ANSWER_LOST:
                raise NetworkError("cut", try_again=True)
            case Fault.FLIPPED_BIT:
                middle = len(answer) // 2
                return answer[:middle] + bytes([answer[middle] ^ 1]) + answer[middle + 1 :]
            case Fault.NONSENSE:
                return b"<html>Please log in to the hotel</html>"
            case Fault.OTHER_RECEIPT:
                return next(kept.receipt for kept in self.kept.values())
            case Fault.FORGED_KEY:
                return self._receipt_of(self._kept(answer), KeySigner(ec_key("somebody else")))
            case Fault.HISTORY_REWRITTEN:
                return self._rewritten(self._kept(answer))
        return answer

    def transfer(self, ticket: bytes, content: bytes, *, sent: Callable[[int], None]) -> bytes:
        """Take a transfer; each bundle that is whole is offered."""
        return take_transfer(ticket + content, self.spool, self.offer)

    def tree_head(self) -> bytes:
        tree = self.tree
        return sign_tree_head(TreeHead(EPOCH, tree.size, tree.root, self.now()), self.ledger)

    def put_item(self, node: str, kind: FeedKind, body: bytes) -> None:
        """One more body in a node's feed, in pieces where it is large."""
        items = self.feeds.setdefault(node, [])
        pieces = parted(body)
        for before, piece in enumerate(pieces):
            more = len(pieces) - 1 - before
            item = FeedItem(node, len(items) + 1, kind, self.now(), piece, more=more, before=before)
            items.append(sign_item(item, self.publisher))

    def feed(self, request: bytes) -> Iterator[bytes]:
        """What follows in a node's feed."""
        if self.is_away:
            raise NetworkError("unreached", try_again=True)
        self.asked += 1
        message, asked = parse_request(request)
        if asked.node not in self.nodes:
            raise RemoteProblem(Code.NODE_UNKNOWN, "no such node")
        verify_request(message, self.nodes[asked.node])
        if (asked.node, asked.nonce) in self.nonces:
            raise RemoteProblem(Code.REPLAYED, "answered before")
        self.nonces.add((asked.node, asked.nonce))
        return self._pages(asked, tuple(self.feeds.get(asked.node, ())))

    def feed_file(self, node: str, *, after: int = 0, known: Checkpoint | None = None) -> bytes:
        """The same as a file."""
        asked = FeedRequest(node, EPOCH, after, at=self.now(), nonce=b"", known=known)
        return b"".join(map(framed, self._pages(asked, tuple(self.feeds.get(node, ())))))

    def statement(self, asked: FeedRequest) -> Statement:
        """What the centre says of itself."""
        tree = self.tree
        head = Checkpoint(EPOCH, tree.size, tree.root, self.now())
        newest = len(self.feeds.get(asked.node, ()))
        return Statement(asked.node, newest, at=self.now(), nonce=asked.nonce, head=head, versions={**self.versions})

    def _pages(self, asked: FeedRequest, items: Sequence[bytes]) -> Iterator[bytes]:
        said, known = self.statement(asked), asked.known
        stated: StatedHead | None = StatedHead(sign_statement(said, self.publisher))
        if known is not None and known.size < said.head.size:
            path = self.tree.consistency(known.size)
            stated = StatedHead(sign_statement(said, self.publisher), known.size, path)
        left = list(items[asked.after :])
        while left or stated is not None:
            row: list[bytes] = []
            while left and (not row or sum(map(len, row)) + len(left[0]) <= limits.FEED_PAGE_ITEMS_BYTES):
                row.append(left.pop(0))
            yield seal_page(
                row,
                newest=len(items),
                recipient=self.openings[asked.node],
                entropy=SeededEntropy(asked.after + len(left)),
                stated=stated,
            )
            stated = None

    def trust_list(self) -> bytes:
        content = TrustList(
            version=1,
            issued_at=self.now(),
            expires_at=self.now() + YEAR_SECONDS,
            ledger_keys=(self.ledger.public_key,),
            sealing_keys=(self.sealing.public_key(),),
            document_signers=(),
            organisation_anchors=(),
        )
        return sign_trust_list(content, self.publisher)

    def catalogue(self) -> bytes:
        content = Catalogue(
            version=1,
            issued_at=self.now(),
            expires_at=self.now() + YEAR_SECONDS,
            products=PRODUCTS,
            policy=POLICY,
            units=(Unit("054", "Tỉnh Phú Yên"), Unit("05413", "Xã Hòa Hiệp", "054")),
            unit_list="2022",
        )
        return sign_catalogue(content, self.publisher)

    def _admit(self, sealed: bytes) -> bytes:
        inner = open_sealed(sealed, {keys.key_id(self.sealing.public_key()): self.sealing})
        unverified = parse_bundle(inner)
        node = unverified.claimed.node
        if node not in self.nodes:
            raise RemoteProblem(Code.NODE_UNKNOWN, "no such node")
        verified = verify_bundle(unverified, self.nodes[node])
        if verified.digest in self.kept:
            return self.kept[verified.digest].receipt
        bundle, head = verified.bundle, self.heads[node]
        expected = (head.epoch, head.sequence + 1, head.digest)
        if (bundle.epoch, bundle.sequence, bundle.previous) != expected:
            taken = bundle.sequence <= head.sequence
            raise RemoteProblem(Code.FORKED if taken else Code.NOT_NEXT, "not the next", head=head)
        doses, verdicts, outcome = self._judge(bundle)
        entry = LedgerEntry(
            index=len(self.entries),
            node=node,
            epoch=bundle.epoch,
            sequence=bundle.sequence,
            kind=bundle.kind.value,
            digest=verified.digest,
            previous=bundle.previous,
            admitted_at=self.now(),
            outcome=outcome,
            verdicts_digest=verdicts_digest(encode_verdicts(verdicts)),
            doses=len(verdicts),
        )
        self.entries.append(entry)
        self.heads[node] = ChainHead(bundle.epoch, bundle.sequence, verified.digest)
        self.kept[verified.digest] = _Kept(verified, doses, b"")
        receipt = self._receipt_of(self.kept[verified.digest], self.ledger)
        self.kept[verified.digest] = _Kept(verified, doses, receipt)
        return receipt

    def _judge(self, bundle: Bundle) -> tuple[tuple[Dose, ...], list[Verdict], str]:
        planted = self.refuse.pop(0) if self.refuse else None
        if bundle.kind is not BundleKind.BATCH:
            return (), [], ADMITTED if planted is None else planted.value
        body = parse_batch_body(bundle.body)
        batch = parse_batch(body.statement)
        doses = unpack_doses(body.columns, node=bundle.node, facility=batch.statement.manifest.facility)
        try:
            verify_batch(batch, doses, body.secret, certificate=batch.certificates[0])
        except ProtocolError as error:
            return (), [], error.code.value
        if planted is not None:
            return (), [], planted.value
        return tuple(doses), [self.judge(dose) for dose in doses], ADMITTED

    def _kept(self, answer: bytes) -> _Kept:
        return next(kept for kept in self.kept.values() if kept.receipt == answer)

    def _receipt_of(self, kept: _Kept, signer: KeySigner, entries: Sequence[LedgerEntry] | None = None) -> bytes:
        ledger = self.entries if entries is None else entries
        entry = next(entry for entry in ledger if entry.digest == kept.bundle.digest)
        known = kept.bundle.bundle.known_head
        return build_receipt(
            entry,
            Tree([entry_leaf(one) for one in ledger]),
            epoch=EPOCH,
            at=self.now(),
            known_head_size=None if known is None else known.size,
            ledger_signer=signer,
            verdicts=[self.judge(dose) for dose in kept.doses] if entry.outcome == ADMITTED else [],
        )

    def _rewritten(self, kept: _Kept) -> bytes:
        """A receipt signed by the true key over a ledger whose past was changed."""
        forged = [genesis_entry(self.entries[0].admitted_at - 1), *self.entries[1:]]
        return self._receipt_of(kept, self.ledger, forged)
