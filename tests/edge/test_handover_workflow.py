"""A site hands doses over and learns what became of them: counted rightly, verified, once, and never signed twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from unicodedata import normalize

import pytest

from edge.domain.day_figures import count_kinds
from edge.domain.outbox import BundleState
from edge.domain.pass_journal import PassCode, PassRefusedError
from edge.domain.refusals import EdgeCode, RefusedError
from edge.store import delegated_signings, doses, handovers, people, reports, standings
from edge.store.database import Database
from edge.workflow.check_store import check_store
from edge.workflow.exchange import exchange
from edge.workflow.hand_over import hand_over
from edge.workflow.plan_passes import plan_passes, signing_rules
from edge.workflow.prove_slip import prove_slip
from sync_protocol.batch import parse_batch
from sync_protocol.delegation import DelegationKind, encode_delegations
from sync_protocol.dose import IdentityState, decode_dose
from sync_protocol.dose_proof import verify_dose_proof
from sync_protocol.errors import Code
from sync_protocol.feed import FeedKind
from sync_protocol.handover import HandedBack, SignedDoses, encode_handed_back, encode_signed
from sync_protocol.signers.key_signer import KeySigner
from sync_protocol.verdict import Verdict, VerdictState, encode_verdicts
from tests.builders import ec_key
from tests.edge.hub_pair import HUB, HubPair, delegation, make_pair
from tests.edge.power_cut import Fuse, PowerCutError
from tests.edge.station import DATA_KEY, DAY, DAY_SECONDS, MORNING, NODE
from tests.simulator import POLICY

YESTERDAY = "2022-04-14"


@pytest.fixture
def pair(tmp_path: Path) -> HubPair:
    return make_pair(tmp_path)


def nothing_is_wrong(pair: HubPair) -> None:
    """Both stores satisfy every check."""
    for node in (pair.site, pair.hub):
        assert check_store(node.database).findings == ()


def waiting(pair: HubPair) -> dict[str, int]:
    """The site's figures of the day: why doses are not in the ledger, with the numbers of signed and admitted ones."""
    now = pair.site.clock.now()
    with pair.site.database.read() as tables:
        rules = signing_rules(tables, POLICY, now=now)
        figures = count_kinds(standings.kinds(tables, facility=rules.facility, now=now), rules)
    return {**figures.waiting, "signed": figures.signed, "admitted": figures.admitted}


def feed_codes(pair: HubPair) -> list[str]:
    """What the site's trail says of items that it could not take."""
    with pair.site.database.read() as tables:
        rows = tables.execute("SELECT details FROM audit WHERE action = 'feed-unreadable' ORDER BY entry")
        return [row[0] for row in rows]


def test_doses_go_to_the_hub_and_come_back_signed(pair: HubPair) -> None:
    pair.site.record(3)
    pair.site.record(1, state=IdentityState.MISMATCH)
    found = pair.hand()
    # What could not be signed is not handed over either, and what was is nobody's to sign here.
    assert (found.doses, found.hub, found.asks_day) == (3, HUB, "")
    assert waiting(pair) == {"handed": 3, "identity-mismatch": 1, "signed": 0, "admitted": 0}
    assert plan_passes(pair.site.database, POLICY, now=pair.site.clock.now()).passes == ()
    with pytest.raises(PassRefusedError) as refused:
        pair.hand()
    assert refused.value.code is PassCode.NOTHING_TO_SIGN
    nothing_is_wrong(pair)

    pair.send()
    assert waiting(pair)["handed"] == 3
    assert pair.sign().doses == 3
    pair.send()
    assert waiting(pair) == {"identity-mismatch": 1, "signed": 3, "admitted": 3}
    assert pair.stages()[1] == ("receipted", "admitted", "")
    with pair.site.database.read() as tables:
        counted = reports.report(tables, DAY, DAY)
    assert (counted.same_day, counted.later) == (3, 0)
    nothing_is_wrong(pair)


