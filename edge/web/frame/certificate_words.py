"""What is said of an organisation certificate: its state in a sentence, how long it lasts, what to do, and where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from edge.bootstrap import Node
from edge.clients.signer_setting import signer_serial
from edge.domain.certificate_standing import CertificateState, Standing
from edge.domain.code_words import words
from edge.store.database import Tables
from edge.web.frame.form_words import sentence
from edge.web.frame.formats import iso_day
from edge.web.frame.language import _, plural, say
from edge.workflow.certificate_standings import signing_standing
from sync_protocol.days import local_day
from sync_protocol.errors import Code

_CODES: Final = frozenset(code.value for code in Code)
_OVER: Final = frozenset(
    {CertificateState.ENDED, CertificateState.EXPIRED, CertificateState.REVOKED, CertificateState.REFUSED}
)
# How urgent it is that a certificate ends within so many days.
_KINDS: Final = {7: "danger", 30: "warning", 90: "plain"}


@dataclass(frozen=True, slots=True)
class StandingLine:
    """A certificate as its row says it.

    Attributes:
        standing: the certificate.
        kind, word: the sign and the word of its state.
        sentence: what the state means, and what to do.
        end_kind, end: how urgent its end is, and in how many days; "" where its end is not known.
        last_day: the day of its end, written as people do; "" where it is not known.
        crl: how old what is known of revocations is.
        has_old_crl: whether that is older than it should be.
    """

    standing: Standing
    kind: str
    word: str
    sentence: str
    end_kind: str
    end: str
    last_day: str
    crl: str
    has_old_crl: bool


@dataclass(frozen=True, slots=True)
class Notice:
    """One sentence about the certificate that signs, for pages that are about something else."""

    kind: str
    text: str


def serial_words(serial: str) -> str:
    """A serial number in groups of four, as people compare it; two of them stay on a line."""
    groups = [serial[start : start + 4] for start in range(0, len(serial), 4)]
    return " ".join("\u00a0".join(groups[start : start + 2]) for start in range(0, len(groups), 2))


def standing_lines(found: Sequence[Standing], *, now: int) -> list[StandingLine]:
    """A line for each certificate; `now` is epoch seconds UTC."""
    return [_line(one, now) for one in found]


def certificate_notice(open_node: Node, tables: Tables, *, now: int) -> Notice | None:
    """What has to be said of the certificate that signs here; None where there is nothing to do about it."""
    found = signing_standing(tables, signer_serial(open_node.config), now=now)
    if found is None:
        return None
    word, sentence = _state(found)[1:]
    if found.state in _OVER:
        name = _("Chứng thư số %(serial)s", serial=serial_words(found.serial))
        return Notice("danger", f"{name}: {word.lower()}. {sentence}")
    days = found.warning_days(now)
    if days is not None:
        end = _end(found, now)
        text = _("Chứng thư số dùng để ký %(end)s. Đăng ký chứng thư mới trước ngày đó.", end=end)
        return Notice(_KINDS[days], text)
    if found.has_old_crl(now):
        return Notice("plain", _("Thông tin thu hồi chứng thư số đã cũ hơn 7 ngày; đồng bộ khi có mạng."))
    return None


def signing_officer(open_node: Node, user_name: str) -> str:
    """Who signs here: for whom the certificate is registered, as the centre takes no other name; else the user."""
    with open_node.database.read() as tables:
        found = signing_standing(tables, signer_serial(open_node.config), now=open_node.clock.now())
    return (found.officer if found is not None else "") or user_name


def _line(one: Standing, now: int) -> StandingLine:
    kind, word, sentence = _state(one)
    days = one.warning_days(now)
    left = one.days_left(now)
    crl = _("Chưa có danh sách thu hồi.")
    if one.crl_at is not None:
        crl = _("Danh sách thu hồi ngày %(day)s.", day=_day(one.crl_at))
    return StandingLine(
        one,
        kind,
        word,
        sentence,
        end_kind="danger" if left is not None and left < 0 else _KINDS.get(days or 0, ""),
        end=_end(one, now),
        last_day="" if one.not_after is None else _day(one.not_after),
        crl=crl,
        has_old_crl=one.has_old_crl(now),
    )


def _state(one: Standing) -> tuple[str, str, str]:
    match one.state:
        case CertificateState.REGISTERED:
            return "good", _("Đã đăng ký"), _("Trung tâm đã đăng ký, ký được.")
        case CertificateState.ASKED:
            if not one.is_sent:
                sentence = _("Yêu cầu đã niêm phong, máy tự gửi khi có mạng. Trong lúc chờ vẫn ký được.")
                return "warning", _("Chờ gửi"), sentence
            said = _remark(one) or _("Trung tâm đã nhận, đang xem xét. Trong lúc chờ vẫn ký được.")
            return "warning", _("Chờ trung tâm"), said
        case CertificateState.REFUSED:
            return "danger", _("Không được đăng ký"), _remark(one) or say(words(Code.REGISTRATION_REFUSED).cure)
        case CertificateState.ENDED:
            return (
                "danger",
                _("Hết đăng ký"),
                _("Chữ ký cũ vẫn có giá trị. Muốn ký tiếp, đăng ký lại hoặc dùng chứng thư mới."),
            )
        case CertificateState.EXPIRED:
            return (
                "danger",
                _("Hết hạn"),
                _("Chữ ký cũ vẫn có giá trị. Gia hạn ở đơn vị cấp rồi đăng ký chứng thư mới."),
            )
        case CertificateState.REVOKED:
            assert one.revoked_at is not None
            said = _("Bị thu hồi từ %(day)s; không ký được nữa. Đăng ký chứng thư mới.", day=_day(one.revoked_at))
            return "danger", _("Đã bị thu hồi"), said


def _remark(one: Standing) -> str:
    if one.remark not in _CODES:
        return ""
    return sentence(words(Code(one.remark)))


def _end(one: Standing, now: int) -> str:
    left = one.days_left(now)
    if left is None or one.not_after is None:
        return ""
    if left < 0:
        return _("đã hết hạn ngày %(day)s", day=_day(one.not_after))
    return plural("còn %(num)s ngày, đến %(day)s", "còn %(num)s ngày, đến %(day)s", left, day=_day(one.not_after))


def _day(instant: int) -> str:
    return iso_day(local_day(instant))
