"""Which of a node's requests on a stick the centre answers: what the node said last, so that nothing is left out."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from central.store.database import write_transaction
from central.workflow.publish_sets import publish_trust_list
from edge.store import node_identity
from sync_protocol.feed import NONCE_BYTES, FeedRequest, opening_keys_of, sign_request
from sync_protocol.feed_page import open_page, split_file
from sync_protocol.signers.key_signer import KeySigner
from sync_protocol.stick import StickKind, recognise_file
from tests.builders import SeededEntropy
from tests.central.scenario import World
from tests.system.test_answers_end_to_end import Node, make_node
from tests.system.test_stick_end_to_end import files, read, say, take, write, wrong

# Two requests as (items that the node has, when by its clock in seconds from now), and the first item of the answer.
CASES: Final = (
    # What it said last counts, also where it had more before.
    ((2, -60), (1, 0), 2),
    ((1, -60), (2, 0), 3),
    # Of two of one second the one that leaves out less.
    ((2, 0), (1, 0), 2),
    # What a clock signed that ran ahead stands behind all others.
    ((2, 86_400), (1, 0), 2),
    ((2, 86_400), (1, 172_800), 2),
)


@pytest.fixture
def site(world: World, tmp_path: Path) -> Node:
    return make_node(world, tmp_path / "site")


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    root = tmp_path / "USB"
    (root / "HCVX").mkdir(parents=True)
    return root


def _asked(node: Node, after: int, *, at: int) -> bytes:
    """A request as the node's key signs it."""
    with node.station.database.read() as tables:
        identity = node_identity.get(tables)
    nonce = SeededEntropy(1_000 * after + at).token(NONCE_BYTES)
    request = FeedRequest(identity.node, identity.epoch, after, at=at, nonce=nonce)
    return sign_request(request, KeySigner(identity.node_key))


def _given(node: Node, stick: Path) -> list[int]:
    """The numbers of the items that lie on the stick for the node."""
    with node.station.database.read() as tables:
        identity = node_identity.get(tables)
    (answer,) = (data for data in files(stick).values() if recognise_file(data).kind is StickKind.FEED)
    opening = opening_keys_of(identity.opening_key)
    pages = [open_page(page, opening, identity.publisher_key, node=identity.node) for page in split_file(answer)]
    return [item.number for page in pages for item, _ in page.items]


@pytest.mark.parametrize("names", ["ab", "ba"])
@pytest.mark.parametrize("case", CASES)
def test_a_node_that_has_less_than_before_gets_what_it_lost(
    world: World, site: Node, stick: Path, case: tuple[tuple[int, int], tuple[int, int], int], names: str
) -> None:
    for _ in range(3):
        say(world, "19001A")
    *requests, first = case
    for name, (after, seconds) in zip(names, requests, strict=True):
        (stick / "HCVX" / name).write_bytes(_asked(site, after, at=world.clock.at + seconds))
    found = take(world, stick)
    assert (found.superseded, found.written) == (1, 1)
    assert _given(site, stick) == list(range(first, 4))


def test_what_is_due_is_in_the_first_answer_and_the_second_run_writes_nothing(
    world: World, site: Node, stick: Path
) -> None:
    world.clock.at += 60
    site.station.clock.at = max(site.station.clock.at, world.clock.at)
    with write_transaction(world.centre.engine) as connection:
        publish_trust_list(connection, keys=world.centre.keys, days=30, now=world.clock.at)
    write(site, stick)
    assert take(world, stick).written == 1
    assert take(world, stick).written == 0
    assert read(site, stick).items == 1
    assert wrong(world, site) == []
