"""The text of the provisional slip: what fits, what is refused, and what `hcvx-verify` says of it offline."""

from __future__ import annotations

import importlib
import io
import json
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sync_protocol import base45, cose, limits
from sync_protocol.__main__ import main
from sync_protocol.artefact import ArtefactKind, recognise
from sync_protocol.batch import BATCH_BYTES, Purpose, prepare_batch, sign_batch
from sync_protocol.dose import Dose, encode_dose
from sync_protocol.dose_proof import DoseProof, encode_dose_proof, parse_dose_proof, prove_dose, verify_dose_proof
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.manifest import Manifest
from sync_protocol.slip_text import DICTIONARY, PREFIX, encode_slip_text, parse_slip_text
from tests.builders import ec_key
from tests.protocol.refusals import refused
from tests.protocol.slips import (
    WHEN,
    certificate_of,
    largest_pass,
    proof_of,
    registered,
    slip_signer,
    trust_list,
)
from tests.protocol.synthetic import FACILITY, NODE, SECRET, Repeatable, generate_doses, make_manifest

PASS: Final = largest_pass()
PROOF: Final = proof_of(*PASS, index=1_500)
TEXT: Final = encode_slip_text(PROOF)
DOSES: Final = generate_doses(3)
# The most that an encoded proof may weigh whatever is in it: 2,256 bytes in base45, less the check and five bytes that
# deflate adds to what it cannot shorten.
ALWAYS_FITS: Final = (limits.SLIP_CHARS - len(PREFIX)) // 3 * 2 - 4 - 5
# What people write into the free texts, longer than any of them may be.
NOTES: Final = (
    "Đau chỗ tiêm, sốt nhẹ 38 độ từ tối hôm sau, mệt mỏi, ăn uống kém; đã uống paracetamol 500 mg hai lần, sáng "
    "nay hết sốt, chỗ tiêm còn sưng nhẹ. Trạm đã gọi điện hỏi thăm, dặn uống nhiều nước, nghỉ ngơi, theo dõi tiếp"
    " tại nhà và gọi lại ngay nếu khó thở hoặc nổi mẩn đỏ khắp người. Người nhà đã nghe rõ và nhắc lại được lời "
    "dặn của trạm y tế.",
    "Mất điện cả ngày do mưa lũ, điểm tiêm lưu động ở thôn Nà Sài không có mạng; danh sách ghi giấy, hôm nay "
    "đường thông mới đưa về trạm để nhập bổ sung vào phần mềm, có chữ ký của trưởng trạm và xác nhận của ủy ban "
    "xã kèm theo hồ sơ lưu tại trạm y tế, đã đối chiếu từng người với phiếu sàng lọc trước tiêm và sổ tiêm chủng "
    "của đội lưu động số hai.",
    "Đính chính số lô vắc xin: cán bộ nhập nhầm lô của bàn bên cạnh, đã đối chiếu với vỏ lọ và sổ theo dõi nhiệt "
    "độ của buổi tiêm; người được tiêm đã được gọi điện báo lại, đồng ý và ký vào bản giải trình kèm theo phiếu "
    "này. Bản cũ vẫn được lưu tại trạm theo quy định, trưởng trạm đã ký duyệt và báo cáo trung tâm y tế huyện "
    "trong ngày hôm nay.",
    "Ký bù theo công văn của sở y tế: các mũi tiêm trước ngày tám tháng tư chưa ký được vì chứng thư số của đơn "
    "vị hết hạn, nhà cung cấp gia hạn chậm; đã rà soát từng mũi với danh sách giấy, đủ chữ ký của bàn tiêm và "
    "người được tiêm, không có mũi nào thiếu thông tin; biên bản rà soát lưu tại trạm và gửi kèm báo cáo tuần cho"
    " trung tâm y tế huyện.",
)
LONG_NAMES: Final = (
    "Công Tằng Tôn Nữ Nguyễn Thị Phương Thảo Quỳnh Như Khánh Linh Hoàng Ngọc Bảo Trân Diệu Huyền Thanh Vân Anh Thư",
    "Trần Văn Hùng, y sĩ đa khoa trạm y tế xã Hòa Hiệp, tăng cường cho điểm tiêm lưu động số hai thôn Nà Sài, Đông",
    "Lê Thị Hồng Nhung, điều dưỡng trung cấp, nhập liệu bàn số ba điểm tiêm nhà văn hóa thôn Bản Tèn, xã Văn Lăng",
    "Hoàng Văn Thụ, trưởng trạm y tế xã, người được ủy quyền ký số thay giám đốc trung tâm y tế huyện Đồng Hỷ tỉnh",
    "Phạm Thị Bích Ngọc, phó giám đốc trung tâm y tế huyện, phụ trách chiến dịch tiêm chủng và xác nhận dữ liệu số",
)


