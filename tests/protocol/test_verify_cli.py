"""`hcvx-verify`: every kind of artefact, right and wrong, in words and in JSON."""

from __future__ import annotations

import importlib
import io
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sync_protocol.__main__ import main
from sync_protocol.artefact import ArtefactKind, recognise
from sync_protocol.batch import Purpose, prepare_batch, sign_batch
from sync_protocol.bundle import NO_PREVIOUS, BatchBody, Bundle, BundleKind, encode_batch_body, sign_bundle
from sync_protocol.catalogue import Catalogue, sign_catalogue
from sync_protocol.columns import pack_doses
from sync_protocol.dose_proof import encode_dose_proof, prove_dose
from sync_protocol.errors import Code
from sync_protocol.gateway_list import TrustedSigner, encode_gateway_json
from sync_protocol.health_certificate import CertifiedProduct
from sync_protocol.issuance import issue_hc1, issue_many
from sync_protocol.ledger_epoch import EpochStep, LedgerEpoch, sign_ledger_epoch
from sync_protocol.ledger_evidence import Evidence, EvidencePair, encode_evidence
from sync_protocol.ledger_export import encode_ledger_export
from sync_protocol.manifest import Checkpoint
from sync_protocol.sealing import seal
from sync_protocol.signers.key_signer import KeySigner
from sync_protocol.tree_head import TreeHead, sign_tree_head
from sync_protocol.trust_list import NodeKey, Revocation, TrustList, sign_trust_list
from tests.builders import SeededEntropy, ec_key, issue_certificate, make_ca
from tests.protocol import test_ledger_export as ledger_file
from tests.protocol import test_receipt as receipts
from tests.protocol.passports import AT, PRODUCTS, START, content, ec_signer
from tests.protocol.synthetic import (
    FACILITY,
    NODE,
    SECRET,
    generate_doses,
    make_manifest,
)
from tests.simulator import POLICY
from tests.simulator import PRODUCTS as LISTED

WHEN = "2022-04-15T17:30:00"
PUBLISHER = KeySigner(ec_key("publisher"))
NODE_SIGNER = KeySigner(ec_key("node"))
ORGANISATION_AUTHORITY = make_ca("Cơ quan chứng thực số Chính phủ", START)
ORGANISATION = KeySigner(
    ec_key("organisation"),
    certificate=issue_certificate(
        ORGANISATION_AUTHORITY, ec_key("organisation"), subject="Trạm Y tế xã Hóa Thượng", at=START, days=1_000
    ),
)
DOSES = generate_doses(3)
DSC = ec_signer().certificate
assert DSC is not None
assert ORGANISATION.certificate is not None

TEXTS = issue_many([content(number) for number in range(2)], ec_signer(), issued_at=AT, products=PRODUCTS)
TRUST = TrustList(
    version=7,
    issued_at=AT - 12 * 86_400,
    expires_at=AT + 86_400,
    ledger_keys=(ledger_file.LEDGER.public_key, receipts.LEDGER.public_key),
    sealing_keys=(),
    document_signers=(DSC,),
    organisation_anchors=(ORGANISATION_AUTHORITY.certificate,),
    node_keys=(NodeKey(NODE, 1, NODE_SIGNER.public_key),),
    organisation_certificates=(ORGANISATION.certificate,),
)
PREPARED = prepare_batch(make_manifest(DOSES, claimed_at=AT), DOSES, SECRET)
STATEMENT = sign_batch(PREPARED, ORGANISATION)
BODY = encode_batch_body(BatchBody(STATEMENT, SECRET, pack_doses(DOSES)))
BUNDLE = Bundle(NODE, 1, 1, NO_PREVIOUS, BundleKind.BATCH, None, AT, BODY)
INNER = sign_bundle(BUNDLE, NODE_SIGNER)
ROOT = bytes(range(32))
LEDGER_EPOCH = LedgerEpoch(EpochStep(2, Checkpoint(1, 5, ROOT, AT), AT + 60), "Khôi phục")

