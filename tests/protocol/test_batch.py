"""One signature covers exactly these doses, in this order, and a proof of one of them betrays no other."""

from __future__ import annotations

import dataclasses
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_protocol import cbor, contexts, cose, limits, merkle
from sync_protocol.batch import (
    PreparedBatch,
    VerifiedBatch,
    count_people,
    leaf_hashes,
    parse_batch,
    prepare_batch,
    salts,
    sign_batch,
    verify_batch,
)
from sync_protocol.dose import Dose, encode_dose
from sync_protocol.dose_proof import (
    DoseProof,
    encode_dose_proof,
    parse_dose_proof,
    prove_dose,
    verify_dose_proof,
)
from sync_protocol.errors import Code
from sync_protocol.keys import Algorithm
from sync_protocol.manifest import Checkpoint, Purpose, encode_manifest, parse_statement
from sync_protocol.signers.key_signer import KeySigner
from tests.builders import ec_key, rsa_key
from tests.protocol.dose_strategies import dose_lists
from tests.protocol.refusals import refused
from tests.protocol.synthetic import (
    SECRET,
    generate_doses,
    make_manifest,
    organisation_certificate,
    organisation_signer,
)

DOSES = generate_doses(5)
SIGNER = organisation_signer(ec_key("organisation"))
CERTIFICATE = organisation_certificate(ec_key("organisation"))
CHECKPOINT = Checkpoint(epoch=1, size=9, root=b"r" * 32, at=1_650_000_000)


def prepare(doses: tuple[Dose, ...] = DOSES, /, **changes: object) -> PreparedBatch:
    return prepare_batch(make_manifest(doses, **changes), doses, SECRET)


def verify(
    prepared: PreparedBatch, doses: tuple[Dose, ...] | list[Dose] = DOSES, secret: bytes = SECRET
) -> VerifiedBatch:
    return verify_batch(parse_batch(sign_batch(prepared, SIGNER)), doses, secret, certificate=CERTIFICATE)


def test_a_batch_is_verified_and_names_its_statement() -> None:
    signed = sign_batch(prepare(), SIGNER)
    verified = verify_batch(parse_batch(signed), DOSES, SECRET, certificate=CERTIFICATE)
    assert verified.doses == DOSES
    assert verified.statement.manifest == make_manifest(DOSES)
    assert verified.digest == hashlib.sha256(signed).digest()
    assert verified.leaf_hashes == prepare().leaf_hashes


def test_a_pass_costs_one_operation_of_the_token() -> None:
    signer = organisation_signer(ec_key("organisation"))
    sign_batch(prepare(generate_doses(300, "pass")), signer)
    assert signer.operations == 1


@pytest.mark.parametrize("algorithm", [Algorithm.PS256, Algorithm.RS256])
def test_an_organisation_may_sign_with_rsa(algorithm: Algorithm) -> None:
    certificate = organisation_certificate(rsa_key())
    signed = sign_batch(prepare(), KeySigner(rsa_key(), certificate=certificate, algorithm=algorithm))
    assert verify_batch(parse_batch(signed), DOSES, SECRET, certificate=certificate).doses == DOSES


def test_the_certificate_travels_unless_the_centre_knows_it() -> None:
    assert parse_batch(sign_batch(prepare(), SIGNER)).certificates == (CERTIFICATE,)
    lean = parse_batch(sign_batch(prepare(), SIGNER, carry_certificate=False))
    assert lean.certificates == ()
    assert lean.thumbprint == CERTIFICATE.thumbprint
    assert verify_batch(lean, DOSES, SECRET, certificate=CERTIFICATE).certificate == CERTIFICATE


def test_the_tree_is_the_one_of_the_specification() -> None:
    manifest = make_manifest(DOSES)
    leaves = [hashlib.sha256(b"\x00" + encode_manifest(manifest)).digest()]
    stream = hashlib.shake_256(b"hcvx/v1/salts" + SECRET).digest(16 * len(DOSES))
    for index, dose in enumerate(DOSES):
        salt = stream[16 * index : 16 * (index + 1)]
        leaves.append(hashlib.sha256(b"\x00" + salt + encode_dose(dose)).digest())
    assert list(prepare().leaf_hashes) == leaves
    assert leaf_hashes(manifest, prepare().dose_bytes, SECRET) == leaves
    assert prepare().statement.root == merkle.root_of(leaves)


