"""Doses handed over to be signed by another facility, and what comes back of them.

1. The site packs unsigned doses as a *handover*, the body of a DOSES bundle in its own chain. The centre keeps the
   bundle and puts its signed bytes into the feed of the hub's node (*handed doses*). The same bytes may travel by
   stick, sealed to that node; the bundle's digest is the handover's name on both ways, so it is taken once.
2. The hub signs them in batches of purpose *delegated*, which say whose doses they hold.
3. What the centre says of such a batch goes to the site's node (*signed doses*): statement, secret, the doses in leaf
   order by their sequences, verdicts, the ledger's answer. The site has the doses and makes the same tree.
4. What the hub does not sign it sends back (*handed back*): a HANDED_BACK bundle, and the item of that name.

(3) and (4) stand in `handover_answers`; all of it is reached from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from sync_protocol import cbor, contexts, limits
from sync_protocol.batch import count_people
from sync_protocol.bundle import BundleKind, VerifiedBundle, parse_bundle, verify_bundle
from sync_protocol.columns import unpack_doses
from sync_protocol.days import local_day
from sync_protocol.dose import Dose, is_code
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.fields import Fields
from sync_protocol.handover_answers import (
    HandedBack,
    SignedDoses,
    encode_handed_back,
    encode_signed,
    parse_handed_back,
    parse_signed,
)
from sync_protocol.identity import is_day
from sync_protocol.keys import PublicKey
from sync_protocol.sealing import Entropy, seal

__all__ = [
    "HANDOVER_BYTES",
    "HandedBack",
    "HandedDoses",
    "Handover",
    "SignedDoses",
    "VerifiedHandover",
    "encode_handed",
    "encode_handed_back",
    "encode_handover",
    "encode_signed",
    "handover_of",
    "parse_handed",
    "parse_handed_back",
    "parse_handover",
    "parse_signed",
    "seal_for_hub",
    "unpack_handover",
    "verify_handover",
]

# The signed bundle around a handover must fit one item of the hub's feed.
HANDOVER_BYTES: Final = limits.FEED_ITEM_BYTES - 4 * 1024


@dataclass(frozen=True, slots=True, repr=False)
class Handover:
    """Unsigned doses of one node of a site; the body of a DOSES bundle.

    Attributes:
        hub: code of the facility that is to sign them.
        first_day, last_day: local days "YYYY-MM-DD" between which the doses were given.
        people, doses: how many; a person is counted once, see `batch.count_people`. No more than one turn may sign.
        reason: why the site does not sign itself, or "".
        asks_day: the local day for which a one-day delegation is asked (all doses are of that day), or "".
        columns: the packed doses, with the bundle's node and its facility left out (`columns.pack_doses`).
    """

    hub: str
    first_day: str
    last_day: str
    people: int
    doses: int
    reason: str
    asks_day: str
    columns: bytes


@dataclass(frozen=True, slots=True, repr=False)
class VerifiedHandover:
    """A handover that a node of the site signed.

    Attributes:
        digest: 32 bytes, SHA-256 of the signed bundle: the handover's name.
        node, epoch, sequence: the bundle's place.
        created_at: epoch seconds, UTC, by the site's clock: a claim.
        handover: the content.
        inner: the signed bundle.
    """

    digest: bytes
    node: str
    epoch: int
    sequence: int
    created_at: int
    handover: Handover
    inner: bytes


@dataclass(frozen=True, slots=True, repr=False)
class HandedDoses:
    """The body of an UNSIGNED_DOSES item, for the hub's node.

    Attributes:
        inner: the site's signed DOSES bundle, as it stands in the site's chain.
        delegation: number of the delegation by which the centre let it pass.
    """

    inner: bytes
    delegation: int


def encode_handover(handover: Handover) -> bytes:
    """The body of a DOSES bundle.

    Raises:
        ProtocolError: BATCH_PEOPLE, BATCH_DOSES or FIELD_INVALID; TOO_LARGE where the doses weigh more than an item of
            a feed may: the site hands over fewer at a time.
    """
    fields: dict[int, object] = {
        1: handover.hub,
        2: handover.first_day,
        3: handover.last_day,
        4: handover.people,
        5: handover.doses,
        8: handover.columns,
    }
    if handover.reason:
        fields[6] = handover.reason
    if handover.asks_day:
        fields[7] = handover.asks_day
    encoded = cbor.encode(fields)
    # The reader's rules are the only ones: what it would refuse is not written.
    parse_handover(encoded)
    return encoded


def parse_handover(data: bytes) -> Handover:
    """Reads the body of a DOSES bundle strictly; its doses are still packed.

    Raises:
        ProtocolError: TOO_LARGE, NOT_CBOR, NOT_DETERMINISTIC, FIELD_MISSING, FIELD_UNKNOWN, FIELD_INVALID,
            BATCH_PEOPLE or BATCH_DOSES.
    """
    fields = Fields(cbor.decode(data, max_bytes=HANDOVER_BYTES), what="handover")
    handover = Handover(
        hub=fields.text(1, max_chars=limits.NODE_CHARS),
        first_day=fields.text(2, max_chars=10),
        last_day=fields.text(3, max_chars=10),
        people=fields.uint(4),
        doses=fields.uint(5),
        reason=fields.opt_text(6, max_chars=limits.LONG_CHARS) or "",
        asks_day=fields.opt_text(7, max_chars=10) or "",
        columns=fields.bytes_(8, max_bytes=HANDOVER_BYTES),
    )
    fields.finish()
    # 1908/BYT-CNTT: one signing turn covers at most 1,000 people with 1 to 3 doses each; the hub signs it in one.
    if not 1 <= handover.people <= limits.BATCH_PEOPLE:
        raise ProtocolError(Code.BATCH_PEOPLE, f"handover: covers 1 to {limits.BATCH_PEOPLE} people")
    if not 1 <= handover.doses <= limits.BATCH_DOSES:
        raise ProtocolError(Code.BATCH_DOSES, f"handover: covers 1 to {limits.BATCH_DOSES} doses")
    if not is_code(handover.hub):
        raise _invalid("hub is a code of 2 to 12 of A-Z and 0-9")
    if not (is_day(handover.first_day) and is_day(handover.last_day) and handover.first_day <= handover.last_day):
        raise _invalid("first_day and last_day must be days, in order")
    if handover.asks_day and not handover.first_day == handover.last_day == handover.asks_day:
        raise _invalid("what is handed over for one day is of that day")
    return handover


def verify_handover(inner: bytes, node_key: PublicKey) -> VerifiedHandover:
    """Verifies that a node of the site signed a handover.

    Args:
        inner: a signed bundle, unverified. `bundle.parse_bundle(inner).claimed` says which node and epoch to ask for.
        node_key: the key of that node in that epoch (`Delegation.key_of`).

    Raises:
        ProtocolError: those of `bundle.parse_bundle`, `bundle.verify_bundle` and `parse_handover`; KIND_UNKNOWN for a
            bundle of another kind.
    """
    return handover_of(verify_bundle(parse_bundle(inner), node_key))


def handover_of(verified: VerifiedBundle) -> VerifiedHandover:
    """Reads the handover of a verified bundle.

    Raises:
        ProtocolError: KIND_UNKNOWN for a bundle of another kind, and those of `parse_handover`.
    """
    bundle = verified.bundle
    if bundle.kind is not BundleKind.DOSES:
        raise ProtocolError(Code.KIND_UNKNOWN, "handover: a bundle of another kind")
    return VerifiedHandover(
        digest=verified.digest,
        node=bundle.node,
        epoch=bundle.epoch,
        sequence=bundle.sequence,
        created_at=bundle.created_at,
        handover=parse_handover(bundle.body),
        inner=verified.inner,
    )


def unpack_handover(handover: Handover, *, node: str, facility: str) -> tuple[Dose, ...]:
    """The doses of a handover, in the order in which the site packed them.

    Args:
        handover: from a verified bundle.
        node: the bundle's node.
        facility: that node's facility.

    Raises:
        ProtocolError: COLUMNS_INVALID, VERSION; COUNT_MISMATCH; DOSE_FACILITY for a dose of another node or facility;
            DOSE_REPEATED; DOSE_DAY for a dose outside the days stated.
    """
    doses = tuple(unpack_doses(handover.columns, node=node, facility=facility))
    if (count_people(doses), len(doses)) != (handover.people, handover.doses):
        raise ProtocolError(Code.COUNT_MISMATCH, "handover: counts other people or doses than there are")
    if any((dose.node, dose.facility) != (node, facility) for dose in doses):
        raise ProtocolError(Code.DOSE_FACILITY, "handover: a dose of another node or facility")
    if len({dose.sequence for dose in doses}) != len(doses):
        raise ProtocolError(Code.DOSE_REPEATED, "handover: a dose id stands in it twice")
    if any(not handover.first_day <= local_day(dose.given_at) <= handover.last_day for dose in doses):
        raise ProtocolError(Code.DOSE_DAY, "handover: a dose was given outside the days stated")
    return doses


def seal_for_hub(inner: bytes, *, hub_key: ec.EllipticCurvePublicKey, entropy: Entropy) -> bytes:
    """Seals a signed DOSES bundle to the hub's node, as the file that goes by stick; open with `open_sealed` and
    `contexts.HANDOVER.aad`, then `verify_handover`.

    Args:
        inner: the same bytes as in the site's chain.
        hub_key: from the site's list of delegations.
        entropy: where the fresh bytes come from.
    """
    return seal(inner, recipient=hub_key, entropy=entropy, context=contexts.HANDOVER.aad)


def encode_handed(handed: HandedDoses) -> bytes:
    """The body of an UNSIGNED_DOSES item."""
    return cbor.encode({1: handed.inner, 2: handed.delegation})


def parse_handed(data: bytes) -> HandedDoses:
    """Reads the body of an UNSIGNED_DOSES item strictly; the bundle inside is still to be verified.

    Raises:
        ProtocolError: TOO_LARGE, NOT_CBOR, NOT_DETERMINISTIC, FIELD_MISSING, FIELD_UNKNOWN or FIELD_INVALID.
    """
    fields = Fields(cbor.decode(data, max_bytes=limits.FEED_ITEM_BYTES), what="handed doses")
    handed = HandedDoses(
        inner=fields.bytes_(1, max_bytes=limits.FEED_ITEM_BYTES),
        delegation=fields.uint(2, min=1, max=limits.COUNTER),
    )
    fields.finish()
    return handed


def _invalid(rule: str) -> ProtocolError:
    return ProtocolError(Code.FIELD_INVALID, f"handover: {rule}")
