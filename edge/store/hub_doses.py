"""What sites handed to this hub, dose by dose; which of it stands in a batch of this node is in `hub_passes`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from edge.store.database import Tables
from sync_protocol.days import local_day
from sync_protocol.dose import Dose, decode_dose, encode_dose
from sync_protocol.handover import VerifiedHandover

FEED: Final = "feed"
FILE: Final = "file"


@dataclass(frozen=True, slots=True)
class SiteQueue:
    """The doses of one node of a site that wait for this hub.

    Attributes:
        since: when the oldest of them was handed over, epoch seconds UTC by the site's clock.
        reasons: what the site said, without repeats.
    """

    site: str
    site_name: str
    node: str
    doses: int
    first_day: str
    last_day: str
    since: int
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, repr=False)
class WaitingDose:
    """A dose that waits, and the handover that brought it.

    Attributes:
        is_confirmed: the centre has sent the handover too.
        together: how many doses the handover holds, whatever became of them.
    """

    handover_id: int
    digest: bytes
    asks_day: str
    is_confirmed: bool
    together: int
    dose: Dose


# Versions `s` of a site's dose in a batch `l` that the centre refused once, and of which it has sent a receipt since.
ADMITTED_LATE: Final = (
    "FROM site_doses AS s JOIN delegated_leaves AS l ON l.handover_id = s.handover_id AND l.place = s.place"
    " JOIN passes AS p ON p.pass_id = l.pass_id AND p.state = 'released'"
    " JOIN bundles AS b ON b.pass_id = p.pass_id"
    " JOIN receipts AS r ON r.epoch = b.epoch AND r.sequence = b.sequence AND r.outcome = 'admitted'"
)
# Free again by that refusal, and yet at the centre: such a dose waits for nobody's signature while the receipt holds.
_FREE: Final = (
    f"d.state = 'waiting' AND NOT EXISTS (SELECT 1 {ADMITTED_LATE} WHERE s.node = d.node AND s.sequence = d.sequence)"
)
_WAITING: Final = f"FROM site_doses AS d JOIN site_handovers AS h ON h.handover_id = d.handover_id WHERE {_FREE}"


def known(tables: Tables, digest: bytes) -> bool:
    """Whether the handover with this digest (32 bytes) is here already, by whichever way it came."""
    return tables.execute("SELECT 1 FROM site_handovers WHERE digest = ?", (digest,)).fetchone() is not None


def confirm(tables: Tables, digest: bytes, *, at: int) -> None:
    """Note that the centre has a handover which came by stick before."""
    tables.execute("UPDATE site_handovers SET confirmed_at = ? WHERE digest = ? AND confirmed_at IS NULL", (at, digest))


def add(
    tables: Tables,
    verified: VerifiedHandover,
    doses: Sequence[Dose],
    *,
    site: str,
    site_name: str,
    delegation: int,
    way: str,
    at: int,
) -> int:
    """Keep a verified handover with its doses; the caller has looked that it is new. Returns its number.

    What the site sends anew, or corrects, takes the place of the version that still waits here.
    """
    handover, handover_id = verified.handover, _next(tables)
    tables.execute(
        "INSERT INTO site_handovers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            handover_id,
            verified.digest,
            site,
            site_name,
            verified.node,
            delegation,
            verified.inner,
            handover.first_day,
            handover.last_day,
            handover.people,
            handover.doses,
            handover.reason,
            handover.asks_day,
            verified.created_at,
            at,
            way,
            at if way == FEED else None,
        ),
    )
    older = [dose.sequence for dose in doses] + [dose.replaces for dose in doses if dose.replaces is not None]
    tables.execute(
        "UPDATE site_doses SET state = 'replaced' WHERE node = ? AND state = 'waiting'"
        " AND sequence IN (SELECT value FROM json_each(?))",
        (verified.node, json.dumps(older)),
    )
    tables.conn.executemany(
        # A version that a live batch holds, or a newer one has replaced, is not signed again.
        "INSERT INTO site_doses SELECT ?1, ?2, ?3, ?4, ?5, CASE WHEN EXISTS (SELECT 1 FROM delegated_leaves AS l"
        " WHERE l.node = ?3 AND l.sequence = ?4 AND l.live = 1) THEN 'replaced' ELSE 'waiting' END, ?6",
        (
            (handover_id, place, verified.node, dose.sequence, local_day(dose.given_at), encode_dose(dose))
            for place, dose in enumerate(doses)
        ),
    )
    return handover_id


def queues(tables: Tables) -> list[SiteQueue]:
    """The site nodes with doses that wait, the longest waiting first."""
    rows = tables.execute(
        "SELECT h.site, max(h.site_name), h.node, count(*), min(d.given_day), max(d.given_day), min(h.handed_at),"
        f" json_group_array(DISTINCT h.reason) {_WAITING} GROUP BY h.node ORDER BY min(h.handed_at), h.node"
    )
    return [SiteQueue(*(*row[:7], tuple(sorted(filter(None, json.loads(row[7])))))) for row in rows]


def queue_of(tables: Tables, node: str) -> SiteQueue | None:
    """The doses of this site node that wait, if there are any."""
    return next((one for one in queues(tables) if one.node == node), None)


def waiting(tables: Tables, node: str) -> list[WaitingDose]:
    """The doses of a site node that wait, by sequence."""
    rows = tables.execute(
        "SELECT d.handover_id, h.digest, h.asks_day, h.confirmed_at IS NOT NULL, h.doses, d.dose"
        f" {_WAITING} AND d.node = ? ORDER BY d.sequence",
        (node,),
    )
    return [WaitingDose(row[0], row[1], row[2], bool(row[3]), row[4], decode_dose(row[5])) for row in rows]


def are_waiting(tables: Tables, doses: Sequence[Dose]) -> bool:
    """Whether all of these, of one node, wait here just as they are; compared as bytes, which costs least."""
    rows = tables.execute(
        f"SELECT d.sequence, d.dose FROM site_doses AS d WHERE d.node = ? AND {_FREE}", (doses[0].node,)
    )
    held = {row[0]: row[1] for row in rows}
    return all(held.get(dose.sequence) == encode_dose(dose) for dose in doses)


def hand_back(
    tables: Tables,
    digest: bytes,
    sequences: Sequence[int],
    *,
    reason: str,
    by: str,
    at: int,
    bundle: tuple[int, int],
) -> None:
    """Give waiting doses of one handover back; the caller has sealed the bundle that says so (epoch and sequence)."""
    asked = json.dumps(list(sequences))
    tables.execute(
        "INSERT INTO handed_back (digest, is_ours, sequences, reason, said_by, said_at, epoch, bundle)"
        " VALUES (?, 1, ?, ?, ?, ?, ?, ?)",
        (digest, asked, reason, by, at, *bundle),
    )
    tables.execute(
        "UPDATE site_doses SET state = 'back' WHERE state = 'waiting'"
        " AND handover_id = (SELECT handover_id FROM site_handovers WHERE digest = ?)"
        " AND sequence IN (SELECT value FROM json_each(?))",
        (digest, asked),
    )


def wait_again(tables: Tables, epoch: int, bundle: int) -> int:
    """Undo what a bundle gave back, since the centre refused it; returns how many doses wait again.

    A dose that the site has sent anew meanwhile waits in its newer place alone.
    """
    row = tables.execute(
        "SELECT digest, sequences FROM handed_back WHERE is_ours = 1 AND epoch = ? AND bundle = ?", (epoch, bundle)
    ).fetchone()
    if row is None:
        return 0
    return tables.execute(
        "UPDATE site_doses SET state = CASE WHEN EXISTS (SELECT 1 FROM site_doses AS n WHERE n.node = site_doses.node"
        " AND n.sequence = site_doses.sequence AND n.state IN ('waiting', 'taken')) THEN 'replaced' ELSE 'waiting' END"
        " WHERE state = 'back' AND handover_id = (SELECT handover_id FROM site_handovers WHERE digest = ?)"
        " AND sequence IN (SELECT value FROM json_each(?))",
        (row[0], row[1]),
    ).rowcount


def all_handovers(tables: Tables) -> list[tuple[int, bytes, bytes, str, str]]:
    """(number, digest, signed bundle, site, node) of every handover taken, oldest first."""
    rows = tables.execute(
        "SELECT handover_id, digest, inner_bytes, site, node FROM site_handovers ORDER BY handover_id"
    )
    return [(row[0], row[1], row[2], row[3], row[4]) for row in rows]


def doses_of(tables: Tables, handover_id: int) -> list[bytes]:
    """The encoded doses of a handover, in the order in which the site packed them."""
    rows = tables.execute("SELECT dose FROM site_doses WHERE handover_id = ? ORDER BY place", (handover_id,))
    return [bytes(row[0]) for row in rows]


def digest_of(inner: bytes) -> bytes:
    """The name of a handover, from its signed bundle: SHA-256, 32 bytes."""
    return hashlib.sha256(inner).digest()


def misplaced(tables: Tables) -> int:
    """How many doses are `taken` without a live leaf, or have one and are not; none in a store that nobody touched."""
    row = tables.execute(
        "SELECT count(*) FROM site_doses AS d WHERE (d.state = 'taken') <> EXISTS (SELECT 1 FROM delegated_leaves AS l"
        " WHERE l.handover_id = d.handover_id AND l.place = d.place AND l.live = 1)"
    ).fetchone()
    return int(row[0])


def _next(tables: Tables) -> int:
    return int(tables.execute("SELECT coalesce(max(handover_id), 0) + 1 FROM site_handovers").fetchone()[0])
