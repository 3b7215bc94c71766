"""Columns give the same doses back, say the same thing in one way only, and cannot be made to work without end."""

from __future__ import annotations

import dataclasses
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_protocol import limits
from sync_protocol.column_codecs import ColumnReader, ColumnWriter
from sync_protocol.columns import pack_doses, unpack_doses
from sync_protocol.dose import Dose, Recipient
from sync_protocol.errors import Code
from sync_protocol.identity import is_birth_date
from sync_protocol.range_coder import RangeEncoder
from sync_protocol.vocabulary import PLACES, PRESET, WORDS
from tests.effort import counted
from tests.protocol.dose_strategies import dose_lists
from tests.protocol.refusals import refusal_of, refused
from tests.protocol.synthetic import FACILITY, NODE, Repeatable, generate_doses

_HEADER = 7
_VOCABULARY_CHECKSUM = 564031136
_PRESET_CHECKSUM = 2908503212
_COLUMNS_CHECKSUM = 555798095
# Calls that something hostile may cost; the most hostile legal doses take three times as many.
BOUND = 1_000_000


def unpack(data: bytes) -> list[Dose]:
    return unpack_doses(data, node=NODE, facility=FACILITY)


def split(data: bytes) -> tuple[bytes, bytes, bytes]:
    """Header, stream, deflated texts."""
    end = _HEADER + int.from_bytes(data[4:_HEADER])
    return data[:_HEADER], data[_HEADER:end], data[end:]


def joined(rows: int, stream: bytes, texts: bytes, *, form: int = 0) -> bytes:
    return bytes([1, form]) + rows.to_bytes(2) + len(stream).to_bytes(3) + stream + texts


def deflated(text: bytes, *, level: int = 9) -> bytes:
    compressor = zlib.compressobj(level, zlib.DEFLATED, -15, 9, zlib.Z_DEFAULT_STRATEGY, PRESET)
    return compressor.compress(text) + compressor.flush()


def with_person(dose: Dose, **fields: object) -> Dose:
    person: Recipient = dataclasses.replace(dose.recipient, **fields)  # type: ignore[arg-type]
    return dataclasses.replace(dose, recipient=person)


@given(dose_lists(), st.booleans())
def test_any_legal_doses_come_back_as_they_were(doses: list[Dose], at_home: bool) -> None:
    packed = pack_doses(doses, node=NODE, facility=FACILITY) if at_home else pack_doses(doses)
    assert unpack(packed) == doses


@pytest.mark.parametrize(("count", "shape"), [(0, "day"), (1, "day"), (10, "day"), (3_000, "day"), (3_000, "pass")])
def test_days_and_passes_come_back_as_they_were(count: int, shape: str) -> None:
    doses = list(generate_doses(count, shape))
    assert unpack(pack_doses(doses)) == doses


def test_a_day_with_a_third_of_faulty_people_comes_back_and_stays_small() -> None:
    rng = Repeatable(7)
    doses = list(generate_doses(3_000))
    for row in range(0, 3_000, 3):
        person = doses[row].recipient
        doses[row] = with_person(
            doses[row],
            number=rng.choice(["", person.number[:11], person.number[::-1], "12345678", f"{rng.randrange(10**9):09d}"]),
            phone=rng.choice(["", "+84 96 123", person.phone]),
            birth_date=rng.choice([person.birth_date, person.birth_date[:4]]),
            name=rng.choice([person.name, "H'Hen Niê", f"Ka  {person.name} ", "Ж 李"]),
            guardian=rng.choice(["", "Trần Thị Ánh"]),
        )
    packed = pack_doses(doses)
    assert unpack(packed) == doses
    assert len(packed) < 15.5 * 3_000


def test_the_day_and_the_pass_weigh_what_the_wire_allows() -> None:
    assert len(pack_doses(generate_doses(3_000))) <= 12.6 * 3_000
    assert len(pack_doses(generate_doses(3_000, "pass"))) <= 7.2 * 3_000
    assert len(pack_doses(generate_doses(10))) <= 60 * 10


def test_doses_of_another_node_come_back_in_either_form() -> None:
    doses = list(generate_doses(5))
    doses[2] = dataclasses.replace(doses[2], node="26001B", facility="26001")
    for packed in (pack_doses(doses), pack_doses(doses, node=NODE, facility=FACILITY)):
        assert unpack(packed) == doses


