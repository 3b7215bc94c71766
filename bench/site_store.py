"""The store of a large site: an enrolled node with 100,000 people and 300,000 doses, 3,000 of them today.

Rows are written in bulk into a store that has the first two steps of the schema; the later steps then derive their
tables, as they do in a node that is brought up to date. Everybody has three doses, a good month apart. 30 in 100 people
cannot be signed for; the doses of the others are signed, sealed and receipted, but for most of today's. The bytes of
passes, bundles and receipts are as long as real ones and mean nothing: no page opens them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

from edge.domain.roles import Role
from edge.domain.vial import VialContents
from edge.store import audit, people, roster, vials, visits
from edge.store.database import Database, Tables
from edge.store.people import PersonId
from edge.store.schema import MIGRATIONS, migrate
from edge.workflow.read_catalogue import CatalogueShelf
from sync_protocol.batch import Purpose
from sync_protocol.days import DAY_SECONDS, local_day
from sync_protocol.names import fold
from tests.browser.visitor import add_user, make_node
from tests.edge.clinic import Clinic, villager
from tests.edge.station import AFTERNOON, DATA_KEY, DAY, Station, make_station
from tests.protocol.synthetic import Repeatable, generate_records
from tests.simulator import EPOCH

Row = Sequence[Any]

PEOPLE: Final = 100_000
DOSES_EACH: Final = 3
DAYS: Final = 100
LOGIN: Final = "quanly"
# So many more people are in the population pack, and not in the store yet.
NEWCOMERS: Final = 2_000
_NURSES: Final = ("Y tá Nguyễn Thị Sáu", "Y tá Trần Văn Bảy", "Y tá Lê Thị Tám")
# Product, lot, expiry, and of how many in a hundred doses.
_LOTS: Final = (
    ("AZ", "ABX1234", "2022-12-31", 30),
    ("AZ", "ABX5678", "2022-10-31", 20),
    ("PF", "FG3527", "2022-09-30", 35),
    ("PF", "FH9951", "2022-11-30", 14),
    ("PF", "FA0001", "2022-06-30", 1),
)
# State, kind of the paper, and of how many in a hundred people.
_STATES: Final = (
    ("matched", "cccd", 70),
    ("mismatch", "cccd", 14),
    ("waiting", "cccd", 6),
    ("waiting", "passport", 2),
    ("no_number", "none", 4),
    ("malformed", "cccd", 4),
)
_DIFFERS: Final = ("name", "birth_date", "sex")
_TURN: Final = 1_000
# On today's roster, and of these in the line and under observation.
WAITING: Final = 40
_EXPECTED, _OBSERVED = 300, 100
# Bytes of a turn of 1,000 doses: columns, statement, sealed bundle; and of a receipt.
_COLUMN_BYTES, _STATEMENT_BYTES, _SEALED_BYTES, _ANSWER_BYTES = 12_500, 2_400, 16_000, 700
_CHUNK: Final = 20_000
_MORNING: Final = 9 * 3_600


def make_store(directory: Path, count: int = PEOPLE) -> None:
    """Make the node's store in this directory, with so many people: a multiple of 100. `open_store` opens it."""
    station = make_station(directory, steps=MIGRATIONS[:2])
    database = station.database
    states = list(_states(count))
    _insert(database, "people", _people(count, states), width=18)
    _insert(database, "identity_checks", _checks(states), width=9)
    _insert(database, "doses", _doses(count), width=18)
    _sign(database, _signable(count, states))
    _note(database, count)
    # From here on the later steps derive what they keep: standings, counts, words of names.
    migrate(database, at=AFTERNOON)
    for copy in directory.glob("*.before-*"):
        copy.unlink()
    _open_the_day(directory, station, count)
    database.close()


def open_store(directory: Path) -> Database:
    """The store as a later run of the program opens it."""
    return Database(directory / "node.db", DATA_KEY)


def doses_of_day(count: int) -> int:
    """How many doses each day has in a store of so many people."""
    return count * DOSES_EACH // DAYS


def day_of(sequence: int, count: int) -> int:
    """How many days before today a dose was given."""
    return DAYS - 1 - (sequence - 1) // doses_of_day(count)


def given_at(sequence: int, count: int) -> int:
    """When a dose was given: the doses of a day are spread over nine hours."""
    per_day = doses_of_day(count)
    begin = AFTERNOON - _MORNING - day_of(sequence, count) * DAY_SECONDS
    return begin + (sequence - 1) % per_day * _MORNING // per_day


