"""How long the node has been alone: the facts of the store, and what the policy of the catalogue says of them."""

from __future__ import annotations

import functools

from edge.domain.clock_sanity import is_doubtful
from edge.domain.offline_gate import GateFacts, GateFinding, GateLevel, look, needs_reason, needs_second
from edge.domain.pass_journal import PassCode, PassRefusedError
from edge.store import bundles, certificates, contacts, link, node_identity, population, sets
from edge.store.database import Tables
from edge.store.sets import StoredSetKind
from edge.workflow.keep_clock import clock_findings
from sync_protocol.catalogue import Policy, verify_catalogue
from sync_protocol.keys import encode_public_key, load_public_key
from sync_protocol.offline_policy import OfflinePolicy


def offline_findings(tables: Tables, policy: OfflinePolicy, *, now: int) -> tuple[GateFinding, ...]:
    """Everything that is past a threshold, the gravest first; `now` is epoch seconds UTC. Raises StoreError."""
    return look(gate_facts(tables, now=now), policy)


def gate_facts(tables: Tables, *, now: int) -> GateFacts:
    """What is known of the node's ties to the centre; `now` is epoch seconds UTC. Raises StoreError."""
    identity, contact, pack = node_identity.find(tables), contacts.newest(tables), population.state(tables)
    heard = (
        None if identity is None else identity.enrolled_at,
        link.state(tables).reached_at,
        None if contact is None else contact.node_at,
    )
    unsent_doses, unsent_since = bundles.unsent_doses(tables)
    revocations = certificates.oldest_revocations(tables, now=now)
    clock = clock_findings(tables)
    doubt = next(iter(clock), None)
    return GateFacts(
        now,
        contact_at=max((at for at in heard if at is not None), default=None),
        unsent_doses=unsent_doses,
        unsent_since=unsent_since,
        revocations_at=None if revocations is None else revocations[0],
        revocations_until=None if revocations is None else revocations[1],
        pack_at=None if pack is None else pack.issued_at,
        pack_until=None if pack is None else pack.expires_at,
        catalogue_until=sets.newest_end(tables, StoredSetKind.CATALOGUE),
        trust_until=sets.newest_end(tables, StoredSetKind.TRUST_LIST),
        missing_since=min((one.since for one in contacts.missing(tables)), default=None),
        clock_level=None if doubt is None else GateLevel.REASON if is_doubtful(clock) else GateLevel.WARN,
        clock_since=None if doubt is None else doubt.since,
        clock_seconds=0 if doubt is None else doubt.seconds,
    )


def held_policy(tables: Tables) -> Policy:
    """The policy of the catalogue in the store, for what decides inside one transaction. Raises StoreError."""
    stored, identity = sets.newest(tables, StoredSetKind.CATALOGUE), node_identity.get(tables)
    # The catalogue came with the enrolment file, and so did the key that signed it.
    assert stored is not None
    return _policy_of(stored.cose, encode_public_key(identity.publisher_key))


def require_offline(findings: tuple[GateFinding, ...], *, reason: str, has_second: bool) -> None:
    """Check that a signature has what the findings ask for.

    Args:
        findings: all of them.
        reason: as typed, or "".
        has_second: whether a second person has approved it.

    Raises:
        PassRefusedError: OFFLINE_SECOND, OFFLINE_REASON.
    """
    if needs_second(findings) and not has_second:
        raise PassRefusedError(PassCode.OFFLINE_SECOND)
    if needs_reason(findings) and not reason:
        raise PassRefusedError(PassCode.OFFLINE_REASON)


@functools.lru_cache(maxsize=1)
def _policy_of(signed: bytes, key: bytes) -> Policy:
    # No end is judged, as on the shelf: an old catalogue serves on with its age shown.
    return verify_catalogue(signed, load_public_key(key), at=None).policy