ARTEFACTS: dict[ArtefactKind, bytes] = {
    ArtefactKind.HEALTH_CERTIFICATE: TEXTS[0].encode() + b"\n",
    ArtefactKind.SLIP: encode_dose_proof(prove_dose(PREPARED, 2, secret=SECRET, statement_cose=STATEMENT)),
    ArtefactKind.SEALED: seal(INNER, recipient=ec_key("sealing").public_key(), entropy=SeededEntropy()),
    ArtefactKind.BUNDLE: INNER,
    ArtefactKind.RECEIPT: receipts.make(3, 5),
    ArtefactKind.TREE_HEAD: sign_tree_head(TreeHead(1, 5, ROOT, AT), ledger_file.LEDGER),
    ArtefactKind.TRUST_LIST: sign_trust_list(TRUST, PUBLISHER),
    ArtefactKind.GATEWAY_LIST: encode_gateway_json([TrustedSigner(DSC.kid, "VN", DSC, AT)]).encode(),
    ArtefactKind.CATALOGUE: sign_catalogue(
        Catalogue(
            version=2,
            issued_at=AT - 5,
            expires_at=AT + 5,
            products=LISTED,
            policy=POLICY,
            units=(),
            unit_list="2022-03",
        ),
        PUBLISHER,
    ),
    ArtefactKind.LEDGER: encode_ledger_export(ledger_file.EXPORT),
    ArtefactKind.LEDGER_EPOCH: sign_ledger_epoch(LEDGER_EPOCH, ledger_file.LEDGER),
    ArtefactKind.EVIDENCE: encode_evidence(
        Evidence(
            NODE,
            (
                EvidencePair(
                    AT,
                    "head-inconsistent",
                    said=sign_tree_head(TreeHead(1, 5, ROOT, AT), ledger_file.LEDGER),
                    held=sign_tree_head(TreeHead(1, 5, ROOT[::-1], AT), ledger_file.LEDGER),
                ),
            ),
        )
    ),
}


@pytest.fixture
def trust(tmp_path: Path) -> str:
    path = tmp_path / "trust.cose"
    path.write_bytes(ARTEFACTS[ArtefactKind.TRUST_LIST])
    return str(path)


