"""The words of each `TokenCode`, such that a head of unit can act on them.

Each code has a Vietnamese sentence (what happened), a Vietnamese cure (what to do next), an English line for logs, and
says whether the same call may be made again. No two codes share a sentence, and no text holds anybody's data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sync_protocol.signers.token_codes import TokenCode


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


_UNLOCK: Final = "Liên hệ đơn vị cấp chứng thư số để được mở khóa; việc mở khóa có thể mất nhiều ngày."
_PLUG: Final = "Cắm lại token, đợi đèn sáng rồi làm lại bước ký và nhập PIN; các mũi tiêm đã chọn vẫn còn nguyên."
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
    TokenCode.MODULE_BITS: TokenProblem(
        "Phần mềm điều khiển token là bản 32 bit còn chương trình này là 64 bit, hoặc ngược lại.",
        "Cài bản cùng loại với chương trình này từ nhà cung cấp token, rồi khai báo tệp của bản đó.",
        "the PKCS#11 module was made for programs of another word size",
        try_again=False,
    ),
    TokenCode.MODULE_FAILED: TokenProblem(
        "Phần mềm điều khiển token không khởi động được.",
        "Khởi động lại máy rồi thử lại; nếu vẫn lỗi, cài lại phần mềm của nhà cung cấp token.",
        "the PKCS#11 module does not start",
        try_again=True,
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
        "Token đã bị rút ra trong lúc làm việc.",
        _PLUG,
        "the token was removed",
        try_again=True,
    ),
    TokenCode.SESSION_LOST: TokenProblem(
        "Token vẫn cắm nhưng phiên làm việc đã mất: máy vừa ngủ, token vừa lỏng, hoặc phần mềm khác vừa dùng token.",
        "Đóng phần mềm khác đang dùng token rồi làm lại bước ký và nhập PIN; các mũi tiêm đã chọn vẫn còn nguyên.",
        "the token is there and its session is gone",
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
    TokenCode.KEY_ALONE: TokenProblem(
        "Token có khóa nhưng không có chứng thư số đi cùng khóa đó.",
        "Nạp chứng thư số vào token bằng phần mềm của nhà cung cấp, hoặc liên hệ đơn vị cấp chứng thư số.",
        "there is a key on the token and no certificate for it",
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
    TokenCode.PIN_LENGTH: TokenProblem(
        "Mã PIN dài hoặc ngắn hơn quy định của token.",
        "Xem lại có gõ thiếu hoặc thừa ký tự không rồi mới nhập lại; token có thể đã tính là một lần nhập sai.",
        "the PIN is shorter or longer than this token's PINs; it will not be tried again by program",
        try_again=False,
    ),
    TokenCode.PIN_INCORRECT: TokenProblem(
        "Mã PIN không đúng. Chương trình không tự thử lại.",
        "Tắt bộ gõ tiếng Việt, xem đèn Caps Lock, hỏi lại người giữ PIN rồi mới nhập lại; sai nhiều lần sẽ khóa token.",
        "the PIN is wrong; it will not be tried again by program",
        try_again=False,
    ),
    TokenCode.PIN_UNCOUNTED: TokenProblem(
        "Mã PIN đã bị nhập sai, và token này không cho biết còn mấy lần; chương trình dừng lại để token không bị khóa.",
        "Hỏi lại người giữ PIN; chỉ khi chắc chắn mới xác nhận để nhập tiếp. Đã sai hai lần thì không nhập nữa.",
        "a wrong PIN was tried on a token that does not say how many tries are left; a person has to confirm the next",
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
    TokenCode.PIN_NOT_TYPED: TokenProblem(
        "Đã hết thời gian chờ nhập mã; mã chưa được thử.",
        "Bấm “Làm lại” khi người giữ mã PIN đã sẵn sàng.",
        "nobody typed the PIN in time; it was not tried",
        try_again=True,
    ),
    TokenCode.PIN_CANCELLED: TokenProblem(
        "Đã hủy bước nhập mã; mã chưa được thử.",
        "Bấm “Làm lại” khi muốn ký.",
        "a person cancelled before the PIN was typed",
        try_again=True,
    ),
    TokenCode.DESK_CLOSED: TokenProblem(
        "Không mở được ô nhập mã trên máy này, hoặc ô đó vừa bị một chương trình khác can thiệp; mã chưa được thử.",
        "Đóng các trang và chương trình lạ trên máy rồi bấm “Làm lại”; nếu vẫn lỗi, gọi bộ phận kỹ thuật.",
        "the desk for the PIN cannot listen on this machine, or too many foreign requests came to it",
        try_again=True,
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
