"""The store's promises: pragmas on every connection, append-only tables, transactions, migrations."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import sqlcipher3.dbapi2 as dbapi  # type: ignore[import-untyped]

from edge.store import audit, doses, people
from edge.store.database import PRAGMAS, Database
from edge.store.errors import STORE_WORDS, StoreCode, StoreError
from edge.store.migrations.migration import Migration
from edge.store.schema import MIGRATIONS, migrate
from sync_protocol.identity import IdentityState
from tests.edge.clinic import NOW, NURSE, CutAt, facts, make_clinic, open_database, villager

KEY = bytes(range(32))


@pytest.fixture
def database(tmp_path: Path) -> Database:
    made = Database.create(tmp_path / "node.db", KEY)
    migrate(made, at=NOW)
    return made


def _add_dose(database: Database, submission: str = "first-dose") -> int:
    with database.write_transaction() as tables:
        person_id = people.add(tables, villager(), state=IdentityState.WAITING, at=NOW, by=NURSE)
        sequence = doses.add(tables, person_id, facts(), at=NOW, by=NURSE, submission=submission)
        audit.append(tables, audit.Action.DOSE_RECORDED, f"dose:{sequence}", actor=NURSE, at=NOW)
    return sequence


def test_every_connection_of_every_thread_has_all_pragmas(database: Database) -> None:
    seen: list[dict[str, str]] = []

    def look() -> None:
        with database.read() as tables:
            seen.append({name: str(tables.execute(f"PRAGMA {name}").fetchone()[0]) for name, _ in PRAGMAS})

    look()
    for _ in range(3):
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
    assert seen == [dict(PRAGMAS)] * 4


def test_each_thread_has_a_connection_of_its_own(database: Database) -> None:
    connections = [database.tables()]
    thread = threading.Thread(target=lambda: connections.append(database.tables()))
    thread.start()
    thread.join()
    assert connections[0] is database.tables()
    assert connections[0] is not connections[1]


def test_opening_never_creates_a_database(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as caught:
        Database(tmp_path / "node.db", KEY).quick_check()
    assert caught.value.code is StoreCode.MISSING
    assert list(tmp_path.iterdir()) == []


def test_a_second_creation_is_refused(database: Database) -> None:
    with pytest.raises(StoreError) as caught:
        Database.create(database.path, KEY)
    assert caught.value.code is StoreCode.EXISTS


def test_another_key_does_not_open_it_and_says_nothing_on_standard_error(
    database: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    database.close()
    with pytest.raises(StoreError) as caught:
        Database(database.path, bytes(32)).quick_check()
    assert caught.value.code is StoreCode.PASSPHRASE
    assert capfd.readouterr().err == ""


def test_no_name_is_readable_in_any_file(database: Database, tmp_path: Path) -> None:
    _add_dose(database)
    data = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert villager().name.encode() not in data
    assert villager().number.encode() not in data
    assert b"SQLite format" not in data


def test_a_write_outside_a_write_transaction_is_refused_by_sqlite(database: Database) -> None:
    with pytest.raises(StoreError, match="READONLY"), database.read() as tables:
        people.add(tables, villager(), state=IdentityState.WAITING, at=NOW, by=NURSE)


def test_a_transaction_that_fails_keeps_nothing(database: Database) -> None:
    def fail_halfway() -> None:
        with database.write_transaction() as tables:
            people.add(tables, villager(), state=IdentityState.WAITING, at=NOW, by=NURSE)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_halfway()
    with database.read() as tables:
        assert people.with_number(tables, villager().number) == []


def test_a_second_writer_is_told_to_try_again(database: Database) -> None:
    other = Database(database.path, KEY)
    other.tables().execute("PRAGMA busy_timeout=1")
    with database.write_transaction(), pytest.raises(StoreError) as caught, other.write_transaction():
        pass
    assert caught.value.code is StoreCode.BUSY
    assert caught.value.try_again


def test_a_read_is_one_snapshot(database: Database) -> None:
    other = Database(database.path, KEY)
    with other.read() as tables:
        before = doses.last_sequence(tables)
        _add_dose(database)
        assert doses.last_sequence(tables) == before
    with other.read() as tables:
        assert doses.last_sequence(tables) == before + 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE doses SET lot = 'X'",
        "DELETE FROM doses",
        "INSERT OR REPLACE INTO doses SELECT * FROM doses",
        "UPDATE audit SET actor = 'X'",
        "DELETE FROM audit",
        "UPDATE person_versions SET name = 'X'",
        "DELETE FROM people",
        "UPDATE people SET name = 'X'",
        "UPDATE identity_checks SET state = 'matched'",
        "DELETE FROM identity_checks",
        "INSERT INTO doses SELECT 9, person_id, product, lot, lot_expiry, dose_number, dose_total, given_at, "
        "given_day, recorded_at, vaccinator, station, reaction, recorded_by, late_reason, NULL, '', 'other-key' "
        "FROM doses",
    ],
)
def test_what_is_append_only_refuses_every_other_change(database: Database, statement: str) -> None:
    sequence = _add_dose(database)
    with database.write_transaction() as tables:
        person = people.with_number(tables, villager().number)[0]
        assert people.change(
            tables, person, villager(phone="0900000009"), state=IdentityState.WAITING, at=NOW, by=NURSE
        )
        tables.execute(
            "INSERT INTO identity_checks VALUES (1, ?, 1, 'waiting', 'pack', '', '', 1, '')", (person.person_id,)
        )
    with pytest.raises(dbapi.IntegrityError), database.write_transaction() as tables:
        tables.execute(statement)
    with database.read() as tables:
        assert doses.last_sequence(tables) == sequence
        audit.verify(tables)


def test_the_store_keeps_what_a_person_was(database: Database) -> None:
    _add_dose(database)
    with database.write_transaction() as tables:
        person = people.with_number(tables, villager().number)[0]
        assert people.change(tables, person, villager(name="Trần Thị Ớt"), state=IdentityState.WAITING, at=NOW, by="B")
        # The same editor's page once more: the revision is another one, so nothing happens.
        assert not people.change(tables, person, villager(), state=IdentityState.WAITING, at=NOW, by="B")
        kept = tables.execute("SELECT revision, name, changed_by FROM person_versions").fetchall()
    assert kept == [(1, villager().name, NURSE)]


def test_an_audit_entry_that_was_changed_behind_the_triggers_is_found(database: Database) -> None:
    for key in ("first-dose", "second-dose", "third-dose"):
        _add_dose(database, key)
    with database.write_transaction() as tables:
        assert audit.verify(tables)[0] == 3
        tables.execute("DROP TRIGGER audit_no_update")
        tables.execute("UPDATE audit SET actor = 'somebody else' WHERE entry = 2")
    with pytest.raises(StoreError, match="entry 2") as caught, database.read() as tables:
        audit.verify(tables)
    assert caught.value.code is StoreCode.DAMAGED


def test_quick_check_finds_one_flipped_bit(database: Database) -> None:
    for number in range(50):
        _add_dose(database, f"dose-number-{number}")
    assert database.quick_check() == []
    database.close()
    data = bytearray(database.path.read_bytes())
    data[len(data) // 2] ^= 1
    database.path.write_bytes(data)
    assert Database(database.path, KEY).quick_check() != []


def test_migrations_are_applied_once_and_in_order(database: Database) -> None:
    assert migrate(database, at=NOW) == 0
    with database.read() as tables:
        numbers = [row[0] for row in tables.execute("SELECT number FROM schema_steps ORDER BY number")]
    assert numbers == [step.number for step in MIGRATIONS]


def test_a_copy_is_taken_before_a_migration_and_opens_with_the_same_key(database: Database) -> None:
    _add_dose(database)
    number = len(MIGRATIONS) + 1
    step = Migration(number, "more", "CREATE TABLE more (a INTEGER) STRICT")
    assert migrate(database, at=NOW, steps=(*MIGRATIONS, step)) == 1
    copy = Database(database.path.with_name(f"node.db.before-{number}"), KEY)
    assert copy.quick_check() == []
    with copy.read() as tables:
        assert doses.last_sequence(tables) == 1
        assert tables.execute("SELECT 1 FROM sqlite_schema WHERE name = 'more'").fetchone() is None


def test_a_migration_that_fails_leaves_the_schema_as_it_was(database: Database) -> None:
    number = len(MIGRATIONS) + 1
    step = Migration(number, "bad", "CREATE TABLE more (a INTEGER) STRICT\n;;\nCREATE TABLE more (b INTEGER) STRICT")
    with pytest.raises(StoreError):
        migrate(database, at=NOW, steps=(*MIGRATIONS, step))
    with database.read() as tables:
        assert tables.execute("SELECT 1 FROM sqlite_schema WHERE name = 'more'").fetchone() is None
        assert tables.execute("SELECT max(number) FROM schema_steps").fetchone()[0] == len(MIGRATIONS)


def test_a_store_of_a_newer_program_is_not_opened(database: Database) -> None:
    with pytest.raises(StoreError) as caught:
        migrate(database, at=NOW, steps=())
    assert caught.value.code is StoreCode.VERSION


def test_a_migration_that_was_edited_after_it_was_applied_is_noticed(database: Database) -> None:
    edited = Migration(1, "records", MIGRATIONS[0].sql + "\n-- edited")
    with pytest.raises(StoreError) as caught:
        migrate(database, at=NOW, steps=(edited, *MIGRATIONS[1:]))
    assert caught.value.code is StoreCode.VERSION


def test_every_table_is_strict(database: Database) -> None:
    with database.read() as tables:
        loose = [
            row[1] for row in tables.execute("PRAGMA table_list") if row[2] == "table" and not row[5]
            and not row[1].startswith("sqlite_")
        ]  # fmt: skip
    assert loose == []


def test_a_full_disk_is_named_and_nothing_is_kept(tmp_path: Path) -> None:
    clinic = make_clinic(tmp_path)
    clinic.database.close()
    full = open_database(tmp_path, tracer=CutAt(11, dbapi.OperationalError, "database or disk is full"))
    with pytest.raises(StoreError) as caught:
        _add_dose(full)
    assert caught.value.code is StoreCode.FULL
    assert not caught.value.try_again
    assert clinic.count("doses") == 0


def test_every_code_of_the_store_has_words_in_vietnamese() -> None:
    assert set(STORE_WORDS) == set(StoreCode)
