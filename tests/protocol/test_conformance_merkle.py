"""Every inclusion case of transparency-dev/merkle: right ones verify, wrong ones are refused."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from sync_protocol import merkle
from sync_protocol.errors import Code
from tests.protocol.refusals import refusal_of
from tests.testdata import load_json, testdata_path

ROOT = testdata_path() / "merkle" / "inclusion"
CASES = sorted(ROOT.rglob("*.json"))


def test_all_cases_are_there() -> None:
    assert len(CASES) == 98


@pytest.mark.parametrize("path", CASES, ids=lambda path: str(path.relative_to(ROOT)))
def test_an_inclusion_case_ends_as_published(path: Path) -> None:
    case = load_json(str(path))
    leaf, root = base64.b64decode(case["leafHash"] or ""), base64.b64decode(case["root"] or "")
    proof = [base64.b64decode(item) for item in case["proof"] or []]
    code = refusal_of(
        lambda: merkle.verify_inclusion(leaf, index=case["leafIdx"], size=case["treeSize"], path=proof, root=root)
    )
    assert code == (Code.PROOF_INVALID if case["wantErr"] else None)
