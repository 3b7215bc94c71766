"""Says in words what `hcvx-verify` found: Vietnamese by default, English on request.

Everything shown may come from a stranger, so characters that move the cursor or turn the text around are replaced.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Final, Literal, TypeAlias

from sync_protocol.artefact import ArtefactKind
from sync_protocol.days import DAY_SECONDS, VIETNAM
from sync_protocol.enrolment_file import fingerprint
from sync_protocol.errors import ProtocolError
from sync_protocol.hc1_remarks import Remark
from sync_protocol.judgement import Fact, Judgement
from sync_protocol.problems import PROBLEMS
from sync_protocol.trust import TrustOrigin, TrustSet

Language: TypeAlias = Literal["vi", "en"]
_Words: TypeAlias = tuple[str, str]

# fmt: off
_KINDS: Final[dict[ArtefactKind, _Words]] = {
    ArtefactKind.HEALTH_CERTIFICATE: ("Chứng nhận trong hộ chiếu vắc xin (HC1)", "Health certificate (HC1)"),
    ArtefactKind.SLIP: ("Phiếu tiêm tạm thời", "Provisional slip"),
    ArtefactKind.SEALED: ("Gói đồng bộ đã niêm phong", "Sealed bundle"),
    ArtefactKind.BUNDLE: ("Gói đồng bộ", "Bundle"),
    ArtefactKind.RECEIPT: ("Biên nhận của sổ cái", "Ledger receipt"),
    ArtefactKind.TREE_HEAD: ("Đầu cây của sổ cái", "Tree head"),
    ArtefactKind.TRUST_LIST: ("Danh sách tin cậy", "Trust list"),
    ArtefactKind.GATEWAY_LIST: ("Danh sách tin cậy của cổng châu Âu", "European gateway trust list"),
    ArtefactKind.CATALOGUE: ("Danh mục vắc xin và chính sách", "Catalogue"),
    ArtefactKind.LEDGER: ("Bản xuất toàn bộ sổ cái", "Ledger export"),
    ArtefactKind.LEDGER_EPOCH: ("Tuyên bố kỳ sổ cái mới", "Epoch of the ledger"),
    ArtefactKind.EVIDENCE: ("Bằng chứng sổ cái mâu thuẫn", "Evidence about the ledger"),
}
_CHECKED: Final[dict[ArtefactKind, _Words]] = {
    ArtefactKind.HEALTH_CERTIFICATE: (
        "tiền tố, base45, giải nén, chữ ký, hiệu lực chứng thư số người ký, mục đích khóa, thời hạn, quy cách nội dung",
        "prefix, base45, inflation, signature, signer's validity, key usage, times, schema"),
    ArtefactKind.SLIP: (
        "chữ ký của tổ chức, đường dẫn chứng thư số tại thời điểm khai ký, mũi tiêm nằm trong lô ký",
        "organisation's signature, certificate path at the claimed time, inclusion of the dose in the batch"),
    ArtefactKind.SEALED: (
        "chỉ hình thức: nội dung chỉ nơi nhận mở được, chưa kiểm tra được gì bên trong",
        "the form only: none but the addressee can open it, nothing inside has been checked"),
    ArtefactKind.BUNDLE: (
        "chữ ký của nút; với lô ký: gốc cây, số đếm, chữ ký và chứng thư số của tổ chức",
        "node's signature; for a batch: root, counts, organisation's signature and certificate"),
    ArtefactKind.RECEIPT: (
        "chữ ký của sổ cái, gói nằm trong sổ cái, kết quả kiểm tra đúng với biên nhận",
        "ledger's signature, inclusion of the bundle, verdicts bound to the entry"),
    ArtefactKind.TREE_HEAD: ("chữ ký của sổ cái", "ledger's signature"),
    ArtefactKind.TRUST_LIST: ("chữ ký của nơi phát hành, thời hạn", "publisher's signature, end"),
    ArtefactKind.GATEWAY_LIST: (
        "hình thức, vân tay từng chứng thư số; danh sách này không có chữ ký chung",
        "form, thumbprint of each certificate; such a list has no signature over the whole"),
    ArtefactKind.CATALOGUE: ("chữ ký của nơi phát hành, thời hạn", "publisher's signature, end"),
    ArtefactKind.LEDGER: (
        "chữ ký của đầu cây, gốc tính lại từ mọi dòng, chuỗi gói của từng nút",
        "head's signature, root over all entries computed again, chain of every node"),
    ArtefactKind.LEDGER_EPOCH: ("chữ ký của sổ cái, các kỳ nối tiếp nhau", "ledger's signature, order of its epochs"),
    ArtefactKind.EVIDENCE: (
        "chữ ký của trung tâm trên từng lời, đầu cây mà mỗi lời nêu",
        "the centre's signature on each word, the heads that they state"),
}
_FACTS: Final[dict[str, _Words]] = {
    "entry": ("Nội dung", "Entry"), "issuer": ("Nước cấp", "Issuer"),
    "issued_at": ("Cấp lúc", "Issued"), "expires_at": ("Hết hạn lúc", "Expires"),
    "family_name": ("Họ", "Family name"), "given_name": ("Tên", "Given name"), "name": ("Họ và tên", "Name"),
    "birth_date": ("Ngày sinh", "Date of birth"), "disease": ("Bệnh", "Disease"),
    "vaccine": ("Loại vắc xin", "Prophylaxis"), "product": ("Sản phẩm", "Product"),
    "holder": ("Nhà sản xuất", "Holder"), "dose": ("Mũi số", "Dose"), "given_on": ("Ngày tiêm", "Given on"),
    "given_at": ("Tiêm lúc", "Given"), "test": ("Loại xét nghiệm", "Test"), "sampled": ("Lấy mẫu lúc", "Sampled"),
    "result": ("Kết quả", "Result"), "first_positive": ("Dương tính lần đầu", "First positive"),
    "from_day": ("Có hiệu lực từ", "Valid from"), "until_day": ("Có hiệu lực đến", "Valid until"),
    "country": ("Nước tiêm", "Country"), "authority": ("Cơ quan cấp", "Authority"),
    "uvci": ("Mã chứng nhận", "Certificate number"), "signer": ("Người ký", "Signer"),
    "signer_serial": ("Số sê-ri chứng thư số", "Certificate serial"),
    "signer_from": ("Chứng thư số có hiệu lực từ", "Certificate valid from"),
    "signer_until": ("Chứng thư số có hiệu lực đến", "Certificate valid until"),
    "standing": ("Giá trị", "Standing"),
    "dose_id": ("Mã mũi tiêm", "Dose id"), "lot": ("Số lô", "Lot"), "facility": ("Cơ sở tiêm", "Facility"),
    "signing_facility": ("Cơ sở ký thay", "Signed on behalf by facility"),
    "signing_node": ("Nút ký thay", "Signed on behalf at node"),
    "late_reason": ("Lý do ký chậm", "Why signed late"),
    "offline_reason": ("Lý do ký khi xa trung tâm", "Why signed while offline"),
    "signed_by": ("Người ký", "Signing officer"),
    "node": ("Nút", "Node"), "nodes": ("Số nút", "Nodes"), "epoch": ("Kỳ", "Epoch"),
    "sequence": ("Số thứ tự", "Sequence"), "bundle_kind": ("Loại gói", "Bundle kind"),
    "batch_number": ("Lô ký số", "Batch number"), "purpose": ("Mục đích ký", "Purpose"),
    "people": ("Số người", "People"), "doses": ("Số mũi tiêm", "Doses"), "claimed_at": ("Khai ký lúc", "Claimed"),
    "created_at": ("Tạo lúc", "Created"), "admitted_at": ("Tiếp nhận lúc", "Admitted"),
    "signed_at": ("Ký lúc", "Signed"), "outcome": ("Kết quả tiếp nhận", "Outcome"),
    "refused": ("Gói bị từ chối", "Refused"),
    "ledger_index": ("Dòng số", "Ledger index"), "ledger_size": ("Cỡ sổ cái", "Ledger size"),
    "ledger_root": ("Gốc sổ cái", "Ledger root"), "digest": ("Mã băm SHA-256", "SHA-256"),
    "bytes": ("Cỡ (byte)", "Bytes"),
    "opened": ("Đã mở", "Opened"), "node_key": ("Vân tay khóa của nút", "Node key"),
    "version": ("Phiên bản", "Version"),
    "publisher_key": ("Vân tay khóa phát hành", "Publisher key"),
    "publisher_compared": ("Khóa phát hành đã đối chiếu", "Publisher key compared"),
    "ledger_keys": ("Khóa sổ cái", "Ledger keys"),
    "document_signers": ("Chứng thư số ký chứng nhận", "Document signers"),
    "organisation_anchors": ("Gốc chứng thư số tổ chức", "Organisation anchors"), "revoked": ("Đã thu hồi", "Revoked"),
    "ledger_epoch": ("Kỳ sổ cái", "Ledger epoch"), "declared_at": ("Tuyên bố lúc", "Declared"),
    "epoch_reason": ("Lý do", "Reason"), "pairs": ("Số cặp lời đã ký", "Pairs of signed words"),
    "countries": ("Số nước", "Countries"), "products": ("Số vắc xin", "Products"),
}
_REMARKS: Final[dict[Remark, _Words]] = {
    Remark.UVCI: ("mã chứng nhận không theo mẫu UVCI", "the certificate number is not a regular UVCI"),
    Remark.ISSUER_COUNTRY: ("nước cấp khác nước của người ký", "the issuer is not the signer's country"),
    Remark.OUTLIVES_SIGNER: ("hạn dài hơn chứng thư số của người ký", "it outlives its signer's certificate"),
    Remark.CODE_DEPRECATED: ("mã vắc xin đã bị loại khỏi danh mục", "a vaccine code is deprecated"),
    Remark.PRODUCT_UNKNOWN: ("vắc xin không có trong danh mục", "the product is not in the catalogue"),
    Remark.BEYOND_SERIES: ("mũi số lớn hơn tổng số mũi", "the dose number exceeds the series"),
}
# What is said of a kind that is not simply valid.
_VERDICTS: Final[dict[ArtefactKind, _Words]] = {
    ArtefactKind.SEALED: ("NIÊM PHONG", "SEALED"),
    ArtefactKind.SLIP: ("HỢP LỆ, TẠM THỜI", "VALID, PROVISIONAL"),
    ArtefactKind.EVIDENCE: ("CÓ CHỮ KÝ", "SIGNED"),
}
# Values that are words of ours; everything else is shown as it stands.
_VALUES: Final[dict[str, _Words]] = {
    "vaccination": ("tiêm chủng", "vaccination"), "test": ("xét nghiệm", "test"), "recovery": ("khỏi bệnh", "recovery"),
    "same_day": ("trong ngày", "same day"), "backlog": ("ký bù", "backlog"), "correction": ("đính chính", "correction"),
    "delegated": ("ký tập trung", "delegated"), "admitted": ("đã tiếp nhận", "admitted"),
    "yes": ("có", "yes"), "no": ("không", "no"),
    "two-histories": (
        "CHỨNG MINH hai lịch sử: cùng kỳ, cùng cỡ, hai gốc khác nhau", "PROVES two histories: one size, two roots"),
    "went-back": ("CHỨNG MINH sổ cái đi lùi: đầu cây sau lại ngắn hơn", "PROVES that the ledger went back"),
    "epoch-contradicts": (
        "CHỨNG MINH kỳ mới không nối tiếp đầu cây đã ký", "PROVES that an epoch goes on from another head"),
    "epoch-twice": ("CHỨNG MINH hai tuyên bố cho cùng một kỳ", "PROVES two statements of one epoch"),
    "no-path": (
        "CHƯA chứng minh: hai đầu cây chưa có đường nối, trung tâm phải giải thích",
        "NOT proven: no path joins the two heads; the centre has to explain"),
    "unsigned": (
        "KHÔNG chứng minh: có lời không do khóa của trung tâm ký", "proves NOTHING: a word is not the centre's"),
    "provisional": (
        "TẠM THỜI: cơ sở đã ký mũi tiêm này; hộ chiếu vắc xin thay thế phiếu này",
        "PROVISIONAL: signed by the facility; the vaccination passport takes its place"),
}
_WORDED: Final = frozenset({"entry", "purpose", "outcome", "opened", "publisher_compared", "standing"})
# What stands behind the number of a pair of evidence: kỳ/cỡ and root of the head that each word states, and its time.
_PAIR_PARTS: Final[dict[str, _Words]] = {
    "": ("", ""),
    "said": (", lời sau, kỳ/cỡ và gốc", ", said last, epoch/size and root"),
    "said_at": (", lời sau, ký lúc", ", said last, signed"),
    "held": (", lời trước, kỳ/cỡ và gốc", ", held before, epoch/size and root"),
    "held_at": (", lời trước, ký lúc", ", held before, signed"),
}
_ORIGINS: Final[dict[TrustOrigin, _Words]] = {
    TrustOrigin.NOTHING: ("không có danh sách tin cậy nào (dùng --trust)", "no trust list was given (use --trust)"),
    TrustOrigin.SIGNED_LIST: ("danh sách tin cậy có ký", "signed trust list"),
    TrustOrigin.GATEWAY_LIST: (
        "danh sách của cổng châu Âu (không có chữ ký chung)", "gateway list (unsigned as a whole)"),
}
# fmt: on


def accepted_lines(
    source: str, kind: ArtefactKind, judgement: Judgement, *, trust: TrustSet, at: int, language: Language
) -> Iterator[str]:
    """Yields what is said of an artefact that verified."""
    word = _word(language)
    yield f"✔ {word(_VERDICTS.get(kind, ('HỢP LỆ', 'VALID')))}  {shown(source)}: {word(_KINDS[kind])}"
    yield f"  {word(('Đã kiểm tra', 'Checked'))}: {word(_CHECKED[kind])}"
    yield f"  {word(('Theo', 'Against'))}: {trust_line(trust, at=at, language=language)}"
    for name, value in judgement.facts.items():
        yield f"  {word(_fact_words(name))}: {_fact(name, value, language)}"
    for remark in judgement.remarks:
        yield f"  {word(('Lưu ý', 'Remark'))}: {word(_REMARKS[remark])}"


def refused_lines(
    source: str, kind: ArtefactKind | None, refusal: ProtocolError, *, trust: TrustSet, at: int, language: Language
) -> Iterator[str]:
    """Yields what is said of an artefact that was refused: the code, why, and what to do; never its content."""
    word = _word(language)
    problem = PROBLEMS[refusal.code]
    name = word(_KINDS[kind]) if kind else word(("không rõ loại", "unknown kind"))
    yield f"✘ {word(('TỪ CHỐI', 'REFUSED'))} [{refusal.code}]  {shown(source)}: {name}"
    if language == "vi":
        yield f"  {problem.vi} {problem.cure}"
    yield f"  {problem.en} ({shown(refusal.rule)})"
    yield f"  {word(('Theo', 'Against'))}: {trust_line(trust, at=at, language=language)}"


def trust_line(trust: TrustSet, *, at: int, language: Language) -> str:
    """Returns against which keys was judged, and how old they are."""
    word = _word(language)
    parts = [word(_ORIGINS[trust.origin])]
    if trust.version:
        parts.append(f"{word(('phiên bản', 'version'))} {trust.version}")
    if trust.issued_at:
        days = max(0, at - trust.issued_at) // DAY_SECONDS
        parts.append(f"{word(('ban hành', 'issued'))} {_instant(trust.issued_at)} ({days} {word(('ngày', 'days'))})")
    if trust.publisher_key is not None:
        parts.append(f"{word(('vân tay khóa phát hành', 'publisher key'))} {fingerprint(trust.publisher_key)}")
    return ", ".join(parts)


def shown(text: str) -> str:
    """Returns text that is safe to print: control, format and direction characters become U+FFFD."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def _fact(name: str, value: Fact, language: Language) -> str:
    if isinstance(value, int) and name.endswith(("_at", "_from", "_until")):
        return _instant(value)
    if (name in _WORDED or name.startswith("pair_")) and value in _VALUES:
        return _word(language)(_VALUES[str(value)])
    return shown(str(value))


def _fact_words(name: str) -> _Words:
    if not name.startswith("pair_"):
        return _FACTS[name]
    number, _, part = name.removeprefix("pair_").partition("_")
    vi, en = _PAIR_PARTS[part]
    return f"Cặp {number}{vi}", f"Pair {number}{en}"


def _instant(at: int) -> str:
    return dt.datetime.fromtimestamp(at, VIETNAM).strftime("%d/%m/%Y %H:%M:%S")


def _word(language: Language) -> Callable[[_Words], str]:
    return lambda words: words[0 if language == "vi" else 1]
