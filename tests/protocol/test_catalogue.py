"""The catalogue: what is published, how it is signed, and which files are refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sync_protocol import limits
from sync_protocol.catalogue import (
    CATALOGUE_BYTES,
    Catalogue,
    Unit,
    check_catalogue,
    sign_catalogue,
    verify_catalogue,
)
from sync_protocol.catalogue_toml import catalogue_from_toml
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.signers.key_signer import KeySigner
from tests.builders import ec_key
from tests.testdata import load_json

PUBLISHER = KeySigner(ec_key("publisher"))
ISSUED = 1_650_000_000
EXPIRES = ISSUED + 90 * 86_400
TOML = (Path(__file__).parents[2] / "central" / "data" / "catalogue.toml").read_text("utf-8")
CATALOGUE = catalogue_from_toml(TOML, version=1, issued_at=ISSUED, expires_at=EXPIRES)


def read(text: str) -> Catalogue:
    return catalogue_from_toml(text, version=1, issued_at=ISSUED, expires_at=EXPIRES)


def test_the_published_file_holds_all_licensed_products_and_provinces() -> None:
    assert [product.code for product in CATALOGUE.products] == [
        "AZ",
        "PF",
        "MO",
        "VC",
        "SV",
        "JJ",
        "HV",
        "AB",
        "CX",
        "SL",
        "CS",
    ]
    assert len(CATALOGUE.provinces) == 63
    assert CATALOGUE.provinces["019"] == "Tỉnh Thái Nguyên"
    assert CATALOGUE.policy.signing_start == "2022-04-08"
    assert CATALOGUE.policy.batch_doses == limits.BATCH_DOSES


@pytest.mark.parametrize(
    ("file", "field"),
    [
        ("vaccine-medicinal-product", "mp"),
        ("vaccine-mah-manf", "ma"),
        ("vaccine-prophylaxis", "vp"),
        ("disease-agent-targeted", "disease"),
    ],
)
def test_what_goes_into_certificates_is_active_in_the_european_value_sets(file: str, field: str) -> None:
    values = load_json("valuesets", f"{file}.json")["valueSetValues"]
    for product in CATALOGUE.products:
        assert values[getattr(product, field)]["active"], product.code


def test_a_signed_catalogue_comes_back_as_it_was() -> None:
    signed = sign_catalogue(CATALOGUE, PUBLISHER)
    assert verify_catalogue(signed, PUBLISHER.public_key, at=ISSUED, newer_than=0) == CATALOGUE
    assert len(signed) < 8_192


def test_an_older_or_expired_catalogue_is_refused() -> None:
    signed = sign_catalogue(CATALOGUE, PUBLISHER)
    with pytest.raises(ProtocolError, match=Code.SET_OLDER):
        verify_catalogue(signed, PUBLISHER.public_key, at=ISSUED, newer_than=1)
    with pytest.raises(ProtocolError, match=Code.SET_EXPIRED):
        verify_catalogue(signed, PUBLISHER.public_key, at=EXPIRES)
    assert verify_catalogue(signed, PUBLISHER.public_key, at=None, at_least=1) == CATALOGUE


def test_products_are_found_by_any_name_that_stations_write() -> None:
    spoken = {"ASTRAZENECA": "AZ", "vero cell": "VC", "Sputnik  V": "SV", "hayat-vax": "HV", "PF": "PF"}
    for text, code in spoken.items():
        found = CATALOGUE.product_named(text)
        assert found is not None
        assert found.code == code
    assert CATALOGUE.product_named("nước muối") is None
    assert CATALOGUE.product("AB").series == 3
    with pytest.raises(ProtocolError, match=Code.PRODUCT_UNKNOWN):
        CATALOGUE.product("ZZ")


FIRST = CATALOGUE.products[0]


@pytest.mark.parametrize(
    "wrong",
    [
        replace(CATALOGUE, products=()),
        replace(CATALOGUE, products=(FIRST, FIRST)),
        replace(CATALOGUE, products=(FIRST, replace(CATALOGUE.products[1], other_names=("Vaxzevria",)))),
        replace(CATALOGUE, products=(replace(FIRST, code="astra"),)),
        replace(CATALOGUE, products=(replace(FIRST, series=0),)),
        replace(CATALOGUE, products=(replace(FIRST, minimum_interval_days=0),)),
        replace(CATALOGUE, products=(replace(FIRST, minimum_age_years=121),)),
        replace(CATALOGUE, products=(replace(FIRST, name="A\u0303"),)),
        replace(CATALOGUE, policy=replace(CATALOGUE.policy, batch_people=limits.BATCH_PEOPLE + 1)),
        replace(CATALOGUE, policy=replace(CATALOGUE.policy, batch_doses=limits.BATCH_DOSES + 1)),
        replace(CATALOGUE, policy=replace(CATALOGUE.policy, signing_start="2022-02-30")),
        replace(CATALOGUE, units=(Unit("019", "Một"), Unit("019", "Hai"))),
        replace(CATALOGUE, units=(Unit("00001", "Xã", parent="019"),)),
        replace(CATALOGUE, units=(Unit("019", "Tỉnh", parent="019"),)),
        replace(CATALOGUE, units=(Unit("x", "Tỉnh"),)),
        replace(CATALOGUE, expires_at=ISSUED),
        replace(CATALOGUE, version=0),
    ],
)
def test_a_catalogue_that_breaks_a_rule_is_not_signed(wrong: Catalogue) -> None:
    with pytest.raises(ProtocolError, match=Code.FIELD_INVALID):
        sign_catalogue(wrong, PUBLISHER)


def test_one_product_and_one_unit_too_many_are_refused() -> None:
    products = tuple(
        replace(FIRST, code=f"X{n}", name=f"vaccine {n}", mp=f"mp {n}", other_names=())
        for n in range(limits.CATALOGUE_PRODUCTS + 1)
    )
    check_catalogue(replace(CATALOGUE, products=products[:-1]))
    with pytest.raises(ProtocolError, match=Code.FIELD_INVALID):
        check_catalogue(replace(CATALOGUE, products=products))
    units = tuple(Unit(f"{n:05d}", "Xã") for n in range(limits.CATALOGUE_UNITS + 1))
    check_catalogue(replace(CATALOGUE, units=units[:-1]))
    with pytest.raises(ProtocolError, match=Code.FIELD_INVALID):
        check_catalogue(replace(CATALOGUE, units=units))


def test_too_many_bytes_are_refused_unparsed() -> None:
    with pytest.raises(ProtocolError, match=Code.TOO_LARGE):
        verify_catalogue(bytes(CATALOGUE_BYTES + 1), PUBLISHER.public_key, at=ISSUED)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("same_day = true", "same_day = true\nsame_dya = false", Code.FIELD_UNKNOWN),
        ("same_day = true", "", Code.FIELD_MISSING),
        ("same_day = true", "same_day = 1", Code.FIELD_INVALID),
        ('unit_list = "2022-03"', "unit_list = 2022", Code.FIELD_INVALID),
        ('unit_list = "2022-03"', "", Code.FIELD_MISSING),
        ("series = 3", "series = 3.0", Code.FIELD_INVALID),
        ("series = 3", 'series = 3\ncolour = "blue"', Code.FIELD_UNKNOWN),
        ('other_names = ["CIGB-66"]', 'other_names = "CIGB-66"', Code.FIELD_INVALID),
        ('other_names = ["CIGB-66"]', "other_names = [66]", Code.FIELD_INVALID),
        ('096 = "Tỉnh Cà Mau"', "096 = 96", Code.FIELD_INVALID),
        ("[policy]", "[policy", Code.FIELD_INVALID),
        ("[policy]", "[[policy]]", Code.FIELD_INVALID),
    ],
)
def test_a_file_with_a_mistake_is_refused_by_name(old: str, new: str, code: Code) -> None:
    assert old in TOML
    with pytest.raises(ProtocolError) as caught:
        read(TOML.replace(old, new, 1))
    assert caught.value.code is code
