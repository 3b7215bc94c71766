"""How long a site may be alone: what a catalogue may say of it, and that older catalogues say the same as before."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_protocol import cbor
from sync_protocol.catalogue import Catalogue, check_catalogue, sign_catalogue, verify_catalogue
from sync_protocol.catalogue_toml import catalogue_from_toml
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.fields import Fields
from sync_protocol.offline_policy import DEFAULT_OFFLINE, OfflinePolicy, offline_map, read_offline
from sync_protocol.signed_set import SetKind, verify_set
from sync_protocol.signers.key_signer import KeySigner
from tests.builders import ec_key

PUBLISHER = KeySigner(ec_key("publisher"))
TOML = (Path(__file__).parents[2] / "central" / "data" / "catalogue.toml").read_text("utf-8")
ISSUED = 1_650_000_000
WITHOUT = TOML[: TOML.index("[policy.offline]")] + TOML[TOML.index("[[product]]") :]
# Field: the least and the greatest value that a catalogue may state for it.
BOUNDS = {
    "contact_warn_hours": (1, 2_160),
    "contact_reason_hours": (1, 2_160),
    "contact_second_hours": (0, 2_160),
    "unsent_warn_doses": (1, 100_000),
    "unsent_reason_doses": (1, 100_000),
    "revocations_warn_days": (1, 365),
    "revocations_reason_days": (1, 365),
    "pack_warn_days": (1, 365),
    "pack_reason_days": (1, 365),
    "catalogue_warn_days": (1, 365),
    "catalogue_reason_days": (0, 365),
    "trust_warn_days": (1, 365),
    "trust_reason_days": (0, 365),
}
PAIRS = (
    ("contact_warn_hours", "contact_reason_hours"),
    ("unsent_warn_doses", "unsent_reason_doses"),
    ("revocations_warn_days", "revocations_reason_days"),
    ("pack_warn_days", "pack_reason_days"),
)


def read(text: str) -> Catalogue:
    return catalogue_from_toml(text, version=1, issued_at=ISSUED, expires_at=ISSUED + 86_400)


def body_of(signed: bytes) -> dict[int, dict[int, object]]:
    frame = verify_set(signed, PUBLISHER.public_key, kind=SetKind.CATALOGUE, at=None, max_bytes=100_000)
    decoded = cbor.decode(frame.body, max_bytes=100_000)
    assert isinstance(decoded, dict)
    return decoded  # type: ignore[return-value]


@st.composite
def policies(draw: st.DrawFn) -> OfflinePolicy:
    values = {name: draw(st.integers(*bounds)) for name, bounds in BOUNDS.items()}
    for earlier, later in PAIRS:
        values[earlier], values[later] = sorted((values[earlier], values[later]))
    if values["contact_second_hours"]:
        values["contact_second_hours"] = max(values["contact_second_hours"], values["contact_reason_hours"])
    return OfflinePolicy(**values)


def test_the_bounds_are_said_for_every_field() -> None:
    assert set(BOUNDS) == {field.name for field in fields(OfflinePolicy)}


def test_the_published_file_states_what_holds_without_it() -> None:
    assert read(TOML).policy.offline == DEFAULT_OFFLINE == read(WITHOUT).policy.offline


def test_a_catalogue_that_states_the_defaults_is_what_older_nodes_read() -> None:
    assert body_of(sign_catalogue(read(TOML), PUBLISHER))[2].keys() == {1, 2, 3, 4, 5}
    changed = read(TOML.replace("contact_warn_hours = 24", "contact_warn_hours = 12"))
    assert body_of(sign_catalogue(changed, PUBLISHER))[2].keys() == {1, 2, 3, 4, 5, 6}


@given(policies())
def test_what_is_stated_comes_back(policy: OfflinePolicy) -> None:
    fields_ = Fields(cbor.decode(cbor.encode(offline_map(policy)), max_bytes=1_000), what="offline")
    assert read_offline(fields_) == policy


def test_a_signed_catalogue_brings_other_thresholds() -> None:
    offline = replace(DEFAULT_OFFLINE, contact_second_hours=0, unsent_reason_doses=100_000, pack_warn_days=1)
    catalogue = read(TOML)
    catalogue = replace(catalogue, policy=replace(catalogue.policy, offline=offline))
    signed = sign_catalogue(catalogue, PUBLISHER)
    assert verify_catalogue(signed, PUBLISHER.public_key, at=ISSUED).policy.offline == offline


@pytest.mark.parametrize("name", BOUNDS)
@pytest.mark.parametrize("beyond", [-1, 1])
def test_one_too_many_or_too_few_is_refused(name: str, beyond: int) -> None:
    value = BOUNDS[name][0] - 1 if beyond < 0 else BOUNDS[name][1] + 1
    catalogue = read(TOML)
    wide = OfflinePolicy(**{other: BOUNDS[other][1] for other in BOUNDS} | {name: value})
    with pytest.raises(ProtocolError, match=name) as refused:
        check_catalogue(replace(catalogue, policy=replace(catalogue.policy, offline=wide)))
    assert refused.value.code is Code.FIELD_INVALID


@pytest.mark.parametrize(("earlier", "later"), [*PAIRS, ("contact_reason_hours", "contact_second_hours")])
def test_a_warning_after_the_reason_is_refused(earlier: str, later: str) -> None:
    values = {name: bounds[1] for name, bounds in BOUNDS.items()} | {later: 50, earlier: 51}
    if later == "contact_reason_hours":
        values["contact_second_hours"] = 0
    if earlier == "contact_reason_hours":
        values["contact_warn_hours"] = 1
    with pytest.raises(ProtocolError, match=f"{earlier}.*{later}"):
        offline_map(OfflinePolicy(**values))
    offline_map(OfflinePolicy(**values | {earlier: 50}))


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("contact_warn_hours = true", Code.FIELD_INVALID),
        ('contact_warn_hours = "24"', Code.FIELD_INVALID),
        ("contact_warn_hour = 24", Code.FIELD_UNKNOWN),
    ],
)
def test_a_file_that_says_something_else_is_refused(line: str, code: Code) -> None:
    with pytest.raises(ProtocolError) as refused:
        read(TOML.replace("contact_warn_hours = 24", line))
    assert refused.value.code is code


def test_a_file_may_state_some_of_them() -> None:
    offline = read(
        WITHOUT.replace("[[product]]", "[policy.offline]\npack_warn_days = 3\n\n[[product]]", 1)
    ).policy.offline
    assert offline == replace(DEFAULT_OFFLINE, pack_warn_days=3)


@pytest.mark.parametrize("change", [{14: 1}, {13: None}])
def test_a_map_with_more_or_less_is_refused(change: dict[int, object]) -> None:
    stated = offline_map(DEFAULT_OFFLINE) | change
    with pytest.raises(ProtocolError):
        read_offline(Fields({key: value for key, value in stated.items() if value is not None}, what="offline"))