def test_the_home_form_leaves_node_and_facility_to_the_manifest() -> None:
    packed = pack_doses(generate_doses(5), node=NODE, facility=FACILITY)
    assert {dose.node for dose in unpack_doses(packed, node="26001B", facility="26001")} == {"26001B"}


def test_too_many_doses_are_not_packed() -> None:
    doses = generate_doses(3_000)
    with refused(Code.BATCH_DOSES):
        pack_doses([*doses, doses[0]])


def test_a_dose_outside_its_bounds_is_not_packed() -> None:
    with refused(Code.FIELD_INVALID):
        pack_doses([with_person(generate_doses(1)[0], name="")])


@given(st.data())
def test_a_flipped_bit_is_refused_or_gives_other_doses(data: st.DataObject) -> None:
    doses = list(generate_doses(40))
    packed = pack_doses(doses)
    bit = data.draw(st.integers(0, 8 * len(packed) - 1))
    flipped = (int.from_bytes(packed) ^ (1 << bit)).to_bytes(len(packed))
    code = refusal_of(lambda: unpack(flipped))
    assert code in {Code.COLUMNS_INVALID, Code.VERSION, None}
    # How the texts were deflated is free; everything else says something.
    if code is None and split(flipped)[:2] != split(packed)[:2]:
        assert unpack(flipped) != doses


@given(st.binary(max_size=300), st.integers(0, limits.BATCH_DOSES), st.binary(max_size=60))
def test_any_bytes_are_refused_or_are_the_packing_of_what_they_give(stream: bytes, rows: int, text: bytes) -> None:
    packed = joined(rows, stream, deflated(text) if text else b"")
    code = refusal_of(lambda: unpack(packed))
    assert code is Code.COLUMNS_INVALID or split(pack_doses(unpack(packed)))[:2] == split(packed)[:2]


@pytest.mark.parametrize("cut", [0, 1, 6, 7, 20, -1])
def test_columns_cut_short_are_refused(cut: int) -> None:
    with refused(Code.COLUMNS_INVALID):
        unpack(pack_doses(generate_doses(40))[:cut])


def test_bytes_after_the_columns_are_refused() -> None:
    with refused(Code.COLUMNS_INVALID):
        unpack(pack_doses(generate_doses(40)) + b"\x00")


def test_other_versions_and_forms_are_refused() -> None:
    packed = pack_doses(generate_doses(3))
    with refused(Code.VERSION):
        unpack(b"\x02" + packed[1:])
    with refused(Code.COLUMNS_INVALID):
        unpack(packed[:1] + b"\x02" + packed[2:])


def test_a_longer_writing_of_the_same_stream_is_refused() -> None:
    header, stream, texts = split(pack_doses(generate_doses(40)))
    rows = int.from_bytes(header[2:4])
    assert unpack(joined(rows, stream, texts))
    with refused(Code.COLUMNS_INVALID):
        unpack(joined(rows, stream + b"\x00", texts))
    with refused(Code.COLUMNS_INVALID):
        unpack(joined(rows, stream[:-1] + bytes([stream[-1] ^ 1]), texts))


def test_texts_in_another_order_or_too_many_are_refused() -> None:
    header, stream, texts = split(pack_doses(generate_doses(40)))
    rows = int.from_bytes(header[2:4])
    inflated = zlib.decompressobj(-15, PRESET).decompress(texts)
    assert unpack(joined(rows, stream, deflated(inflated, level=1))) == list(generate_doses(40))
    lines = inflated.split(b"\n")
    lots = lines.index(b"AD21779")
    swapped = b"\n".join([*lines[:lots], lines[lots + 1], lines[lots], *lines[lots + 2 :]])
    # The order of a dictionary follows from how often each text occurs, so another order says something else.
    assert refusal_of(lambda: unpack(joined(rows, stream, deflated(swapped)))) or (
        unpack(joined(rows, stream, deflated(swapped))) != list(generate_doses(40))
    )
    for wrong in (inflated + b"X\n", inflated[:-1], b"", b"\xff" + inflated):
        with refused(Code.COLUMNS_INVALID):
            unpack(joined(rows, stream, deflated(wrong)))


def test_a_word_of_the_vocabulary_may_not_be_spelt_out() -> None:
    writer = ColumnWriter()
    writer.texts(["Hoa", "zzz"], 2)
    stream, text = writer.finish()
    assert text == b"zzz\n"
    assert ColumnReader(stream, "Hoa\n").texts([], 2)[0] == ["Hoa", "Hoa"]
    # A reader takes that as it comes; the door refuses it, since the dictionary would be another.
    dose = generate_doses(1)[0]
    _, stream, texts = split(pack_doses([with_person(dose, name="zzz")]))
    inflated = zlib.decompressobj(-15, PRESET).decompress(texts)
    with refused(Code.COLUMNS_INVALID):
        unpack(joined(1, stream, deflated(inflated.replace(b"zzz", b"Hoa"))))


