"""The words of what the desks refuse: identity papers, visits, doses, vials, observation."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from edge.domain.refusals import EdgeCode, Words

_AT_CHAIR: Final = "Hỏi lại người được tiêm và đối chiếu với giấy tờ."

DESK_WORDS: Final[Mapping[EdgeCode, Words]] = MappingProxyType(
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
        EdgeCode.BORN_FUTURE: Words(
            "Ngày sinh ở sau ngày hôm nay", "Xem lại ngày sinh trên giấy tờ.", "born after today"
        ),
        EdgeCode.NAME_LETTERS: Words(
            "Họ tên có ký tự không phải chữ",
            "Ghi họ tên bằng chữ như trên giấy tờ, không có số, dấu lạ hay biểu tượng.",
            "the name holds what is no letter",
        ),
        EdgeCode.GUARDIAN_MISSING: Words(
            "Trẻ dưới 16 tuổi chưa có người giám hộ",
            "Hỏi và ghi họ tên cha, mẹ hoặc người giám hộ.",
            "a child without a guardian",
        ),
        EdgeCode.VISIT_UNKNOWN: Words("Không có lượt này", "Xem lại hàng đợi ở trang Tiếp đón.", "no such visit"),
        EdgeCode.VISIT_MOVED: Words(
            "Lượt này không còn ở hàng đợi",
            "Người này đã được tiêm, hoặc lượt đã hủy; xem lại hàng đợi.",
            "the visit is not waiting any more",
        ),
        EdgeCode.ROSTER_DAY: Words(
            "Dòng ghi ngày tiêm khác với ngày đã chọn",
            "Nhập dòng này vào danh sách của ngày đó.",
            "the row is of another day",
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
        EdgeCode.VIAL_GONE: Words(
            "Lọ này không còn mở",
            "Chọn lọ khác, hoặc mở lọ mới; đóng nhầm thì bấm mở lại ở trang Lọ đã mở.",
            "the vial is not open any more",
        ),
        EdgeCode.VIAL_DRAWN: Words(
            "Lọ này đã có mũi tiêm nên không rút lại được",
            "Đóng lọ nếu đã dùng xong; số lô ghi sai thì đính chính từng mũi.",
            "doses were recorded from the vial",
        ),
        EdgeCode.VISIT_GONE: Words(
            "Người này không còn ở khu theo dõi",
            "Tải lại trang để xem danh sách hiện tại.",
            "the person is not under observation any more",
        ),
        EdgeCode.LEAVE_REASON: Words(
            "Chưa hết thời gian theo dõi, hoặc đang có phản ứng nặng",
            "Ghi lý do cho về, ví dụ chuyển trạm cấp cứu.",
            "leaving before the time, or with a severe reaction, needs a reason",
        ),
        EdgeCode.RETURN_LATE: Words(
            "Đã quá lâu để gọi lại người này",
            "Cần theo dõi tiếp thì ghi phản ứng; tiếp đón lại nếu người đó quay lại.",
            "too late to undo the leaving",
        ),
        EdgeCode.REACTION_TIME: Words(
            "Phản ứng không thể bắt đầu trước mũi tiêm hoặc sau lúc này",
            "Ghi giờ:phút trong khoảng từ lúc tiêm đến bây giờ.",
            "a reaction begins between the dose and now",
        ),
    }
)
