"""The words of what the house refuses: devices, exports, closing, accounts, the node as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from edge.domain.refusals import EdgeCode, Words

HOUSE_WORDS: Final[Mapping[EdgeCode, Words]] = MappingProxyType(
    {
        EdgeCode.DEVICE_NAME: Words(
            "Thiết bị chưa có tên",
            "Đặt tên ngắn để người quản lý nhận ra, ví dụ: Máy tính bảng bàn tiêm 2.",
            "the device has no name, or one that is too long",
        ),
        EdgeCode.DEVICE_MANY: Words(
            "Đang có quá nhiều thiết bị chờ kết nối",
            "Người quản lý nhận hoặc từ chối bớt ở trang Thiết bị, hoặc đợi 10 phút rồi làm lại.",
            "too many devices are asking",
        ),
        EdgeCode.DEVICE_CODE: Words(
            "Không có thiết bị nào đang chờ với mã này",
            "Đọc lại mã trên màn hình của thiết bị; mã chỉ dùng được trong 10 phút.",
            "no device asks with this code",
        ),
        EdgeCode.DEVICE_DECIDED: Words(
            "Thiết bị này không còn chờ, hoặc đã có người quyết định rồi",
            "Tải lại trang Thiết bị để xem trạng thái hiện tại.",
            "the device does not wait any more",
        ),
        EdgeCode.LAN_ADDRESS: Words(
            "Không phục vụ được ở địa chỉ này của mạng Wi-Fi",
            "Nối máy vào Wi-Fi của cơ sở; chọn địa chỉ bằng --address hoặc lan_address, cổng khác bằng lan_port.",
            "the address is none of this machine's, or the port is taken",
        ),
        EdgeCode.SERIAL_INVALID: Words(
            "Số sê-ri không đúng dạng",
            "Gõ đúng số trong văn bản cấp chứng thư: chữ số và chữ A đến F, dấu cách và dấu hai chấm bỏ qua được.",
            "not a certificate's serial number",
        ),
        EdgeCode.OFFICER_NAME: Words(
            "Họ tên người ký còn trống hoặc có ký tự lạ",
            "Ghi đầy đủ họ tên người giữ token, như sẽ ghi khi ký.",
            "the officer's name is missing or has signs that no name has",
        ),
        EdgeCode.REGISTRATION_ASKED: Words(
            "Chứng thư số này đã đăng ký hoặc đang chờ trung tâm trả lời",
            "Không cần gửi lại; xem trạng thái ở trang Chứng thư số.",
            "the certificate is registered or asked for already",
        ),
        EdgeCode.REGISTRATION_MOVED: Words(
            "Máy đang niêm phong gói khác cùng lúc nên yêu cầu đăng ký chưa gửi được",
            "Đợi các máy khác ký hoặc chốt ngày xong rồi đăng ký lại.",
            "other bundles were sealed each time while the token signed",
        ),
        EdgeCode.EXPORT_SPAN: Words(
            "Mỗi tệp chỉ xuất được từ 1 đến 92 ngày",
            "Chọn khoảng ngày ngắn hơn, ngày đầu không sau ngày cuối.",
            "a file holds the doses of 1 to 92 days",
        ),
        EdgeCode.EXPORT_SIZE: Words("Tệp sẽ lớn hơn 40 MB", "Chọn ít ngày hơn.", "the file would be larger than 40 MB"),
        EdgeCode.WORK_FULL: Words(
            "Máy đang làm nhiều việc dài khác",
            "Đợi một việc xong rồi làm lại.",
            "too many long jobs are waiting",
        ),
        EdgeCode.WORK_GONE: Words(
            "Việc này không còn ở máy: tệp đã được tải, đã quá 10 phút, hoặc của người khác",
            "Tạo tệp mới.",
            "this job is not here any more, or is somebody else's",
        ),
        EdgeCode.CLOCK_EARLY: Words(
            "Ngày giờ này sớm hơn lượt ký gần nhất hoặc giờ của trung tâm",
            "Xem lại ngày tháng năm; giờ đúng không thể sớm hơn mốc ghi trên trang Đồng hồ.",
            "earlier than what the centre has signed, or may admit",
        ),
        EdgeCode.CLOCK_TYPED: Words(
            "Ngày hoặc giờ không có thật hoặc sai dạng",
            "Ghi ngày/tháng/năm và giờ:phút, ví dụ 21/11/2026 và 14:05.",
            "not a day and a time",
        ),
        EdgeCode.DAY_CLOSED: Words(
            "Ngày này vừa được chốt ở một trang khác",
            "Mở lại trang chốt ngày để xem bản vừa chốt.",
            "the day was closed meanwhile",
        ),
        EdgeCode.DAY_FUTURE: Words(
            "Ngày này chưa đến, chưa chốt được", "Chọn hôm nay hoặc một ngày trước đó.", "the day has not begun yet"
        ),
        EdgeCode.SIGN_IN_FAILED: Words(
            "Tên đăng nhập hoặc mật khẩu không đúng, hoặc tài khoản đang tạm khóa",
            "Gõ lại. Sai 5 lần thì khóa 5 phút; nếu quên mật khẩu, nhờ người quản lý đặt lại.",
            "the login or the password is wrong, or the account is locked for a while",
        ),
        EdgeCode.ACCOUNT_LOCKED: Words(
            "Tài khoản tạm khóa vì sai mật khẩu nhiều lần",
            "Chờ hết giờ khóa rồi gõ lại, hoặc nhờ người quản lý đặt lại mật khẩu.",
            "the account is locked for a while after wrong passwords",
        ),
        EdgeCode.PASSWORD_WRONG: Words(
            "Mật khẩu không đúng", "Gõ lại mật khẩu của chính mình; kiểm tra phím Caps Lock.", "the password is wrong"
        ),
        EdgeCode.PASSWORD_WEAK: Words(
            "Mật khẩu cần từ 8 ký tự trở lên và khác tên đăng nhập",
            "Chọn mật khẩu khác, ví dụ vài từ dễ nhớ viết liền nhau.",
            "the password has fewer than 8 characters or is the login",
        ),
        EdgeCode.PASSWORD_DIFFERS: Words(
            "Hai lần gõ mật khẩu khác nhau", "Gõ lại cả hai ô.", "the two passwords differ"
        ),
        EdgeCode.PASSPHRASE_WRONG: Words(
            "Mật khẩu mở máy không đúng",
            "Gõ mật khẩu đã dùng khi khởi động chương trình trên máy này.",
            "the machine's passphrase is wrong",
        ),
        EdgeCode.LOGIN_INVALID: Words(
            "Tên đăng nhập chỉ gồm chữ, số và dấu cách, từ 2 đến 32 ký tự",
            "Gõ tên khác, ví dụ hoa hoặc y ta sau.",
            "the login is not 2 to 32 letters, digits and spaces",
        ),
        EdgeCode.LOGIN_TAKEN: Words(
            "Tên đăng nhập này đã có người dùng", "Chọn tên đăng nhập khác.", "the login is taken"
        ),
        EdgeCode.NAME_TAKEN: Words(
            "Đã có người dùng mang họ tên này",
            "Thêm điều phân biệt vào họ tên, ví dụ chức danh; họ tên đứng trong mọi bản ghi.",
            "another user has this name, which stands in all records",
        ),
        EdgeCode.ROLES_MISSING: Words("Chưa chọn vai trò nào", "Chọn ít nhất một vai trò.", "no role was chosen"),
        EdgeCode.LAST_MANAGER: Words(
            "Đây là người quản lý duy nhất đang hoạt động",
            "Giao vai trò quản lý cho một người khác trước.",
            "the last active manager stays manager",
        ),
        EdgeCode.USER_UNKNOWN: Words(
            "Không có người dùng này", "Mở lại danh sách người dùng rồi chọn.", "no such user"
        ),
        EdgeCode.FIRST_DONE: Words(
            "Cơ sở đã có người dùng", "Đăng nhập, hoặc nhờ người quản lý thêm người dùng.", "there are users already"
        ),
        EdgeCode.HANDOVER_NOBODY: Words(
            "Không có đơn vị nào được ký thay cho các ngày này",
            "Chọn từng ngày (hôm nay hoặc hôm qua), hoặc liên hệ trung tâm để đăng ký đơn vị ký thay.",
            "nobody may sign for this site, or not for these days",
        ),
        EdgeCode.HANDBACK_EARLY: Words(
            "Trung tâm chưa có lần chuyển ký này, vì mới nhận bằng tệp",
            "Chờ cơ sở gửi về trung tâm rồi trả lại; nếu cần gấp thì báo thẳng cho cơ sở.",
            "came by stick alone: the centre does not know it yet",
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