def test_another_node_of_the_hub_may_sign_than_the_one_that_the_site_knew(pair: HubPair) -> None:
    """The centre sends doses to the node that the hub's newest delegation names, and the site's list may be older."""
    older = replace(delegation(DelegationKind.STANDING), hub_node="54001B")
    pair.centre.put_item(NODE, FeedKind.DELEGATIONS, encode_delegations([older]))
    pair.hear()
    pair.site.record(2)
    pair.hand()
    pair.send()
    pair.sign()
    pair.send()
    assert {stage for stage, _, _ in pair.stages().values()} == {"receipted"}
    assert check_store(pair.site.database).findings == ()


def test_what_the_hub_signed_proves_each_dose_offline(pair: HubPair) -> None:
    pair.site.record(4)
    pair.hand()
    pair.send()
    pair.sign()
    pair.send()
    with pair.site.database.read() as tables:
        proof = prove_slip(tables, 3)
        known = doses.assemble(tables, [3])[0]
    assert proof is not None
    certificate = parse_batch(proof.statement_cose).certificates[0]
    verified = verify_dose_proof(proof, certificate=certificate)
    assert verified.dose == known == decode_dose(proof.dose)
    assert (verified.statement.manifest.facility, verified.statement.manifest.dose_node) == (HUB, NODE)


def test_verdicts_of_the_centre_stand_at_the_doses(pair: HubPair) -> None:
    held, denied = (
        Verdict(VerdictState.QUARANTINED, Code.DOSE_DUPLICATE),
        Verdict(VerdictState.REFUSED, Code.LOT_EXPIRED),
    )
    pair.centre.judge = lambda dose: {2: held, 3: denied}.get(dose.sequence, Verdict(VerdictState.ADMITTED))
    pair.site.record(3)
    pair.hand()
    pair.send()
    pair.sign()
    pair.send()
    assert pair.stages() == {
        1: ("receipted", "admitted", ""),
        2: ("receipted", "quarantined", "dose-duplicate"),
        3: ("receipted", "refused", "lot-expired"),
    }
    nothing_is_wrong(pair)


def test_a_person_who_is_changed_after_the_handover_does_not_disturb_the_signature(pair: HubPair) -> None:
    pair.site.record(2)
    pair.hand()
    with pair.site.database.write_transaction() as tables:
        person = people.get(tables, standings_person(pair))
        assert person is not None
        changed = replace(person.recipient, phone="0900000000")
        people.change(tables, person, changed, state=IdentityState.MATCHED, at=pair.site.clock.now(), by="Y tá")
    pair.send()
    pair.sign()
    pair.send()
    assert {stage for stage, _, _ in pair.stages().values()} == {"receipted"}
    nothing_is_wrong(pair)


def standings_person(pair: HubPair) -> people.PersonId:
    """Whose dose has the number 1."""
    with pair.site.database.read() as tables:
        found = doses.get(tables, 1)
    assert found is not None
    return found.person_id


def test_a_dose_corrected_while_the_hub_has_it_is_signed_in_both_versions_or_only_the_new_one(pair: HubPair) -> None:
    pair.site.record(2)
    pair.hand()
    pair.send()
    old = correct(pair, 1)
    # The old version is history; the new one is free.
    assert pair.stages() == {2: ("handed", "", ""), 3: ("", "", "")}
    second = pair.hand()
    with pair.site.database.read() as tables:
        assert handovers.counts(tables, 1) == {"handed": 1, "replaced": 1}
    assert (old, second.doses) == (3, 1)
    pair.send()
    # At the hub the new version has taken the place of the one that still waited.
    assert pair.sign().doses == 2
    pair.send()
    assert pair.stages() == {2: ("receipted", "admitted", ""), 3: ("receipted", "admitted", "")}
    nothing_is_wrong(pair)


def test_an_old_version_that_the_hub_has_signed_already_stays_signed_beside_its_correction(pair: HubPair) -> None:
    pair.site.record(1)
    pair.hand()
    pair.send()
    pair.sign()
    correct(pair, 1)
    pair.send()
    assert pair.stages() == {2: ("", "", "")}
    with pair.site.database.read() as tables:
        assert delegated_signings.of_dose(tables, 1) is not None
        # Counted as signed is only what is the newest version.
        assert reports.report(tables, DAY, DAY).same_day == 0
    nothing_is_wrong(pair)


