"""What a file is follows from its bytes; names are good for every file system, and nobody relies on them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_protocol import keys, limits
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.feed_page import framed
from sync_protocol.stick import (
    FOLDER,
    StickKind,
    file_name,
    is_passed_over,
    place_of,
    recognise_file,
)
from tests.builders import ec_key
from tests.stick.files import NODE, digest_of, feed_file, feed_request, handover_file, sealed_bundle

OPENING = keys.key_id(ec_key(f"opening {NODE}").public_key())
CENTRE = keys.key_id(ec_key("centre").public_key())
# CON, AUX, COM1 and their kind stay reserved with whatever ending.
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d|clock\$)(\..*)?", re.IGNORECASE)


def code_of(data: bytes) -> Code:
    with pytest.raises(ProtocolError) as caught:
        recognise_file(data)
    return caught.value.code


def test_each_kind_is_known_by_its_bytes() -> None:
    bundle, feed, request = (
        recognise_file(sealed_bundle(1)),
        recognise_file(feed_file(1)),
        recognise_file(feed_request(1)),
    )
    assert (bundle.kind, bundle.recipient, bundle.node) == (StickKind.BUNDLE, CENTRE, "")
    assert (feed.kind, feed.recipient, feed.node) == (StickKind.FEED, OPENING, "")
    assert (request.kind, request.node, request.epoch) == (StickKind.REQUEST, NODE, 1)
    assert bundle.digest == digest_of(sealed_bundle(1))


def test_a_handover_is_an_envelope_for_a_node_and_no_feed() -> None:
    found = recognise_file(handover_file(1))
    assert (found.kind, found.recipient) == (StickKind.BUNDLE, OPENING)


@given(st.binary(max_size=300))
def test_whatever_lies_there_is_recognised_or_refused(data: bytes) -> None:
    try:
        found = recognise_file(data)
    except ProtocolError:
        return
    assert found.digest == digest_of(data)


@pytest.mark.parametrize("maker", [sealed_bundle, feed_file, feed_request])
def test_a_file_that_is_cut_or_has_more_behind_it_is_refused(maker: object) -> None:
    assert callable(maker)
    data = maker(3)
    for wrong in (data[:-1], data[: len(data) // 2 - 1], data[:1], data + b"\x00", data + data[:9]):
        with pytest.raises(ProtocolError):
            recognise_file(wrong)


def test_what_is_none_of_ours_is_not_recognised() -> None:
    for data in (b"", b"HC1:", b"PK\x03\x04", b"MZ\x90", b"\x89PNG", b"{}", b"\x80", b"\xff" * 99):
        assert code_of(data) is Code.NOT_RECOGNISED
    assert code_of(b"\x00\x00") is Code.FIELD_INVALID
    assert code_of(framed(b"\x01")) in {Code.NOT_CBOR, Code.NOT_COSE}


def test_each_kind_has_its_bound() -> None:
    assert code_of(b"\xd8" + bytes(limits.SEALED_BYTES)) is Code.TOO_LARGE
    assert code_of(b"\xd2" + bytes(limits.MESSAGE_BYTES)) is Code.TOO_LARGE
    assert code_of(b"\xa3" + bytes(limits.MESSAGE_BYTES)) is Code.TOO_LARGE
    assert code_of(bytes(limits.FEED_FILE_BYTES + 1)) is Code.TOO_LARGE


@given(st.sampled_from(StickKind), st.binary(min_size=32, max_size=32), st.integers(0, limits.COUNTER))
def test_names_are_good_on_every_file_system(kind: StickKind, digest: bytes, place: int) -> None:
    name = file_name(kind, digest, place=place)
    assert re.fullmatch(r"[a-z0-9.-]{1,64}", name)
    assert name == name.lower()
    assert not name.startswith((".", "-", " "))
    assert not name.endswith((".", " "))
    assert not _RESERVED.fullmatch(name)
    assert not is_passed_over(name)
    # A folder that folds the case gives it back in another one.
    assert place_of(name) == place_of(name.upper()) == place


def test_the_folder_is_a_short_name() -> None:
    assert re.fullmatch(r"[A-Z0-9]{1,8}", FOLDER)


def test_names_of_others_tell_no_place() -> None:
    for name in ("b-0000000001.hcvx", "x-0000000001-" + "0" * 32 + ".hcvx", "", "b-9999999999-" + "g" * 32 + ".hcvx"):
        assert place_of(name) == 0
    assert place_of("b-9999999999-" + "0" * 32 + ".hcvx") == limits.COUNTER


def test_kinds_and_digests_never_share_a_name() -> None:
    digests = [digest_of(bytes([number])) for number in range(50)]
    names = {file_name(kind, digest) for kind in StickKind for digest in digests}
    assert len(names) == len(StickKind) * len(digests)
