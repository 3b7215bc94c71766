"""What somebody in the middle, a thief of a node, or a dishonest signer may try with messages of ours.

Each test states the attack. What the centre does with the chain's state is tested with the centre; here it is shown
that the messages themselves give it all that it needs to notice.
"""

from __future__ import annotations

import dataclasses
import hashlib

import pytest

from sync_protocol import cbor, contexts, cose
from sync_protocol.batch import UnverifiedBatch, VerifiedBatch, parse_batch, prepare_batch, sign_batch, verify_batch
from sync_protocol.bundle import (
    NO_PREVIOUS,
    BatchBody,
    Bundle,
    BundleKind,
    encode_batch_body,
    parse_batch_body,
    parse_bundle,
    sign_bundle,
    verify_bundle,
)
from sync_protocol.columns import pack_doses, unpack_doses
from sync_protocol.dose import Dose
from sync_protocol.errors import Code
from sync_protocol.signers.key_signer import KeySigner
from tests.builders import ec_key, rsa_key
from tests.protocol.refusals import refused
from tests.protocol.synthetic import (
    FACILITY,
    NODE,
    SECRET,
    generate_doses,
    make_manifest,
    organisation_certificate,
    organisation_signer,
)

DOSES = generate_doses(30, "pass")
NODE_SIGNER = KeySigner(ec_key("node"))
SIGNER = organisation_signer(ec_key("organisation"))
CERTIFICATE = organisation_certificate(ec_key("organisation"))


def batch_body(doses: tuple[Dose, ...] = DOSES) -> BatchBody:
    prepared = prepare_batch(make_manifest(doses), doses, SECRET)
    return BatchBody(statement=sign_batch(prepared, SIGNER), secret=SECRET, columns=pack_doses(doses))


def bundle(sequence: int = 1, previous: bytes = NO_PREVIOUS, *, node: str = NODE, epoch: int = 1) -> bytes:
    return sign_bundle(
        Bundle(
            node=node,
            epoch=epoch,
            sequence=sequence,
            previous=previous,
            kind=BundleKind.BATCH,
            known_head=None,
            created_at=1_650_000_000,
            body=encode_batch_body(batch_body()),
        ),
        NODE_SIGNER,
    )


def admit(body: BatchBody) -> VerifiedBatch:
    """The checks of PROTOCOL 8 that need nothing but the message, in their order."""
    unverified = parse_batch(body.statement)
    manifest = unverified.statement.manifest
    doses = unpack_doses(body.columns, node=manifest.node, facility=manifest.facility)
    return verify_batch(unverified, doses, body.secret, certificate=CERTIFICATE)


def with_doses(doses: list[Dose]) -> BatchBody:
    """The signed batch, with other doses in its columns."""
    return dataclasses.replace(batch_body(), columns=pack_doses(doses))


def test_an_honest_batch_is_admitted() -> None:
    verified = verify_bundle(parse_bundle(bundle()), NODE_SIGNER.public_key)
    assert admit(parse_batch_body(verified.bundle.body)).doses == DOSES


@pytest.mark.parametrize("index", [0, 7, 29])
def test_a_dose_taken_out_is_noticed(index: int) -> None:
    with refused(Code.COUNT_MISMATCH):
        admit(with_doses([dose for place, dose in enumerate(DOSES) if place != index]))


def test_a_dose_put_in_is_noticed() -> None:
    with refused(Code.COUNT_MISMATCH):
        admit(with_doses([*DOSES, dataclasses.replace(DOSES[0], sequence=31)]))


def test_a_dose_put_in_place_of_another_is_noticed() -> None:
    with refused(Code.ROOT_MISMATCH):
        admit(with_doses([*DOSES[:-1], dataclasses.replace(DOSES[-1], sequence=31)]))


@pytest.mark.parametrize(("first", "second"), [(0, 1), (0, 29), (13, 14)])
def test_doses_in_another_order_are_noticed(first: int, second: int) -> None:
    doses = list(DOSES)
    doses[first], doses[second] = doses[second], doses[first]
    with refused(Code.ROOT_MISMATCH):
        admit(with_doses(doses))