def _insert(database: Database, table: str, rows: Iterable[Row], *, width: int) -> None:
    marks = ", ".join("?" * width)
    waiting = iter(rows)
    while chunk := list(islice(waiting, _CHUNK)):
        with database.write_transaction() as tables:
            tables.conn.executemany(f"INSERT INTO {table} VALUES ({marks})", chunk)


def _states(count: int) -> Iterator[tuple[str, str]]:
    table = [(state, paper) for state, paper, weight in _STATES for _ in range(weight)]
    choose = Repeatable(7)
    for _ in range(count):
        yield choose.choice(table)


def _people(count: int, states: Sequence[tuple[str, str]]) -> Iterator[Row]:
    for place, record in enumerate(generate_records(count, "day")):
        state, paper = states[place]
        at = given_at(place + 1, count)
        yield (
            *(place + 1, 1, record["name"], None, fold(record["name"]), record["sex"], record["dob"], paper),
            *(_number(record["cccd"], state, paper, place), "KR" if paper == "passport" else "VN", record["phone"]),
            *(record["comm"], "", record["group"], state, at, at, _NURSES[place % 3]),
        )


def _number(cccd: str, state: str, paper: str, place: int) -> str:
    if paper != "cccd":
        return f"M{place:08d}" if paper == "passport" else ""
    return cccd[:9] if state == "malformed" else cccd


def _checks(states: Sequence[tuple[str, str]]) -> Iterator[Row]:
    for place, (state, _) in enumerate(states):
        differs = _DIFFERS[place % 3] if state == "mismatch" else ""
        yield (place + 1, place + 1, 1, state, "pack", "pack-1", differs, AFTERNOON - DAY_SECONDS, _NURSES[0])