def correct(pair: HubPair, sequence: int) -> int:
    """A newer version of a dose, with a reaction added."""
    with pair.site.database.write_transaction() as tables:
        old = doses.get(tables, sequence)
        assert old is not None
        return doses.add(
            tables,
            old.person_id,
            replace(old.facts, reaction="Sốt nhẹ"),
            at=pair.site.clock.now(),
            by="Y tá",
            submission=f"correction-{sequence}",
            replaces=sequence,
            replace_reason="Ghi thêm phản ứng",
        )


def test_a_signed_dose_that_is_corrected_is_not_counted_as_signed_any_more(pair: HubPair) -> None:
    pair.site.record(2)
    pair.hand()
    pair.send()
    pair.sign()
    pair.send()
    correct(pair, 1)
    with pair.site.database.read() as tables:
        assert reports.report(tables, DAY, DAY).same_day == 1
    nothing_is_wrong(pair)


def test_a_handover_that_the_centre_refuses_gives_its_doses_back(pair: HubPair) -> None:
    pair.site.record(2)
    found = pair.hand()
    pair.centre.refuse = [Code.DELEGATION]
    pair.send()
    assert {stage for stage, _, _ in pair.stages().values()} == {""}
    with pair.site.database.read() as tables:
        again = handovers.find(tables, found.handover_id)
    assert again is not None
    assert (again.state, again.outcome) == (BundleState.REFUSED, "delegation")
    # They can be signed here, or handed over anew.
    assert len(pair.site.plan()[0].doses) == 2
    assert pair.hand().doses == 2
    nothing_is_wrong(pair)


def test_what_the_hub_hands_back_is_free_with_its_reason(pair: HubPair) -> None:
    pair.site.record(3)
    found = pair.hand()
    pair.centre.put_item(NODE, FeedKind.HANDED_BACK, encode_handed_back(HandedBack(found.digest, (2,), "Sai lô")))
    pair.hear()
    assert pair.stages()[2] == ("", "", "")
    assert waiting(pair)["handed"] == 2
    with pair.site.database.read() as tables:
        (back,) = delegated_signings.backs(tables, found.digest)
    assert (back.sequences, back.reason) == ((2,), "Sai lô")
    # What is free may be signed here at once; a signature of the hub that comes later moves nothing.
    assert pair.site.sign().doses == 1
    nothing_is_wrong(pair)


def test_a_dose_that_was_handed_back_and_signed_here_is_not_moved_by_a_late_signature_of_the_hub(pair: HubPair) -> None:
    pair.site.record(2)
    found = pair.hand()
    pair.send()
    pair.sign()
    pair.centre.put_item(NODE, FeedKind.HANDED_BACK, encode_handed_back(HandedBack(found.digest, (1, 2), "Nhầm")))
    pair.hear()
    pair.site.sign()
    pair.send()
    assert {stage for stage, _, _ in pair.stages().values()} == {"receipted"}
    with pair.site.database.read() as tables:
        assert delegated_signings.of_dose(tables, 1) is None
        assert len(delegated_signings.of_handover(tables, found.handover_id)) == 1
    nothing_is_wrong(pair)


def test_a_late_dose_needs_a_reason_to_be_handed_over(pair: HubPair) -> None:
    pair.site.record(1, given_at=MORNING - DAY_SECONDS)
    with pytest.raises(RefusedError) as refused:
        pair.hand([YESTERDAY])
    assert refused.value.findings[0].code is EdgeCode.REASON_MISSING
    # As some keyboards type it: letters and their marks apart.
    assert pair.hand([YESTERDAY], reason=normalize("NFD", "Mất  điện ")).reason == "Mất điện"
    pair.send()
    pair.sign()
    pair.send()
    with pair.site.database.read() as tables:
        (signing,) = delegated_signings.of_handover(tables, 1)
        assert reports.report(tables, YESTERDAY, YESTERDAY).later == 1
    assert parse_batch(signing.statement).statement.manifest.late_reason == "Mất điện"
    nothing_is_wrong(pair)


