"""Health certificates on their way to the site: small, the same to the last character, bounded, and read strictly."""

from __future__ import annotations

import zlib
from dataclasses import replace

import pytest

from sync_protocol import base45, cbor, limits
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.hc1_text import PREFIX
from sync_protocol.issuance import issue_many
from sync_protocol.passports import (
    CertificateState,
    IssuedCertificate,
    Passports,
    encode_passports,
    in_items,
    parse_passports,
)
from sync_protocol.vocabulary import WORDS
from tests.protocol.passports import AT, PRODUCTS, content, ec_signer

NAMES = WORDS[2 : 2 + limits.PASSPORTS_ITEM]

TEXTS = issue_many(
    [content(number, name=f"Nguyễn Thị {word}") for number, word in enumerate(NAMES, start=1)],
    ec_signer(),
    issued_at=AT,
    products=PRODUCTS,
)


def certificates(count: int) -> tuple[IssuedCertificate, ...]:
    return tuple(
        IssuedCertificate(place, 1, CertificateState.ISSUED, AT, AT + 365 * 86_400, text)
        for place, text in enumerate(TEXTS[:count], start=1)
    )


def test_the_texts_arrive_to_the_last_character_at_a_part_of_their_size() -> None:
    told = Passports("19001A", certificates(limits.PASSPORTS_ITEM))
    encoded = encode_passports(told)
    assert parse_passports(encoded) == told
    each = len(encoded) / len(told.certificates)
    print(f"{len(told.certificates)} certificates: {each:.0f} bytes each, the texts {len(TEXTS[0])} characters")
    assert each < len(TEXTS[0]) / 3


def test_renewed_and_revoked_ones_stand_beside_each_other() -> None:
    (one,) = certificates(1)
    renewed = replace(one, issue=2, state=CertificateState.RENEWED)
    revoked = replace(one, state=CertificateState.REVOKED, hc1="")
    told = Passports("19001A", (revoked, renewed))
    assert parse_passports(encode_passports(told)) == told


def test_one_certificate_too_many_goes_into_the_next_item() -> None:
    every = certificates(limits.PASSPORTS_ITEM)
    more = (*every, replace(every[-1], sequence=len(every) + 1))
    assert [len(part) for part in in_items(more)] == [limits.PASSPORTS_ITEM, 1]
    with pytest.raises(ProtocolError):
        encode_passports(Passports("19001A", more))


def test_a_text_that_nobody_issued_is_not_sent() -> None:
    (one,) = certificates(1)
    message = zlib.decompress(base45.decode(one.hc1.removeprefix(PREFIX)))
    other = PREFIX + base45.encode(zlib.compress(message, 9))
    with pytest.raises(ProtocolError) as caught:
        encode_passports(Passports("19001A", (replace(one, hc1=other),)))
    assert caught.value.code is Code.HC1_CONTENT


ROW = [1, 1, 0, AT, AT + 9, b"message"]


def body(rows: object, **changes: object) -> bytes:
    count = len(rows) if isinstance(rows, list) else 1
    packed = zlib.compress(cbor.encode(rows))
    fields: dict[int, object] = {1: "19001A", 2: count, 3: packed}
    return cbor.encode(fields | {int(name[1:]): value for name, value in changes.items()})


@pytest.mark.parametrize(
    "data",
    [
        body([ROW], f1="no code"),
        body([ROW], f2=2),
        body([ROW], f4=1),
        body([]),
        body({1: 2}),
        body([ROW[:-1]]),
        body([[0, *ROW[1:]]]),
        body([[True, *ROW[1:]]]),
        body([[1, 0, *ROW[2:]]]),
        body([[1, 1, 3, *ROW[3:]]]),
        body([[1, 2, 0, *ROW[3:]]]),
        body([[1, 1, 1, *ROW[3:]]]),
        body([[1, 1, 2, *ROW[3:]]]),
        body([[1, 1, 0, AT, AT, b""]]),
        body([[1, 1, 0, AT, AT, "text"]]),
        body([[1, 1, 0, AT, AT, bytes(limits.HC1_CHARS)]]),
        body([ROW, ROW]),
        body([[2, *ROW[1:]], ROW]),
        body([ROW], f3=b"no zlib"),
        body([ROW], f3=zlib.compress(cbor.encode([ROW])) + b"\0"),
        body([ROW], f3=zlib.compress(cbor.encode([ROW]))[:-1]),
    ],
)
def test_the_reader_is_strict(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse_passports(data)


def test_a_bomb_is_not_inflated() -> None:
    with pytest.raises(ProtocolError) as caught:
        parse_passports(body([ROW], f3=zlib.compress(bytes(64 * 1024 * 1024))))
    assert caught.value.code is Code.TOO_LARGE