def full(text: str, chars: int = limits.LONG_CHARS) -> str:
    """The text's beginning, as long as a field may be."""
    assert len(text) >= chars
    return text[:chars].rstrip().ljust(chars, ".")


def dose_of_full_texts(*, reaction: str = full(NOTES[0])) -> Dose:
    """A correction of a late dose, with every name at its cap and notes that fill what `DOSE_BYTES` leaves."""
    one = generate_doses(3_000, "pass")[1]
    person = replace(
        one.recipient,
        name=full(LONG_NAMES[0], limits.NAME_CHARS),
        family_name="Công Tằng Tôn Nữ",
        guardian=full(LONG_NAMES[1], limits.NAME_CHARS),
        phone="0912345678, 0987654321",
    )
    return replace(
        one,
        recipient=person,
        lot="ABX1234-5678-9012-3456-7890-1234-5678-90",
        vaccinator=full(LONG_NAMES[2], limits.NAME_CHARS),
        station="Bàn 2, điểm tiêm lưu động nhà văn hóa xã",
        recorded_by=full(LONG_NAMES[3], limits.NAME_CHARS),
        reaction=reaction,
        late_reason=full(NOTES[1]),
        replaces=1,
        replace_reason=full(NOTES[2]),
    )


def test_the_text_of_an_ordinary_slip_is_read_back_as_it_was() -> None:
    assert parse_slip_text(TEXT) == PROOF
    assert set(TEXT) <= set(base45.ALPHABET.decode())
    # Out of 3,000 doses, with RSA-2048: version 28 of the QR's 40 holds 1,732 characters at level M.
    assert len(TEXT) <= 1_732


def test_a_certificate_that_came_along_stays_at_home() -> None:
    prepared, statement = PASS
    carrying = prove_dose(prepared, 2, secret=SECRET, statement_cose=statement, carry_certificate=True)
    assert len(carrying.statement_cose) > len(proof_of(*PASS).statement_cose) + 500
    assert parse_slip_text(encode_slip_text(carrying)) == proof_of(*PASS)


def test_vietnamese_texts_at_every_cap_fit_beside_an_rsa_signature_and_3000_doses() -> None:
    dose = dose_of_full_texts()
    assert limits.DOSE_BYTES - len(encode_dose(dose)) < 16
    prepared, statement = largest_pass(
        dose,
        approver=full(LONG_NAMES[4], limits.NAME_CHARS),
        signer_name=full(LONG_NAMES[3], limits.NAME_CHARS),
        late_reason=full(NOTES[3]),
        purpose=Purpose.DELEGATED,
        for_facility="19001ABCDEFG",
        for_node="19001ABCDEFH",
    )
    proof = proof_of(prepared, statement)
    assert proof.dose == encode_dose(replace(dose, sequence=2))
    assert parse_slip_text(encode_slip_text(proof)) == proof


def test_what_cannot_be_shortened_and_is_too_long_is_refused_and_not_cut() -> None:
    choose = Repeatable(3)
    noise = "".join(chr(choose.randrange(0x4E00, 0x9FFF)) for _ in range(limits.LONG_CHARS))
    proof = proof_of(*largest_pass(dose_of_full_texts(reaction=noise[:100]), late_reason=noise))
    with refused(Code.TOO_LARGE):
        encode_slip_text(proof)