def run(*arguments: str, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(main, ["--at", WHEN, *arguments], input=stdin, catch_exceptions=False)


def objects(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.mark.parametrize("kind", list(ArtefactKind))
def test_each_kind_is_recognised_and_verified(kind: ArtefactKind, trust: str, tmp_path: Path) -> None:
    assert recognise(ARTEFACTS[kind]) is kind
    path = tmp_path / "artefact"
    path.write_bytes(ARTEFACTS[kind])
    result = run("--json", "--trust", trust, str(path))
    (found,) = objects(result)
    assert (found["ok"], found["code"], found["kind"]) == (True, None, kind), found
    assert result.exit_code == 0
    assert found["trust"]["version"] == 7
    for language in ("vi", "en"):
        words = run("--lang", language, "--trust", trust, str(path))
        assert words.exit_code == 0
        assert words.stdout.startswith("✔")
        assert "12 " in words.stdout


@pytest.mark.parametrize("kind", [kind for kind in ArtefactKind if kind is not ArtefactKind.SEALED])
def test_a_flipped_bit_in_the_last_byte_is_refused(kind: ArtefactKind, trust: str, tmp_path: Path) -> None:
    data = bytearray(ARTEFACTS[kind].rstrip() if kind.startswith(("health", "gateway")) else ARTEFACTS[kind])
    data[-1] ^= 1
    path = tmp_path / "artefact"
    path.write_bytes(data)
    result = run("--json", "--trust", trust, str(path))
    (found,) = objects(result)
    assert found["ok"] is False
    assert found["code"] in set(Code)
    assert result.exit_code == 1
    words = run("--trust", trust, str(path)).stdout
    assert words.startswith(f"✘ TỪ CHỐI [{found['code']}]")


@pytest.mark.parametrize(
    "kind", [kind for kind in ArtefactKind if kind not in ("sealed-bundle", "trust-list", "gateway-list")]
)
def test_without_a_trust_list_no_signer_is_known(kind: ArtefactKind, tmp_path: Path) -> None:
    path = tmp_path / "artefact"
    path.write_bytes(ARTEFACTS[kind])
    result = run("--json", str(path))
    assert [found["code"] for found in objects(result)] == [Code.SIGNER_UNKNOWN]
    assert "--trust" in run(str(path)).stdout


def test_refusals_show_nothing_of_the_person(trust: str, tmp_path: Path) -> None:
    path = tmp_path / "slip"
    revoked = replace(TRUST, revoked=(Revocation(ORGANISATION.certificate.thumbprint, AT),))  # type: ignore[union-attr]
    list_path = tmp_path / "revoked.cose"
    list_path.write_bytes(sign_trust_list(revoked, PUBLISHER))
    path.write_bytes(ARTEFACTS[ArtefactKind.SLIP])
    late = run("--trust", trust, "--at", "2023-06-01", "--text", TEXTS[0])
    result = run("--trust", str(list_path), "--json", str(path))
    assert objects(result)[0]["code"] == Code.CERTIFICATE_REVOKED
    person = DOSES[1].recipient
    for output in (late.output, result.output, run("--trust", str(list_path), str(path)).output):
        for personal in (person.name, person.number, person.birth_date, "Nguyễn", "NGUYEN", "1980"):
            assert personal not in output


def test_a_revoked_authority_takes_its_certificates_with_it(tmp_path: Path) -> None:
    revoked = replace(TRUST, revoked=(Revocation(ORGANISATION_AUTHORITY.certificate.thumbprint, AT),))
    list_path, path = tmp_path / "revoked.cose", tmp_path / "slip"
    list_path.write_bytes(sign_trust_list(revoked, PUBLISHER))
    path.write_bytes(ARTEFACTS[ArtefactKind.SLIP])
    assert objects(run("--trust", str(list_path), "--json", str(path)))[0]["code"] == Code.CERTIFICATE_REVOKED


def test_a_text_file_holds_one_certificate_a_line(trust: str, tmp_path: Path) -> None:
    path = tmp_path / "passports.txt"
    path.write_text("\n".join([*TEXTS, "", "HC1:BROKEN", ""]), "utf-8")
    result = run("--json", "--trust", trust, str(path))
    assert [found["ok"] for found in objects(result)] == [True, True, False]
    assert [found["source"] for found in objects(result)] == [f"{path}#{number}" for number in (1, 2, 3)]
    assert result.exit_code == 1


def test_texts_and_standard_input_are_read(trust: str) -> None:
    assert run("--trust", trust, "--text", TEXTS[0], "--text", TEXTS[1]).exit_code == 0
    assert run("--trust", trust, "-", stdin=TEXTS[0].encode()).exit_code == 0
    assert run("--trust", trust, "-", stdin=INNER).exit_code == 0
    assert run("--trust", trust, "-", stdin=b"").exit_code == 1
    assert run("--trust", trust, "--text", "hello").exit_code == 1


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_pictures_of_qr_codes_are_read(form: str, trust: str, tmp_path: Path) -> None:
    picture = io.BytesIO()
    # The library that draws the passports has no types.
    qrcode: Any = importlib.import_module("qrcode")
    code = qrcode.QRCode(error_correction=qrcode.ERROR_CORRECT_Q, box_size=4)
    code.add_data(TEXTS[0])
    code.make_image().get_image().convert("RGB").save(picture, form)
    path = tmp_path / "passport"
    path.write_bytes(picture.getvalue())
    assert [found["ok"] for found in objects(run("--json", "--trust", trust, str(path)))] == [True]
    path.write_bytes(picture.getvalue()[:200])
    assert objects(run("--json", "--trust", trust, str(path)))[0]["code"] == Code.PICTURE_UNREADABLE


def test_a_picture_without_the_extra_is_a_matter_of_usage(tmp_path: Path) -> None:
    path = tmp_path / "passport.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n")
    # A folder with broken modules of those names stands for an environment without the extra.
    for name in ("zxingcpp.py",):
        (tmp_path / name).write_text("raise ImportError\n", "utf-8")
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from sync_protocol.__main__ import main; main()"
    result = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, check=False)
    assert result.returncode == 2
    assert b"hcvx[picture]" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [[], ["no such file"], ["--at", "yesterday", "-"], ["--lang", "fr", "-"], ["--trust", "no such file", "-"], ["."]],
)
def test_wrong_usage_ends_with_2(arguments: list[str]) -> None:
    assert CliRunner().invoke(main, arguments).exit_code == 2


def test_a_refused_trust_list_ends_the_run(trust: str, tmp_path: Path) -> None:
    result = run("--json", "--at", "2022-05-01", "--trust", trust, "--text", TEXTS[0])
    (found,) = objects(result)
    assert (found["kind"], found["code"]) == (ArtefactKind.TRUST_LIST, Code.SET_EXPIRED)
    assert result.exit_code == 1
    other = tmp_path / "other.cose"
    other.write_bytes(sign_trust_list(TRUST, KeySigner(ec_key("another publisher"))))
    assert objects(run("--json", "--trust", trust, str(other)))[0]["ok"] is False


