"""What the node itself refuses or warns of: stable codes, and for each one the Vietnamese words and the cure.

Where the centre has a code for the same thing (`sync_protocol.errors.Code`) that one is used; `words` gives the
sentence for either. Nothing here names a person: rows are named by number, columns by their header.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final, TypeAlias

from sync_protocol.errors import Code
from sync_protocol.problems import PROBLEMS


class EdgeCode(StrEnum):
    """Codes of the node alone."""

    # Identity papers, at the chair.
    NUMBER_PROVINCE = "number-province"
    NUMBER_SEX = "number-sex"
    NUMBER_YEAR = "number-year"
    NUMBER_LOST_ZERO = "number-lost-zero"
    CARD_UNREADABLE = "card-unreadable"
    # One dose.
    GIVEN_FUTURE = "given-future"
    GIVEN_BEFORE_BIRTH = "given-before-birth"
    LATE_REASON = "late-reason"
    AGE_BELOW = "age-below"
    DOSE_TOTAL = "dose-total"
    LOT_EXPIRY_UNKNOWN = "lot-expiry-unknown"
    PERSON_UNKNOWN = "person-unknown"
    PERSON_NEAR = "person-near"
    PERSON_CHANGED = "person-changed"
    VOUCH_CITIZEN = "vouch-citizen"
    DOSE_UNKNOWN = "dose-unknown"
    DOSE_REPLACED = "dose-replaced"
    REASON_MISSING = "reason-missing"
    SUBMISSION_OTHER = "submission-other"
    WARNINGS_UNCONFIRMED = "warnings-unconfirmed"
    # Day lists.
    LIST_KIND = "list-kind"
    LIST_MACROS = "list-macros"
    LIST_SIZE = "list-size"
    LIST_ROWS = "list-rows"
    LIST_UNREADABLE = "list-unreadable"
    LIST_HEADER = "list-header"
    LIST_EMPTY = "list-empty"
    CELL_MISSING = "cell-missing"
    CELL_INVALID = "cell-invalid"
    CELL_FORMULA = "cell-formula"
    DATE_INVALID = "date-invalid"
    UNIT_UNKNOWN = "unit-unknown"
    ROW_REPEATED = "row-repeated"
    ROW_DIFFERS = "row-differs"
    PERSON_DIFFERS = "person-differs"
    PHONE_LOST_ZERO = "phone-lost-zero"
    # The node as a whole.
    NO_CATALOGUE = "no-catalogue"
    NO_PACK = "no-pack"
    PACK_EXPIRED = "pack-expired"


AnyCode: TypeAlias = Code | EdgeCode


@dataclass(frozen=True, slots=True)
class Words:
    """What a screen says: the fact, and what to do next."""

    vi: str
    cure: str
    en: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a rule found.

    Attributes:
        code: what it is.
        blocking: True if nothing is stored while it stands; a warning needs a person's confirmation.
        field: which field or column it is about; never its content.
        detail: figures that make the sentence useful (days, rows), never a person's data.
    """

    code: AnyCode
    blocking: bool
    field: str
    detail: str = ""


