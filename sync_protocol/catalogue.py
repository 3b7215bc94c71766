"""What may be given and where: vaccines, administrative units and policy, as one signed, versioned set.

The catalogue is data, so that the same software serves the next vaccine. It flows down only. A
product's `mp` and `ma` stand in one row: the pair is what a health certificate states, and the pair is
what a verifier compares. `catalogue_toml` makes a catalogue from the operator's file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from sync_protocol import cbor, keys, limits, names
from sync_protocol.days import parse_day
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.fields import Fields
from sync_protocol.offline_policy import DEFAULT_OFFLINE, OfflinePolicy, offline_map, read_offline
from sync_protocol.signed_set import EVERYBODY, SetKind, SignedSet, sign_set, verify_set
from sync_protocol.signers.signer import Signer

# 20,000 units with their names weigh about 1 MB.
CATALOGUE_BYTES: Final = 2 * 1024 * 1024
_OTHER_NAMES: Final = 20
_SERIES: Final = 10
_DAYS: Final = 3_660
_YEARS: Final = 120
_PRODUCT_CODE: Final = re.compile(r"[A-Z0-9]{1,8}")
_UNIT_CODE: Final = re.compile(r"[0-9]{2,5}")
_WHAT: Final = "catalogue"


@dataclass(frozen=True, slots=True)
class Product:
    """One licensed vaccine.

    Attributes:
        code: short code that travels in each dose, "AZ".
        name: the name on screens.
        mp: medicinal product, EU value set; `v.mp` of the health certificate.
        ma: marketing authorisation holder or manufacturer; `v.ma`.
        vp: vaccine or prophylaxis, SNOMED CT; `v.vp`.
        disease: agent targeted, SNOMED CT; `v.tg`.
        series: doses of a complete primary series.
        minimum_interval_days: least days between two doses of the primary series; 0 where one dose completes it.
        minimum_age_years: least age at the dose.
        other_names: names that day lists use for it.
    """

    code: str
    name: str
    mp: str
    ma: str
    vp: str
    disease: str
    series: int
    minimum_interval_days: int
    minimum_age_years: int
    other_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """Rules that the ministry may change without new software.

    Attributes:
        signing_start: local date, "YYYY-MM-DD"; doses given before it are a backlog.
        same_day: whether doses are due for signature on the day they are given.
        batch_people: most people in one signing pass; never above `limits.BATCH_PEOPLE`.
        batch_doses: most doses in one signing pass; never above `limits.BATCH_DOSES`.
        booster_interval_days: least days between a complete series and a further dose.
        offline: how long a site may be alone.
    """

    signing_start: str
    same_day: bool
    batch_people: int
    batch_doses: int
    booster_interval_days: int
    offline: OfflinePolicy = DEFAULT_OFFLINE


@dataclass(frozen=True, slots=True)
class Unit:
    """One administrative unit.

    Attributes:
        code: its digits; 3 for a province, which are also the first three of identity numbers registered there.
        name: its name.
        parent: code of the unit above, or "" for a province.
    """

    code: str
    name: str
    parent: str = ""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """One version of the catalogue; `unit_list` names the code list that the units are from ("2022-03")."""

    version: int
    issued_at: int
    expires_at: int
    products: tuple[Product, ...]
    policy: Policy
    units: tuple[Unit, ...]
    unit_list: str

    @property
    def provinces(self) -> dict[str, str]:
        """Province code (3 digits) to name."""
        return {unit.code: unit.name for unit in self.units if not unit.parent}

    def product(self, code: str) -> Product:
        """The product with this code.

        Raises:
            ProtocolError: `PRODUCT_UNKNOWN`.
        """
        for product in self.products:
            if product.code == code:
                return product
        raise ProtocolError(Code.PRODUCT_UNKNOWN, "product: the code is not in this version of the catalogue")

    def product_named(self, text: str) -> Product | None:
        """The product that a person wrote as `text` (code or any name, case and marks aside), or None."""
        wanted = names.fold(text)
        for product in self.products:
            if wanted in map(names.fold, (product.code, product.name, *product.other_names)):
                return product
        return None


def sign_catalogue(catalogue: Catalogue, signer: Signer) -> bytes:
    """Sign a catalogue with the publisher key.

    Raises:
        ProtocolError: the catalogue breaks a rule that `verify_catalogue` would refuse; nothing is signed.
        TokenError: the signer cannot sign now.
    """
    frame = _frame(catalogue)
    _parse(frame)
    return sign_set(frame, signer)


def verify_catalogue(
    data: bytes, key: keys.PublicKey, *, at: int | None, newer_than: int | None = None, at_least: int | None = None
) -> Catalogue:
    """Verify a catalogue, then parse it; arguments and errors as in `signed_set.verify_set`.

    Raises:
        ProtocolError: besides those, `FIELD_…` where the content breaks a rule.
    """
    frame = verify_set(
        data, key, kind=SetKind.CATALOGUE, at=at, newer_than=newer_than, at_least=at_least, max_bytes=CATALOGUE_BYTES
    )
    return _parse(frame)


def check_catalogue(catalogue: Catalogue) -> None:
    """Check every rule of a catalogue that was not parsed from signed bytes, before it is published.

    Raises:
        ProtocolError: `FIELD_INVALID`, naming the field.
    """
    _parse(_frame(catalogue))


def _frame(catalogue: Catalogue) -> SignedSet:
    return SignedSet(
        kind=SetKind.CATALOGUE,
        version=catalogue.version,
        issued_at=catalogue.issued_at,
        expires_at=catalogue.expires_at,
        audience=EVERYBODY,
        body=_encode(catalogue),
    )


def _check_rules(catalogue: Catalogue) -> None:
    for place, product in enumerate(catalogue.products):
        what = f"{_WHAT}: product {place}"
        if not _PRODUCT_CODE.fullmatch(product.code):
            raise ProtocolError(Code.FIELD_INVALID, f"{what}: the code is 1 to 8 of A-Z, 0-9")
        if (product.minimum_interval_days == 0) != (product.series == 1):
            raise ProtocolError(Code.FIELD_INVALID, f"{what}: an interval belongs to a series of more than one dose")
    _check_unique([product.code for product in catalogue.products], "product codes")
    _check_unique([product.mp for product in catalogue.products], "medicinal products")
    spoken = [{names.fold(name) for name in (p.code, p.name, *p.other_names)} for p in catalogue.products]
    _check_unique([name for group in spoken for name in group], "product names")
    _check_unique([unit.code for unit in catalogue.units], "unit codes")
    codes = {unit.code for unit in catalogue.units}
    for place, unit in enumerate(catalogue.units):
        if not _UNIT_CODE.fullmatch(unit.code) or (unit.parent and unit.parent not in codes - {unit.code}):
            raise ProtocolError(Code.FIELD_INVALID, f"{_WHAT}: unit {place}: the code is digits, its parent is listed")
    parse_day(catalogue.policy.signing_start, what=f"{_WHAT}: start of signing")


def _check_unique(values: list[str], what: str) -> None:
    if len(set(values)) != len(values):
        raise ProtocolError(Code.FIELD_INVALID, f"{_WHAT}: {what} repeat")


def _encode(catalogue: Catalogue) -> bytes:
    return cbor.encode(
        {
            1: [_product_map(product) for product in catalogue.products],
            2: _policy_map(catalogue.policy),
            3: [{1: unit.code, 2: unit.name, 3: unit.parent} for unit in catalogue.units],
            4: catalogue.unit_list,
        }
    )


def _policy_map(policy: Policy) -> dict[int, object]:
    values: tuple[object, ...] = (policy.signing_start, policy.same_day, policy.batch_people, policy.batch_doses)
    fields = dict(enumerate((*values, policy.booster_interval_days), start=1))
    # Without it the catalogue is what older nodes read, too.
    return fields if policy.offline == DEFAULT_OFFLINE else {**fields, 6: offline_map(policy.offline)}


def _product_map(product: Product) -> dict[int, object]:
    return {
        1: product.code,
        2: product.name,
        3: product.mp,
        4: product.ma,
        5: product.vp,
        6: product.disease,
        7: product.series,
        8: product.minimum_interval_days,
        9: product.minimum_age_years,
        10: list(product.other_names),
    }


def _parse(frame: SignedSet) -> Catalogue:
    fields = Fields(cbor.decode(frame.body, max_bytes=CATALOGUE_BYTES), what=_WHAT)
    products = fields.list_(1, min_items=1, max_items=limits.CATALOGUE_PRODUCTS)
    policy = fields.map_(2)
    units = fields.list_(3, max_items=limits.CATALOGUE_UNITS)
    offline = policy.opt_map_(6)
    catalogue = Catalogue(
        version=frame.version,
        issued_at=frame.issued_at,
        expires_at=frame.expires_at,
        products=tuple(_parse_product(product) for product in products),
        policy=Policy(
            signing_start=policy.text(1, max_chars=limits.SHORT_CHARS),
            same_day=policy.flag(2),
            batch_people=policy.uint(3, min=1, max=limits.BATCH_PEOPLE),
            batch_doses=policy.uint(4, min=1, max=limits.BATCH_DOSES),
            booster_interval_days=policy.uint(5, max=_DAYS),
            offline=DEFAULT_OFFLINE if offline is None else read_offline(offline),
        ),
        units=tuple(_parse_unit(unit) for unit in units),
        unit_list=fields.text(4, max_chars=limits.SHORT_CHARS),
    )
    policy.finish()
    fields.finish()
    _check_rules(catalogue)
    return catalogue


def _parse_product(value: object) -> Product:
    fields = Fields(value, what="product")
    product = Product(
        code=fields.text(1, max_chars=limits.SHORT_CHARS),
        name=fields.text(2, max_chars=limits.NAME_CHARS),
        mp=fields.text(3, max_chars=limits.NAME_CHARS),
        ma=fields.text(4, max_chars=limits.NAME_CHARS),
        vp=fields.text(5, max_chars=limits.SHORT_CHARS),
        disease=fields.text(6, max_chars=limits.SHORT_CHARS),
        series=fields.uint(7, min=1, max=_SERIES),
        minimum_interval_days=fields.uint(8, max=_DAYS),
        minimum_age_years=fields.uint(9, max=_YEARS),
        other_names=tuple(_name(value) for value in fields.list_(10, max_items=_OTHER_NAMES)),
    )
    fields.finish()
    return product


def _parse_unit(value: object) -> Unit:
    fields = Fields(value, what="unit")
    unit = Unit(
        code=fields.text(1, max_chars=limits.SHORT_CHARS),
        name=fields.text(2, max_chars=limits.NAME_CHARS),
        parent=fields.text(3, min_chars=0, max_chars=limits.SHORT_CHARS),
    )
    fields.finish()
    return unit


def _name(value: object) -> str:
    return Fields({1: value}, what="product.10").text(1, max_chars=limits.NAME_CHARS)