def test_a_catalogue_adds_remarks(trust: str, tmp_path: Path) -> None:
    path = tmp_path / "catalogue.cose"
    path.write_bytes(ARTEFACTS[ArtefactKind.CATALOGUE])
    odd = CertifiedProduct("840539006", "1119349007", "Unlisted", "ORG-1")
    text = issue_hc1(content(product=odd), ec_signer(), issued_at=AT, products={odd})
    known, unknown = objects(
        run("--json", "--trust", trust, "--catalogue", str(path), "--text", TEXTS[0], "--text", text)
    )
    assert (known["remarks"], unknown["remarks"]) == ([], ["product-unknown"])
    assert unknown["ok"] is True
    assert "không có trong danh mục" in run("--trust", trust, "--catalogue", str(path), "--text", text).stdout
    assert run("--catalogue", str(path), "--text", text).exit_code == 2
    path.write_bytes(INNER)
    assert run("--trust", trust, "--catalogue", str(path), "--text", text).exit_code == 1


def test_the_gateway_list_is_enough_for_certificates(tmp_path: Path) -> None:
    path = tmp_path / "gateway.json"
    path.write_bytes(ARTEFACTS[ArtefactKind.GATEWAY_LIST])
    result = run("--json", "--trust", str(path), "--text", TEXTS[0])
    assert objects(result)[0]["trust"]["origin"] == "gateway-list"
    assert result.exit_code == 0


def test_what_a_stranger_wrote_cannot_move_the_cursor(trust: str) -> None:
    output = run("--trust", trust, "--text", "HC1:\x1b[2J").stdout
    assert "\x1b" not in output


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda: sign_bundle(replace(BUNDLE, node="19999Z"), NODE_SIGNER), Code.SIGNER_UNKNOWN),
        (lambda: sign_bundle(BUNDLE, KeySigner(ec_key("stranger"))), Code.SIGNATURE_INVALID),
        (lambda: _bundle_with(BatchBody(STATEMENT, bytes(32), pack_doses(DOSES))), Code.ROOT_MISMATCH),
        (lambda: _bundle_with(BatchBody(STATEMENT, SECRET, pack_doses(DOSES[:2]))), Code.COUNT_MISMATCH),
        (lambda: _bundle_with(BatchBody(_statement_claimed(AT + 301), SECRET, pack_doses(DOSES))), Code.TIME_WINDOW),
        (
            lambda: _bundle_with(BatchBody(_statement_claimed(1), SECRET, pack_doses(DOSES))),
            Code.CERTIFICATE_NOT_YET_VALID,
        ),
    ],
)
def test_bundles_that_do_not_add_up_are_refused(change: Callable[[], bytes], code: Code, trust: str) -> None:
    result = run("--json", "--trust", trust, "-", stdin=change())
    assert objects(result)[0]["code"] == code


def _bundle_with(body: BatchBody) -> bytes:
    return sign_bundle(replace(BUNDLE, body=encode_batch_body(body)), NODE_SIGNER)


def _statement_claimed(at: int) -> bytes:
    return sign_batch(prepare_batch(make_manifest(DOSES, claimed_at=at), DOSES, SECRET), ORGANISATION)


def test_a_late_or_delegated_batch_says_why_and_whose_doses_it_holds(trust: str) -> None:
    stated = {"facility": "19000", "node": "19000A", "for_facility": FACILITY, "for_node": NODE}
    manifest = make_manifest(DOSES, purpose=Purpose.DELEGATED, late_reason="Mất thiết bị ký", claimed_at=AT, **stated)
    statement = sign_batch(prepare_batch(manifest, DOSES, SECRET), ORGANISATION)
    bundle = _bundle_with(BatchBody(statement, SECRET, pack_doses(DOSES, node=NODE, facility=FACILITY)))
    (found,) = objects(run("--json", "--trust", trust, "-", stdin=bundle))
    assert {name: found["facts"].get(name) for name in ("facility", "node", "signing_facility", "late_reason")} == {
        "facility": FACILITY,
        "node": NODE,
        "signing_facility": "19000",
        "late_reason": "Mất thiết bị ký",
    }


def test_a_bundle_of_another_kind_is_verified_by_its_node_alone(trust: str) -> None:
    closing = sign_bundle(replace(BUNDLE, kind=BundleKind.CLOSING, body=b""), NODE_SIGNER)
    (found,) = objects(run("--json", "--trust", trust, "-", stdin=closing))
    assert found["facts"]["bundle_kind"] == "closing"
    assert found["facts"]["sequence"] == 1


def test_the_clock_is_read_when_no_instant_is_given(trust: str) -> None:
    result = CliRunner().invoke(main, ["--json", "--trust", trust, "--text", TEXTS[0]])
    assert objects(result)[0]["code"] == Code.SET_EXPIRED
