"""The journal of a signing pass: which state follows which, so that a crash gives the same bytes, once.

`selected` is what the page shows and is not stored. From `prepared` on every byte that will be signed is
fixed; the token is asked only after that is durable. `abandoned` and `released` give the doses back.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from edge.domain.refusals import Words


class PassState(StrEnum):
    """Where a pass stands. Stored; the words are stable."""

    PREPARED = "prepared"
    SIGNED = "signed"
    SEALED = "sealed"
    ABANDONED = "abandoned"
    RELEASED = "released"


NEXT: Final[Mapping[PassState, frozenset[PassState]]] = MappingProxyType(
    {
        PassState.PREPARED: frozenset({PassState.SIGNED, PassState.ABANDONED}),
        # A signature that never left the node may still be given up: nobody has seen it.
        PassState.SIGNED: frozenset({PassState.SEALED, PassState.ABANDONED}),
        # Only the centre's signed refusal of the bundle gives the doses of a sealed pass back.
        PassState.SEALED: frozenset({PassState.RELEASED}),
        PassState.ABANDONED: frozenset(),
        PassState.RELEASED: frozenset(),
    }
)

# A pass in one of these must be finished or given up before the next one begins.
OPEN: Final = frozenset({PassState.PREPARED, PassState.SIGNED})
# The doses of a pass in one of these are leaves of a live batch.
LIVE: Final = OPEN | {PassState.SEALED}


def check_step(before: PassState, after: PassState) -> None:
    """Raise ValueError (our bug) if a pass cannot go from `before` to `after`."""
    if after not in NEXT[before]:
        raise ValueError(f"a pass that is {before} cannot become {after}")


class PassCode(StrEnum):
    """Why the node does not begin or finish a pass. Stable; `PASS_WORDS` has the words."""

    NOTHING_TO_SIGN = "pass-nothing-to-sign"
    OPEN_ALREADY = "pass-open-already"
    NONE_OPEN = "pass-none-open"
    SELECTION_CHANGED = "pass-selection-changed"
    FILTER = "pass-filter"
    SIGNER_NAME = "pass-signer-name"
    SIGNER_UNSET = "pass-signer-unset"
    CLOCK_BACK = "pass-clock-back"
    MOVED_ON = "pass-moved-on"
    CERTIFICATE_ENDED = "pass-certificate-ended"
    CERTIFICATE_FOREIGN = "pass-certificate-foreign"
    CERTIFICATE_OFFICER = "pass-certificate-officer"
    PIN_ELSEWHERE = "pass-pin-elsewhere"
    TURN_BUSY = "pass-turn-busy"
    DESK_BUSY = "pass-desk-busy"
    TURN_GONE = "pass-turn-gone"
    APPROVAL_MISSING = "pass-approval-missing"
    APPROVAL_SELF = "pass-approval-self"
    APPROVAL_SETTLED = "pass-approval-settled"
    APPROVAL_OTHER = "pass-approval-other"
    APPROVER_GONE = "pass-approver-gone"
    OFFLINE_REASON = "pass-offline-reason"
    OFFLINE_SECOND = "pass-offline-second"


class PassRefusedError(Exception):
    """The node does not do this with a pass; nothing was signed and nothing was stored."""

    def __init__(self, code: PassCode) -> None:
        super().__init__(f"{code}: {PASS_WORDS[code].en}")
        self.code = code


PASS_WORDS: Final[Mapping[PassCode, Words]] = MappingProxyType(
    {
        PassCode.NOTHING_TO_SIGN: Words(
            "Không có mũi tiêm nào ký được trong danh sách đã chọn",
            "Xem lý do bên cạnh từng mũi tiêm, xử lý rồi chọn lại.",
            "no dose of the selection can be signed",
        ),
        PassCode.OPEN_ALREADY: Words(
            "Còn một lượt ký dở dang",
            "Làm tiếp hoặc hủy lượt ký đó trước.",
            "a signing pass is not finished yet",
        ),
        PassCode.NONE_OPEN: Words(
            "Không có lượt ký dở dang", "Không cần làm gì.", "there is no unfinished signing pass"
        ),
        PassCode.SELECTION_CHANGED: Words(
            "Danh sách đã thay đổi sau khi xem trước",
            "Xem lại danh sách rồi ký; chưa có gì được ký.",
            "the selection is no longer what was previewed",
        ),
        PassCode.FILTER: Words(
            "Điều kiện chọn không đúng dạng",
            "Ví dụ: day=2022-04-12, dose=17,20-30, name=…, phone=….",
            "the selection is not of a known form",
        ),
        PassCode.SIGNER_NAME: Words(
            "Chưa ghi họ tên người ký", "Ghi họ tên người ký.", "the name of the signing officer is missing"
        ),
        PassCode.SIGNER_UNSET: Words(
            "Chưa chọn chứng thư số để ký",
            "Mở trang Kiểm tra token và làm theo; ở dòng lệnh có thể thêm --signer.",
            "no signer is configured",
        ),
        PassCode.CLOCK_BACK: Words(
            "Đồng hồ của máy chậm hơn lượt ký trước hoặc giờ của trung tâm",
            "Mở trang Đồng hồ, xác nhận hôm nay là ngày nào, mấy giờ, rồi ký; chưa có gì được ký.",
            "the node's clock is behind its last statement, or behind the centre's",
        ),
        PassCode.MOVED_ON: Words(
            "Lượt ký này vừa được làm tiếp hoặc hủy ở nơi khác",
            "Mở lại trang ký để xem kết quả.",
            "somebody else finished or gave up this signing pass meanwhile",
        ),
        PassCode.CERTIFICATE_ENDED: Words(
            "Đăng ký của chứng thư số này với trung tâm đã kết thúc",
            "Cắm token có chứng thư đang đăng ký, hoặc đăng ký chứng thư mới ở trang Chứng thư số, rồi làm tiếp.",
            "the certificate's registration has ended",
        ),
        PassCode.CERTIFICATE_OFFICER: Words(
            "Chứng thư số này đăng ký cho người ký khác",
            "Ghi đúng họ tên người ký đã đăng ký, hoặc đăng ký chứng thư cho người ký này ở trang Chứng thư số.",
            "the certificate is registered for another signing officer",
        ),
        PassCode.CERTIFICATE_FOREIGN: Words(
            "Chứng thư số này ghi tên một tổ chức khác, không phải cơ sở đã đăng ký",
            "Rút token này, cắm token của cơ sở. Nếu cơ sở vừa đổi tên, đăng ký chứng thư này ở trang Chứng thư số.",
            "the certificate names another organisation than the registered ones",
        ),
        PassCode.PIN_ELSEWHERE: Words(
            "Mã PIN chỉ nhập được trên chính máy đang cắm token",
            "Mở trang ký trên máy đó, chọn và ký ở đó; chưa có gì được ký.",
            "a PIN is typed at the machine where the token is, never over the network",
        ),
        PassCode.TURN_BUSY: Words(
            "Có người đang ký trên máy này",
            "Làm xong hoặc bấm Hủy ở trang đó, hoặc đợi 3 phút, rồi làm lại; chưa có gì được ký.",
            "somebody else's turn at the token goes on",
        ),
        PassCode.DESK_BUSY: Words(
            "Máy này đang chờ mã PIN cho việc khác: ký thử hoặc đăng ký chứng thư số",
            "Làm xong hoặc bấm Hủy ở trang đó, hoặc đợi 3 phút, rồi làm lại; chưa có gì được ký.",
            "a trial signature or a registration waits for its PIN",
        ),
        PassCode.TURN_GONE: Words(
            "Lượt ký này không còn ở đây",
            "Mở lại trang ký: những gì đã ký thì không mất, những gì chưa ký vẫn ở trong danh sách.",
            "no such turn is known, or it is somebody else's",
        ),
        PassCode.APPROVAL_MISSING: Words(
            "Cơ sở quy định phải có người thứ hai phê duyệt trước khi ký",
            "Mở trang ký, xem trước rồi bấm “Xin phê duyệt”; chưa có gì được ký.",
            "the site asks for a second person's approval before signing",
        ),
        PassCode.APPROVAL_SELF: Words(
            "Người xin, người ký và người phê duyệt không được là một",
            "Nhờ một người ký hoặc quản lý khác phê duyệt.",
            "nobody approves what they ask for or sign themselves",
        ),
        PassCode.APPROVAL_SETTLED: Words(
            "Yêu cầu phê duyệt này đã được xử lý hoặc đã dùng",
            "Xem danh sách phê duyệt; nếu cần thì chọn lại và xin phê duyệt mới.",
            "this approval was decided, withdrawn or used already",
        ),
        PassCode.APPROVAL_OTHER: Words(
            "Chỉ người đã xin hoặc đã phê duyệt mới rút lại được",
            "Nhờ chính người đó rút lại, hoặc từ chối kèm lý do.",
            "only who asked for it or gave it takes an approval back",
        ),
        PassCode.APPROVER_GONE: Words(
            "Người phê duyệt không còn quyền phê duyệt ở cơ sở",
            "Rút lại yêu cầu này, chọn lại rồi xin một người ký hoặc quản lý khác phê duyệt; chưa có gì được ký.",
            "who approved it may not approve any more",
        ),
        PassCode.OFFLINE_REASON: Words(
            "Lượt ký này cần ghi lý do",
            "Ghi vì sao vẫn ký lúc này; chưa có gì được ký.",
            "the node was alone for long, or its clock is in doubt: a signature needs a reason",
        ),
        PassCode.OFFLINE_SECOND: Words(
            "Máy mất liên lạc với trung tâm quá lâu nên phải có người thứ hai phê duyệt",
            "Mở trang ký, xem trước rồi bấm “Xin phê duyệt”, hoặc đồng bộ rồi ký; chưa có gì được ký.",
            "no contact with the centre for so long that a second person has to approve",
        ),
    }
)
