"""What can go wrong with a token or a key file, in words that a head of unit can act on.

These are faults of the environment, not of the peer's bytes: `TokenError` stands beside
`ProtocolError`. Each code has a Vietnamese sentence (what happened), a Vietnamese cure (what to do
next), an English line for logs, and says whether the same call may be made again. No text ever
holds a PIN, a password or the name of a person.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class TokenCode(StrEnum):
    """Stable codes of what is wrong; `TOKEN_PROBLEMS` holds the words of each."""

    # The setting that names the signer.
    URI_INVALID = "token-uri-invalid"
    # The vendor's PKCS#11 module.
    MODULE_NOT_SET = "token-module-not-set"
    MODULE_MISSING = "token-module-missing"
    MODULE_INVALID = "token-module-invalid"
    # The token.
    TOKEN_MISSING = "token-missing"  # noqa: S105
    TOKEN_AMBIGUOUS = "token-ambiguous"  # noqa: S105
    TOKEN_REMOVED = "token-removed"  # noqa: S105
    TOKEN_FAILED = "token-failed"  # noqa: S105
    # The certificate and its key.
    CERTIFICATE_MISSING = "token-certificate-missing"
    CERTIFICATE_AMBIGUOUS = "token-certificate-ambiguous"
    CERTIFICATE_UNUSABLE = "token-certificate-unusable"
    KEY_MISSING = "token-key-missing"
    ALGORITHM_UNFIT = "token-algorithm-unfit"
    MECHANISM_MISSING = "token-mechanism-missing"
    SIGNATURE_WRONG = "token-signature-wrong"
    # The PIN.
    PIN_EMPTY = "token-pin-empty"
    PIN_CHARACTERS = "token-pin-characters"
    PIN_INCORRECT = "token-pin-incorrect"
    PIN_COUNT_LOW = "token-pin-count-low"
    PIN_FINAL_TRY = "token-pin-final-try"
    PIN_LOCKED = "token-pin-locked"
    PIN_EXPIRED = "token-pin-expired"
    PIN_NOT_SET = "token-pin-not-set"
    # The signer process.
    TIMEOUT = "token-timeout"
    PROCESS_DIED = "token-process-died"
    CLOSED = "token-closed"
    # The key file of the software signer.
    FILE_MISSING = "key-file-missing"
    FILE_INVALID = "key-file-invalid"
    FILE_PASSWORD = "key-file-password"  # noqa: S105

    @property
    def vi(self) -> str:
        """What happened, in Vietnamese."""
        return TOKEN_PROBLEMS[self].vi

    @property
    def cure(self) -> str:
        """What to do next, in Vietnamese."""
        return TOKEN_PROBLEMS[self].cure

    @property
    def en(self) -> str:
        """What happened, in English."""
        return TOKEN_PROBLEMS[self].en


@dataclass(frozen=True, slots=True)
class TokenProblem:
    """The words of one code.

    Attributes:
        vi: what happened, in Vietnamese.
        cure: what to do next, in Vietnamese.
        en: what happened, in English.
        try_again: whether the same call can succeed with the same settings, once a person has done
            what the cure says. A PIN is nevertheless asked for afresh, and never tried twice by program.
    """

    vi: str
    cure: str
    en: str
    try_again: bool


class TokenError(Exception):
    """A token, a key file or the process that drives it does not do what was asked.

    Args:
        code: what is wrong.
        detail: the place or the foreign error's name, in English; never a PIN or a person's data.
    """

    def __init__(self, code: TokenCode, detail: str = "") -> None:
        text = f"{code}: {code.en}"
        super().__init__(f"{text} ({detail})" if detail else text)
        self.code = code
        self.detail = detail

    @property
    def try_again(self) -> bool:
        """Whether the same call can succeed once a person has done what the cure says."""
        return TOKEN_PROBLEMS[self.code].try_again

    @property
    def vi(self) -> str:
        """What happened, in Vietnamese."""
        return self.code.vi

    @property
    def cure(self) -> str:
        """What to do next, in Vietnamese."""
        return self.code.cure


_UNLOCK: Final = "Liên hệ đơn vị cấp chứng thư số để được mở khóa; việc mở khóa có thể mất nhiều ngày."
_REPLUG: Final = "Rút token ra, cắm lại, đợi đèn sáng rồi làm lại bước ký; các mũi tiêm đã chọn vẫn còn nguyên."

TOKEN_PROBLEMS: Final[dict[TokenCode, TokenProblem]] = {
    TokenCode.URI_INVALID: TokenProblem(
        "Địa chỉ của thiết bị ký trong phần cài đặt không đúng.",
        "Sửa thành software:ĐƯỜNG-DẪN.p12 hoặc pkcs11:token=NHÃN;serial=SỐ-CHỨNG-THƯ; không ghi PIN vào đó.",
        "the signer's address is not one of the known forms",
        try_again=False,
    ),
    TokenCode.MODULE_NOT_SET: TokenProblem(
        "Chưa khai báo phần mềm điều khiển (module PKCS#11) của token.",
        "Đặt HCVX_PKCS11_MODULE hoặc module-path thành tệp .dll/.so do nhà cung cấp token cài đặt.",
        "no PKCS#11 module is configured",
        try_again=False,
    ),
    TokenCode.MODULE_MISSING: TokenProblem(
        "Không thấy tệp phần mềm điều khiển của token trên máy này.",
        "Cài phần mềm của nhà cung cấp token, rồi kiểm tra lại đường dẫn trong phần cài đặt.",
        "the PKCS#11 module's file does not exist",
        try_again=False,
    ),
    TokenCode.MODULE_INVALID: TokenProblem(
        "Tệp được khai báo không phải phần mềm điều khiển token dùng được trên máy này.",
        "Chọn đúng tệp PKCS#11 của nhà cung cấp, cùng loại 32/64 bit với chương trình này.",
        "the file is not a PKCS#11 module that can be loaded here",
        try_again=False,
    ),
    TokenCode.TOKEN_MISSING: TokenProblem(
        "Không thấy token cần dùng.",
        "Cắm token của đơn vị, đợi đèn sáng rồi thử lại.",
        "no such token is plugged in",
        try_again=True,
    ),
    TokenCode.TOKEN_AMBIGUOUS: TokenProblem(
        "Có hơn một token phù hợp đang cắm.",
        "Chỉ để lại token của đơn vị, hoặc khai báo cả nhãn token và số chứng thư số.",
        "more than one token fits",
        try_again=True,
    ),
    TokenCode.TOKEN_REMOVED: TokenProblem(
        "Token đã bị rút ra hoặc máy vừa ngủ trong lúc ký.",
        _REPLUG,
        "the token was removed or lost its session",
        try_again=True,
    ),
    TokenCode.TOKEN_FAILED: TokenProblem(
        "Token báo lỗi.",
        _REPLUG,
        "the token reports an error",
        try_again=True,
    ),
    TokenCode.CERTIFICATE_MISSING: TokenProblem(
        "Trong token không có chứng thư số cần dùng.",
        "Kiểm tra đúng token của đơn vị chưa, và số chứng thư số trong phần cài đặt.",
        "the certificate is not on the token",
        try_again=False,
    ),
    TokenCode.CERTIFICATE_AMBIGUOUS: TokenProblem(
        "Trong token có hơn một chứng thư số phù hợp.",
        "Khai báo số chứng thư số (serial) cần dùng trong phần cài đặt.",
        "more than one certificate fits",
        try_again=False,
    ),
    TokenCode.CERTIFICATE_UNUSABLE: TokenProblem(
        "Chứng thư số trong token không đọc được, không được phép dùng để ký, hoặc có loại khóa không được chấp nhận.",
        "Cần chứng thư số để ký, khóa RSA 2048–4096 bit hoặc ECDSA P-256; liên hệ đơn vị cấp chứng thư số.",
        "the certificate cannot be read, may not sign, or its key type is not accepted",
        try_again=False,
    ),
    TokenCode.KEY_MISSING: TokenProblem(
        "Token có chứng thư số nhưng không có khóa bí mật đi cùng.",
        "Chứng thư số có thể đã được chép sang token khác; liên hệ đơn vị cấp chứng thư số.",
        "the certificate's private key is not on the token, or may not sign",
        try_again=False,
    ),
    TokenCode.ALGORITHM_UNFIT: TokenProblem(
        "Thuật toán ký được khai báo không hợp với loại khóa của chứng thư số.",
        "Bỏ phần algorithm trong địa chỉ thiết bị ký, hoặc chọn ES256 cho khóa ECDSA, RS256/PS256 cho khóa RSA.",
        "the algorithm asked for does not fit the key",
        try_again=False,
    ),
    TokenCode.MECHANISM_MISSING: TokenProblem(
        "Token không hỗ trợ thuật toán ký cần dùng.",
        "Bỏ phần algorithm trong địa chỉ thiết bị ký để chương trình tự chọn, hoặc cập nhật phần mềm của token.",
        "the token offers no mechanism for this algorithm",
        try_again=False,
    ),
    TokenCode.SIGNATURE_WRONG: TokenProblem(
        "Token trả về một chữ ký không đúng; chữ ký đó đã bị bỏ, chưa có gì được gửi đi.",
        _REPLUG,
        "the token's signature does not verify with its certificate",
        try_again=True,
    ),
    TokenCode.PIN_EMPTY: TokenProblem(
        "Chưa nhập mã PIN hoặc mật khẩu.",
        "Nhập mã PIN rồi thử lại; lần này chưa bị tính là nhập sai.",
        "the PIN is empty; it was not tried",
        try_again=True,
    ),
    TokenCode.PIN_CHARACTERS: TokenProblem(
        "Mã PIN có chữ có dấu hoặc ký tự lạ, thường do bộ gõ tiếng Việt; mã chưa được thử.",
        "Tắt bộ gõ tiếng Việt (Unikey, EVKey…), xem đèn Caps Lock rồi nhập lại.",
        "the PIN holds characters no token's PIN has; it was not tried",
        try_again=True,
    ),
    TokenCode.PIN_INCORRECT: TokenProblem(
        "Mã PIN không đúng. Chương trình không tự thử lại.",
        "Tắt bộ gõ tiếng Việt, xem đèn Caps Lock, hỏi lại người giữ PIN rồi mới nhập lại; sai nhiều lần sẽ khóa token.",
        "the PIN is wrong; it will not be tried again by program",
        try_again=False,
    ),
    TokenCode.PIN_COUNT_LOW: TokenProblem(
        "Mã PIN của token này đã bị nhập sai lần trước; chương trình dừng lại để token không bị khóa.",
        "Hỏi lại người giữ PIN; chỉ khi chắc chắn mới xác nhận để nhập tiếp.",
        "a wrong PIN was tried before; a person has to confirm the next try",
        try_again=False,
    ),
    TokenCode.PIN_FINAL_TRY: TokenProblem(
        "Token chỉ còn một lần nhập PIN; nhập sai nữa là bị khóa, nên chương trình không thử.",
        "Đăng nhập đúng một lần bằng phần mềm của nhà cung cấp token, hoặc liên hệ đơn vị cấp chứng thư số.",
        "only one try of the PIN is left; it is not used",
        try_again=False,
    ),
    TokenCode.PIN_LOCKED: TokenProblem("Token đã bị khóa PIN.", _UNLOCK, "the PIN is locked", try_again=False),
    TokenCode.PIN_EXPIRED: TokenProblem(
        "Mã PIN của token phải được đổi trước khi ký.",
        "Đổi PIN bằng phần mềm của nhà cung cấp token rồi làm lại.",
        "the PIN has to be changed first",
        try_again=False,
    ),
    TokenCode.PIN_NOT_SET: TokenProblem(
        "Token chưa được đặt mã PIN.",
        "Đặt PIN bằng phần mềm của nhà cung cấp token rồi làm lại.",
        "the token has no user PIN yet",
        try_again=False,
    ),
    TokenCode.TIMEOUT: TokenProblem(
        "Token không trả lời trong thời gian cho phép.",
        _REPLUG,
        "the token did not answer in time; its process was ended",
        try_again=True,
    ),
    TokenCode.PROCESS_DIED: TokenProblem(
        "Phần mềm điều khiển token bị dừng đột ngột.",
        "Cắm lại token rồi làm lại; nếu còn lặp lại, cập nhật phần mềm của nhà cung cấp token.",
        "the signer process ended by itself",
        try_again=True,
    ),
    TokenCode.CLOSED: TokenProblem(
        "Phiên làm việc với token đã kết thúc.",
        "Bắt đầu lại bước ký và nhập PIN một lần nữa.",
        "this signer is closed",
        try_again=False,
    ),
    TokenCode.FILE_MISSING: TokenProblem(
        "Không thấy tệp khóa ký (.p12).",
        "Kiểm tra đường dẫn của tệp trong phần cài đặt.",
        "the key file does not exist or cannot be read",
        try_again=False,
    ),
    TokenCode.FILE_INVALID: TokenProblem(
        "Tệp khóa ký không phải tệp PKCS#12 có đủ khóa và chứng thư số.",
        "Xuất lại tệp .p12 gồm cả khóa và chứng thư số, có mật khẩu.",
        "the key file is not a PKCS#12 file with a usable key and its certificate",
        try_again=False,
    ),
    TokenCode.FILE_PASSWORD: TokenProblem(
        "Mật khẩu của tệp khóa ký không đúng, hoặc tệp bị hỏng.",
        "Tắt bộ gõ tiếng Việt, xem đèn Caps Lock rồi nhập lại mật khẩu.",
        "the key file's password is wrong or the file is damaged",
        try_again=True,
    ),
}
