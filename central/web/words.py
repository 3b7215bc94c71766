"""How pages write figures, days and codes in Vietnamese; the sentences of codes stand in `sync_protocol.problems`."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from flask import Blueprint

from central.domain.shown_epoch import ShownStanding
from central.store.day_counts import CERTIFIED, NOT_RUN, WAITING
from sync_protocol.days import VIETNAM, local_day
from sync_protocol.errors import Code
from sync_protocol.problems import PROBLEMS
from sync_protocol.verdict import VerdictState

STATES: Final = {
    CERTIFIED: "Đã cấp chứng nhận",
    WAITING: "Đã chấp nhận, chờ cấp",
    VerdictState.ADMITTED.value: "Đã chấp nhận",
    VerdictState.QUARANTINED.value: "Giữ lại, chờ xử lý",
    VerdictState.REFUSED.value: "Bị từ chối",
}
# What stands between a shown epoch and its being taken up, and what to do.
SHOWN_STANDINGS: Final = {
    ShownStanding.PLAIN: "trung tâm từng cấp kỳ này trước khi khôi phục; không có gì mâu thuẫn",
    ShownStanding.UNDECLARED: "trung tâm từng cấp kỳ này; chưa có kỳ sổ cái nào nói rằng lúc đó đã mất",
    ShownStanding.UNPROVEN: "nút giữ tệp ghi danh do trung tâm ký, nhưng không còn lời xác nhận ghi danh",
    ShownStanding.OTHER: "trung tâm từng cấp kỳ này, nhưng lịch sử ở đây khác với lời nút",
    ShownStanding.FORKED: "trung tâm từng cấp kỳ này, nhưng nút đang có hai lịch sử ở đây",
    ShownStanding.TAKEN: "một máy khác đã có kỳ này theo lời khác của trung tâm: chỉ một máy được tiếp tục",
}
# Table cells have room for a few words; the whole sentence and the cure stand beside the code's own row.
_SHORT: Final = {
    NOT_RUN: "chờ lượt ký cuối ngày",
    Code.DOSE_DAY: "ngày tiêm không hợp lệ",
    Code.DOSE_DUPLICATE: "trùng mũi tiêm",
    Code.DOSE_ORDER: "sai thứ tự mũi",
    Code.DOSE_INTERVAL: "khoảng cách quá ngắn",
    Code.DOSE_VERSION: "bản đính chính không nối tiếp",
    Code.PRODUCT_UNKNOWN: "vắc xin ngoài danh mục",
    Code.LOT_EXPIRED: "lô hết hạn",
    Code.IDENTITY_MISSING: "chưa có số định danh",
    Code.IDENTITY_MALFORMED: "số giấy tờ sai cấu trúc",
    Code.IDENTITY_MISMATCH: "không khớp CSDLQG",
    Code.IDENTITY_WAITING: "chờ kết quả xác thực",
    Code.IDENTITY_EVIDENCE: "cần xác thực lại",
    Code.NAME_UNWRITABLE: "họ tên không phiên âm",
    Code.HC1_CONTENT: "nội dung không ghi được vào chứng nhận",
    Code.CERTIFICATE_NOT_YET_VALID: "chứng thư số chưa có hiệu lực",
    Code.CERTIFICATE_EXPIRED: "chứng thư số vừa hết hạn",
    Code.CERTIFICATE_REVOKED: "chứng thư số vừa bị thu hồi",
    Code.CERTIFICATE_UNREGISTERED: "chứng thư số vừa hết đăng ký",
    Code.DELEGATION: "ủy quyền ký vừa kết thúc",
}
# Reasons of a site's own, for doses that are not in the ledger yet; they come with its closing sheet.
_AT_SITE: Final = {
    "late-reason": "ký chậm, chưa ghi lý do",
    "unsigned": "chờ ký",
    "handed": "chờ đơn vị đầu mối ký",
    "pass-open": "trong lượt ký dở dang",
    "unsent": "đã ký, chưa có biên nhận",
}
_CODES: Final = frozenset(code.value for code in Code)
_NOT_RUN_SENTENCE: Final = "Mũi tiêm đã được chấp nhận sau lượt ký gần nhất."
_NOT_RUN_CURE: Final = "Không phải làm gì: lượt ký cuối ngày tiếp theo sẽ cấp chứng nhận."


def short_words(code: str) -> str:
    """A code in a few words."""
    return _SHORT.get(code) or PROBLEMS[Code(code)].vi.rstrip(".").lower()


def reason_words(reason: str) -> str:
    """A reason of a closing sheet in a few words; one that only a newer node knows is shown as it is."""
    return _AT_SITE.get(reason) or (short_words(reason) if reason in _CODES else reason)


def sentence(code: str) -> str:
    """What a code means, as a sentence."""
    return _NOT_RUN_SENTENCE if code == NOT_RUN else PROBLEMS[Code(code)].vi


def cure(code: str) -> str:
    """What to do about a code."""
    return _NOT_RUN_CURE if code == NOT_RUN else PROBLEMS[Code(code)].cure


def count(number: int) -> str:
    """A count with its thousands apart, "12.345"."""
    return f"{number:,}".replace(",", ".")


def day(text: str) -> str:
    """A day "2022-04-08" as people write it, "08/04/2022"; a year alone stays."""
    return "/".join(reversed(text.split("-")))


def short_day(text: str) -> str:
    """Day and month of a day, "08/04"."""
    return day(text)[:5]


def clock(instant: int) -> str:
    """The local time of an instant (epoch seconds), "17:02"."""
    return datetime.fromtimestamp(instant, VIETNAM).strftime("%H:%M")


def moment(instant: int) -> str:
    """The local time and day of an instant, "17:02 ngày 08/04/2022"."""
    return datetime.fromtimestamp(instant, VIETNAM).strftime("%H:%M ngày %d/%m/%Y")


def since(instant: int, now: int) -> str:
    """The local time of an instant, with its day where that is not today: "17:02", "17:02 ngày 08/04"."""
    if local_day(instant) == local_day(now):
        return clock(instant)
    return datetime.fromtimestamp(instant, VIETNAM).strftime("%H:%M ngày %d/%m")


def instant_day(instant: int) -> str:
    """The local day of an instant, "08/04/2022"."""
    return datetime.fromtimestamp(instant, VIETNAM).strftime("%d/%m/%Y")


def add_words(pages: Blueprint) -> None:
    """Makes these words filters of the templates."""
    for word in (short_words, reason_words, sentence, cure, count, day, short_day, clock, moment, since, instant_day):
        pages.add_app_template_filter(word)
    pages.add_app_template_filter(STATES.get, "state_words")