@pytest.mark.parametrize(
    "changes",
    [
        {"product": "XX"},
        {"dose_number": 4},
        {"given_at": DOSES[0].given_at + 1},
        {"reaction": "x"},
        {"replaces": 1},
        {"facility": "26001"},
        {"node": "26001B"},
    ],
)
def test_a_dose_altered_in_any_field_is_noticed(changes: dict[str, object]) -> None:
    with refused(Code.ROOT_MISMATCH):
        admit(with_doses([dataclasses.replace(DOSES[0], **changes), *DOSES[1:]]))  # type: ignore[arg-type]


def test_a_person_altered_is_noticed() -> None:
    person = dataclasses.replace(DOSES[0].recipient, name="Nguyễn Văn A")
    altered = [
        dataclasses.replace(dose, recipient=person) if dose.recipient == DOSES[0].recipient else dose for dose in DOSES
    ]
    with refused(Code.ROOT_MISMATCH):
        admit(with_doses(altered))


def test_columns_of_another_batch_under_this_statement_are_noticed() -> None:
    with refused(Code.ROOT_MISMATCH):
        admit(with_doses(list(generate_doses(30, "pass", seed=2))))


def test_another_secret_is_noticed() -> None:
    with refused(Code.ROOT_MISMATCH):
        admit(dataclasses.replace(batch_body(), secret=bytes(32)))


def test_a_statement_with_another_manifest_is_noticed() -> None:
    # The root stays, the signature too: what the officer stated may not be changed around them.
    for changes in ({"facility": "26001"}, {"batch_number": 2}, {"first_day": "2021-01-01"}, {"claimed_at": 1}):
        message = parse_batch(batch_body().statement).message
        other = prepare_batch(make_manifest(DOSES, **changes), DOSES, SECRET)
        kept_root = cbor.decode(message.payload or b"", max_bytes=4096)
        new = cbor.decode(other.statement_payload, max_bytes=4096)
        assert isinstance(kept_root, dict)
        assert isinstance(new, dict)
        for payload, code in (
            (cbor.encode({**kept_root, 2: new[2]}), Code.ROOT_MISMATCH),
            (other.statement_payload, Code.SIGNATURE_INVALID),
        ):
            forged = cose.encode_sign1(dataclasses.replace(message, payload=payload))
            with refused(code):
                admit(dataclasses.replace(batch_body(), statement=forged))


def test_a_signature_of_another_organisation_is_not_taken_for_this_one() -> None:
    prepared = prepare_batch(make_manifest(DOSES), DOSES, SECRET)
    foreign = sign_batch(prepared, organisation_signer(ec_key("thief")))
    with refused(Code.SIGNER_UNKNOWN):
        admit(dataclasses.replace(batch_body(), statement=foreign))
    # A thief who names the right certificate has the wrong key.
    forged = cose.sign1(
        prepared.statement_payload,
        signer=KeySigner(ec_key("thief")),
        content_type=contexts.BATCH.content_type,
        context=contexts.BATCH.aad,
        protected={cose.X5T: cose.x5t(CERTIFICATE.thumbprint)},
    )
    with refused(Code.SIGNATURE_INVALID):
        admit(dataclasses.replace(batch_body(), statement=forged))


def test_a_signature_made_for_another_purpose_is_not_a_batch() -> None:
    prepared = prepare_batch(make_manifest(DOSES), DOSES, SECRET)
    for context in (contexts.BUNDLE, contexts.TREE_HEAD):
        other = cose.sign1(
            prepared.statement_payload,
            signer=SIGNER,
            content_type=contexts.BATCH.content_type,
            context=context.aad,
            protected={cose.X5T: cose.x5t(CERTIFICATE.thumbprint)},
        )
        with refused(Code.SIGNATURE_INVALID):
            admit(dataclasses.replace(batch_body(), statement=other))
        relabelled = cose.sign1(
            prepared.statement_payload,
            signer=SIGNER,
            content_type=context.content_type,
            context=contexts.BATCH.aad,
            protected={cose.X5T: cose.x5t(CERTIFICATE.thumbprint)},
        )
        with refused(Code.CONTENT_TYPE):
            admit(dataclasses.replace(batch_body(), statement=relabelled))


