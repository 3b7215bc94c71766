"""Every ECDSA P-256 case of project Wycheproof, through the one function that verifies signatures."""

from __future__ import annotations

from typing import Any

import pytest

from sync_protocol import keys
from sync_protocol.errors import Code
from tests.protocol.refusals import refusal_of
from tests.testdata import load_json

FILE = load_json("wycheproof", "ecdsa_secp256r1_sha256_p1363_test.json")
CASES = [(group["publicKeyDer"], case) for group in FILE["testGroups"] for case in group["tests"]]


def test_all_cases_are_there() -> None:
    assert len(CASES) == FILE["numberOfTests"] == 262


@pytest.mark.parametrize(("key", "case"), CASES, ids=[str(case["tcId"]) for _, case in CASES])
def test_a_signature_case_ends_as_published(key: str, case: dict[str, Any]) -> None:
    public_key = keys.load_public_key(bytes.fromhex(key))
    signature, message = bytes.fromhex(case["sig"]), bytes.fromhex(case["msg"])
    code = refusal_of(lambda: keys.verify(public_key, keys.Algorithm.ES256, signature, message))
    assert case["result"] in ("valid", "invalid")
    assert code == (None if case["result"] == "valid" else Code.SIGNATURE_INVALID)
