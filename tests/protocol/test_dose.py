"""A dose has one encoding, and nothing outside its bounds gets in or out."""

from __future__ import annotations

import dataclasses
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_protocol import cbor, limits
from sync_protocol.dose import Dose, IdentityState, Sex, check_dose, decode_dose, encode_dose
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.population import PersonKey
from tests.protocol.dose_strategies import dose_lists
from tests.protocol.refusals import refused
from tests.protocol.synthetic import generate_doses

DOSE = generate_doses(3)[0]


def changed(**fields: Any) -> Dose:
    """The dose with other values; names that the person has change the person."""
    own = {key: value for key, value in fields.items() if hasattr(DOSE, key)}
    person = {key: value for key, value in fields.items() if key not in own}
    return dataclasses.replace(DOSE, recipient=dataclasses.replace(DOSE.recipient, **person), **own)


@given(dose_lists(max_size=3))
def test_what_is_encoded_decodes_to_the_same_dose_and_the_same_bytes(doses: list[Dose]) -> None:
    for dose in doses:
        data = encode_dose(dose)
        assert decode_dose(data) == dose
        assert encode_dose(decode_dose(data)) == data


def test_a_dose_is_named_by_its_node_and_sequence() -> None:
    assert changed(node="19001A", sequence=123).dose_id == "19001A-000123"


@given(st.data())
def test_a_flipped_bit_never_gives_the_same_dose(data: st.DataObject) -> None:
    encoded = encode_dose(DOSE)
    bit = data.draw(st.integers(0, 8 * len(encoded) - 1))
    flipped = (int.from_bytes(encoded) ^ (1 << bit)).to_bytes(len(encoded))
    try:
        found = decode_dose(flipped)
    except ProtocolError:
        return
    assert found != DOSE
    assert encode_dose(found) == flipped


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("node", "a1"),
        ("node", "A"),
        ("facility", "19001-A"),
        ("facility", ""),
        ("sequence", 0),
        ("sequence", 1_000_000_000),
        ("sequence", True),
        ("dose_number", 0),
        ("dose_number", 100),
        ("dose_total", -1),
        ("given_at", -1),
        ("recorded_at", limits.INSTANT + 1),
        ("product", ""),
        ("product", "x" * 41),
        ("lot", "x" * 41),
        ("lot", "FD\n1"),
        ("lot_expiry", "2022-02-30"),
        ("lot_expiry", "2022-2-3"),
        ("lot_expiry", "٢٠٢٢-02-03"),
        ("reaction", "x" * 301),
        ("late_reason", "a\u202eb"),
        ("replace_reason", b"bytes"),
        ("replaces", 0),
        ("vaccinator", "x" * 101),
        ("name", ""),
        ("name", "x" * 101),
        ("name", unicodedata.normalize("NFD", "Nguyễn")),
        ("name", "A\x00"),
        ("family_name", ""),
        ("birth_date", ""),
        ("birth_date", "1980-13-01"),
        ("birth_date", "1979-02-29"),
        ("birth_date", "1799"),
        ("birth_date", "19800101"),
        ("number", "0" * 41),
        ("nationality", "VNM"),
        ("nationality", ""),
        ("phone", "\u2028"),
        ("group", 100),
        ("group", "1"),
        ("sex", "M"),
    ],
)
def test_a_value_outside_its_bounds_is_refused_and_not_repeated(field: str, value: object) -> None:
    dose = changed(**{field: value})
    for check in (check_dose, encode_dose):
        with pytest.raises(ProtocolError) as caught:
            check(dose)
        assert caught.value.code is Code.FIELD_INVALID
        assert field in caught.value.rule
        assert not isinstance(value, str) or len(value) < 3 or value not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value", "code"),
    [
        (99, 1, Code.FIELD_UNKNOWN),
        (16, "", Code.FIELD_UNKNOWN),
        (18, None, Code.FIELD_UNKNOWN),
        (2, True, Code.FIELD_INVALID),
        (2, "1", Code.FIELD_INVALID),
        (4, [], Code.FIELD_INVALID),
        (17, {1: 6, 2: 0, 4: 0}, Code.FIELD_INVALID),
        (17, {1: False, 2: 0, 4: 0}, Code.FIELD_INVALID),
        (17, {1: 0, 2: 0, 4: 0, 5: 1}, Code.FIELD_UNKNOWN),
        (17, {1: 0, 2: 0}, Code.FIELD_MISSING),
    ],
)
def test_a_second_encoding_of_a_dose_is_refused(key: int, value: object, code: Code) -> None:
    fields = cbor.decode(encode_dose(DOSE), max_bytes=limits.DOSE_BYTES)
    assert isinstance(fields, dict)
    with refused(code):
        decode_dose(cbor.encode({**fields, key: value}))


@pytest.mark.parametrize("key", [1, 2, 3, 4, 5, 8, 9, 10, 11, 17])
def test_a_field_that_every_dose_has_may_not_be_missing(key: int) -> None:
    fields = cbor.decode(encode_dose(DOSE), max_bytes=limits.DOSE_BYTES)
    assert isinstance(fields, dict)
    del fields[key]
    with refused(Code.FIELD_MISSING):
        decode_dose(cbor.encode(fields))


def test_a_dose_of_one_byte_too_many_is_refused_and_the_largest_is_not() -> None:
    room = limits.DOSE_BYTES - len(encode_dose(changed(reaction="đ" * 300, late_reason="ở" * 300)))
    # Three reasons at their cap do not fit; the last one takes what is left, its own key and head counted.
    fitting = changed(reaction="đ" * 300, late_reason="ở" * 300, replace_reason="x" * (min(room, 300) - 5))
    assert len(encode_dose(fitting)) <= limits.DOSE_BYTES
    with refused(Code.TOO_LARGE):
        encode_dose(changed(reaction="ở" * 300, late_reason="ở" * 300, replace_reason="ở" * 300))
    with refused(Code.TOO_LARGE):
        decode_dose(bytes(limits.DOSE_BYTES + 1))


def test_enumerations_travel_by_places_that_never_change() -> None:
    evidence = dataclasses.replace(DOSE.evidence, state=IdentityState.VOUCHED)
    fields = cbor.decode(encode_dose(changed(sex=Sex.F, evidence=evidence)), max_bytes=limits.DOSE_BYTES)
    assert isinstance(fields, dict)
    assert isinstance(fields[4], dict)
    assert isinstance(fields[17], dict)
    assert (fields[4][3], fields[17][1]) == (1, 5)


def test_what_a_traceback_shows_of_a_dose_is_its_id() -> None:
    dose = generate_doses(1)[0]
    person = dose.recipient
    key = PersonKey(person.number, person.name, sex=person.sex, birth_date=person.birth_date)
    shown = f"{dose!r} {dose} {[dose]!r} {person!r} {key!r}"
    assert dose.node in shown
    for secret in (person.name, person.number, person.phone, person.birth_date, dose.lot):
        assert not secret or secret not in shown
