"""The fields of the forms at the desks: what each is called, its rule with an example, what is said when it is wrong.

The tables hold the Vietnamese texts; `label`, `rule` and `finding_sentence` say them in the language of the request.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from edge.domain.code_words import words
from edge.domain.refusals import EdgeCode, Finding, Words
from edge.web.frame.formats import iso_day
from edge.web.frame.language import _, say
from sync_protocol.errors import Code


@dataclass(frozen=True, slots=True)
class FieldWords:
    """A field's label and its rule with an example."""

    label: str
    rule: str


FIELDS: Final[Mapping[str, FieldWords]] = MappingProxyType(
    {
        "card": FieldWords(
            "Thẻ căn cước hoặc số", "Quét mã QR trên thẻ; hoặc gõ số căn cước, số điện thoại, họ tên rồi bấm Enter."
        ),
        "name": FieldWords("Họ và tên", "Ghi đủ như trên giấy tờ, ví dụ Nguyễn Thị Ánh."),
        "sex": FieldWords("Giới tính", "Chọn Nữ hoặc Nam như trên giấy tờ."),
        "birth_date": FieldWords("Ngày sinh", "Ghi ngày/tháng/năm, ví dụ 01/03/1985; chỉ biết năm thì ghi 1985."),
        "number": FieldWords(
            "Số giấy tờ",
            "Căn cước 12 chữ số, ví dụ 054185000123; CMND 9 chữ số; hộ chiếu như B1234567. Không có thì để trống.",
        ),
        "phone": FieldWords("Điện thoại", "10 chữ số bắt đầu bằng 0, ví dụ 0912345678."),
        "address_unit": FieldWords("Xã, phường", "Chọn trong danh mục; mã 5 chữ số, ví dụ 05413."),
        "nationality": FieldWords("Quốc tịch", "Mã hai chữ cái, ví dụ VN."),
        "family_name": FieldWords("Họ, nếu không phải chữ đầu", "Ví dụ Niê trong H'Hen Niê."),
        "guardian": FieldWords("Người giám hộ", "Họ tên cha, mẹ hoặc người giám hộ của trẻ."),
        "group": FieldWords("Nhóm đối tượng", "Một số từ 0 đến 99, ví dụ 9."),
        "product": FieldWords("Vắc xin", "Chọn loại ghi trên lọ."),
        "lot": FieldWords("Số lô", "Ghi như in trên lọ, ví dụ ABX1234."),
        "lot_expiry": FieldWords("Hạn dùng của lô", "Ghi ngày/tháng/năm in trên lọ, ví dụ 31/12/2022."),
        "dose_number": FieldWords("Mũi số", "Một số từ 1 đến 9, ví dụ 2."),
        "given_day": FieldWords("Ngày tiêm", "Ghi ngày/tháng/năm, ví dụ 15/04/2022."),
        "given_time": FieldWords("Giờ tiêm", "Ghi giờ:phút, ví dụ 09:30."),
        "vaccinator": FieldWords("Người tiêm", "Họ tên người tiêm."),
        "station": FieldWords("Bàn tiêm", "Ví dụ Bàn 1."),
        "reaction": FieldWords("Phản ứng sau tiêm", "Để trống nếu không có."),
        "late_reason": FieldWords("Lý do nhập chậm", "Chỉ ghi khi nhập sau ngày tiêm, ví dụ mất điện chiều 14/04."),
        "dose_total": FieldWords("Tổng số mũi", "Để trống thì theo loại vắc xin; hoặc một số, ví dụ 2."),
        "reason": FieldWords("Lý do đính chính", "Ghi vì sao bản cũ sai, ví dụ ghi nhầm số lô; tối đa 300 chữ."),
        "sure": FieldWords("Đã xem hộ chiếu", "Đánh dấu vào ô này sau khi đã xem hộ chiếu."),
        "person": FieldWords("Người được tiêm", ""),
        "submission": FieldWords("Phiếu", ""),
        "doses": FieldWords("Số mũi mỗi lọ", "Một số từ 1 đến 100, ví dụ 10."),
        "kinds": FieldWords("Biểu hiện", "Đánh dấu ít nhất một biểu hiện."),
        "other": FieldWords("Biểu hiện khác", "Ghi ngắn, tối đa 40 chữ, ví dụ đau đầu."),
        "severity": FieldWords("Mức độ", "Chọn nhẹ, vừa hoặc nặng."),
        "began": FieldWords("Bắt đầu lúc", "Ghi giờ:phút, ví dụ 09:40."),
        "treatment": FieldWords("Xử trí", "Ghi ngắn, tối đa 100 chữ, ví dụ nằm nghỉ, uống nước."),
        "outcome": FieldWords("Kết quả", "Chọn một kết quả."),
        "remark": FieldWords("Lý do cho về sớm", "Ghi ngắn, ví dụ chuyển trạm cấp cứu; tối đa 200 chữ."),
    }
)
# Where the page shows what the rules say of a value that has no field of its own.
_SHOWN_AT: Final = MappingProxyType({"given_at": "given_day", "dose_total": "dose_number", "replace_reason": "reason"})


def shown_at(field: str) -> str:
    """The field of the page beside which a finding stands."""
    return _SHOWN_AT.get(field, field)


def label(field: str) -> str:
    """What the field is called."""
    found = FIELDS.get(field)
    return field if found is None else say(found.label)


def rule(field: str) -> str:
    """The field's rule with an example; "" where the page has no such field."""
    found = FIELDS.get(field)
    return "" if found is None else say(found.rule)


def sentence(said: Words) -> str:
    """The fact and the cure as two sentences."""
    return f"{say(said.vi).rstrip('.')}. {say(said.cure)}"


def finding_sentence(finding: Finding) -> str:
    """What is wrong, with the figures, the rule and an example."""
    at = shown_at(finding.field)
    match finding.code:
        case EdgeCode.CELL_MISSING | EdgeCode.REASON_MISSING:
            return _("Ô này còn trống. %(rule)s", rule=rule(at)).strip()
        case EdgeCode.CELL_INVALID | Code.FIELD_INVALID:
            return _("Không đúng dạng. %(rule)s", rule=rule(at)).strip()
        case EdgeCode.DATE_INVALID:
            return _("Ngày không có thật hoặc sai dạng. %(rule)s", rule=rule(at)).strip()
        # The protocol's words speak of several sites; here somebody stands at the table.
        case Code.DOSE_DUPLICATE:
            return _(
                "Người này đã có một mũi tiêm trong ngày này ở đây. Đừng ghi lần nữa; mũi trước sai thì đính chính."
            )
    said = words(finding.code)
    return f"{say(said.vi).rstrip('.')}{_figures(finding)}. {say(said.cure)}"


def _figures(finding: Finding) -> str:
    detail = finding.detail
    match finding.code:
        case Code.LOT_EXPIRED if detail:
            return f" ({iso_day(detail)})"
        case Code.DOSE_ORDER if detail:
            return _(" (theo hồ sơ ở đây, mũi tiếp theo là mũi %(number)s)", number=detail)
        case Code.DOSE_INTERVAL if detail:
            waited, _mark, wanted = detail.partition(" < ")
            return _(" (mới được %(waited)s ngày, cần ít nhất %(wanted)s ngày)", waited=waited, wanted=wanted)
        case EdgeCode.AGE_BELOW if detail:
            return _(" (%(years)s tuổi)", years=detail.removeprefix("< "))
        case EdgeCode.CARD_UNREADABLE if "/" in detail:
            found, _mark, wanted = detail.partition("/")
            return _(" (đọc được %(found)s trường, cần ít nhất %(wanted)s)", found=found, wanted=wanted)
    return ""
