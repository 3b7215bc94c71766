"""What each act of the audit trail is called, and what it was done to."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from edge.store.audit import Action
from edge.web.frame.language import _, say

ACT_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        Action.INITIALISED: "Lập nút",
        Action.ENROLMENT_REQUESTED: "Xin ghi danh với trung tâm",
        Action.ENROLLED: "Ghi danh xong",
        Action.SET_IMPORTED: "Nhập danh mục hoặc danh sách tin cậy",
        Action.PACK_IMPORTED: "Nhập gói dữ liệu dân cư",
        Action.PACK_MISSED: "Không ghép được phần thay đổi của gói dân cư",
        Action.LIST_IMPORTED: "Nhập danh sách ngày tiêm",
        Action.PERSON_ADDED: "Thêm người được tiêm",
        Action.PERSON_CHANGED: "Sửa thông tin người được tiêm",
        Action.VISIT_OPENED: "Đón người đến tiêm",
        Action.VISIT_CANCELLED: "Hủy lượt đến",
        Action.ROSTER_IMPORTED: "Nhập danh sách hẹn",
        Action.DOSE_RECORDED: "Ghi mũi tiêm",
        Action.DOSE_CORRECTED: "Đính chính mũi tiêm",
        Action.VIAL_OPENED: "Mở lọ",
        Action.VIAL_CLOSED: "Đóng lọ",
        Action.VIAL_REOPENED: "Mở lại lọ",
        Action.VIAL_WITHDRAWN: "Rút lọ ghi nhầm",
        Action.VISIT_OBSERVED: "Theo dõi sau tiêm",
        Action.VISIT_HANDED_OVER: "Trao giấy xác nhận",
        Action.VISIT_LEFT: "Cho về",
        Action.VISIT_RETURNED: "Gọi trở lại theo dõi",
        Action.IDENTITY_CHECKED: "Xác thực với gói dân cư",
        Action.IDENTITY_VOUCHED: "Cơ sở bảo lãnh hộ chiếu",
        Action.IDENTITY_ASKED: "Hỏi trung tâm về danh tính",
        Action.IDENTITY_ANSWERED: "Trung tâm trả lời về danh tính",
        Action.PASS_PREPARED: "Chuẩn bị lượt ký",
        Action.PASS_SIGNED: "Ký",
        Action.PASS_SEALED: "Niêm phong lượt ký",
        Action.PASS_ABANDONED: "Hủy lượt ký",
        Action.PIN_REFUSED: "Token từ chối mã PIN",
        Action.PIN_TAKEN: "Token nhận mã PIN sau lần nhập sai",
        Action.APPROVAL_ASKED: "Xin người thứ hai duyệt",
        Action.APPROVAL_GIVEN: "Duyệt lượt ký",
        Action.APPROVAL_REFUSED: "Không duyệt lượt ký",
        Action.APPROVAL_WITHDRAWN: "Rút yêu cầu duyệt",
        Action.APPROVAL_USED: "Ký theo lượt đã duyệt",
        Action.EPOCH_ASKED: "Xin trung tâm mở kỳ mới",
        Action.EPOCH_BEGUN: "Mở kỳ mới của nút",
        Action.EPOCH_REFUSED: "Trung tâm không cho mở kỳ mới",
        Action.BUNDLE_LEFT: "Niêm phong lại gói của kỳ trước",
        Action.DOSE_RENUMBERED: "Ghi lại mũi tiêm với số mới",
        Action.BUNDLE_SENT: "Gửi gói về trung tâm",
        Action.BUNDLE_RECEIPTED: "Trung tâm trả biên nhận",
        Action.BUNDLE_REFUSED: "Trung tâm trả lại gói",
        Action.REGISTRATION_ASKED: "Xin đăng ký chứng thư số",
        Action.STICK_EXPORTED: "Chép ra USB",
        Action.STICK_IMPORTED: "Nhập từ USB",
        Action.CARRIED_DROPPED: "Bỏ tệp đang mang hộ",
        Action.FEED_TAKEN: "Nhận tin từ trung tâm",
        Action.FEED_UNREADABLE: "Tin từ trung tâm không đọc được",
        Action.LEDGER_EPOCH_TAKEN: "Sổ cái trung tâm sang kỳ mới",
        Action.LEDGER_CONTRADICTED: "Sổ cái trung tâm tự mâu thuẫn",
        Action.VERDICTS_CHANGED: "Trung tâm đổi kết quả kiểm tra",
        Action.PASSPORTS_TAKEN: "Nhận hộ chiếu từ trung tâm",
        Action.DOSES_HANDED: "Chuyển mũi tiêm cho đơn vị ký thay",
        Action.HANDOVER_SIGNED: "Đơn vị ký thay đã ký",
        Action.HANDOVER_RETURNED: "Mũi đã chuyển ký được trả lại",
        Action.HANDOVER_TAKEN: "Nhận mũi tiêm của cơ sở khác để ký",
        Action.DOSES_HANDED_BACK: "Trả mũi tiêm lại cho cơ sở",
        Action.LAN_CERTIFICATE_MADE: "Tạo chứng thư mạng nội bộ",
        Action.DEVICE_ASKED: "Thiết bị xin kết nối",
        Action.DEVICE_ADMITTED: "Nhận thiết bị",
        Action.DEVICE_REFUSED: "Từ chối thiết bị",
        Action.DEVICE_WITHDRAWN: "Thu hồi thiết bị",
        Action.LIST_EXPORTED: "Xuất danh sách cần sửa",
        Action.CORRECTIONS_IMPORTED: "Nhập lại danh sách đã sửa",
        Action.EXPORT: "Xuất dữ liệu ra tệp",
        Action.DAY_CLOSED: "Chốt ngày",
        Action.USER_ADDED: "Thêm người dùng",
        Action.USER_CHANGED: "Đổi vai trò người dùng",
        Action.USER_CLOSED: "Đóng tài khoản",
        Action.USER_REOPENED: "Mở lại tài khoản",
        Action.PASSWORD_RESET: "Đặt lại mật khẩu",
        Action.PASSWORD_CHANGED: "Tự đổi mật khẩu",
        Action.SIGNED_IN: "Đăng nhập hoặc mở khóa",
        Action.SIGNED_OUT: "Đăng xuất",
        Action.ACCOUNT_LOCKED: "Tạm khóa vì sai mật khẩu",
        Action.SETTING_CHANGED: "Đổi thiết lập",
        Action.CLOCK_JUMPED: "Đồng hồ máy nhảy",
        Action.CLOCK_SET: "Đặt ngày giờ làm việc",
        Action.CLOCK_CONFIRMED: "Xác nhận đồng hồ máy đúng",
        Action.CLOCK_RELEASED: "Thôi dùng ngày giờ đã đặt",
        Action.OFFLINE_REASON_GIVEN: "Ghi lý do ký khi xa trung tâm",
    }
)
# What stands before the colon of a subject.
SUBJECT_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "feed": "tin số",
        "epoch-request": "yêu cầu mở kỳ số",
        "ledger-epoch": "kỳ sổ cái số",
        "handover": "lần chuyển ký số",
        "site-handover": "lần nhận ký thay số",
        "person": "người số",
        "dose": "mũi số",
        "visit": "lượt đến số",
        "vial": "lọ số",
        "user": "người dùng số",
        "device": "thiết bị số",
        "pass": "lượt ký số",
        "bundle": "gói số",
        "approval": "yêu cầu duyệt số",
        "setting": "thiết lập",
        "clock": "lần đặt giờ số",
        "clock-jump": "lần nhảy giờ số",
        "day": "ngày",
        "node": "nút",
        "certificate": "chứng thư",
        "organisation-certificate": "chứng thư số",
    }
)


def act_words(action: str) -> str:
    """What an act is called; one of a newer program as it stands."""
    return say(ACT_WORDS.get(action, action))


def subject_words(subject: str) -> str:
    """What an act was done to: "mũi số 12" for "dose:12"."""
    kind, parted, number = subject.partition(":")
    words = SUBJECT_WORDS.get(kind, "")
    return _("%(kind)s %(number)s", kind=say(words), number=number) if parted and words else subject