def test_the_same_batch_is_prepared_alike_after_a_crash() -> None:
    assert prepare() == prepare()
    assert prepare_batch(make_manifest(DOSES), DOSES, bytes(32)).statement.root != prepare().statement.root


@given(st.integers(0, 64))
def test_salts_are_all_different_and_do_not_depend_on_how_many_there_are(count: int) -> None:
    assert salts(SECRET, count) == salts(SECRET, 64)[:count]
    assert len(set(salts(SECRET, 64))) == 64


@pytest.mark.parametrize("secret", [b"", bytes(31), bytes(33)])
def test_a_secret_of_another_length_is_refused(secret: bytes) -> None:
    with refused(Code.FIELD_INVALID):
        salts(secret, 1)


@given(dose_lists(max_size=6))
def test_people_are_counted_by_paper_and_number_or_by_name_and_birth_date(doses: list[Dose]) -> None:
    keys = {
        (dose.recipient.paper, dose.recipient.number)
        if dose.recipient.number
        else (dose.recipient.name, dose.recipient.birth_date, "no number")
        for dose in doses
    }
    assert count_people(doses) == len(keys)


def test_one_person_too_many_is_refused_on_both_sides() -> None:
    fitting, one_more = generate_doses(limits.BATCH_PEOPLE), generate_doses(limits.BATCH_PEOPLE + 1)
    prepared = prepare(fitting)
    assert verify(prepared, fitting).statement.manifest.people == limits.BATCH_PEOPLE
    with refused(Code.BATCH_PEOPLE):
        prepare(one_more)
    with refused(Code.BATCH_PEOPLE):
        prepare(one_more, people=limits.BATCH_PEOPLE)
    with refused(Code.BATCH_PEOPLE):
        verify(prepared, one_more)


def test_one_dose_too_many_is_refused_on_both_sides() -> None:
    doses = generate_doses(limits.BATCH_DOSES, "pass")
    one_more = (*doses, dataclasses.replace(doses[0], sequence=9_999))
    prepared = prepare(doses)
    assert verify(prepared, doses).statement.manifest.doses == limits.BATCH_DOSES
    with refused(Code.BATCH_DOSES):
        prepare(one_more)
    with refused(Code.BATCH_DOSES):
        verify(prepared, one_more)


def test_an_empty_batch_is_refused() -> None:
    with refused(Code.BATCH_PEOPLE, Code.BATCH_DOSES):
        prepare(())


@pytest.mark.parametrize("changes", [{"people": 4}, {"people": 6}, {"doses": 4}, {"doses": 6}])
def test_a_manifest_that_counts_otherwise_is_refused(changes: dict[str, int]) -> None:
    with refused(Code.COUNT_MISMATCH):
        prepare(DOSES, **changes)


def test_a_dose_id_may_not_stand_in_a_batch_twice() -> None:
    with refused(Code.DOSE_REPEATED):
        prepare((*DOSES, DOSES[0]))


