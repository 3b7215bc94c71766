"""State is a sentence: the fact, since when, and what comes next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from edge.domain.code_words import words
from edge.domain.outbox import BundleState
from edge.domain.refusals import EdgeCode, Words
from edge.domain.waiting import WORDS, Waiting, identity_obstacle
from edge.store.bundles import BundleLine
from edge.store.link import LinkState
from edge.web.frame.formats import moment
from edge.workflow.exchange import UNREACHED
from sync_protocol.dose import IdentityState
from sync_protocol.errors import Code


@dataclass(frozen=True, slots=True)
class Sentence:
    """A state for the eye: its kind ("good", "warning", "danger", "plain"), one word, and the sentence."""

    kind: str
    word: str
    text: str


# The words of `identity_checks.field`: where the person and the population database differ.
FIELD_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "name": "họ tên",
        "birth_date": "ngày sinh",
        "sex": "giới tính",
        "number": "số giấy tờ",
        "several": "nhiều trường",
    }
)


@dataclass(frozen=True, slots=True)
class IdentitySentence(Sentence):
    """An identity state for the eye; `signable` says whether the dose can be signed as it is."""

    signable: bool = False


VOUCHABLE: Final = IdentitySentence(
    "plain", "Chờ xác nhận", "Người nước ngoài: đối chiếu hộ chiếu rồi bấm xác nhận; sau đó mũi này ký được."
)


def identity_sentence(state: IdentityState, differs: str = "") -> IdentitySentence:
    """What is to be said of a person's identity; `differs` is the field that the check named, or ""."""
    match state:
        case IdentityState.MATCHED:
            text = "Khớp với CSDLQG về dân cư. Mũi này ký được."
            return IdentitySentence("good", "Đã khớp", text, signable=True)
        case IdentityState.VOUCHED:
            text = "Cơ sở đã xác nhận hộ chiếu. Mũi này ký được."
            return IdentitySentence("good", "Đã xác nhận", text, signable=True)
        case IdentityState.MISMATCH:
            where = FIELD_WORDS.get(differs, "")
            fact = f"Khác ở {where} so với CSDLQG về dân cư." if where else "Không khớp với CSDLQG về dân cư."
            return IdentitySentence("danger", "Không khớp", f"{fact} Hỏi lại ngay và đối chiếu với giấy tờ.")
        case IdentityState.WAITING:
            fact = "Gói dữ liệu dân cư ở máy này chưa có người này, hoặc chưa có gói."
            return IdentitySentence("plain", "Chờ xác thực", f"{fact} Máy sẽ hỏi lại khi có gói mới; mũi này ký sau.")
        case IdentityState.NO_NUMBER | IdentityState.MALFORMED:
            said = reason_words((identity_obstacle(state) or Waiting.IDENTITY_MISSING).value)
            return IdentitySentence("warning", "Chưa ký được", f"{said.vi}. {said.cure}")


def person_sentence(state: IdentityState, differs: str = "", *, vouchable: bool = False) -> Sentence:
    """The same of a person alone, whatever the doses; `vouchable` for a foreigner with a passport."""
    match state:
        case IdentityState.MATCHED:
            return Sentence("good", "Đã khớp", "Khớp với CSDLQG về dân cư; các mũi chưa ký của người này ký được.")
        case IdentityState.VOUCHED:
            return Sentence("good", "Đã bảo lãnh", "Cơ sở đã xem hộ chiếu; các mũi chưa ký của người này ký được.")
        case IdentityState.MISMATCH:
            where = FIELD_WORDS.get(differs, "")
            fact = f"Khác ở {where} so với CSDLQG về dân cư." if where else "Không khớp với CSDLQG về dân cư."
            cure = "Xem lại giấy tờ rồi sửa; giấy tờ đúng như đã ghi thì chuyển công an xã."
            return Sentence("danger", "Chưa khớp", f"{fact} {cure}")
        case IdentityState.WAITING if vouchable:
            return Sentence("plain", "Chờ bảo lãnh", "CSDLQG về dân cư không có người nước ngoài: cơ sở xem hộ chiếu.")
        case IdentityState.WAITING:
            text = "Gói dữ liệu dân cư ở máy này chưa có người này, hoặc chưa có gói. Máy hỏi lại khi có gói mới."
            return Sentence("plain", "Chờ xác thực", text)
        case IdentityState.NO_NUMBER | IdentityState.MALFORMED:
            return identity_sentence(state)


def reason_words(reason: str) -> Words:
    """The words of a reason as figures and verdicts name it; an unknown one, of a newer centre, is shown as it is."""
    if reason in set(Waiting):
        return WORDS[Waiting(reason)]
    if reason in set(EdgeCode):
        return plain(words(EdgeCode(reason)))
    if reason in set(Code):
        return plain(words(Code(reason)))
    return Words(reason, "Hỏi trung tâm.", reason)


def plain(said: Words) -> Words:
    """The same words with the fact lacking its full stop, so that a page may go on after it."""
    return Words(said.vi.rstrip("."), said.cure, said.en)


def bundle_sentence(line: BundleLine, link: LinkState, now: int) -> Sentence:
    """What is to be said of one bundle of the outbox."""
    match line.state:
        case BundleState.RECEIPTED:
            at = line.admitted_at or line.created_at
            return Sentence("good", "Đã nhận", f"Ở trung tâm từ {moment(at, now)}.")
        case BundleState.REFUSED:
            said = reason_words(line.outcome)
            text = f"{said.vi}. {said.cure} Các mũi tiêm trong gói đã trở lại danh sách chờ ký."
            return Sentence("danger", "Bị trả lại", text)
        case BundleState.FORKED:
            said = reason_words(line.problem)
            return Sentence("danger", "Hai lịch sử", f"{said.vi}. {said.cure}")
        case BundleState.SEALED | BundleState.OFFERED:
            return _due(line, link, now)


def link_sentence(link: LinkState, now: int) -> Sentence:
    """What is to be said of the way to the centre."""
    if link.failing_since is None:
        if link.reached_at is None:
            return Sentence("plain", "Chưa liên lạc", "Máy chưa gửi gì cho trung tâm.")
        return Sentence("good", "Liên lạc được", f"Lần gần nhất lúc {moment(link.reached_at, now)}.")
    since = moment(link.failing_since, now)
    if link.code == UNREACHED:
        return Sentence("warning", "Mất mạng", f"Mất mạng từ {since}, {_next_try(link, now)}.")
    said = reason_words(link.code)
    return Sentence("danger", "Trung tâm chưa nhận", f"Từ {since}: {said.vi}. {said.cure}")


def _due(line: BundleLine, link: LinkState, now: int) -> Sentence:
    if line.problem and line.problem != UNREACHED:
        said = reason_words(line.problem)
        return Sentence("danger", "Chưa được nhận", f"{said.vi}. {said.cure}")
    if link.failing_since is not None and link.code == UNREACHED:
        since = moment(link.failing_since, now)
        tail = " Gửi lại không làm trùng." if line.offers else ""
        return Sentence("warning", "Chưa gửi", f"Mất mạng từ {since}, {_next_try(link, now)}.{tail}")
    if line.offers:
        return Sentence("warning", "Chờ biên nhận", "Đã gửi, chưa có biên nhận. Gửi lại không làm trùng.")
    return Sentence("plain", "Chờ gửi", "Gói đã niêm phong, sẽ gửi trong lần liên lạc tới.")


def _next_try(link: LinkState, now: int) -> str:
    if link.next_try_at is None or link.next_try_at <= now:
        return "sẽ thử lại ngay"
    return f"thử lại lúc {moment(link.next_try_at, now)}"
