"""The line of settings that names a signer: both forms, both ways, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_protocol.keys import Algorithm
from sync_protocol.signers.token_errors import TokenCode, TokenError
from sync_protocol.signers.uri import (
    Pkcs11Uri,
    SignerUri,
    SoftwareUri,
    encode_signer_uri,
    parse_certificate_serial,
    parse_signer_uri,
)

_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=40)
_SERIALS = st.integers(1, 2**160 - 1)
_URIS = st.one_of(
    st.builds(SoftwareUri, _TEXT.filter(str.strip)),
    st.builds(
        Pkcs11Uri,
        label=st.none() | _TEXT,
        serial=st.none() | _SERIALS,
        module_path=st.none() | _TEXT,
        algorithm=st.none() | st.sampled_from(Algorithm),
    ).filter(lambda uri: uri.label is not None or uri.serial is not None),
)


@given(_URIS)
def test_what_is_written_is_read_back(uri: SignerUri) -> None:
    assert parse_signer_uri(encode_signer_uri(uri)) == uri


@given(_TEXT)
def test_any_text_is_read_or_refused_with_the_code(text: str) -> None:
    for line in (text, "pkcs11:" + text, "pkcs11:token=A?" + text):
        try:
            parse_signer_uri(line)
        except TokenError as error:
            assert error.code is TokenCode.URI_INVALID  # noqa: PT017


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("software:/srv/trạm y tế.p12", SoftwareUri("/srv/trạm y tế.p12")),
        (r"software:C:\HCVX\a%20b.p12", SoftwareUri(r"C:\HCVX\a%20b.p12")),
        ("pkcs11:token=TRAM%20Y%20TE", Pkcs11Uri("TRAM Y TE", None)),
        ("pkcs11:serial=5403a1f0", Pkcs11Uri(None, 0x5403A1F0)),
        ("pkcs11:serial=0054:03:A1:F0", Pkcs11Uri(None, 0x5403A1F0)),
        (
            "pkcs11:serial=54%2003;token=T?algorithm=PS256&module-path=C:\\Windows\\System32\\viettel-ca_v6.dll",
            Pkcs11Uri("T", 0x5403, "C:\\Windows\\System32\\viettel-ca_v6.dll", Algorithm.PS256),
        ),
    ],
)
def test_examples_mean_what_a_person_expects(line: str, meant: SignerUri) -> None:
    assert parse_signer_uri(line) == meant


@pytest.mark.parametrize(
    "line",
    [
        "",
        "/srv/a.p12",
        "software:",
        "software:  ",
        "software:a\x00b",
        "file:/srv/a.p12",
        "PKCS11:token=A",
        "pkcs11:",
        "pkcs11:?module-path=/a.so",
        "pkcs11:token=",
        "pkcs11:token",
        "pkcs11:token=A;token=B",
        "pkcs11:token=A;object=B",
        "pkcs11:token=A;",
        "pkcs11:token=%FF",
        "pkcs11:token=%00",
        "pkcs11:serial=0",
        "pkcs11:serial=-5",
        "pkcs11:serial=0x54",
        "pkcs11:serial=5_4",
        "pkcs11:serial=５４",
        "pkcs11:serial=" + "F" * 41,
        "pkcs11:token=A?algorithm=ES512",
        "pkcs11:token=A?module-path=/a.so;algorithm=ES256&x=1",
    ],
)
def test_anything_else_is_refused(line: str) -> None:
    with pytest.raises(TokenError) as caught:
        parse_signer_uri(line)
    assert caught.value.code is TokenCode.URI_INVALID


@pytest.mark.parametrize(
    "line",
    [
        "pkcs11:token=A?pin-value=83612954",
        "pkcs11:token=A?pin-source=83612954",
        "pkcs11:token=A;pin-value=83612954",
        "pkcs11:token=A;83612954",
        "pkcs11:serial=83612954!",
        "83612954",
    ],
)
def test_a_pin_in_the_setting_is_refused_and_not_repeated(line: str) -> None:
    with pytest.raises(TokenError) as caught:
        parse_signer_uri(line)
    assert "83612954" not in f"{caught.value} {caught.value!r} {caught.value.detail}"


def test_serials_are_read_as_letters_print_them() -> None:
    assert parse_certificate_serial("54 03 a1:F0") == parse_certificate_serial("5403A1F0") == 0x5403A1F0