def _doses(count: int) -> Iterator[Row]:
    lots = [lot[:3] for lot in _LOTS for _ in range(lot[3])]
    choose = Repeatable(8)
    for sequence in range(1, count * DOSES_EACH + 1):
        at = given_at(sequence, count)
        late = "Mất điện cả ngày" if sequence % 200 == 0 else ""
        yield (
            *(sequence, (sequence - 1) % count + 1, *choose.choice(lots), (sequence - 1) // count + 1, DOSES_EACH),
            *(at, local_day(at), at + (DAY_SECONDS if late else 60), "Lê Văn Kim", f"Bàn {sequence % 3 + 1}"),
            *("Sốt nhẹ" if sequence % 50 == 0 else "", _NURSES[sequence % 3], late, None, "", f"bench-{sequence:08d}"),
        )


def _signable(count: int, states: Sequence[tuple[str, str]]) -> Iterator[list[int]]:
    """The doses of each signing turn, day by day; of today one turn."""
    per_day = doses_of_day(count)
    for first in range(1, count * DOSES_EACH + 1, per_day):
        day = [one for one in range(first, first + per_day) if states[(one - 1) % count][0] == "matched"]
        turn = min(_TURN, max(1, per_day // 3))
        turns = [day[start : start + turn] for start in range(0, len(day), turn)]
        yield from turns[:1] if day_of(first, count) == 0 else turns


def _sign(database: Database, turns: Iterator[list[int]]) -> None:
    """Write the turns with their bundles; the newest bundle is still to be sent."""
    filler = Repeatable(9)
    noise = bytes(filler.randrange(256) for _ in range(_SEALED_BYTES))
    known, previous = list(turns), bytes(32)
    for number, turn in enumerate(known, 1):
        with database.write_transaction() as tables:
            at = _signed_at(tables, turn)
            digest = hashlib.sha256(number.to_bytes(8)).digest()
            day = local_day(at)
            tables.execute(
                f"INSERT INTO passes VALUES ({', '.join('?' * 18)})",
                (
                    *(
                        number,
                        number,
                        "sealed",
                        Purpose.SAME_DAY,
                        day,
                        day,
                        len(turn),
                        len(turn),
                        "Trần Thị Ánh",
                        "",
                        "",
                    ),
                    *(at, digest, noise[:_COLUMN_BYTES], noise[:_STATEMENT_BYTES], noise[:_STATEMENT_BYTES], at, at),
                ),
            )
            tables.conn.executemany(
                "INSERT INTO pass_leaves VALUES (?, ?, ?, 1)",
                [(number, position, sequence) for position, sequence in enumerate(turn)],
            )
            _seal(tables, number, digest, previous=previous, at=at, noise=noise, is_sent=number < len(known))
            if number < len(known):
                _receive(tables, number, turn, digest=digest, at=at, noise=noise)
            previous = digest
    with database.write_transaction() as tables:
        tables.execute(
            "UPDATE link SET tried_at = ?, reached_at = ?, bytes_sent = ?", (AFTERNOON, AFTERNOON, 9_000_000)
        )


def _signed_at(tables: Tables, turn: Sequence[int]) -> int:
    row = tables.execute("SELECT max(recorded_at) FROM doses WHERE sequence = ?", (turn[-1],)).fetchone()
    return min(int(row[0]), AFTERNOON)


def _seal(tables: Tables, number: int, digest: bytes, *, previous: bytes, at: int, noise: bytes, is_sent: bool) -> None:
    state, offers, offered_at = ("receipted", 1, at + 60) if is_sent else ("sealed", 0, None)
    tables.execute(
        "INSERT INTO bundles (epoch, sequence, kind, state, previous, digest, inner_bytes, sealed, pass_id, created_at,"
        " offers, offered_at) VALUES (?, ?, 'batch', ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (EPOCH, number, state, previous, digest, noise, noise, number, at, offers, offered_at),
    )


def _receive(tables: Tables, number: int, turn: Sequence[int], *, digest: bytes, at: int, noise: bytes) -> None:
    tables.execute(
        "INSERT INTO receipts VALUES (?, ?, ?, ?, 'admitted', ?, ?, ?, ?, ?, ?)",
        (EPOCH, number, noise[:_ANSWER_BYTES], number, at + 60, EPOCH, number, digest, at + 60, at + 61),
    )
    judged = {0: ("quarantined", "dose-duplicate"), 1: ("refused", "lot-expired")}
    verdicts = [(EPOCH, number, one, *judged.get(one % 400, ("admitted", ""))) for one in turn]
    tables.conn.executemany("INSERT INTO verdicts VALUES (?, ?, ?, ?, ?)", verdicts)


def _note(database: Database, count: int) -> None:
    """The audit trail of all doses."""
    for first in range(1, count * DOSES_EACH + 1, _CHUNK):
        last = min(first + _CHUNK, count * DOSES_EACH + 1)
        acts = [
            (audit.Action.DOSE_RECORDED, f"dose:{one}", f"person:{(one - 1) % count + 1}") for one in range(first, last)
        ]
        with database.write_transaction() as tables:
            audit.append_many(tables, acts, actor=_NURSES[first // _CHUNK % 3], at=given_at(last - 1, count))


def _open_the_day(directory: Path, station: Station, count: int) -> None:
    """Users, the population pack, today's roster, who waits and who is observed, and the opened vials."""
    node = make_node(directory, station.database)
    add_user(node, login=LOGIN, roles=tuple(Role))
    clinic = Clinic(station.database, station.centre, CatalogueShelf(station.database))
    clinic.give_pack(villager(number) for number in range(NEWCOMERS))
    expected = [PersonId(number) for number in range(1, min(_EXPECTED, count // 2) + 1)]
    newest = count * DOSES_EACH
    with station.database.write_transaction() as tables:
        for person_id in expected:
            person = people.get(tables, person_id)
            assert person is not None
            roster.add(tables, DAY, person, product="PF", at=AFTERNOON - _MORNING, by=_NURSES[0])
        for person_id in expected[:WAITING]:
            visits.arrive(tables, person_id, day=DAY, at=AFTERNOON - 600, by=_NURSES[0])
        for place in range(min(_OBSERVED, doses_of_day(count))):
            sequence = newest - place
            visit = visits.arrive(
                tables, PersonId((sequence - 1) % count + 1), day=DAY, at=AFTERNOON - 1_800, by=_NURSES[0]
            )
            visits.give_dose(tables, visit.visit_id, sequence, leave_at=AFTERNOON + 60 * place)
        for number, lot in enumerate(_LOTS[:3], 1):
            contents = VialContents(*lot[:3], doses=10, station=f"Bàn {number}")
            vials.add(tables, contents, day=DAY, at=AFTERNOON - 900, by=_NURSES[1], submission=f"vial-{number}")