def test_a_site_that_lost_its_token_asks_for_one_day(tmp_path: Path) -> None:
    pair = make_pair(tmp_path, kind=DelegationKind.ON_CALL)
    pair.site.record(2)
    pair.site.record(1, given_at=MORNING - DAY_SECONDS)
    with pytest.raises(RefusedError) as refused:
        pair.hand()
    assert refused.value.findings[0].code is EdgeCode.REASON_MISSING
    with pytest.raises(RefusedError) as refused:
        pair.hand([DAY, YESTERDAY], reason="Mất token")
    assert refused.value.findings[0].code is EdgeCode.HANDOVER_NOBODY
    found = pair.hand([DAY], reason="Mất token")
    assert (found.asks_day, found.doses) == (DAY, 2)
    pair.send()
    pair.sign()
    pair.send()
    assert pair.stages()[1][0] == "receipted"
    assert pair.stages()[3][0] == ""
    nothing_is_wrong(pair)


@pytest.mark.parametrize("kind", [None, DelegationKind.ONE_DAY])
def test_without_a_delegation_for_these_days_nothing_is_handed_over(
    tmp_path: Path, kind: DelegationKind | None
) -> None:
    pair = make_pair(tmp_path, kind=kind)
    pair.site.record(1, given_at=MORNING - DAY_SECONDS)
    with pytest.raises(RefusedError) as refused:
        pair.hand([YESTERDAY], reason="Mất token")
    assert refused.value.findings[0].code is EdgeCode.HANDOVER_NOBODY


def test_only_what_was_shown_is_handed_over(pair: HubPair) -> None:
    pair.site.record(2)
    with pytest.raises(PassRefusedError) as refused:
        hand_over(
            pair.site.database,
            POLICY,
            [DAY],
            number=1,
            shown=bytes(32),
            reason="",
            now=pair.site.clock.now(),
            by="Lê Thị Hoa",
            entropy=pair.site.entropy,
        )
    assert refused.value.code is PassCode.SELECTION_CHANGED
    assert {stage for stage, _, _ in pair.stages().values()} == {""}


def test_a_handover_that_is_cut_off_hands_over_all_or_nothing(tmp_path: Path) -> None:
    found = set()
    for blows_at in count(1):
        directory = tmp_path / str(blows_at)
        directory.mkdir()
        fuse = Fuse()
        pair = make_pair(directory, site_tracer=fuse.statement)
        pair.site.record(2)
        fuse.events, fuse.blows_at = 0, blows_at
        try:
            pair.hand()
        except PowerCutError:
            is_over = False
        else:
            is_over = True
        fuse.blows_at = None
        pair.site.database.close()
        pair.site = replace(pair.site, database=Database(pair.site.database.path, DATA_KEY))
        stages = {stage for stage, _, _ in pair.stages().values()}
        found |= stages
        assert len(stages) == 1
        if stages == {""}:
            assert pair.hand().doses == 2
        assert check_store(pair.site.database).findings == ()
        pair.site.database.close()
        pair.hub.database.close()
        if is_over:
            break
    assert found == {"", "handed"}


def other_handover(item: SignedDoses) -> SignedDoses:
    return replace(item, handover=bytes(32))


def other_secret(item: SignedDoses) -> SignedDoses:
    return replace(item, secret=bytes(32))


def other_order(item: SignedDoses) -> SignedDoses:
    return replace(item, sequences=tuple(reversed(item.sequences)))


def foreign_dose(item: SignedDoses) -> SignedDoses:
    return replace(item, sequences=(*item.sequences[:-1], 99))


def flipped_signature(item: SignedDoses) -> SignedDoses:
    return replace(item, statement=item.statement[:-1] + bytes([item.statement[-1] ^ 1]))


def other_verdicts(item: SignedDoses) -> SignedDoses:
    held = Verdict(VerdictState.QUARANTINED, Code.DOSE_DUPLICATE)
    return replace(item, verdicts=encode_verdicts([held] * len(item.sequences)))


def flipped_receipt(item: SignedDoses) -> SignedDoses:
    middle = len(item.receipt) // 2
    return replace(item, receipt=item.receipt[:middle] + bytes([item.receipt[middle] ^ 1]) + item.receipt[middle + 1 :])


