"""The tree in memory follows the store; what is exported verifies without us."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from central.domain.ledger import LedgerTree
from central.workflow.export_evidence import export_gateway_list, export_ledger, export_signed_list
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.gateway_list import parse_gateway_json
from sync_protocol.ledger_export import parse_ledger_export, verify_ledger_export
from sync_protocol.merkle import Tree, leaf_hash
from sync_protocol.trust_list import verify_trust_list
from tests.central.scenario import EVENING, World

LEAVES = [leaf_hash(bytes([number])) for number in range(20)]


def stored_from(stored: list[bytes]) -> Callable[[int], list[bytes]]:
    return lambda first: stored[first:]


def test_the_tree_follows_what_others_stored() -> None:
    tree = LedgerTree()
    for size in (1, 1, 2, 7, 20):
        stored = LEAVES[:size]
        assert tree.catch_up(size, stored_from(stored), root=Tree(stored).root).root == Tree(stored).root


def test_a_leaf_that_was_never_committed_is_forgotten() -> None:
    tree = LedgerTree()
    three, four = Tree(LEAVES[:3]).root, Tree(LEAVES[:4]).root
    tree.catch_up(3, stored_from(LEAVES[:3]), root=three).append(LEAVES[9])
    assert tree.catch_up(3, stored_from(LEAVES[:3]), root=three).root == three
    tree.catch_up(3, stored_from(LEAVES[:3]), root=three).append(LEAVES[9])
    assert tree.catch_up(4, stored_from(LEAVES[:4]), root=four).root == four
    tree.catch_up(4, stored_from(LEAVES[:4]), root=four).append(LEAVES[9])
    tree.forget()
    assert tree.catch_up(4, stored_from(LEAVES[:4]), root=four).root == four


def test_a_store_that_lacks_leaves_is_noticed() -> None:
    with pytest.raises(AssertionError):
        LedgerTree().catch_up(3, stored_from(LEAVES[:2]), root=Tree(LEAVES[:3]).root)


def test_the_exported_ledger_verifies_and_a_left_out_entry_shows(world: World) -> None:
    site = world.site()
    for person in range(3):
        site.send(site.doses([person]))
    data = b"".join(export_ledger(world.centre.engine))
    ledger_keys = [world.centre.keys.ledger.public_key]
    export = parse_ledger_export(data)
    found = verify_ledger_export(export, ledger_keys)
    assert (found.head.size, found.nodes, found.doses) == (4, 1, 3)
    with pytest.raises(ProtocolError) as caught:
        verify_ledger_export(replace(export, entries=[*export.entries[:2], export.entries[3]]), ledger_keys)
    assert caught.value.code is Code.HEAD_INCONSISTENT


def test_both_forms_of_the_trust_list_name_the_document_signer(world: World) -> None:
    site = world.site()
    centre = world.centre
    [listed] = parse_gateway_json(export_gateway_list(centre.engine))
    signed = export_signed_list(centre.engine, keys=centre.keys, days=10, now=EVENING)
    content = verify_trust_list(signed, centre.keys.publisher.public_key, at=EVENING)
    assert content.document_signers == (listed.certificate,)
    assert listed.kid == listed.certificate.kid
    assert [(item.node, item.epoch) for item in content.node_keys] == [(site.node, 1)]
    # More than 24 months: passports of 12 months can be signed for a year and longer.
    assert (listed.certificate.not_after - listed.certificate.not_before).days > 730