@pytest.mark.parametrize("filler", [b"\n", b"A", b"A\n"])
def test_a_bomb_of_texts_is_refused_within_bounds(filler: bytes) -> None:
    _, stream, _ = split(pack_doses(generate_doses(40)))
    bomb = joined(40, stream, deflated(filler * (64 * 1024 * 1024 // len(filler))))
    tracemalloc.start()
    with counted() as effort, refused(Code.COLUMNS_INVALID):
        unpack(bomb)
    assert effort.calls < BOUND
    assert tracemalloc.get_traced_memory()[1] < 8 * limits.COLUMNS_BYTES
    tracemalloc.stop()


@pytest.mark.parametrize("value", [0, 1, 2, 3, 41])
def test_a_bomb_of_rows_is_refused_within_bounds(value: int) -> None:
    # Numbers of every rough size, over and over, and the most rows that a header may claim.
    encoder = RangeEncoder()
    for _ in range(400):
        encoder.put_uniform([value % 3], total=3)
        encoder.put_numbers([value, (1 << value) - 1])
    with counted() as effort, refused(Code.COLUMNS_INVALID):
        unpack(joined(limits.BATCH_DOSES, encoder.finish(), b""))
    assert effort.calls < BOUND


def test_the_most_hostile_legal_doses_are_packed_and_unpacked_with_bounded_effort() -> None:
    rng = Repeatable(3)

    def text(size: int) -> str:
        return "".join(chr(rng.randrange(0x1EA0, 0x1EFA)) for _ in range(size))

    doses = [
        dataclasses.replace(
            with_person(dose, name=" ".join(text(11) for _ in range(8)), number=text(20), phone=text(12)),
            sequence=rng.randrange(1, 10**9),
            given_at=rng.randrange(limits.INSTANT),
            recorded_at=rng.randrange(limits.INSTANT),
            reaction=text(150),
            replaces=rng.randrange(1, 10**9),
        )
        for dose in generate_doses(3_000)
    ]
    with counted() as effort:
        assert unpack(pack_doses(doses)) == doses
    assert effort.calls < 4 * BOUND


def test_the_vocabulary_is_the_one_of_this_version() -> None:
    # Changing a word changes what old columns mean, so that needs a new version.
    assert zlib.crc32("\n".join(WORDS).encode()) == _VOCABULARY_CHECKSUM
    assert zlib.crc32(PRESET) == _PRESET_CHECKSUM
    assert len(PLACES) == len(WORDS) - 1
    named = [with_person(generate_doses(1)[0], name=word) for word in WORDS[2:]]
    assert unpack(pack_doses(named)) == named


def test_columns_written_today_are_those_of_this_version() -> None:
    header, stream, texts = split(pack_doses(generate_doses(100)))
    inflated = zlib.decompressobj(-15, PRESET).decompress(texts)
    assert zlib.crc32(header + stream + inflated) == _COLUMNS_CHECKSUM


def test_birth_dates_are_real_days_or_years() -> None:
    assert all(map(is_birth_date, ["1980", "1980-02-29", "2199-12-31"]))
    assert not any(map(is_birth_date, ["80", "1981-02-29", "1980-00-10", "1980-04-31", "1980-04-00", "2200"]))


def test_tables_for_thousands_of_contexts_are_refused_before_they_are_read() -> None:
    # 3,000 people with eight names each, and for each of 3,000 sexes a table of 18,000 middle names: reading it would
    # take a quarter of a minute for this one column.
    people, names = limits.BATCH_DOSES, 8
    writer = ColumnWriter()
    writer.integers([people], 1)
    writer.integers([1] * people, people)
    writer.integers([0] * people, people)
    sexes = list(range(people))
    writer.integers(sexes, people)
    writer.integers([names] * people, people)
    writer.texts(["Lê"] * people, people)
    rows = people * (names - 2)
    writer._encoder.put_uniform([3], total=4)
    writer._put_table(list(range(rows)), [sex for sex in sexes for _ in range(names - 2)])
    stream, _ = writer.finish()
    with counted() as effort, refused(Code.COLUMNS_INVALID):
        unpack(joined(people, stream, b""))
    assert effort.calls < BOUND
