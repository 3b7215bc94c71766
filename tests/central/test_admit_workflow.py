"""One bundle in, one receipt out, whatever is repeated, lost or raced; on SQLite and on PostgreSQL."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from central.domain.admission import PlaceError
from central.domain.ledger import LedgerTree
from central.store.database import read_transaction
from central.store.tables import bundles, forks, ledger_entries
from central.workflow.admit_bundle import admit_bundle
from central.workflow.check_centre import check_centre
from sync_protocol.errors import Code
from sync_protocol.receipt import verify_inclusion
from sync_protocol.signers.key_signer import KeySigner
from sync_protocol.tree_head import check_follows
from sync_protocol.verdict import Verdict, VerdictState
from tests.central.scenario import World
from tests.central.snapshots import snapshot


def test_a_day_of_two_sites_is_admitted_and_checks_out(any_world: World) -> None:
    sites = [any_world.site(), any_world.site("19002", "19002A")]
    for day_part in range(3):
        for place, site in enumerate(sites):
            doses = site.doses(range(100 * place + 10 * day_part, 100 * place + 10 * day_part + 10))
            any_world.know(doses)
            receipt = site.send(doses)
            assert set(receipt.verdicts) == {Verdict(VerdictState.ADMITTED)}
    report = check_centre(any_world.centre.engine)
    assert report.findings == ()
    assert (report.entries, report.bundles, report.doses) == (7, 6, 60)


def test_a_repeat_gets_the_first_answer_byte_for_byte(any_world: World) -> None:
    site = any_world.site()
    inner = site.inner(site.doses([1]))
    sealed = site.seal(inner)
    first = any_world.offer(sealed)
    site.moved(inner)
    site.send(site.doses([2]))
    any_world.clock.at += 86_400
    before = snapshot(any_world)
    assert any_world.offer(sealed) == first
    assert snapshot(any_world) == before


def test_the_same_message_in_another_envelope_gets_the_first_answer(any_world: World) -> None:
    site = any_world.site()
    inner = site.inner(site.doses([1]))
    first = any_world.offer(site.seal(inner))
    entries = snapshot(any_world)["ledger_entries"]
    resealed = site.seal(inner)
    assert any_world.offer(resealed) == first
    assert any_world.offer(resealed) == first
    assert snapshot(any_world)["ledger_entries"] == entries


def test_two_threads_with_the_same_bundle_make_one_entry(any_world: World) -> None:
    site = any_world.site()
    doses = site.doses(range(50))
    any_world.know(doses)
    inner = site.inner(doses)
    sealed = [site.seal(inner) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        answers = set(pool.map(any_world.offer, sealed))
    assert len(answers) == 1
    with read_transaction(any_world.centre.engine) as connection:
        assert connection.execute(select(func.count()).select_from(ledger_entries)).scalar_one() == 2
    assert check_centre(any_world.centre.engine).findings == ()


def test_many_sites_at_once_make_one_order(any_world: World) -> None:
    sites = [any_world.site(f"{19001 + place}", f"{19001 + place}A") for place in range(5)]

    def day(place: int) -> None:
        for part in range(4):
            sites[place].send(sites[place].doses([1_000 * place + part]))

    with ThreadPoolExecutor(5) as pool:
        list(pool.map(day, range(5)))
    report = check_centre(any_world.centre.engine)
    assert (report.entries, report.findings) == (21, ())


def test_workers_with_trees_of_their_own_stay_together(any_world: World) -> None:
    first, second = any_world.site(), any_world.site("19002", "19002A")
    trees = [LedgerTree(), LedgerTree()]
    centre = any_world.centre
    for turn in range(4):
        site, tree = (first, second)[turn % 2], trees[turn % 2]
        known = any_world.head()
        inner = site.inner(site.doses([turn]))
        answer = admit_bundle(
            site.seal(inner),
            engine=centre.engine,
            keys=centre.keys,
            registry=centre.registry,
            tree=tree,
            now=any_world.clock.now(),
        )
        site.moved(inner)
        receipt = verify_inclusion(answer, ledger_keys=[centre.keys.ledger.public_key])
        assert receipt.head == any_world.head()
        assert receipt.head.size == known.size + 1
    assert check_centre(centre.engine).findings == ()


def test_an_append_that_fails_leaves_neither_rows_nor_a_leaf_in_memory(world: World) -> None:
    class NoSigner(KeySigner):
        def sign(self, message: bytes) -> bytes:
            raise RuntimeError("planted: the ledger key is away")

    from dataclasses import replace

    from tests.builders import ec_key

    site = world.site()
    site.send(site.doses([1]))
    inner = site.inner(site.doses([2]))
    before = snapshot(world)
    sound = world.centre
    world.centre = replace(sound, keys=replace(sound.keys, ledger=NoSigner(ec_key("no"))))
    with pytest.raises(RuntimeError, match="planted"):
        world.offer(site.seal(inner))
    assert snapshot(world) == before
    world.centre = sound
    site.send_inner(inner)
    assert check_centre(sound.engine).findings == ()


def test_heads_are_consistent_from_one_receipt_to_the_next(world: World) -> None:
    site = world.site()
    known = world.head()
    for person in range(9):
        receipt = site.send(site.doses([person]))
        check_follows(receipt.head, known, path=receipt_path(world, known.size))
        known = receipt.head


def receipt_path(world: World, old_size: int) -> tuple[bytes, ...]:
    from central.store.ledger import leaves_from
    from sync_protocol.merkle import Tree

    with read_transaction(world.centre.engine) as connection:
        return Tree(leaves_from(connection, 0)).consistency(old_size)


def test_the_time_of_the_ledger_never_goes_back(world: World) -> None:
    site = world.site()
    site.send(site.doses([1]))
    at = world.head().at
    world.clock.at -= 3_600
    receipt = site.send(site.doses([2]), checkpoint=None)
    assert receipt.head.at == at
    assert check_centre(world.centre.engine).findings == ()


def test_a_centre_whose_clock_went_back_still_admits_what_sites_signed(world: World) -> None:
    site = world.site()
    doses = site.doses([1, 2])
    world.know(doses)
    site.send(doses[:1])
    later = site.inner(doses[1:])
    world.clock.at -= 3_600
    assert site.send_inner(later).entry.refusal is None


def test_second_histories_of_one_node_do_not_fill_the_disk(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("central.store.bundles.FORKS_KEPT", 3)
    site = world.site()
    clones = [site.inner(site.doses([person])) for person in range(2, 8)]
    site.send(site.doses([1]))
    for clone in clones:
        with pytest.raises(PlaceError):
            world.offer(site.seal(clone))
    with read_transaction(world.centre.engine) as connection:
        assert set(connection.execute(select(forks.c.inner)).scalars()) == set(clones[:3])


def test_two_histories_of_one_node_are_both_kept_and_a_person_decides(any_world: World) -> None:
    site = any_world.site()
    mine = site.inner(site.doses([1]))
    clone = site.inner(site.doses([2]))
    later = site.inner(site.doses([3]), batch_number=9)
    first = any_world.offer(site.seal(mine))
    site.moved(mine)
    for _ in range(2):
        with pytest.raises(PlaceError) as caught:
            any_world.offer(site.seal(clone))
        assert caught.value.code is Code.FORKED
    # From now on nothing more is admitted of this node, and nothing of it is lost.
    with pytest.raises(PlaceError) as caught:
        any_world.offer(site.seal(site.link(later)))
    assert caught.value.code is Code.FORKED
    assert any_world.offer(site.seal(mine)) == first
    with read_transaction(any_world.centre.engine) as connection:
        kept = set(connection.execute(select(forks.c.inner)).scalars())
        assert connection.execute(select(bundles.c.inner)).scalars().all() == [mine]
    assert clone in kept
    assert len(kept) == 2
    assert check_centre(any_world.centre.engine).findings == ()


def test_a_node_enrolled_anew_starts_a_new_epoch_and_offers_again(any_world: World) -> None:
    site = any_world.site()
    doses = site.doses([1, 2])
    any_world.know(doses)
    site.send(doses[:1])
    restored = any_world.site()
    assert restored.epoch == 2
    receipt = restored.send(doses)
    assert receipt.verdicts == (
        Verdict(VerdictState.REFUSED, Code.DOSE_REPEATED),
        Verdict(VerdictState.ADMITTED),
    )
    assert check_centre(any_world.centre.engine).findings == ()
