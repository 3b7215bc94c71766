"""The words of what is wrong with lists that are imported: day lists, rosters, corrected lists."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from edge.domain.refusals import EdgeCode, Words

_SAVE_AS: Final = "Mở bằng Excel, lưu lại dưới dạng .xlsx rồi nhập lại."

LIST_WORDS: Final[Mapping[EdgeCode, Words]] = MappingProxyType(
    {
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
        EdgeCode.LIST_GONE: Words(
            "Tệp đã xem không còn trong bộ nhớ", "Chọn lại tệp rồi xem trước lần nữa.", "the file is not held any more"
        ),
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
        EdgeCode.CORRECTION_KIND: Words(
            "Chỉ nhập lại được tệp .xlsx đã xuất từ trang này", _SAVE_AS, "only the exported .xlsx can come back"
        ),
        EdgeCode.CORRECTION_SHEET: Words(
            "Tệp không có trang tính nào của danh sách đã xuất",
            "Chọn đúng tệp; giữ nguyên dòng tiêu đề và tên các cột như khi xuất.",
            "no sheet has the headings of the exported list",
        ),
        EdgeCode.CORRECTION_MERGED: Words(
            "Tệp có ô bị gộp", "Bỏ gộp ô trong Excel, lưu lại rồi nhập lại.", "the workbook has merged cells"
        ),
        EdgeCode.CORRECTION_SITE: Words(
            "Hồ sơ này của cơ sở khác", "Gửi dòng này cho cơ sở đã xuất danh sách.", "the person is of another site"
        ),
        EdgeCode.CORRECTION_ORIGINAL: Words(
            "Cột gốc không còn như khi xuất: đã bị sửa, hoặc các cột bị sắp xếp lệch dòng",
            "Giữ nguyên các cột gốc; ghi chữ đúng vào cột “… đúng” cùng dòng.",
            "a column as exported came back as something else",
        ),
        EdgeCode.CORRECTION_PLAN: Words(
            "Bản xem trước này không còn: đã quá 15 phút, đã dùng rồi, hoặc của người khác",
            "Chọn lại tệp để xem trước lần nữa.",
            "the preview is gone, was used, or is somebody else's",
        ),
    }
)