def test_an_algorithm_of_another_kind_of_key_is_refused() -> None:
    certificate = organisation_certificate(rsa_key())
    prepared = prepare_batch(make_manifest(DOSES), DOSES, SECRET)
    signed = sign_batch(prepared, organisation_signer(rsa_key()))
    message = parse_batch(signed).message
    # ES256 claimed over an RSA signature: the key decides, not the message.
    headers = {**message.headers, cose.ALG: -7}
    forged = cose.encode_sign1(dataclasses.replace(message, protected=cose.encode_protected(headers)))
    unverified: UnverifiedBatch = parse_batch(forged)
    with refused(Code.ALGORITHM):
        verify_batch(unverified, DOSES, SECRET, certificate=certificate)


def test_a_bundle_signed_by_another_node_is_not_in_this_nodes_chain() -> None:
    with refused(Code.SIGNATURE_INVALID):
        verify_bundle(parse_bundle(bundle()), ec_key("other node").public_key())


def test_a_batch_statement_is_not_a_bundle_and_a_bundle_is_not_a_batch() -> None:
    with refused():
        parse_bundle(batch_body().statement)
    with refused():
        parse_batch(bundle())


def test_a_link_cannot_be_moved_in_the_chain() -> None:
    """Sequence, predecessor, epoch and node stand under the node's signature, so none of them can be edited."""
    message = parse_bundle(bundle()).message
    fields = cbor.decode(message.payload or b"", max_bytes=1_000_000)
    assert isinstance(fields, dict)
    for key, value in ((2, "26001B"), (3, 2), (4, 2), (5, b"p" * 32), (6, 1), (8, 1), (9, b"")):
        moved = cose.encode_sign1(dataclasses.replace(message, payload=cbor.encode({**fields, key: value})))
        with refused(Code.SIGNATURE_INVALID):
            verify_bundle(parse_bundle(moved), NODE_SIGNER.public_key)


def test_a_replayed_bundle_has_the_digest_of_the_first() -> None:
    inner = bundle()
    first = verify_bundle(parse_bundle(inner), NODE_SIGNER.public_key)
    again = verify_bundle(parse_bundle(bytes(inner)), NODE_SIGNER.public_key)
    assert first == again
    assert first.digest == hashlib.sha256(inner).digest()


def test_two_histories_show_by_their_digests() -> None:
    """A cloned node signs another bundle with the same number: same place, another digest, and who follows which."""
    first = verify_bundle(parse_bundle(bundle(1)), NODE_SIGNER.public_key)
    clone = verify_bundle(parse_bundle(bundle(1, b"c" * 32)), NODE_SIGNER.public_key)
    follower = verify_bundle(parse_bundle(bundle(2, first.digest)), NODE_SIGNER.public_key)
    assert (first.bundle.node, first.bundle.sequence) == (clone.bundle.node, clone.bundle.sequence)
    assert first.digest != clone.digest
    assert follower.bundle.previous == first.digest != clone.digest


def test_a_batch_spliced_into_another_nodes_chain_still_names_its_own_node() -> None:
    """Another enrolled node may wrap a stolen batch, but the manifest under the signature says whose it is."""
    thief = KeySigner(ec_key("thief"))
    wrapped = dataclasses.replace(parse_bundle(bundle()).claimed, node="26001B")
    verified = verify_bundle(parse_bundle(sign_bundle(wrapped, thief)), thief.public_key)
    batch = admit(parse_batch_body(verified.bundle.body))
    assert (batch.statement.manifest.node, batch.statement.manifest.facility) == (NODE, FACILITY)
    assert batch.statement.manifest.node != verified.bundle.node