def test_a_signer_without_certificate_signs_no_batch() -> None:
    with pytest.raises(ValueError, match="certificate"):
        sign_batch(prepare(), KeySigner(ec_key("node")))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"facility": "x"}, Code.FIELD_INVALID),
        ({"node": "19001-A"}, Code.FIELD_INVALID),
        ({"first_day": "2022-04-16", "last_day": "2022-04-15"}, Code.FIELD_INVALID),
        ({"first_day": "2022-02-30"}, Code.FIELD_INVALID),
        ({"people": 0}, Code.BATCH_PEOPLE),
        ({"people": 1_001}, Code.BATCH_PEOPLE),
        ({"doses": 0}, Code.BATCH_DOSES),
        ({"doses": 3_001}, Code.BATCH_DOSES),
    ],
)
def test_a_manifest_outside_its_bounds_is_neither_made_nor_read(changes: dict[str, object], code: Code) -> None:
    manifest = make_manifest(DOSES, **changes)
    with refused(code):
        encode_manifest(manifest)
    encoded = cbor.decode(prepare().statement_payload, max_bytes=4096)
    assert isinstance(encoded, dict)
    places = {"facility": 1, "node": 2, "first_day": 5, "last_day": 6, "people": 7, "doses": 8}
    fields = encoded[2]
    assert isinstance(fields, dict)
    fields.update({places[name]: value for name, value in changes.items()})  # type: ignore[misc]
    with refused(code):
        parse_statement(cbor.encode(encoded))


def test_every_field_of_a_manifest_comes_back() -> None:
    manifest = make_manifest(
        DOSES,
        purpose=Purpose.CORRECTION,
        checkpoint=CHECKPOINT,
        previous=b"p" * 32,
        approver="Lò Thị Ỷ",
        catalogue_version=7,
    )
    assert parse_statement(prepare_batch(manifest, DOSES, SECRET).statement_payload).manifest == manifest


@pytest.mark.parametrize(
    ("key", "value", "code"),
    [(1, 2, Code.VERSION), (3, b"r" * 31, Code.FIELD_INVALID), (4, 0, Code.FIELD_UNKNOWN), (2, [], Code.FIELD_INVALID)],
)
def test_a_statement_of_another_form_is_refused(key: int, value: object, code: Code) -> None:
    fields = cbor.decode(prepare().statement_payload, max_bytes=4096)
    assert isinstance(fields, dict)
    with refused(code):
        parse_statement(cbor.encode({**fields, key: value}))


@pytest.mark.parametrize(("place", "value", "code"), [(4, 9, Code.KIND_UNKNOWN), (99, 1, Code.FIELD_UNKNOWN)])
def test_a_manifest_of_another_form_is_refused(place: int, value: int, code: Code) -> None:
    fields = cbor.decode(prepare().statement_payload, max_bytes=4096)
    assert isinstance(fields, dict)
    assert isinstance(fields[2], dict)
    fields[2][place] = value
    with refused(code):
        parse_statement(cbor.encode(fields))


def sign_with_headers(protected: cose.Headers, unprotected: cose.Headers) -> bytes:
    return cose.sign1(
        prepare().statement_payload,
        signer=SIGNER,
        content_type=contexts.BATCH.content_type,
        context=contexts.BATCH.aad,
        protected=protected,
        unprotected=unprotected,
    )


def test_a_statement_must_name_its_certificate_under_the_signature() -> None:
    x5t = cose.x5t(CERTIFICATE.thumbprint)
    for protected, unprotected in (
        ({}, {}),
        ({}, {cose.X5T: x5t}),
        ({cose.X5T: [-15, CERTIFICATE.thumbprint]}, {}),
        ({cose.X5T: [-16, CERTIFICATE.thumbprint[:31]]}, {}),
        ({cose.X5T: x5t}, {cose.X5CHAIN: [CERTIFICATE.der]}),
        ({cose.X5T: x5t}, {cose.X5CHAIN: []}),
    ):
        with refused(Code.NOT_COSE):
            parse_batch(sign_with_headers(protected, unprotected))  # type: ignore[arg-type]


def test_another_certificate_may_not_travel_in_place_of_the_signers() -> None:
    other = organisation_certificate(ec_key("other"))
    with refused(Code.CERTIFICATE_INVALID):
        parse_batch(sign_with_headers({cose.X5T: cose.x5t(CERTIFICATE.thumbprint)}, {cose.X5CHAIN: other.der}))


def proof_of(index: int, doses: tuple[Dose, ...] = DOSES) -> DoseProof:
    prepared = prepare(doses)
    return prove_dose(prepared, index, secret=SECRET, statement_cose=sign_batch(prepared, SIGNER))


