"""Every case of the European test data: each flag says which step must pass or fail; flags known to be wrong aside."""

from __future__ import annotations

import base64
import datetime as dt
import json
from collections.abc import Callable
from typing import Any, Final

import pytest

from sync_protocol import base45, cbor, limits
from sync_protocol.document_signer import document_signer, parse_document_signer
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.hc1_text import CLAIM_HCERT, HCERT_DCC, inflate, parse_hc1, strip_prefix
from sync_protocol.hc1_verification import verify_content, verify_signature
from sync_protocol.health_certificate import verify_hc1
from sync_protocol.health_content import check_content, plain
from sync_protocol.trust import NO_TRUST, TrustSet
from tests.testdata import testdata_path

CASES: Final = [json.loads(line) for line in (testdata_path() / "dgc_cases.jsonl").read_text("utf-8").splitlines()]
# Codes by which the times are refused; a failing time check must fail with one of them.
_TIMES: Final = {
    Code.HC1_EXPIRED,
    Code.HC1_NOT_YET_VALID,
    Code.CERTIFICATE_EXPIRED,
    Code.CERTIFICATE_NOT_YET_VALID,
}
# Two misspelled flags, and the ones about pictures: the data holds no picture, only its text.
_NOT_STEPS: Final = {"EXPTECTEDEXPIRED", "EXPECTEDRESULTS", "EXPECTEDPICTUREDECODE"}


def trust_of(case: dict[str, Any]) -> TrustSet:
    """The case's own certificate, if it is one that we accept at all."""
    try:
        certificate = parse_document_signer(base64.b64decode(case["cert"]))
    except ProtocolError:
        return NO_TRUST
    return TrustSet(signers={certificate.kid: (document_signer(certificate),)})


def clock_of(case: dict[str, Any]) -> int:
    at = dt.datetime.fromisoformat(case["ctx"]["VALIDATIONCLOCK"])
    return int((at if at.tzinfo else at.replace(tzinfo=dt.UTC)).timestamp())


def content_of(case: dict[str, Any]) -> Any:
    """The content as JSON has it, whoever signed it."""
    claims: Any = cbor.decode_foreign(parse_hc1(case["prefix"]).payload, max_bytes=limits.HC1_INFLATED_BYTES)
    return plain(claims[CLAIM_HCERT][HCERT_DCC])


def whole(case: dict[str, Any]) -> None:
    verify_hc1(case["prefix"], trust_of(case), at=clock_of(case))


def times_hold(case: dict[str, Any]) -> None:
    """Fails for what the times say, and for nothing else."""
    try:
        whole(case)
    except ProtocolError as refusal:
        if refusal.code in _TIMES:
            raise


def usage_holds(case: dict[str, Any]) -> None:
    """The signer may attest this kind, at an instant at which everything else holds."""
    unverified, signer = verify_signature(parse_hc1(case["prefix"]), trust_of(case))
    verify_content(unverified, signer, at=clock_of(case))


def equals_reference(case: dict[str, Any]) -> None:
    if "json" in case:
        assert content_of(case) == case["json"]
    else:
        content_of(case)


def encodes(case: dict[str, Any]) -> None:
    """The reference content survives our encoder."""
    assert cbor.decode_foreign(cbor.encode(case["json"]), max_bytes=limits.HC1_INFLATED_BYTES) == case["json"]


STEPS: Final[dict[str, Callable[[dict[str, Any]], object]]] = {
    "EXPECTEDUNPREFIX": lambda case: strip_prefix(case["prefix"]),
    "EXPECTEDB45DECODE": lambda case: base45.decode(strip_prefix(case["prefix"])),
    "EXPECTEDCOMPRESSION": lambda case: inflate(base45.decode(strip_prefix(case["prefix"]))),
    "EXPECTEDVERIFY": lambda case: verify_signature(parse_hc1(case["prefix"]), trust_of(case)),
    # A message that decodes holds claims and content in them; CBO1 puts the content elsewhere.
    "EXPECTEDDECODE": lambda case: _is_map(content_of(case)),
    "EXPECTEDVALIDJSON": equals_reference,
    "EXPECTEDVALIDOBJECT": lambda case: _is_map(case.get("json") or content_of(case)),
    "EXPECTEDSCHEMAVALIDATION": lambda case: check_content(content_of(case)),
    "EXPECTEDEXPIRATIONCHECK": times_hold,
    "EXPECTEDKEYUSAGE": usage_holds,
    "EXPECTEDENCODE": encodes,
}


def _is_map(value: object) -> None:
    if not isinstance(value, dict):
        raise ProtocolError(Code.HC1_CONTENT, "content: must be a map")


def test_all_cases_are_here() -> None:
    assert len(CASES) == 157
    assert {flag for case in CASES for flag in case["expected"]} <= STEPS.keys() | _NOT_STEPS


@pytest.mark.parametrize("case", CASES, ids=[case["file"] for case in CASES])
def test_each_step_passes_or_fails_as_expected(case: dict[str, Any]) -> None:
    for flag in case["expected"].keys() - case.get("known_bad", {}).keys() - _NOT_STEPS:
        refusal = None
        try:
            STEPS[flag](case)
        except ProtocolError as error:
            refusal = error
        assert (refusal is None) == case["expected"][flag], f"{flag}: {refusal}"


@pytest.mark.parametrize("case", CASES, ids=[case["file"] for case in CASES])
def test_the_whole_is_accepted_or_refused_as_the_reference_judged(case: dict[str, Any]) -> None:
    refusal = None
    try:
        whole(case)
    except ProtocolError as error:
        refusal = error
    assert (refusal is None) == case["e2e"]["ok"], refusal
    if refusal is not None:
        for personal in _personal(case.get("json")):
            assert personal not in str(refusal)


def _personal(content: Any) -> list[str]:
    name = content.get("nam", {}) if isinstance(content, dict) else {}
    return [value for value in (*name.values(), content and content.get("dob")) if isinstance(value, str) and value]


def test_each_country_certificate_that_we_can_use_is_read() -> None:
    usable = sum(trust_of(case) is not NO_TRUST for case in CASES)
    # Three cases are signed with P-384, which the specification excludes.
    assert usable == len(CASES) - 3