@given(st.binary(max_size=ALWAYS_FITS), st.binary(min_size=256, max_size=256))
def test_a_proof_of_up_to_2247_bytes_fits_whatever_is_in_it(noise: bytes, signature: bytes) -> None:
    message = cose.parse_sign1(PROOF.statement_cose, max_bytes=BATCH_BYTES)
    bare = replace(PROOF, statement_cose=cose.encode_sign1(replace(message, signature=signature)))
    room = ALWAYS_FITS - len(encode_dose_proof(bare)) + len(PROOF.dose) - 2
    proof = replace(bare, dose=noise[:room] or b"\0")
    assert len(encode_dose_proof(proof)) <= ALWAYS_FITS
    assert parse_slip_text(encode_slip_text(proof)) == proof


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", Code.NOT_RECOGNISED),
        ("HC1:" + TEXT[6:], Code.NOT_RECOGNISED),
        ("HCVX:" + TEXT[6:], Code.NOT_RECOGNISED),
        (TEXT.lower(), Code.NOT_RECOGNISED),
        (" " + TEXT, Code.NOT_RECOGNISED),
        ("HCVX2:" + TEXT[6:], Code.VERSION),
        ("HCVX10:", Code.VERSION),
        (PREFIX, Code.SLIP_DAMAGED),
        (PREFIX + "0", Code.SLIP_DAMAGED),
        (PREFIX + ":::" + TEXT[9:], Code.SLIP_DAMAGED),
        (PREFIX + "é" + TEXT[7:], Code.SLIP_DAMAGED),
        (PREFIX + "a" + TEXT[7:], Code.SLIP_DAMAGED),
        (TEXT[:-1], Code.SLIP_DAMAGED),
        (TEXT[:-3], Code.SLIP_DAMAGED),
        (TEXT + "000", Code.SLIP_DAMAGED),
        (TEXT + " ", Code.SLIP_DAMAGED),
        (TEXT + TEXT[6:], Code.TOO_LARGE),
        (PREFIX + "0" * (limits.SLIP_CHARS - len(PREFIX)), Code.SLIP_DAMAGED),
        (PREFIX + "0" * (limits.SLIP_CHARS - len(PREFIX) + 1), Code.TOO_LARGE),
    ],
)
def test_other_texts_are_refused_each_with_its_code(text: str, code: Code) -> None:
    with refused(code):
        parse_slip_text(text)


def checked(deflated: bytes) -> str:
    """A text whose characters and check are in order."""
    return PREFIX + base45.encode(deflated + zlib.crc32(deflated).to_bytes(4))


def deflate(message: bytes) -> bytes:
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15, zdict=DICTIONARY)
    return deflater.compress(message) + deflater.flush()


@pytest.mark.parametrize(
    ("deflated", "code"),
    [
        (deflate(encode_dose_proof(PROOF)) + b"\0", Code.SLIP_DAMAGED),
        (deflate(encode_dose_proof(PROOF))[:-1], Code.SLIP_DAMAGED),
        (zlib.compress(encode_dose_proof(PROOF)), Code.SLIP_DAMAGED),
        (b"", Code.SLIP_DAMAGED),
        # Two kilobytes that would fill the memory.
        (deflate(bytes(2_000_000)), Code.SLIP_DAMAGED),
        (deflate(bytes(limits.SLIP_INFLATED_BYTES + 1)), Code.SLIP_DAMAGED),
        (deflate(bytes(limits.SLIP_INFLATED_BYTES)), Code.NOT_CBOR),
        (deflate(b""), Code.NOT_CBOR),
        (deflate(encode_dose_proof(PROOF) + b"\0"), Code.NOT_CBOR),
        (deflate(encode_dose_proof(replace(PROOF, statement_cose=b"\0"))), Code.NOT_COSE),
        (deflate(encode_dose_proof(replace(PROOF, salt=PROOF.salt[1:]))), Code.FIELD_INVALID),
    ],
)
def test_what_inflates_to_no_proof_of_bounded_size_is_refused(deflated: bytes, code: Code) -> None:
    with refused(code):
        parse_slip_text(checked(deflated))


def test_a_statement_with_headers_that_nobody_signed_is_refused() -> None:
    prepared = prepare_batch(make_manifest(DOSES), DOSES, SECRET)
    statement = sign_batch(prepared, registered(ec_key("small"), "Trạm"))
    proof = prove_dose(prepared, 1, secret=SECRET, statement_cose=statement, carry_certificate=True)
    assert len(checked(deflate(encode_dose_proof(proof)))) < limits.SLIP_CHARS
    with refused(Code.NOT_COSE):
        parse_slip_text(checked(deflate(encode_dose_proof(proof))))


def test_deflate_reads_more_than_one_stream_as_the_same_proof_and_the_check_does_not() -> None:
    # The bits after the end of the last block belong to nobody; a stream in eight ends with none.
    for index in range(1, 50):
        proof = proof_of(*PASS, index=index)
        whole = deflate(encode_dose_proof(proof))
        alike = whole[:-1] + bytes([whole[-1] ^ 0x80])
        if zlib.decompressobj(-15, DICTIONARY).decompress(alike) == encode_dose_proof(proof):
            break
    else:
        pytest.fail("no stream ends with a spare bit")
    assert parse_slip_text(checked(whole)) == proof
    with refused(Code.SLIP_DAMAGED):
        parse_slip_text(PREFIX + base45.encode(alike + zlib.crc32(whole).to_bytes(4)))


