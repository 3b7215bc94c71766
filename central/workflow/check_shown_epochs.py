"""Re-verifies epochs that nodes showed after a restore, and what was taken up of them, from their bytes (I6, I12)."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection

from central.domain.finding import Finding
from central.domain.shown_epoch import new_epochs
from central.store import ledger_epochs, node_epochs, nodes, shown_epochs, trust
from central.store.key_store import KeyRole
from central.store.shown_epochs import StoredShowing
from sync_protocol.errors import ProtocolError
from sync_protocol.keys import key_id
from sync_protocol.node_epoch_answer import EpochState
from sync_protocol.shown_epoch import VerifiedShowing, verify_showing

_WAITS: Final = "a node shows an epoch that was lost here: declare the loss, then decide-epoch"


def check_shown_epochs(connection: Connection) -> list[Finding]:
    """Checks every showing that is kept.

    1. every word in it is ours, and it says what its row says;
    2. what was taken up began the node's epochs, with the keys that it shows, once an epoch of the ledger was
       declared;
    3. nothing that was shown waits.
    """
    publisher_keys = trust.centre_public_keys(connection, KeyRole.PUBLISHER)
    findings: list[Finding] = []
    taken = shown_epochs.taken(connection)
    for stored in (*taken, *shown_epochs.waiting(connection)):
        place = f"shown epoch {stored.digest.hex()[:12]}"
        try:
            shown = verify_showing(stored.showing, publisher_keys)
        except ProtocolError as error:
            findings.append(Finding("I12", place, error.rule))
            continue
        if (shown.node, shown.newest.epoch, shown.newest.digest) != (stored.node, stored.epoch, stored.digest):
            findings.append(Finding("I12", place, "the row says something else than the showing"))
        elif stored in taken:
            findings += _wrong_taken(connection, shown, stored, place=place)
        else:
            findings.append(Finding("I8", f"{place} of {stored.node}", _WAITS))
    return findings


def begun_by_showing(connection: Connection) -> set[tuple[str, int, bytes]]:
    """The epochs that began here because a node showed them, as (node, epoch, digest), for `check_epochs`."""
    publisher_keys = trust.centre_public_keys(connection, KeyRole.PUBLISHER)
    begun = set[tuple[str, int, bytes]]()
    for stored in shown_epochs.taken(connection):
        try:
            shown = verify_showing(stored.showing, publisher_keys)
        except ProtocolError:
            continue
        begun |= {(shown.node, one.epoch, one.digest) for one in new_epochs(shown.epochs, since=stored.since)}
    return begun


def _wrong_taken(connection: Connection, shown: VerifiedShowing, stored: StoredShowing, *, place: str) -> list[Finding]:
    # (2)
    findings = []
    digests = nodes.enrolment_digests(connection)
    node_keys = {(item.node, item.epoch): item.key for item in nodes.node_keys(connection)}
    for one in new_epochs(shown.epochs, since=stored.since):
        here = (shown.node, one.epoch)
        if digests.get(here) != one.digest:
            findings.append(Finding("I6", place, f"epoch {one.epoch} was taken up and did not begin with it"))
        elif not stored.decided_by and _is_refused(connection, one.digest):
            # A person may think better of it; by itself the centre may not.
            findings.append(Finding("I6", place, f"epoch {one.epoch} was taken up although a person refused it"))
        elif key_id(node_keys[here]) != key_id(one.node_key):
            findings.append(Finding("I6", place, f"the key of epoch {one.epoch} is not the one that was shown"))
    if not ledger_epochs.steps(connection):
        findings.append(Finding("I6", place, "it was taken up and no epoch of the ledger is declared"))
    return findings


def _is_refused(connection: Connection, digest: bytes) -> bool:
    request = node_epochs.find_request(connection, digest)
    return request is not None and request.state is EpochState.REFUSED