@pytest.mark.parametrize(
    "forge",
    [other_handover, other_secret, other_order, foreign_dose, flipped_signature, other_verdicts, flipped_receipt],
)
def test_a_signature_that_does_not_verify_changes_nothing(
    pair: HubPair, forge: Callable[[SignedDoses], SignedDoses]
) -> None:
    pair.site.record(3)
    pair.hand()
    pair.send()
    pair.sign()
    deliver(pair, forge)
    assert {stage for stage, _, _ in pair.stages().values()} == {"handed"}
    assert len(feed_codes(pair)) == 1
    with pair.site.database.read() as tables:
        assert tables.execute("SELECT count(*) FROM delegated_signings").fetchone()[0] == 0
    # The true one is still taken.
    deliver(pair, lambda item: item)
    assert {stage for stage, _, _ in pair.stages().values()} == {"receipted"}
    assert check_store(pair.site.database).findings == ()


def deliver(pair: HubPair, change: Callable[[SignedDoses], SignedDoses]) -> None:
    """Let the hub's batch reach the centre, and what the centre says of it the site, changed on its way."""
    exchange(pair.hub.database, pair.centre, now=pair.hub.clock.now, entropy=pair.hub.entropy)
    for digest in list(pair.centre.kept):
        if pair.centre.kept[digest].bundle.bundle.kind.value == "batch":
            for item in pair.signed_items(digest):
                pair.centre.put_item(NODE, FeedKind.SIGNED_DOSES, encode_signed(change(item)))
    pair.hear()


def test_a_receipt_of_another_ledger_is_not_believed(pair: HubPair) -> None:
    pair.site.record(1)
    pair.hand()
    pair.send()
    pair.sign()
    true = pair.centre.ledger
    pair.centre.ledger = KeySigner(ec_key("somebody else"))
    pair.send()
    pair.centre.ledger = true
    assert pair.stages()[1] == ("handed", "", "")
    assert feed_codes(pair) == [Code.SIGNER_UNKNOWN.value]


def test_the_same_signature_twice_changes_nothing(pair: HubPair) -> None:
    pair.site.record(2)
    pair.hand()
    pair.send()
    pair.sign()
    deliver(pair, lambda item: item)
    deliver(pair, lambda item: item)
    with pair.site.database.read() as tables:
        assert tables.execute("SELECT count(*) FROM delegated_signings").fetchone()[0] == 1
        assert reports.report(tables, DAY, DAY).same_day == 2
    assert check_store(pair.site.database).findings == ()


def test_one_batch_over_two_handovers_settles_both(pair: HubPair) -> None:
    pair.site.record(2)
    pair.hand()
    pair.site.record(2)
    pair.hand()
    pair.send()
    assert pair.sign().doses == 4
    pair.send()
    assert {stage for stage, _, _ in pair.stages().values()} == {"receipted"}
    with pair.site.database.read() as tables:
        assert [one.doses for number in (1, 2) for one in delegated_signings.of_handover(tables, number)] == [2, 2]
    nothing_is_wrong(pair)


@pytest.mark.parametrize(
    ("statement", "subject"),
    [
        ("UPDATE handovers SET reason = 'x'", "handover:1"),
        ("UPDATE handed_doses SET verdict_code = 'lot-expired'", "handover:1"),
        ("UPDATE delegated_signings SET secret = zeroblob(32)", "handover:1"),
        ("UPDATE delegated_signings SET verdicts = x'a10103'", "handover:1"),
        ("DELETE FROM handed_doses WHERE place = 1", "handover:1"),
        ("UPDATE handed_doses SET state = 'handed', signing_id = NULL, verdict_state = ''", "derived"),
    ],
)
def test_check_finds_what_somebody_changed_at_the_site(pair: HubPair, statement: str, subject: str) -> None:
    pair.site.record(2)
    pair.hand()
    pair.send()
    pair.sign()
    pair.send()
    with pair.site.database.write_transaction() as tables:
        for name in ("handovers", "handed_doses", "delegated_signings"):
            for trigger in tables.execute(
                "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?", (name,)
            ).fetchall():
                tables.execute(f"DROP TRIGGER {trigger[0]}")
        tables.execute(statement)
    assert subject in {finding.subject for finding in check_store(pair.site.database).findings}