@pytest.mark.parametrize("proof", [PROOF, proof_of(*largest_pass(dose_of_full_texts()))], ids=["ordinary", "full"])
def test_no_changed_character_is_read(proof: DoseProof, campaign_factor: int) -> None:
    text, alphabet, choose = encode_slip_text(proof), base45.ALPHABET.decode(), Repeatable(11)
    for place in range(len(text)):
        others = alphabet.replace(text[place], "")
        for _ in range(min(len(others), campaign_factor)):
            with pytest.raises(ProtocolError) as caught:
                parse_slip_text(text[:place] + choose.choice(others) + text[place + 1 :])
            assert caught.value.code in (Code.SLIP_DAMAGED, Code.VERSION, Code.NOT_RECOGNISED)


def test_no_changed_bit_of_dose_salt_place_path_or_statement_is_accepted() -> None:
    certificate = certificate_of(slip_signer())
    encoded = encode_dose_proof(PROOF)
    assert verify_dose_proof(parse_dose_proof(encoded), certificate=certificate).dose.sequence == 1_500
    for place in range(len(encoded)):
        changed = bytearray(encoded)
        changed[place] ^= 1 << place % 8
        with pytest.raises(ProtocolError):
            verify_dose_proof(parse_dose_proof(bytes(changed)), certificate=certificate)


def run(*arguments: str, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(main, ["--at", WHEN, *arguments], input=stdin, catch_exceptions=False)


def found(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture
def trust(tmp_path: Path) -> str:
    path = tmp_path / "trust.cose"
    path.write_bytes(trust_list(certificate_of(slip_signer())))
    return str(path)


def test_the_verifier_reads_a_file_standard_input_and_the_text_itself(trust: str, tmp_path: Path) -> None:
    file = tmp_path / "slips.txt"
    file.write_text(f"{TEXT}\r\n\n{encode_slip_text(proof_of(*PASS))}\n", "ascii")
    assert recognise(TEXT.encode()) is recognise(b"HCVX9:") is ArtefactKind.SLIP
    results = (run("--json", "--trust", trust, str(file)), run("--json", "--trust", trust, "--text", TEXT))
    for result in (*results, run("--json", "--trust", trust, "-", stdin=TEXT.encode())):
        assert result.exit_code == 0
        for one in found(result):
            assert (one["ok"], one["kind"], one["facts"]["standing"]) == (True, "slip", "provisional")
            assert one["facts"]["signed_by"] == "Trần Thị Ánh"
    assert [one["facts"]["dose_id"] for one in found(results[0])] == ["19001A-001500", "19001A-000002"]


def test_the_words_say_that_it_is_provisional_and_who_signed(trust: str) -> None:
    said = run("--trust", trust, "--text", TEXT).stdout
    assert said.startswith("✔ HỢP LỆ, TẠM THỜI  --text 1: Phiếu tiêm tạm thời")
    assert "Giá trị: TẠM THỜI: cơ sở đã ký mũi tiêm này; hộ chiếu vắc xin thay thế phiếu này" in said
    assert "Trạm Y tế xã Hòa Hiệp" in said
    assert "VALID, PROVISIONAL" in run("--lang", "en", "--trust", trust, "--text", TEXT).stdout


def test_a_delegated_slip_names_the_site_and_who_signed_for_it(trust: str) -> None:
    doses = [replace(dose, node="19002B", facility="19002") for dose in DOSES]
    delegated = {"purpose": Purpose.DELEGATED, "for_facility": "19002", "for_node": "19002B"}
    said = run("--json", "--trust", trust, "--text", text_of(doses, make_manifest(doses, **delegated)))
    [one] = found(said)
    named = {name: one["facts"][name] for name in ("facility", "node", "signing_facility", "signing_node", "purpose")}
    assert named == {
        "facility": "19002",
        "node": "19002B",
        "signing_facility": FACILITY,
        "signing_node": NODE,
        "purpose": "delegated",
    }


def text_of(doses: list[Dose], manifest: Manifest) -> str:
    """The slip of the first of these doses."""
    prepared = prepare_batch(manifest, doses, SECRET)
    return encode_slip_text(proof_of(prepared, sign_batch(prepared, slip_signer()), 1))


@pytest.mark.parametrize(
    "change", [{"facility": "19002"}, {"node": "19002B"}, {"facility": "19002", "node": "19002B"}], ids=str
)
def test_a_signature_for_doses_of_others_is_refused_where_it_does_not_say_so(
    change: dict[str, str], trust: str
) -> None:
    doses = [replace(dose, **change) for dose in DOSES]  # type: ignore[arg-type]
    said = run("--json", "--trust", trust, "--text", text_of(doses, make_manifest(doses)))
    assert found(said)[0]["code"] == Code.DOSE_FACILITY


def lying(**parts: object) -> Callable[[], str]:
    """A slip with these parts of its proof in the place of the true ones, and everything around them in order."""
    return lambda: checked(deflate(encode_dose_proof(replace(PROOF, **parts))))  # type: ignore[arg-type]


def in_statement(old: bytes, new: bytes) -> bytes:
    assert PROOF.statement_cose.count(old) == 1
    return PROOF.statement_cose.replace(old, new)


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lying(dose=encode_dose(replace(generate_doses(3_000, "pass")[1_499], lot="FAKE01"))), Code.PROOF_INVALID),
        (lying(dose=proof_of(*PASS).dose), Code.PROOF_INVALID),
        (lying(salt=bytes(16)), Code.PROOF_INVALID),
        (lying(index=1_499), Code.PROOF_INVALID),
        (lying(path=PROOF.path[:-1]), Code.PROOF_INVALID),
        (lying(path=PROOF.path[::-1]), Code.PROOF_INVALID),
        (lying(statement_cose=in_statement("Trần Thị Ánh".encode(), "Trần Thị Anh ".encode())), Code.SIGNATURE_INVALID),
        (
            lying(
                statement_cose=sign_batch(
                    PASS[0], registered(ec_key("stranger"), "Trạm Y tế xã khác"), carry_certificate=False
                )
            ),
            Code.SIGNER_UNKNOWN,
        ),
    ],
)
def test_each_changed_part_is_refused_with_its_code(make: Callable[[], str], code: Code, trust: str) -> None:
    result = run("--json", "--trust", trust, "--text", make())
    assert (result.exit_code, found(result)[0]["code"]) == (1, code)


