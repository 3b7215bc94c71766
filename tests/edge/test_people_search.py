"""Finding people by whatever is typed: what is found first, nothing that breaks it, and no question reads the table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge.store import people, people_search
from edge.store.database import Tables
from edge.store.people import PersonId
from sync_protocol.identity import IdentityState
from tests.edge.clinic import villager
from tests.edge.station import AFTERNOON, DATA_KEY, Station, make_station

NAMES = ("Nguyễn Văn An", "Nguyễn Thị Ánh", "Trần Nguyễn Bình", "Ðặng Thị Lệ", "H'Hen Niê", "An Văn Nguyễn")


@pytest.fixture
def station(tmp_path: Path) -> Station:
    station = make_station(tmp_path)
    with station.database.write_transaction() as tables:
        for number, name in enumerate(NAMES, start=1):
            one = villager(number, name=name, phone=f"09{number:08d}")
            people.add(tables, one, state=IdentityState.WAITING, at=AFTERNOON, by="Lan")
    return station


def found(station: Station, text: str, limit: int = 20) -> list[str]:
    with station.database.read() as tables:
        return [one.recipient.name for one in people_search.search(tables, text, limit=limit)]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("054185000002", "Nguyễn Thị Ánh"),
        ("054 185 000 002", "Nguyễn Thị Ánh"),
        ("0900000003", "Trần Nguyễn Bình"),
        ("+84 900 000 003", "Trần Nguyễn Bình"),
        ("nguyen van an", "Nguyễn Văn An"),
        ("NGUYỄN VĂN AN", "Nguyễn Văn An"),
        ("anh nguyen", "Nguyễn Thị Ánh"),
        ("binh tr", "Trần Nguyễn Bình"),
        ("đặng thị lệ", "Ðặng Thị Lệ"),
        ("Ɖặng", "Ðặng Thị Lệ"),
        ("hhen nie", "H'Hen Niê"),
        ("H’Hen", "H'Hen Niê"),
        ("Nguye\u0302\u0303n Thi\u0323 A\u0301nh", "Nguyễn Thị Ánh"),
    ],
)
def test_the_person_that_is_meant_comes_first(station: Station, text: str, first: str) -> None:
    assert found(station, text)[:1] == [first]


def test_names_that_begin_with_the_text_come_before_names_that_hold_its_words(station: Station) -> None:
    assert found(station, "nguyễn") == ["Nguyễn Thị Ánh", "Nguyễn Văn An", "An Văn Nguyễn", "Trần Nguyễn Bình"]
    assert found(station, "nguyễn", limit=3) == ["Nguyễn Thị Ánh", "Nguyễn Văn An", "An Văn Nguyễn"]
    assert found(station, "nguyễn", limit=1) == ["Nguyễn Thị Ánh"]


def test_a_person_who_was_renamed_is_found_by_the_new_name_alone(station: Station) -> None:
    with station.database.write_transaction() as tables:
        person = people.get(tables, PersonId(2))
        assert person is not None
        people.change(
            tables, person, villager(2, name="Lê Thị Mới"), state=IdentityState.WAITING, at=AFTERNOON, by="Lan"
        )
    assert found(station, "mới lê") == ["Lê Thị Mới"]
    assert found(station, "anh nguyen") == []


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", '"', "'", "*", "^an", "-an", "()", "a:b", "folded_name:an", 'an" OR "x', "NEAR(an)", "AND", "an OR"),
        *(
            "\x00",
            "an\x00",
            "\ud7ff",
            "🙂",
            "ﷺ",
            "０５４",
            "½",
            "_",
            "%",
            "x" * 100_000,
            "an " * 10_000,
            "{an}",
            "+",
            "\\",
        ),
    ],
)
def test_nothing_that_is_typed_is_an_error(station: Station, text: str) -> None:
    assert len(found(station, text)) <= len(NAMES)


def test_whoever_may_be_the_one_is_near(station: Station) -> None:
    with station.database.write_transaction() as tables:
        for number, born in enumerate(("1985", "1985-03-02", "1986-03-01"), start=10):
            one = villager(number, name="Nguyễn Thị Ánh", birth_date=born)
            people.add(tables, one, state=IdentityState.WAITING, at=AFTERNOON, by="Lan")

        def near(number: str, name: str, birth_date: str) -> list[int]:
            return [
                one.person_id for one in people_search.near(tables, number=number, name=name, birth_date=birth_date)
            ]

        # The same day, and the year alone; another day is somebody else.
        assert near("", "NGUYEN THI ANH", "1985-03-01") == [7, 2]
        # A year alone may be any day of it.
        assert near("", "nguyễn thị ánh", "1985") == [7, 2, 8]
        # The number leads to its bearer whatever the name is.
        assert near("054185000005", "Ai Đó", "2000") == [5]
        assert near("", "Ai Đó", "2000") == []


def test_every_question_goes_over_an_index_and_sorts_nothing(tmp_path: Path, station: Station) -> None:
    asked: list[tuple[str, Any]] = []

    def listen(sql: str, parameters: Any) -> None:
        if "people" in sql:
            asked.append((sql, parameters))

    listening = type(station.database)(tmp_path / "node.db", DATA_KEY, tracer=listen)
    with listening.read() as tables:
        people_search.search(tables, "054185000002")
        people_search.search(tables, "nguyễn thị")
        people_search.near(tables, number="054185000002", name="Nguyễn Văn An", birth_date="1985")
        people_search.near(tables, number="054185000002", name="Nguyễn Văn An", birth_date="1985-03-01")
        questions = list(asked)
        assert len(questions) >= 10
        for sql, parameters in questions:
            assert slow_steps(tables, sql, parameters) == [], sql
        # What the test must catch: a question that reads the whole table, and one that sorts.
        planted = "SELECT person_id FROM people WHERE name LIKE ? ORDER BY phone"
        assert len(slow_steps(tables, planted, ("%Ánh%",))) == 2
    listening.close()


def slow_steps(tables: Tables, sql: str, parameters: Any) -> list[str]:
    """The steps of a question that read a whole table, or sort; words are a virtual table with an index of its own."""
    steps = [row[3] for row in tables.execute(f"EXPLAIN QUERY PLAN {sql}", parameters)]
    assert steps
    return [
        step
        for step in steps
        if "TEMP B-TREE" in step or (step.startswith("SCAN") and "VIRTUAL TABLE INDEX" not in step)
    ]
