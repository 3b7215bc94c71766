"""What an examination of the token may find: its codes, how grave each is, and their words.

What a token can refuse has its code and words already (`TokenCode`); here stands what nobody is refused for yet:
what is coming, what is not set, what a driver has to do with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final, TypeAlias

from edge.domain.refusals import Words
from sync_protocol.signers.token_errors import TOKEN_PROBLEMS, TokenCode


class CheckCode(StrEnum):
    """Codes of an examination alone; stable."""

    USABLE = "token-usable"
    # The settings.
    NOT_SET = "token-not-set"
    SOFTWARE = "token-software-set"
    VARIABLE_USED = "token-variable-used"
    VARIABLE_UNUSED = "token-variable-unused"
    # The drivers.
    NO_MODULE = "token-no-module"
    MODULE_OTHER = "token-module-other"
    CARD_SERVICE = "token-card-service"
    # The token and its certificate.
    ANOTHER_TOKEN = "token-another"  # noqa: S105
    CERTIFICATE_EXPIRED = "token-certificate-expired"
    CERTIFICATE_EARLY = "token-certificate-early"
    CERTIFICATE_ENDS = "token-certificate-ends"
    KEY_UNFIT = "token-key-unfit"
    KEY_USAGE = "token-key-usage"


class Severity(StrEnum):
    """How grave a finding is. Only a problem keeps anybody from signing."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


AnyCheck: TypeAlias = CheckCode | TokenCode


@dataclass(frozen=True, slots=True)
class Check:
    """One finding.

    Attributes:
        code: what it is.
        severity: how grave it is here.
        about: the file, label or serial number that it is about; "" for the machine as a whole.
        days: how many days are left, where that is what it says.
    """

    code: AnyCheck
    severity: Severity
    about: str = ""
    days: int | None = None


CHECK_WORDS: Final[Mapping[CheckCode, Words]] = MappingProxyType(
    {
        CheckCode.USABLE: Words("Token dùng được", "Không cần làm gì.", "the token can sign"),
        CheckCode.NOT_SET: Words(
            "Token chưa được khai báo trong phần cài đặt của máy",
            "Ghi các dòng dưới đây vào tệp node.toml, rồi khởi động lại chương trình.",
            "the settings name no token",
        ),
        CheckCode.SOFTWARE: Words(
            "Máy đang đặt tệp khóa phần mềm thay cho token, chỉ dùng để tập huấn",
            "Khi làm thật, thay dòng signer trong tệp node.toml bằng dòng của token.",
            "a key file for training is set instead of a token",
        ),
        CheckCode.VARIABLE_USED: Words(
            "Phần mềm điều khiển lấy từ biến môi trường HCVX_PKCS11_MODULE",
            "Ghi đường dẫn đó vào pkcs11_module trong tệp node.toml: chạy theo cách khác có thể không có biến này.",
            "the driver comes from the environment variable",
        ),
        CheckCode.VARIABLE_UNUSED: Words(
            "Biến môi trường HCVX_PKCS11_MODULE chỉ một tệp khác và không được dùng",
            "Bỏ biến đó để khỏi nhầm; phần cài đặt đã ghi phần mềm điều khiển.",
            "the environment variable names another driver than the settings, which count",
        ),
        CheckCode.NO_MODULE: Words(
            "Không thấy phần mềm điều khiển token nào trên máy này",
            "Cài phần mềm của nhà cung cấp token; nếu đã cài ở chỗ khác, ghi đường dẫn vào pkcs11_module (node.toml).",
            "no known driver is on this machine",
        ),
        CheckCode.MODULE_OTHER: Words(
            "Token đang cắm được một phần mềm điều khiển khác nhận ra, không phải phần mềm đã khai báo",
            "Sửa hai dòng signer và pkcs11_module trong tệp node.toml như dưới đây, rồi khởi động lại chương trình.",
            "another driver than the one that is set sees the token",
        ),
        CheckCode.CARD_SERVICE: Words(
            "Dịch vụ đầu đọc thẻ (pcscd) không chạy trên máy này",
            "Cài pcscd và libccid, bật dịch vụ pcscd, rồi cắm lại token.",
            "the smart card service does not run",
        ),
        CheckCode.ANOTHER_TOKEN: Words(
            "Còn một token khác đang cắm",
            "Rút token không dùng, để không nhập nhầm PIN của token này vào token kia.",
            "another token is plugged in as well",
        ),
        CheckCode.CERTIFICATE_EXPIRED: Words(
            "Chứng thư số đã hết hạn",
            "Gia hạn với đơn vị cấp, rồi đăng ký chứng thư mới. Trong lúc chờ, nhờ đơn vị khác ký thay.",
            "the certificate has ended",
        ),
        CheckCode.CERTIFICATE_EARLY: Words(
            "Chứng thư số chưa đến ngày có hiệu lực",
            "Xem lại ngày giờ của máy; nếu đúng, chờ đến ngày bắt đầu ghi trong chứng thư.",
            "the certificate is not valid yet",
        ),
        CheckCode.CERTIFICATE_ENDS: Words(
            "Chứng thư số sắp hết hạn",
            "Gia hạn với đơn vị cấp ngay từ bây giờ, rồi đăng ký chứng thư mới. Chữ ký đã ký vẫn có giá trị.",
            "the certificate ends soon",
        ),
        CheckCode.KEY_UNFIT: Words(
            "Khóa của chứng thư số yếu hoặc thuộc loại không được chấp nhận",
            "Cần khóa RSA 2048–4096 bit hoặc ECDSA P-256; liên hệ đơn vị cấp chứng thư số.",
            "the certificate's key is of a size or kind that is not accepted",
        ),
        CheckCode.KEY_USAGE: Words(
            "Chứng thư số không được phép dùng để ký",
            "Chọn chứng thư để ký trong token; nếu không có, liên hệ đơn vị cấp chứng thư số.",
            "the certificate's key may not sign messages",
        ),
    }
)


def check_words(code: AnyCheck) -> Words:
    """The fact and the cure of a finding."""
    if isinstance(code, CheckCode):
        return CHECK_WORDS[code]
    problem = TOKEN_PROBLEMS[code]
    return Words(problem.vi.rstrip("."), problem.cure, problem.en)