def test_who_signed_must_be_listed_and_not_revoked(tmp_path: Path) -> None:
    certificate = certificate_of(slip_signer())
    revoked = trust_list(certificate, revoked=[certificate])
    for content, code in ((trust_list(), Code.SIGNER_UNKNOWN), (revoked, Code.CERTIFICATE_REVOKED)):
        path = tmp_path / "list.cose"
        path.write_bytes(content)
        result = run("--json", "--trust", str(path), "--text", TEXT)
        assert (result.exit_code, found(result)[0]["code"]) == (1, code)
    assert found(run("--json", "--text", TEXT))[0]["code"] == Code.SIGNER_UNKNOWN


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
@pytest.mark.parametrize("full_texts", [False, True])
def test_a_picture_of_the_largest_code_is_read_beside_that_of_the_tracking_code(
    form: str, full_texts: bool, trust: str, tmp_path: Path
) -> None:
    text = (
        encode_slip_text(proof_of(*largest_pass(dose_of_full_texts(), late_reason=full(NOTES[3]))))
        if full_texts
        else TEXT
    )
    large, small = drawn(text, pixels=4), drawn("19001A-001500", pixels=6)
    page = Image.new("L", (large.width + small.width, large.height), 255)
    page.paste(large, (0, 0))
    page.paste(small, (large.width, 0))
    data = io.BytesIO()
    page.save(data, form, quality=80)
    path = tmp_path / "photograph"
    path.write_bytes(data.getvalue())
    result = run("--json", "--trust", trust, str(path))
    assert (result.exit_code, [one["kind"] for one in found(result)]) == (0, ["slip"])
    path.write_bytes(picture_of("19001A-001500"))
    assert found(run("--json", "--trust", trust, str(path)))[0]["code"] == Code.NOT_CBOR


def drawn(text: str, *, pixels: int) -> Image.Image:
    """The code as the page draws it: level M, alphanumeric mode alone."""
    # The library has no types for its pictures.
    qrcode: Any = importlib.import_module("qrcode")
    code = qrcode.QRCode(error_correction=qrcode.ERROR_CORRECT_M, box_size=pixels)
    code.add_data(qrcode.util.QRData(text, mode=qrcode.util.MODE_ALPHA_NUM))
    image: Image.Image = code.make_image().get_image().convert("L")
    return image


def picture_of(text: str) -> bytes:
    data = io.BytesIO()
    drawn(text, pixels=4).save(data, "PNG")
    return data.getvalue()


def test_refusals_say_nothing_of_the_person(trust: str) -> None:
    said = run("--trust", trust, "--text", lying(salt=bytes(16))()).output
    dose = generate_doses(3_000, "pass")[1_499]
    for personal in (dose.recipient.name, dose.recipient.number, dose.recipient.phone, dose.recipient.birth_date):
        assert personal not in said
