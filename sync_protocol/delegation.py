"""Who may sign whose doses ("đơn vị đầu mối ký tập trung"): the list of delegations that concern one node.

A *site* gives vaccines and has no signer of its own; a *hub* is another facility that signs the site's doses with its
own organisation certificate. The centre registers a delegation and tells all nodes concerned: the body of a
DELEGATIONS feed item is the whole list for its node, as site or as hub, and each item takes the place of the last.

A delegation *stands* (the hub signs whatever the site hands over), is *on call* (it covers nothing by itself: the site
may ask for one day), or is for *one day*: it covers the doses of that day and may be signed until the next one ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from sync_protocol import cbor, keys, limits
from sync_protocol.days import DAY_SECONDS, day_start, local_day
from sync_protocol.dose import is_code
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.fields import Fields
from sync_protocol.trust_list import NodeKey

# A facility has a handful of laptops.
SITE_NODES: Final = 20
_KEY_BYTES: Final = 600
_WHAT: Final = "delegations"


class DelegationKind(StrEnum):
    """What a delegation covers."""

    STANDING = "standing"
    ON_CALL = "on_call"
    ONE_DAY = "one_day"


# Kinds travel as their place in this tuple, so the order never changes; new ones go at the end.
_KINDS: Final = (DelegationKind.STANDING, DelegationKind.ON_CALL, DelegationKind.ONE_DAY)


@dataclass(frozen=True, slots=True)
class Delegation:
    """A hub signs for a site.

    Attributes:
        number: the centre's own count, from 1.
        site, site_name: the facility that gives the doses.
        hub, hub_name: the facility whose certificate signs.
        hub_node: code of the hub's node that gets the doses.
        hub_key: P-256, that node's sealing key: what goes by stick is sealed to it.
        site_nodes: the site's enrolled nodes with the keys that sign their bundles now, by code.
        valid_from: epoch seconds, UTC.
        valid_until: epoch seconds, UTC, the first instant at which it no longer holds; None without an end.
        kind: what it covers.
    """

    number: int
    site: str
    site_name: str
    hub: str
    hub_name: str
    hub_node: str
    hub_key: ec.EllipticCurvePublicKey
    site_nodes: tuple[NodeKey, ...]
    valid_from: int
    valid_until: int | None
    kind: DelegationKind

    def is_open(self, at: int) -> bool:
        """Whether it holds at an instant (epoch seconds, UTC); one on call then may be asked."""
        return self.valid_from <= at and (self.valid_until is None or at < self.valid_until)

    @property
    def dose_day(self) -> str | None:
        """The local day whose doses a one-day delegation covers; None for the other kinds."""
        return local_day(self.valid_from) if self.kind is DelegationKind.ONE_DAY else None

    def key_of(self, node: str, *, epoch: int) -> keys.PublicKey | None:
        """The key with which this node of the site signs in this epoch, or None."""
        return next((held.key for held in self.site_nodes if (held.node, held.epoch) == (node, epoch)), None)


def one_day_bounds(day: str) -> tuple[int, int]:
    """`valid_from` and `valid_until` of a one-day delegation: the whole local day and the whole next one.

    Raises:
        ProtocolError: FIELD_INVALID when it is not a day.
    """
    start = day_start(day)
    return start, start + 2 * DAY_SECONDS


def encode_delegations(delegations: Sequence[Delegation]) -> bytes:
    """The body of a DELEGATIONS item; in the order of their numbers whatever order they come in.

    Raises:
        ProtocolError: FIELD_INVALID, KEY_INVALID or TOO_LARGE for a list that no node would take.
    """
    ordered = sorted(delegations, key=lambda item: item.number)
    encoded = cbor.encode({1: [_as_map(item) for item in ordered]})
    # The reader's rules are the only ones: what it would refuse is not written.
    parse_delegations(encoded)
    return encoded


def parse_delegations(data: bytes) -> tuple[Delegation, ...]:
    """Reads the body of a DELEGATIONS item strictly; the item's signature says that the centre wrote it.

    Raises:
        ProtocolError: TOO_LARGE, NOT_CBOR, NOT_DETERMINISTIC, FIELD_MISSING, FIELD_UNKNOWN, FIELD_INVALID, KEY_INVALID,
            or KIND_UNKNOWN for a kind that this version does not know.
    """
    fields = Fields(cbor.decode(data, max_bytes=limits.FEED_ITEM_BYTES), what=_WHAT)
    found = tuple(_read(Fields(item, what="delegation")) for item in fields.list_(1, max_items=limits.DELEGATIONS))
    fields.finish()
    numbers = [item.number for item in found]
    if numbers != sorted(set(numbers)):
        raise ProtocolError(Code.FIELD_INVALID, f"{_WHAT}.1: each number once, in order")
    return found


def _as_map(item: Delegation) -> dict[int, object]:
    fields: dict[int, object] = {
        1: item.number,
        2: item.site,
        3: item.site_name,
        4: item.hub,
        5: item.hub_name,
        6: item.hub_node,
        7: keys.encode_public_key(item.hub_key),
        8: [[held.node, held.epoch, keys.encode_public_key(held.key)] for held in item.site_nodes],
        9: item.valid_from,
        11: _KINDS.index(item.kind),
    }
    if item.valid_until is not None:
        fields[10] = item.valid_until
    return fields


def _read(fields: Fields) -> Delegation:
    kind = fields.uint(11)
    if kind >= len(_KINDS):
        raise ProtocolError(Code.KIND_UNKNOWN, "delegation: the kind is unknown to this version")
    item = Delegation(
        number=fields.uint(1, min=1, max=limits.COUNTER),
        site=fields.text(2, max_chars=limits.NODE_CHARS),
        site_name=fields.text(3, max_chars=limits.NAME_CHARS),
        hub=fields.text(4, max_chars=limits.NODE_CHARS),
        hub_name=fields.text(5, max_chars=limits.NAME_CHARS),
        hub_node=fields.text(6, max_chars=limits.NODE_CHARS),
        hub_key=keys.load_ec_public_key(fields.bytes_(7, max_bytes=_KEY_BYTES)),
        site_nodes=tuple(_node_key(value) for value in fields.list_(8, max_items=SITE_NODES)),
        valid_from=fields.uint(9, max=limits.INSTANT),
        valid_until=fields.opt_uint(10, max=limits.INSTANT),
        kind=_KINDS[kind],
    )
    fields.finish()
    if not (is_code(item.site) and is_code(item.hub) and is_code(item.hub_node)):
        raise _invalid("site, hub and hub_node are codes of 2 to 12 of A-Z and 0-9")
    if item.site == item.hub:
        raise _invalid("a site is not its own hub")
    if item.valid_until is not None and item.valid_until < item.valid_from:
        raise _invalid("the end lies before the start")
    if item.kind is DelegationKind.ONE_DAY and item.valid_from != day_start(local_day(item.valid_from)):
        raise _invalid("a one-day delegation begins with its local day")
    nodes = [held.node for held in item.site_nodes]
    if nodes != sorted(set(nodes)):
        raise _invalid("each node of the site once, by code")
    return item


def _node_key(value: object) -> NodeKey:
    if not isinstance(value, list) or len(value) != 3:
        raise _invalid("a node of the site is [node, epoch, key]")
    fields = Fields(dict(enumerate(value)), what="delegation.8")
    node = fields.text(0, max_chars=limits.NODE_CHARS)
    if not is_code(node):
        raise _invalid("a node is a code of 2 to 12 of A-Z and 0-9")
    return NodeKey(
        node,
        fields.uint(1, min=1, max=limits.COUNTER),
        keys.load_ec_public_key(fields.bytes_(2, max_bytes=_KEY_BYTES)),
    )


def _invalid(rule: str) -> ProtocolError:
    return ProtocolError(Code.FIELD_INVALID, f"delegation: {rule}")
