"""Each field has its kind and bound; none may be missing, and none may be left over."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sync_protocol.errors import Code, ProtocolError
from sync_protocol.fields import Fields
from tests.protocol.refusals import refused


def _fields(**values: object) -> Fields:
    return Fields({int(key[1:]): value for key, value in values.items()}, what="thing")


def test_each_kind_of_field_is_read() -> None:
    fields = _fields(k1=5, k2=-5, k3="Đặng", k4=b"ab", k5=True, k6=[1], k7={1: 2}, k8=b"abc")
    assert fields.uint(1, max=5) == 5
    assert fields.int_(2) == -5
    assert fields.text(3, max_chars=4) == "Đặng"
    assert fields.bytes_(4, length=2) == b"ab"
    assert fields.flag(5) is True
    assert fields.list_(6, max_items=1) == [1]
    nested = fields.map_(7)
    assert nested.uint(1) == 2
    assert fields.bytes_(8, max_bytes=3) == b"abc"
    nested.finish()
    fields.finish()


def test_the_optional_twins_give_none_for_what_is_absent() -> None:
    fields = _fields()
    assert fields.opt_uint(1) is None
    assert fields.opt_int_(2) is None
    assert fields.opt_text(3, max_chars=4) is None
    assert fields.opt_bytes_(4, length=2) is None
    assert fields.opt_flag(5) is None
    assert fields.opt_list_(6, max_items=1) is None
    assert fields.opt_map_(7) is None
    fields.finish()


READERS: list[tuple[Callable[[Fields], object], Callable[[Fields], object], list[object]]] = [
    (lambda f: f.uint(1, max=9), lambda f: f.opt_uint(1, max=9), [-1, 10, True, "1", 1.0, None]),
    (lambda f: f.int_(1, min=-2, max=2), lambda f: f.opt_int_(1, min=-2, max=2), [-3, 3, False, None]),
    (
        lambda f: f.text(1, max_chars=3),
        lambda f: f.opt_text(1, max_chars=3),
        ["", "abcd", b"abc", "a\n", "a\x00", "e\u0301", "a\u202e", "\u2028", "\ud800", "\ue000", None, 1],
    ),
    (lambda f: f.bytes_(1, length=3), lambda f: f.opt_bytes_(1, length=3), [b"ab", b"abcd", "abc", None]),
    (lambda f: f.bytes_(1, max_bytes=3), lambda f: f.opt_bytes_(1, max_bytes=3), [b"abcd", "abc", None]),
    (lambda f: f.flag(1), lambda f: f.opt_flag(1), [0, 1, None, "true"]),
    (lambda f: f.list_(1, max_items=2), lambda f: f.opt_list_(1, max_items=2), [[1, 2, 3], (1,), None, {}]),
    (lambda f: f.list_(1, max_items=2, min_items=1), lambda f: f.opt_list_(1, max_items=2, min_items=1), [[]]),
    (lambda f: f.map_(1), lambda f: f.opt_map_(1), [[], None, 1]),
]


@pytest.mark.parametrize(("read", "optional", "wrong"), READERS)
def test_a_value_of_another_kind_or_beyond_its_bound_is_refused(
    read: Callable[[Fields], object], optional: Callable[[Fields], object], wrong: list[object]
) -> None:
    for value in wrong:
        for reader in (read, optional):
            with refused(Code.FIELD_INVALID):
                reader(_fields(k1=value))


@pytest.mark.parametrize("read", [row[0] for row in READERS])
def test_a_missing_field_is_refused(read: Callable[[Fields], object]) -> None:
    with refused(Code.FIELD_MISSING):
        read(_fields(k2=0))


def test_fields_that_nobody_read_are_refused() -> None:
    fields = _fields(k1=1, k2=2)
    fields.uint(1)
    with refused(Code.FIELD_UNKNOWN):
        fields.finish()


@pytest.mark.parametrize("value", [None, [], 1, b"", "x"])
def test_only_a_map_has_fields(value: object) -> None:
    with refused(Code.FIELD_INVALID):
        Fields(value, what="thing")


def test_errors_name_the_message_and_the_key_and_never_the_value() -> None:
    for read in (
        lambda: _fields(k7="Nguyễn Văn A").text(7, max_chars=3),
        lambda: _fields(k7="Nguyễn Văn A").uint(7),
        lambda: Fields({"Nguyễn Văn A": 1}, what="thing").finish(),
        lambda: _fields(k7={3: "Nguyễn Văn A"}).map_(7).uint(3),
    ):
        with pytest.raises(ProtocolError) as caught:
            read()
        assert "thing" in str(caught.value)
        assert "Nguy" not in str(caught.value)


def test_reading_does_not_change_the_map_that_was_given() -> None:
    value = {1: 1}
    Fields(value, what="thing").uint(1)
    assert value == {1: 1}


def test_bytes_without_a_bound_are_a_mistake_of_the_program() -> None:
    with pytest.raises(TypeError):
        _fields(k1=b"x").bytes_(1)
