"""What each verb of `hcvx-central` says in Vietnamese when asked for help: what it does, an example, its options."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from sync_protocol.command_line import VerbWords

PROGRAM_WORDS: Final = VerbWords(
    "Trung tâm: nhận những gì các cơ sở đã ký, và cấp hộ chiếu vắc xin.",
    "hcvx-central --directory trung-tam status",
    {"--directory": "Thư mục của trung tâm (nơi có centre.toml)."},
)
_JSON: Final = {"--json": "Ghi dữ liệu JSON ra đầu ra chuẩn."}
_REASON: Final = "Bằng lời; giữ ở trung tâm."

_SITES: Final = {
    "init": VerbWords(
        "Tạo trung tâm, hoặc những gì của nó còn thiếu. Không có --signer-uri thì là trung tâm tập huấn.",
        'hcvx-central --directory trung-tam init --public-url https://tiem.example --name "Trung tâm thử"',
        {
            "--public-url": "Địa chỉ mà các nút gọi tới.",
            "--name": "Tên trung tâm trên các trang.",
            "--store-url": "sqlite:///ĐƯỜNG-DẪN hoặc postgresql+psycopg://…",
            "--port": "Cổng TCP của máy chủ web.",
            "--signer-uri": "Khóa ký hộ chiếu; dùng thì vật liệu tin cậy là thật.",
            "--country-anchor": "PEM của nơi cấp cho khóa ký hộ chiếu.",
            "--organisation-anchor": "PEM của nơi cấp chứng thư tổ chức.",
            "--organisation-intermediate": "PEM của nơi cấp trung gian.",
            "--catalogue": "TOML; không có thì dùng danh mục có sẵn.",
            **_JSON,
        },
    ),
    "run": VerbWords("Phục vụ các cuộc gọi đồng bộ và các trang.", "hcvx-central run", _JSON),
    "enrol": VerbWords(
        "Ghi tên cơ sở và nút của nó, và viết tệp ghi danh dùng một lần.",
        'hcvx-central enrol 19042 19042A --name "Trạm Y tế xã Hòa Hiệp" --unit 05413 --out ghi-danh-19042A.hcvx',
        {
            "FACILITY": "Mã cơ sở.",
            "NODE": "Mã nút.",
            "--name": "Tên cơ sở.",
            "--unit": "Mã xã mà cơ sở phục vụ; lặp lại được.",
            "--out": "Nơi ghi tệp ghi danh.",
            "--again": "Ghi danh lại nút đã ghi danh: nó bắt đầu kỳ mới.",
            **_JSON,
        },
    ),
    "register-certificate": VerbWords(
        "Đăng ký chứng thư số của cơ sở và người ký của nó.",
        'hcvx-central register-certificate 19042 --certificate 19042.cer --officer "Trần Thị Ánh"',
        {
            "FACILITY": "Mã cơ sở.",
            "SERIAL": "Số sê-ri, hệ mười sáu.",
            "--certificate": "Chính chứng thư (PEM hoặc DER), thay cho số sê-ri.",
            "--officer": "Tên người ký, như trong lô ký.",
            "--from": "Ngày đầu; không có thì theo chứng thư.",
            "--until": "Ngày cuối.",
            **_JSON,
        },
    ),
    "registrations": VerbWords(
        "Các chứng thư mà cơ sở xin đăng ký và đang chờ quyết định.", "hcvx-central registrations", _JSON
    ),
    "decide-registration": VerbWords(
        "Quyết định điều cơ sở xin cho một chứng thư.",
        "hcvx-central decide-registration 19042 5A01 --accept",
        {
            "FACILITY": "Mã cơ sở.",
            "SERIAL": "Số sê-ri, hệ mười sáu.",
            "--accept": "Đăng ký, hoặc không.",
            "--code": "Mã mà cơ sở bị từ chối được biết.",
            "--reason": _REASON,
            **_JSON,
        },
    ),
    "revoke-certificate": VerbWords(
        "Thu hồi chứng thư của cơ sở. Lô ký sau lúc ấy bị từ chối, lô chưa rõ thì chờ người xem.",
        'hcvx-central revoke-certificate --certificate 19042.cer --from 2022-04-20 --reason "Mất token"',
        {
            "--certificate": "Chứng thư (PEM hoặc DER).",
            "--from": "Thu hồi từ đầu ngày này; không có thì từ bây giờ.",
            "--reason": "Bằng lời.",
            **_JSON,
        },
    ),
    "issue-organisation-certificate": VerbWords(
        "Cấp chứng thư tập huấn cho một cơ sở, thành tệp .p12 có mật khẩu.",
        'hcvx-central issue-organisation-certificate --organisation "Trạm A" --officer "Trần Thị Ánh" --out a.p12',
        {
            "--organisation": "Tên cơ sở.",
            "--officer": "Tên người ký.",
            "--out": "Nơi ghi tệp .p12; đã có thì để nguyên.",
            **_JSON,
        },
    ),
    "node-epochs": VerbWords(
        "Các nút có hai lịch sử hoặc xin kỳ mới, và các quyết định gần đây.", "hcvx-central node-epochs", _JSON
    ),
    "decide-epoch": VerbWords(
        "Quyết định một yêu cầu mở kỳ mới.",
        'hcvx-central decide-epoch 0f283cac --grant --by "Lê Văn Kim" --reason "Máy ở bàn tiêm"',
        {
            "REQUEST": "Các chữ đầu của dấu vết, ít nhất 8, như node-epochs hiện.",
            "--grant": "Máy đã xin được tiếp tục, hoặc không.",
            "--by": "Họ tên người quyết định.",
            "--reason": _REASON,
            **_JSON,
        },
    ),
    "delegate": VerbWords(
        "Cho cơ sở HUB ký thay mũi tiêm của cơ sở SITE bằng chứng thư của HUB.",
        "hcvx-central delegate 19043 19042 --from 2022-04-15",
        {
            "SITE": "Cơ sở được ký thay.",
            "HUB": "Cơ sở ký thay.",
            "--from": "Ngày đầu; không có thì hôm nay.",
            "--until": "Ngày cuối; không có thì không hạn.",
            "--on-call": "Chỉ cho ngày mà cơ sở xin (mất token).",
            "--node": "Nút của HUB nhận mũi tiêm; không có thì nút mới nhất.",
            **_JSON,
        },
    ),
    "end-delegation": VerbWords(
        "Chấm dứt ủy quyền ngay. Những gì ký từ bây giờ bị từ chối.",
        "hcvx-central end-delegation 3",
        {"NUMBER": "Số của ủy quyền, như delegations hiện.", **_JSON},
    ),
    "delegations": VerbWords(
        "Ai ký thay ai, và bao nhiêu mũi đang chờ, đã ký, bị trả lại.", "hcvx-central delegations", _JSON
    ),
}
_DATA: Final = {
    "import-registry": VerbWords(
        "Nhập dữ liệu dân cư từ tệp CSV.",
        "hcvx-central import-registry dan-cu.csv",
        {"FILE": "Tệp CSV, UTF-8.", **_JSON},
    ),
    "build-pack": VerbWords(
        "Lập gói dữ liệu dân cư của một nút, niêm phong cho nút ấy; tin của nút mang phần đổi.",
        "hcvx-central build-pack 19042A --out goi-19042A.hcvx",
        {
            "NODE": "Mã nút.",
            "--out": "Nơi ghi gói.",
            "--whole": "Mọi người, không chỉ các xã của cơ sở.",
            "--anew": "Tin cũng mang cả gói, không chỉ phần đổi.",
            **_JSON,
        },
    ),
    "build-packs": VerbWords(
        "Lập gói dân cư tiếp theo cho mọi nút của các cơ sở, và đưa vào tin của từng nút.",
        "hcvx-central build-packs 19042 19043",
        {
            "FACILITY...": "Các mã cơ sở.",
            "--whole": "Mọi người, không chỉ các xã của cơ sở.",
            "--anew": "Gửi cả gói, không chỉ phần đổi.",
            **_JSON,
        },
    ),
    "export-feed": VerbWords(
        "Ghi tin của một nút ra tệp cho USB. Chỉ nút ấy mở được.",
        "hcvx-central export-feed 19042A --out tin-19042A.hcvx",
        {"NODE": "Mã nút.", "--after": "Số của tin cuối mà nút đã có.", "--out": "Nơi ghi tệp.", **_JSON},
    ),
    "exchange-folder": VerbWords(
        "Nhận các gói trong thư mục (USB), và ghi biên nhận cùng tin bên cạnh. "
        "Thoát 1 khi có gói bị từ chối, 3 khi có gói chờ gói trước nó.",
        "hcvx-central exchange-folder /media/usb",
        {"DIR": "Nơi USB được gắn.", **_JSON},
    ),
    "publish-catalogue": VerbWords(
        "Công bố danh mục vắc xin thành bản tiếp theo.",
        "hcvx-central publish-catalogue danh-muc.toml",
        {"FILE": "Tệp TOML.", **_JSON},
    ),
    "publish-trust": VerbWords("Công bố danh sách tin cậy thành bản tiếp theo.", "hcvx-central publish-trust", _JSON),
    "export-trust": VerbWords(
        "Ghi danh sách tin cậy cho người kiểm tra.",
        "hcvx-central export-trust --form signed --out tin-cay.hcvx",
        {
            "--form": "gateway: JSON của EU; signed: của ta, có chữ ký.",
            "--facilities": "Dạng signed: chỉ chứng thư của các cơ sở này.",
            "--out": "Nơi ghi tệp.",
            **_JSON,
        },
    ),
    "trust-anchor": VerbWords("Các nơi cấp mà chứng thư tổ chức phải dẫn tới.", "hcvx-central trust-anchor list"),
    "trust-anchor add": VerbWords(
        "Tin các nơi cấp trong tệp, sau khi so dấu vân tay.",
        "hcvx-central trust-anchor add goc.pem --scope government",
        {
            "FILE": "PEM hoặc DER.",
            "--scope": "Gốc này dành cho tổ chức nào.",
            "--intermediate": "Nơi cấp trung gian, dưới một gốc đã tin.",
            **_JSON,
        },
    ),
    "trust-anchor list": VerbWords("Mọi nơi cấp đang tin hoặc đã tin.", "hcvx-central trust-anchor list", _JSON),
    "trust-anchor retire": VerbWords(
        "Thôi tin một nơi cấp.",
        "hcvx-central trust-anchor retire 5f3a91c2",
        {"THUMBPRINT": "Dấu vân tay, hệ mười sáu, hoặc phần đầu.", **_JSON},
    ),
    "trust-status": VerbWords(
        "Từng nơi cấp với danh sách thu hồi và tuổi của nó, và các lô có chữ ký chưa rõ.",
        "hcvx-central trust-status",
        _JSON,
    ),
    "fetch-crls": VerbWords(
        "Tải danh sách thu hồi của mọi nơi cấp, theo địa chỉ ghi trong chứng thư.", "hcvx-central fetch-crls", _JSON
    ),
    "import-crl": VerbWords(
        "Nhập danh sách thu hồi mang từ nơi khác tới.",
        "hcvx-central import-crl thu-hoi.crl",
        {"FILE": "PEM hoặc DER.", **_JSON},
    ),
}
_LEDGER: Final = {
    "end-of-day": VerbWords("Ký các hộ chiếu vắc xin đến hạn. Bị ngắt thì chạy lại.", "hcvx-central end-of-day", _JSON),
    "passports": VerbWords(
        "Đưa ra chữ HC1 của hộ chiếu, mũi mới nhất của mỗi người trước. Không nêu nơi ghi thì ra màn hình.",
        "hcvx-central passports --into ho-chieu",
        {
            "--to": "Ghi mọi chữ HC1 vào tệp này, mỗi dòng một.",
            "--into": "Mỗi hộ chiếu một tệp trong thư mục này.",
            "--run": "Chỉ của lần ký cuối ngày này.",
            "--passport": "Chỉ hộ chiếu này, theo mã không lộ người.",
            **_JSON,
        },
    ),
    "withdraw-certificate": VerbWords(
        "Thu hồi một hộ chiếu vắc xin; cơ sở đã tiêm được báo.",
        'hcvx-central withdraw-certificate URN:UVCI:01:VN:ABC --by "Lê Văn Kim" --reason "Ghi nhầm người"',
        {"UVCI": "Số của hộ chiếu.", "--by": "Ai quyết định.", "--reason": _REASON, **_JSON},
    ),
    "status": VerbWords(
        "Số liệu của trung tâm: sổ cái, các nút, mũi tiêm của từng cơ sở đang ở đâu.",
        "hcvx-central status --day 2022-04-15",
        {"--day": "Số liệu của một ngày (2022-04-12); mặc định mọi ngày.", **_JSON},
    ),
    "check": VerbWords("Kiểm tra lại mọi thứ trung tâm giữ, từ từng byte.", "hcvx-central check", _JSON),
    "export-ledger": VerbWords(
        "Ghi cả sổ cái ra một tệp mà ai cũng kiểm tra được.",
        "hcvx-central export-ledger --out so-cai.hcvx",
        {"--out": "Nơi ghi tệp.", **_JSON},
    ),
    "begin-ledger-epoch": VerbWords(
        "Tuyên bố cơ sở dữ liệu được khôi phục từ bản cũ hơn: mọi nút gửi lại những gì đã mất.",
        'hcvx-central begin-ledger-epoch --reason "Khôi phục sau hỏng đĩa" --yes',
        {
            "--reason": "Vì sao, bằng lời mà mọi nút đọc được.",
            "--base": "Tiếp từ đầu sổ có cỡ này.",
            "--number": "Số của kỳ, khi số tiếp theo đã dùng.",
            "--without-evidence": "Dù chưa nút nào cho thấy có gì mất.",
            "--yes": "Không hỏi lại.",
            **_JSON,
        },
    ),
    "show-evidence": VerbWords(
        "So biên nhận của các nút với sổ cái này: đầu sổ trong đó còn không.",
        "hcvx-central show-evidence bang-chung-19042A.hcvx",
        {"FILES": "Biên nhận, hoặc tệp bằng chứng xuất từ nút.", **_JSON},
    ),
}
WORDS: Final[Mapping[str, VerbWords]] = MappingProxyType({**_SITES, **_DATA, **_LEDGER})
