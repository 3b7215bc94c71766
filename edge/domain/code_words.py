"""The words of every code that the node may say: the fact and what to do next, in Vietnamese; the fact in English.

Codes of the protocol have their words in `sync_protocol.problems`; `words` gives the sentence for either.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from edge.domain.refusals import AnyCode, EdgeCode, Words
from sync_protocol.problems import PROBLEMS


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
