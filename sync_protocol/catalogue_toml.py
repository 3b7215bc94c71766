"""The operator's catalogue file (TOML) turned into a catalogue, with all its rules checked.

The file holds what changes by decision of the ministry; version and dates are given at publication.
Unknown keys are refused, because a misspelt key would otherwise silently keep an old rule.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Final, cast

from sync_protocol.catalogue import Catalogue, Policy, Product, Unit, check_catalogue
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.offline_policy import OfflinePolicy

_WHAT: Final = "catalogue file"


def catalogue_from_toml(text: str, *, version: int, issued_at: int, expires_at: int) -> Catalogue:
    """Make a catalogue from the operator's file.

    Args:
        text: TOML with `unit_list`, `[policy]` with `[policy.offline]`, `[[product]]`, `[provinces]` (code = "name").
        version: from 1, greater than that of the catalogue published before.
        issued_at: epoch seconds, UTC.
        expires_at: epoch seconds, UTC.

    Raises:
        ProtocolError: `FIELD_UNKNOWN`, `FIELD_MISSING` or `FIELD_INVALID`, naming the table and key.
    """
    try:
        content: Mapping[str, object] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ProtocolError(Code.FIELD_INVALID, f"{_WHAT}: not TOML: {error}") from error
    _check_plain(content)
    _check_keys(content, "top level", required={"unit_list", "policy", "product", "provinces"}, optional=set())
    rows = content["product"]
    if not isinstance(rows, list):
        raise ProtocolError(Code.FIELD_INVALID, f"{_WHAT}: products are written as [[product]]")
    provinces = _table(content["provinces"], "provinces")
    catalogue = Catalogue(
        version=version,
        issued_at=issued_at,
        expires_at=expires_at,
        products=tuple(_product(row) for row in rows),
        policy=_policy(content["policy"]),
        units=tuple(Unit(code, cast(str, name)) for code, name in provinces.items()),
        unit_list=cast(str, content["unit_list"]),
    )
    # The casts above are claims; this reads every field back by its type and bound.
    check_catalogue(catalogue)
    return catalogue


def _check_plain(value: object) -> None:
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            _check_plain(part)
    elif not isinstance(value, str | int):
        raise ProtocolError(Code.FIELD_INVALID, f"{_WHAT}: values are text, whole numbers, true or false")


def _policy(table: object) -> Policy:
    values = _values(table, Policy, "policy")
    offline = _values(values.pop("offline", {}), OfflinePolicy, "policy.offline")
    return Policy(**values, offline=OfflinePolicy(**offline))  # type: ignore[arg-type]


def _product(row: object) -> Product:
    values = _values(row, Product, "product")
    other_names = values.pop("other_names", [])
    if not isinstance(other_names, list):
        raise ProtocolError(Code.FIELD_INVALID, f"{_WHAT}: product: other_names is a list")
    return Product(**values, other_names=tuple(other_names))  # type: ignore[arg-type]


def _values(value: object, row_type: type[Product | Policy | OfflinePolicy], what: str) -> dict[str, object]:
    table = _table(value, what)
    required = {field.name for field in fields(row_type) if field.default is MISSING}
    optional = {field.name for field in fields(row_type)} - required
    _check_keys(table, what, required=required, optional=optional)
    return dict(table)


def _table(value: object, what: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise ProtocolError(Code.FIELD_INVALID, f"{_WHAT}: {what} is a table")
    return cast("Mapping[str, object]", value)


def _check_keys(table: Mapping[str, object], what: str, *, required: set[str], optional: set[str]) -> None:
    for key in sorted(required - set(table)):
        raise ProtocolError(Code.FIELD_MISSING, f"{_WHAT}: {what}: {key} is missing")
    for key in sorted(set(table) - required - optional):
        raise ProtocolError(Code.FIELD_UNKNOWN, f"{_WHAT}: {what}: unknown key {key}")