class RefusedError(Exception):
    """The node does not do what was asked, since these findings stand. Nothing was stored."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        super().__init__(", ".join(f"{finding.code} ({finding.field})" for finding in findings))
        self.findings = findings


def refuse(code: AnyCode, field: str, *, detail: str = "") -> RefusedError:
    """Return the error for one blocking finding."""
    return RefusedError((Finding(code, True, field, detail),))


def words(code: AnyCode) -> Words:
    """Return the words of a code of the node or of the protocol."""
    if isinstance(code, EdgeCode):
        return REFUSALS[code]
    problem = PROBLEMS[code]
    return Words(problem.vi, problem.cure, problem.en)


_AT_CHAIR: Final = "Hỏi lại người được tiêm và đối chiếu với giấy tờ."
_SAVE_AS: Final = "Mở bằng Excel, lưu lại dưới dạng .xlsx rồi nhập lại."

REFUSALS: Final[Mapping[EdgeCode, Words]] = MappingProxyType(
    {
        EdgeCode.NUMBER_PROVINCE: Words(
            "Ba số đầu không phải mã tỉnh đã biết", _AT_CHAIR, "the first three digits are no known province"
        ),
        EdgeCode.NUMBER_SEX: Words(
            "Số định danh không hợp với giới tính hoặc thế kỷ sinh",
            _AT_CHAIR,
            "the number disagrees with sex or century",
        ),
        EdgeCode.NUMBER_YEAR: Words(
            "Số định danh không hợp với năm sinh", _AT_CHAIR, "the number disagrees with the year of birth"
        ),
        EdgeCode.NUMBER_LOST_ZERO: Words(
            "Số định danh có vẻ đã mất số 0 ở đầu",
            "Xem số được đề xuất; đồng ý nếu đúng với giấy tờ.",
            "the number seems to have lost a leading zero",
        ),
        EdgeCode.CARD_UNREADABLE: Words(
            "Không đọc được mã QR của thẻ căn cước", "Quét lại, hoặc nhập bằng tay.", "the card's QR cannot be read"
        ),
        EdgeCode.GIVEN_FUTURE: Words(
            "Giờ tiêm ở sau giờ của máy", "Kiểm tra đồng hồ của máy và giờ tiêm.", "given later than the node's clock"
        ),
        EdgeCode.GIVEN_BEFORE_BIRTH: Words(
            "Ngày tiêm trước ngày sinh", "Sửa ngày tiêm hoặc ngày sinh.", "given before the date of birth"
        ),
        EdgeCode.LATE_REASON: Words(
            "Nhập sau ngày tiêm, chưa ghi lý do",
            "Ghi lý do nhập chậm; mũi này ký riêng.",
            "recorded after the day it was given, without a reason",
        ),
        EdgeCode.AGE_BELOW: Words(
            "Chưa đủ tuổi cho loại vắc xin này",
            "Kiểm tra ngày sinh và loại vắc xin.",
            "younger than this product's minimum age",
        ),
        EdgeCode.DOSE_TOTAL: Words(
            "Số mũi của liệu trình nhỏ hơn mũi số",
            "Sửa mũi số hoặc tổng số mũi.",
            "the total is less than the dose number",
        ),
        EdgeCode.LOT_EXPIRY_UNKNOWN: Words(
            "Chưa ghi hạn dùng của lô", "Xem hạn dùng trên lọ và ghi vào.", "the lot's expiry is not stated"
        ),
        EdgeCode.PERSON_UNKNOWN: Words(
            "Không có người này trong máy", "Tìm lại, hoặc tạo hồ sơ mới.", "no such person in the store"
        ),
        EdgeCode.PERSON_NEAR: Words(
            "Trong máy đã có người cùng số, hoặc cùng tên và ngày sinh",
            "Xem hồ sơ đã có; chỉ tạo mới nếu chắc là người khác.",
            "the store knows somebody with this number, or this name and date of birth",
        ),
        EdgeCode.PERSON_CHANGED: Words(
            "Hồ sơ vừa được người khác sửa", "Mở lại hồ sơ rồi sửa tiếp.", "somebody else changed this person meanwhile"
        ),
        EdgeCode.VOUCH_CITIZEN: Words(
            "Chỉ bảo lãnh được người nước ngoài có hộ chiếu",
            "Công dân Việt Nam phải khớp với CSDLQG về dân cư.",
            "only a foreigner with a passport can be vouched for",
        ),
        EdgeCode.DOSE_UNKNOWN: Words(
            "Không có mũi tiêm này trong máy", "Tìm lại mũi tiêm.", "no such dose in the store"
        ),
        EdgeCode.DOSE_REPLACED: Words(
            "Mũi tiêm này đã có bản sửa mới hơn", "Mở bản mới nhất rồi sửa.", "a newer version of this dose exists"
        ),
        EdgeCode.REASON_MISSING: Words("Chưa ghi lý do", "Ghi lý do.", "the reason is missing"),
        EdgeCode.SUBMISSION_OTHER: Words(
            "Phiếu này đã được dùng cho một mũi tiêm khác",
            "Tải lại trang rồi nhập lại.",
            "this submission key belongs to another dose",
        ),
        EdgeCode.WARNINGS_UNCONFIRMED: Words(
            "Còn cảnh báo chưa được xác nhận", "Đọc cảnh báo; xác nhận nếu đúng.", "warnings are not confirmed yet"
        ),
        EdgeCode.LIST_KIND: Words("Chỉ nhập được tệp .xlsx hoặc .csv", _SAVE_AS, "only .xlsx and .csv can be read"),
        EdgeCode.LIST_MACROS: Words("Tệp có macro, không nhập", _SAVE_AS, "the workbook holds macros"),
        EdgeCode.LIST_SIZE: Words(
            "Tệp quá lớn", "Chia danh sách thành nhiều tệp nhỏ.", "the file is larger than allowed"
        ),
        EdgeCode.LIST_ROWS: Words(
            "Danh sách có quá nhiều dòng", "Chia danh sách thành nhiều tệp nhỏ.", "the list has too many rows"
        ),
        EdgeCode.LIST_UNREADABLE: Words("Tệp hỏng, không đọc được", _SAVE_AS, "the file cannot be read"),
        EdgeCode.LIST_HEADER: Words(
            "Không tìm thấy dòng tiêu đề với các cột cần có",
            "Kiểm tra tên cột: Họ và tên, Ngày sinh, Giới tính, Loại vắc xin, Số lô, Mũi số, Ngày tiêm.",
            "no header row with the needed columns",
        ),
        EdgeCode.LIST_EMPTY: Words("Danh sách không có dòng nào", "Chọn đúng tệp và đúng trang tính.", "no rows"),
        EdgeCode.CELL_MISSING: Words("Ô bắt buộc còn trống", "Điền ô này trong danh sách.", "a required cell is empty"),
        EdgeCode.CELL_INVALID: Words("Ô có nội dung không hợp lệ", "Sửa ô này trong danh sách.", "a cell is not valid"),
        EdgeCode.CELL_FORMULA: Words(
            "Ô chứa công thức chưa có kết quả", "Dán lại thành giá trị rồi lưu.", "a formula without a stored value"
        ),
        EdgeCode.DATE_INVALID: Words(
            "Ngày không có thật hoặc sai dạng", "Viết ngày dạng ngày/tháng/năm.", "no such date, or not dd/mm/yyyy"
        ),
        EdgeCode.UNIT_UNKNOWN: Words(
            "Không rõ xã, phường này",
            "Sửa tên xã, phường theo danh mục, hoặc bổ sung sau.",
            "the commune is not in the catalogue",
        ),
        EdgeCode.ROW_REPEATED: Words(
            "Dòng lặp lại một dòng ở trên", "Xóa một trong hai dòng.", "the row repeats an earlier one"
        ),
        EdgeCode.ROW_DIFFERS: Words(
            "Mũi tiêm này đã có trong máy với nội dung khác",
            "Nếu danh sách đúng, sửa mũi tiêm trong máy và ghi lý do.",
            "this dose is in the store with other content",
        ),
        EdgeCode.PERSON_DIFFERS: Words(
            "Số định danh này trong máy là của người có thông tin khác",
            "Đối chiếu với giấy tờ, sửa danh sách hoặc hồ sơ.",
            "the store knows this number with another name, sex or date of birth",
        ),
        EdgeCode.PHONE_LOST_ZERO: Words(
            "Số điện thoại có vẻ đã mất số 0 ở đầu",
            "Xem số được đề xuất; đồng ý nếu đúng.",
            "the phone number seems to have lost its leading zero",
        ),
        EdgeCode.NO_CATALOGUE: Words(
            "Chưa có danh mục vắc xin", "Ghi danh máy với trung tâm.", "no catalogue in the store"
        ),
        EdgeCode.NO_PACK: Words(
            "Chưa có gói dữ liệu dân cư", "Nhập gói dữ liệu dân cư.", "no population pack in the store"
        ),
        EdgeCode.PACK_EXPIRED: Words(
            "Gói dữ liệu dân cư đã hết hạn", "Lấy gói mới từ trung tâm.", "the population pack has expired"
        ),
    }
)
