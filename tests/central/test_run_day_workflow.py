"""The end of the day on real stores: what is issued, to whom, and what the passports then hold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import func, select

from central.store.database import read_transaction
from central.store.tables import day_runs, doses, health_certificates, issue_intents, passports
from central.workflow.check_passports import check_passports
from central.workflow.run_day import run_day
from central.workflow.show_passport import show_passport
from sync_protocol.days import DAY_SECONDS
from sync_protocol.errors import Code, ProtocolError
from tests.central.day_store import EVENING, DayStore
from tests.central.issued import (
    BUSY_ISSUED,
    BUSY_PEOPLE,
    HUNG,
    LAN,
    MONTH,
    assert_sound,
    busy_day,
    held_rows,
    held_texts,
    two_sites,
)
from tests.central.scenario import World


@pytest.fixture
def store(tmp_path: Path) -> DayStore:
    return two_sites(tmp_path)


def passport_of(store: DayStore, dose: int) -> Any:
    with read_transaction(store.engine) as connection:
        uvci = connection.execute(
            select(health_certificates.c.uvci).where(health_certificates.c.dose == dose)
        ).scalar_one()
    shown = show_passport(store.engine, uvci.removeprefix("URN:UVCI:01:VN:")[:-2].replace("/", "-"))
    assert shown is not None
    return shown


def test_a_day_with_everything_in_it_ends_soundly(store: DayStore) -> None:
    busy_day(store)
    result = store.run()
    assert (result.issued, result.passports, result.waiting) == (BUSY_ISSUED, BUSY_PEOPLE, {"name-unwritable": 1})
    assert result.operations == BUSY_ISSUED
    assert_sound(store.engine, signer=store.signer)


def test_a_second_run_on_the_same_state_issues_nothing(store: DayStore) -> None:
    busy_day(store)
    store.run()
    before = held_texts(store.engine)
    again = store.run(now=EVENING + 60)
    assert (again.run, again.issued, again.passports, again.operations) == (2, 0, 0, 0)
    assert again.waiting == {"name-unwritable": 1}
    assert held_texts(store.engine) == before


def test_doses_of_two_sites_end_in_one_passport_the_newest_first(store: DayStore) -> None:
    early = store.admit([store.dose(LAN, "19001", given_at=EVENING - MONTH)])[0]
    late = store.admit([store.dose(LAN, "19002", number=2, product="PF")])[0]
    store.run()
    assert passport_of(store, early) == passport_of(store, late)
    shown = passport_of(store, early)
    assert [(dose.row.dose_number, dose.dose_total) for dose in shown.doses] == [(2, 2), (1, 2)]
    assert [dose.row.facility for dose in shown.doses] == ["Trạm Y tế xã Tân Quang", "Trạm Y tế phường Mẫu"]
    assert held_rows(store.engine, passports.c.version, passports.c.doses, passports.c.newest_dose) == [(1, 2, late)]


def test_an_older_dose_that_comes_later_makes_a_new_version_and_stays_behind_the_newest(store: DayStore) -> None:
    newest = store.admit([store.dose(LAN, "19002", number=2)])[0]
    store.run()
    store.admit([store.dose(LAN, "19001", given_at=EVENING - MONTH)])
    store.run(now=EVENING + DAY_SECONDS)
    rows = held_rows(store.engine, passports.c.version, passports.c.run, passports.c.doses, passports.c.newest_dose)
    assert rows == [(1, 1, 1, newest), (2, 2, 2, newest)]


def test_a_version_that_is_replaced_gets_no_certificate_but_its_correction_does(store: DayStore) -> None:
    wrong = store.dose(LAN, "19001")
    old = store.admit([wrong])[0]
    new = store.admit([store.dose(LAN, "19001", product="PF", replaces=wrong.sequence)])[0]
    store.run()
    assert sorted(held_texts(store.engine)) == [new]
    assert old != new
    assert_sound(store.engine, signer=store.signer)


def test_a_correction_after_the_certificate_takes_its_place_in_the_passport(store: DayStore) -> None:
    wrong = store.dose(LAN, "19001")
    old = store.admit([wrong])[0]
    store.run()
    new = store.admit([store.dose(LAN, "19001", product="PF", replaces=wrong.sequence)])[0]
    store.run(now=EVENING + DAY_SECONDS)
    assert sorted(held_texts(store.engine)) == [old, new]
    # The old number still leads to the person; the passport shows what is right now.
    assert [dose.row.product for dose in passport_of(store, old).doses] == ["PF"]
    assert held_rows(store.engine, passports.c.version, passports.c.doses) == [(1, 1), (2, 1)]
    assert_sound(store.engine, signer=store.signer)


@pytest.mark.parametrize(
    ("days", "trusted", "code"), [(430, True, Code.SIGNER_LIFE), (800, False, Code.SIGNER_UNKNOWN)]
)
def test_a_signer_that_will_not_do_is_refused_before_anything_is_written(
    store: DayStore, days: int, trusted: bool, code: Code
) -> None:
    busy_day(store)
    signer = store.new_signer("another", days=days, trusted=trusted)
    with pytest.raises(ProtocolError) as caught:
        store.run(signer=signer)
    assert caught.value.code is code
    assert held_rows(store.engine, day_runs.c.number) == held_rows(store.engine, issue_intents.c.dose) == []


def test_no_match_on_that_day_no_certificate_and_the_match_of_a_later_day_heals_it(store: DayStore) -> None:
    store.admit([store.dose(LAN, "19001"), store.dose(HUNG, "19001")])
    store.register([replace(LAN, birth_date="1991-01-01")])
    first = store.run()
    assert (first.issued, first.waiting) == (1, {"identity-evidence": 1})
    store.register([LAN])
    second = store.run(now=EVENING + DAY_SECONDS)
    assert (second.issued, second.waiting) == (1, {})
    assert_sound(store.engine, signer=store.signer)


def test_bundles_of_two_sites_become_passports_on_either_database(any_world: World) -> None:
    world, centre = any_world, any_world.centre
    one, two = world.site(), world.site("19002", "19002A")
    first = one.doses([1, 2, 3])
    world.know(first)
    one.send(first)
    later = two.dose(1, dose_number=2, given_at=EVENING_OF_WORLD, recorded_at=EVENING_OF_WORLD)
    world.clock.at = EVENING_OF_WORLD + 60
    receipt = two.send([later])
    assert receipt.verdicts[0].code is Code.DOSE_DUPLICATE
    with centre.open_signer() as signer:
        result = run_day(
            centre.engine, signer=signer, registry=centre.registry, entropy=centre.entropy, now=centre.clock.now()
        )
    assert (result.issued, result.passports, result.waiting) == (3, 3, {})
    with read_transaction(centre.engine) as connection:
        assert check_passports(connection).findings == []
        assert connection.execute(select(func.count()).select_from(doses)).scalar_one() == 4


EVENING_OF_WORLD: Final = EVENING + 7 * DAY_SECONDS