@pytest.mark.parametrize("index", [1, 2, 5])
def test_a_proof_stands_alone(index: int) -> None:
    proof = proof_of(index)
    assert parse_dose_proof(encode_dose_proof(proof)) == proof
    verified = verify_dose_proof(proof, certificate=CERTIFICATE)
    assert verified.dose == DOSES[index - 1]
    assert verified.statement.manifest == make_manifest(DOSES)


def test_a_proof_out_of_the_largest_batch_fits_into_a_picture() -> None:
    # A QR of version 40 at level M holds 3,391 characters: 2,260 bytes in base 45, the prefix counted.
    doses = generate_doses(limits.BATCH_DOSES, "pass")
    prepared = prepare(doses)
    signer = organisation_signer(rsa_key())
    proof = prove_dose(prepared, 3_000, secret=SECRET, statement_cose=sign_batch(prepared, signer))
    assert len(encode_dose_proof(proof)) < 1_500
    assert verify_dose_proof(proof, certificate=organisation_certificate(rsa_key())).dose == doses[-1]


@pytest.mark.parametrize("index", [0, 6])
def test_there_is_no_proof_of_a_dose_that_is_not_there(index: int) -> None:
    with pytest.raises(IndexError):
        proof_of(index)


def test_a_proof_betrays_no_neighbour() -> None:
    encoded = encode_dose_proof(proof_of(1))
    for dose in DOSES[1:]:
        assert encode_dose(dose) not in encoded
        assert dose.recipient.number.encode() not in encoded
    # Nor can a guess be tested: the neighbour's leaf is hashed with a salt that is not shown.
    unsalted = merkle.leaf_hash(encode_dose(DOSES[1]))
    assert unsalted not in proof_of(1).path


@pytest.mark.parametrize(
    "changes",
    [
        {"dose": encode_dose(DOSES[1])},
        {"salt": bytes(16)},
        {"index": 2},
        {"index": 0},
        {"index": -1},
        {"path": ()},
        {"path": (bytes(32),) * 3},
    ],
)
def test_a_proof_changed_in_any_part_is_refused(changes: dict[str, object]) -> None:
    with refused(Code.PROOF_INVALID):
        verify_dose_proof(dataclasses.replace(proof_of(1), **changes), certificate=CERTIFICATE)  # type: ignore[arg-type]


def test_the_manifest_cannot_be_shown_as_a_dose() -> None:
    prepared = prepare()
    manifest = encode_manifest(prepared.statement.manifest)
    proof = dataclasses.replace(
        proof_of(1), dose=manifest[16:], salt=manifest[:16], index=0, path=merkle.Tree(prepared.leaf_hashes).path(0)
    )
    with refused(Code.PROOF_INVALID):
        verify_dose_proof(proof, certificate=CERTIFICATE)


@pytest.mark.parametrize(
    ("key", "value"), [(2, bytes(15)), (3, 0), (3, 3_001), (4, [bytes(31)]), (4, [bytes(32)] * 13), (1, bytes(2_049))]
)
def test_a_proof_of_another_form_is_refused(key: int, value: object) -> None:
    fields = cbor.decode(encode_dose_proof(proof_of(1)), max_bytes=16_000)
    assert isinstance(fields, dict)
    with refused(Code.FIELD_INVALID):
        parse_dose_proof(cbor.encode({**fields, key: value}))


@given(st.data())
def test_a_flipped_bit_in_a_proof_is_refused(data: st.DataObject) -> None:
    encoded = encode_dose_proof(proof_of(1))
    bit = data.draw(st.integers(0, 8 * len(encoded) - 1))
    flipped = (int.from_bytes(encoded) ^ (1 << bit)).to_bytes(len(encoded))
    with refused():
        verify_dose_proof(parse_dose_proof(flipped), certificate=CERTIFICATE)


def test_verified_and_prepared_hold_no_reference_to_what_may_change() -> None:
    doses = list(DOSES)
    verified = verify(prepare(), doses)
    doses.clear()
    assert len(verified.doses) == len(DOSES)
