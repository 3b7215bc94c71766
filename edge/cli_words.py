"""What each verb of `hcvx-edge` says in Vietnamese when it is asked for help: what it does, an example, its options."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from sync_protocol.command_line import VerbWords

PROGRAM_WORDS: Final = VerbWords(
    "Máy của cơ sở tiêm: ghi mũi tiêm, kiểm tra, ký và gửi về trung tâm, có mạng hay không.",
    "hcvx-edge --directory may-19042A status",
    {"--directory": "Thư mục của máy (nơi có node.toml)."},
)
_JSON: Final = {"--json": "Ghi dữ liệu JSON ra đầu ra chuẩn."}
_BY: Final = {"--by": "Người làm, để ghi vào nhật ký.", **_JSON}
_PIN: Final = {
    "--pin-stdin": "Đọc mã PIN hoặc mật khẩu từ đầu vào chuẩn, một dòng.",
    "--after-wrong-pin": "Vẫn làm dù token đã đếm một lần PIN sai.",
}
_KEY: Final = {
    "--signer": "software:TỆP.p12 hoặc pkcs11:token=NHÃN;serial=HEX.",
    "--officer": "Họ tên người ký.",
    **_PIN,
}
_ROWS: Final = {
    "--apply": "Ghi các dòng đúng; không có tùy chọn này thì chỉ chạy thử.",
    "--proposals": "Với dòng có giá trị được đề nghị: bỏ qua, nhận, hay giữ như đã viết.",
}
_STICK: Final = {"DIR": "Nơi USB được gắn (E:\\ trên Windows).", **_BY}

_RECORDS: Final = {
    "init": VerbWords(
        "Tạo máy mới trong thư mục: thiết lập, tệp khóa, kho mã hóa.", "hcvx-edge --directory may init", _BY
    ),
    "enrol": VerbWords(
        "Ghi danh máy với trung tâm bằng tệp ghi danh dùng một lần. Chạy lại với cùng tệp thì làm tiếp chỗ dở.",
        "hcvx-edge enrol ghi-danh-19042A.hcvx",
        {"FILE": "Tệp ghi danh.", "--fingerprint": "8 nhóm 4 chữ số mà người ở trung tâm đọc qua điện thoại.", **_BY},
    ),
    "import": VerbWords(
        "Nhập danh sách tiêm (XLSX hoặc CSV). Mặc định là chạy thử: nói số phận của từng dòng.",
        "hcvx-edge import 19042-sang.xlsx --apply",
        {"FILE": "Danh sách.", "--late-reason": "Vì sao mũi của ngày trước nay mới nhập.", **_ROWS, **_BY},
    ),
    "import-roster": VerbWords(
        "Nhập danh sách người hẹn tiêm của một ngày (XLSX hoặc CSV). Mặc định là chạy thử.",
        "hcvx-edge import-roster hen-tiem-16-04.xlsx --day 2022-04-16 --apply",
        {"FILE": "Danh sách.", "--day": "Ngày hẹn, như 2022-04-16.", **_ROWS, **_BY},
    ),
    "record": VerbWords(
        "Ghi một mũi tiêm từ một đối tượng JSON. Cùng đối tượng ấy lần nữa thì trả lại mũi đã ghi.",
        'hcvx-edge record mui-tiem.json --by "Lý Thị Duyên"',
        {"FILE": "Tệp JSON, hoặc - cho đầu vào chuẩn.", "--confirm": "Mã của cảnh báo đã đọc và xác nhận.", **_BY},
    ),
    "check-identity": VerbWords(
        "So mọi người đang chờ với gói dữ liệu dân cư. Không cần mạng.",
        "hcvx-edge check-identity",
        {"--limit": "Nhiều nhất bao nhiêu người trong lần này.", **_BY},
    ),
    "import-pack": VerbWords(
        "Nhập gói dữ liệu dân cư do trung tâm ký và niêm phong cho máy này.",
        "hcvx-edge import-pack goi-dan-cu-19042A.hcvx",
        {"FILE": "Gói đã niêm phong.", **_BY},
    ),
    "export-work-list": VerbWords(
        "Xuất người không có số, số sai quy cách và người không khớp ra một sổ Excel mới.",
        "hcvx-edge export-work-list cong-an-xa.xlsx --unit 05413",
        {
            "FILE": "Sổ mới; tệp đã có thì không ghi đè.",
            "--unit": "Chỉ xã này (mã); none là người chưa rõ xã.",
            "--from": "Chỉ người có mũi tiêm từ ngày này.",
            "--to": "Chỉ người có mũi tiêm đến hết ngày này.",
            "--product": "Chỉ người có mũi của vắc xin này (mã).",
            **_BY,
        },
    ),
    "import-work-list": VerbWords(
        "Nhập lại sổ đã được công an xã sửa. Mặc định là chạy thử: nói số phận của từng dòng.",
        "hcvx-edge import-work-list cong-an-xa.xlsx --apply",
        {"FILE": "Sổ đã sửa.", **_ROWS, **_BY},
    ),
    "export": VerbWords(
        "Xuất mũi tiêm của tối đa 92 ngày ra tệp Excel hoặc CSV, theo đuôi của tên tệp.",
        "hcvx-edge export mui-tiem.xlsx --from 2022-04-01 --to 2022-04-15",
        {
            "FILE": "Tệp mới.",
            "--from": "Ngày đầu; mặc định hôm nay.",
            "--to": "Ngày cuối; mặc định là ngày đầu.",
            **_BY,
        },
    ),
    "close-day": VerbWords(
        "Chốt ngày: số liệu của ngày thành biên bản niêm phong, chờ gửi về trung tâm.",
        'hcvx-edge close-day --day 2022-04-15 --by "Trần Thị Ánh"',
        {"--day": "Ngày, như 2022-04-12; mặc định hôm nay.", "--remark": "Ghi chú cho trung tâm.", **_BY},
    ),
    "user add": VerbWords(
        "Tạo tài khoản. Mật khẩu lấy từ biến môi trường hoặc được hỏi.",
        'hcvx-edge user add duyen --name "Lý Thị Duyên" --role injection',
        {
            "LOGIN": "Tên đăng nhập.",
            "--name": "Tên như ghi trong mũi tiêm và nhật ký.",
            "--role": "Vai trò; lặp lại được; mặc định là mọi vai trò.",
            "--keep-password": "Không phải đổi mật khẩu ở lần đăng nhập đầu.",
            **_BY,
        },
    ),
    "user list": VerbWords("Ai làm ở đây, với vai trò nào.", "hcvx-edge user list", _JSON),
    "user reset": VerbWords(
        "Đặt lại mật khẩu, phải đổi ở lần đăng nhập tới. Mở lại cả tài khoản đang bị khóa.",
        "hcvx-edge user reset duyen",
        {"LOGIN": "Tên đăng nhập.", **_BY},
    ),
    "user close": VerbWords(
        "Đóng tài khoản; những gì người ấy đã ghi vẫn còn.",
        "hcvx-edge user close duyen",
        {"LOGIN": "Tên đăng nhập.", **_BY},
    ),
    "user": VerbWords("Người làm ở cơ sở: thêm, liệt kê, đặt lại mật khẩu, đóng.", "hcvx-edge user list"),
}
_SIGNING: Final = {
    "sign": VerbWords(
        "Ký các mũi đã ghi bằng chứng thư số của cơ sở. Lượt ký dở dang được làm xong trước. "
        "Một lần PIN ký tối đa 1.000 người và 3.000 mũi; nhiều hơn thì hỏi lại, với --pin-stdin mỗi lần một dòng.",
        'hcvx-edge sign --select day=2022-04-15 --officer "Trần Thị Ánh"',
        {
            "--select": "day=…, dose=17,20-30, name=…, phone=…; lặp lại được.",
            "--preview": "Chỉ cho xem sẽ ký gì, không ký.",
            "--approver": "Người thứ hai, khi phải có hai người đồng ý.",
            "--approval": "Ký đúng những gì đã được duyệt.",
            "--late-reason": "Vì sao mũi của ngày trước nay mới ký.",
            "--reason": "Vì sao vẫn ký khi máy đã lâu không liên lạc.",
            "--abandon": "Bỏ lượt ký dở dang; các mũi của nó chọn lại được.",
            **_KEY,
            **_JSON,
        },
    ),
    "sign-delegated": VerbWords(
        "Ký thay các mũi đang chờ của một cơ sở, một lượt. Thoát 3 khi còn mũi chờ.",
        'hcvx-edge sign-delegated --site 19043 --officer "Trần Thị Ánh"',
        {
            "--site": "Mã cơ sở, hoặc mã một nút của cơ sở.",
            "--approval": "Ký đúng những gì đã được duyệt.",
            "--preview": "Chỉ cho xem sẽ ký gì, không ký.",
            "--late-reason": "Thay cho lý do mà cơ sở đã ghi.",
            "--reason": "Vì sao vẫn ký khi máy đã lâu không liên lạc.",
            **_KEY,
            **_JSON,
        },
    ),
    "hand-over": VerbWords(
        "Chuyển mũi chưa ký cho đơn vị ký thay: vào chuỗi gói, và ra tệp nếu đi bằng USB.",
        'hcvx-edge hand-over --day 2022-04-15 --reason "Mất token"',
        {
            "--day": "Ngày tiêm; lặp lại được.",
            "--to": "Ủy quyền nào, khi có nhiều.",
            "--reason": "Vì sao cơ sở không tự ký; cần khi chỉ một ngày.",
            "--file": "Ghi cả ra tệp này cho USB.",
            "--again": "Chỉ ghi lại tệp của lần chuyển này.",
            **_BY,
        },
    ),
    "import-handover": VerbWords(
        "Nhận mũi chưa ký của một cơ sở từ tệp trên USB. Nhận lần nữa không đổi gì.",
        "hcvx-edge import-handover chuyen-ky-19043A.hcvx",
        {"FILE": "Tệp của lần chuyển.", **_BY},
    ),
    "hand-back": VerbWords(
        "Trả các mũi đang chờ về cơ sở của chúng.",
        'hcvx-edge hand-back --site 19043 --dose 17 --reason "Sai số lô"',
        {
            "--site": "Mã cơ sở, hoặc mã một nút của cơ sở.",
            "--dose": "Số của mũi tiêm; lặp lại được.",
            "--reason": "Vì sao không ký thay, cho cơ sở biết.",
            **_BY,
        },
    ),
    "register-certificate": VerbWords(
        "Xin trung tâm đăng ký chứng thư số trong token, hoặc chứng thư có số --serial.",
        'hcvx-edge register-certificate --officer "Trần Thị Ánh"',
        {
            "--serial": "Chỉ số sê-ri, như thư của nhà cung cấp ghi; không cần PIN.",
            "--decimal": "Số sê-ri viết bằng chữ số thập phân.",
            **_KEY,
            **_BY,
        },
    ),
    "certificates": VerbWords(
        "Các chứng thư số của cơ sở: đã đăng ký, đang xin, bị từ chối, hết hạn.", "hcvx-edge certificates", _JSON
    ),
    "token": VerbWords(
        "Xem token và trình điều khiển trên máy này: chứng thư, còn mấy ngày, phải làm gì. Không cần mật khẩu mở máy.",
        "hcvx-edge token",
        {
            "--module": "Chỉ xem trình điều khiển này.",
            "--sign": "Ký thử một lần; hỏi PIN một lần.",
            **_PIN,
            **_JSON,
        },
    ),
}
_LINK: Final = {
    "sync": VerbWords(
        "Gửi về trung tâm những gì chưa gửi. Thoát 3 khi vẫn còn gói chưa có biên nhận.",
        "hcvx-edge sync --once",
        {"--once": "Một lần liên lạc; không có tùy chọn này thì đến khi gửi hết.", **_JSON},
    ),
    "status": VerbWords(
        "Mỗi mũi đã ghi đang ở đâu.",
        "hcvx-edge status --day today",
        {"--day": "Một ngày (2022-04-12) hoặc today; mặc định mọi ngày.", **_JSON},
    ),
    "check": VerbWords(
        "Kiểm tra lại mọi thứ máy giữ, từ từng byte. Thoát 1 khi có điều sai.", "hcvx-edge check", _JSON
    ),
    "run": VerbWords(
        "Mở các trang trên máy này và tự liên lạc với trung tâm.",
        "hcvx-edge run --lan",
        {
            "--port": "Thay cho cổng trong thiết lập.",
            "--lan": "Phục vụ cả Wi-Fi của cơ sở, qua HTTPS.",
            "--address": "Cùng --lan: địa chỉ nào của máy này.",
        },
    ),
    "import-feed": VerbWords(
        "Nhận tin của trung tâm cho máy này từ tệp mang bằng USB.",
        "hcvx-edge import-feed tin-19042A.hcvx",
        {"FILE": "Tệp của hcvx-central export-feed.", **_JSON},
    ),
    "export-evidence": VerbWords(
        "Ghi những lời đã ký mâu thuẫn nhau của trung tâm ra FILE. hcvx-verify nói mỗi cặp chứng minh gì.",
        "hcvx-edge export-evidence bang-chung-19042A.hcvx",
        {"FILE": "Tệp sẽ ghi.", **_JSON},
    ),
    "export-stick": VerbWords(
        "Chép ra USB những gì chưa có biên nhận và những gì mang hộ. Chép ra chưa phải là đã gửi.",
        "hcvx-edge export-stick /media/usb",
        _STICK,
    ),
    "import-stick": VerbWords(
        "Nhận biên nhận và tin từ USB, và giữ tệp của nơi khác để mang hộ.", "hcvx-edge import-stick /media/usb", _STICK
    ),
    "carry": VerbWords(
        "Nhập USB, liên lạc với trung tâm giúp mọi nơi có tệp trên đó, rồi chép trả lời ra USB. "
        "Thoát 3 khi còn tệp chờ trung tâm.",
        "hcvx-edge carry /media/usb",
        _STICK,
    ),
    "carried": VerbWords(
        "Đang mang hộ bao nhiêu tệp của nơi khác; hoặc bỏ hết.",
        "hcvx-edge carried",
        {"--drop": "Bỏ hết; mỗi nơi vẫn giữ bản của mình.", **_BY},
    ),
    "begin-epoch": VerbWords(
        "Xin trung tâm mở kỳ mới cho máy chạy từ bản sao lưu hoặc đã bị sao chép. Khi đang chờ trả lời thì hỏi lại. "
        "Mất mạng thì yêu cầu được lưu và tự đi ở lần liên lạc tới. "
        "Thoát 3 khi chờ người ở trung tâm quyết định, 1 khi bị từ chối.",
        'hcvx-edge begin-epoch --reason restored --by "Trần Thị Bình"',
        {"--reason": "restored: kho là bản sao lưu; copied: máy khác có thể vẫn chạy bằng bản sao.", **_BY},
    ),
    "renumber": VerbWords(
        "Ghi lại với số mới mọi mũi có số mà ở trung tâm đã thuộc về mũi khác.", "hcvx-edge renumber", _BY
    ),
    "clock": VerbWords(
        "Bây giờ là mấy giờ và vì sao biết; đặt giờ khi đồng hồ máy sai.",
        'hcvx-edge clock --set "2026-11-21 14:05" --reason "Pin đồng hồ hỏng"',
        {
            "--set": 'Bây giờ là: "2026-11-21 14:05".',
            "--reason": "Vì sao không dùng được đồng hồ máy.",
            "--end": "Dùng lại đồng hồ máy.",
            **_BY,
        },
    ),
}
WORDS: Final[Mapping[str, VerbWords]] = MappingProxyType({**_RECORDS, **_SIGNING, **_LINK})
