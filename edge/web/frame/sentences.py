"""State is a sentence: the fact, since when, and what comes next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from edge.domain.code_words import words
from edge.domain.network_words import NETWORK_WORDS
from edge.domain.outbox import BundleEvent, BundleState
from edge.domain.refusals import EdgeCode, Words
from edge.domain.waiting import WORDS, Waiting, identity_obstacle
from edge.store.bundles import BundleLine
from edge.store.link import LinkState
from edge.web.frame.formats import moment
from edge.web.frame.language import _, say
from sync_protocol.api import NetworkFault
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

# What a bundle or the link is waiting for, where it is no answer of the centre's.
_FAULTS: Final = frozenset(NetworkFault)
# What goes by itself.
_PASSING: Final = frozenset({NetworkFault.UNREACHED, NetworkFault.NOT_THE_CENTRE, NetworkFault.BUSY})


@dataclass(frozen=True, slots=True)
class IdentitySentence(Sentence):
    """An identity state for the eye; `signable` says whether the dose can be signed as it is."""

    signable: bool = False


def vouchable_sentence() -> IdentitySentence:
    """What is to be said of a foreigner whose passport nobody has looked at yet."""
    text = _("Người nước ngoài: đối chiếu hộ chiếu rồi bấm xác nhận; sau đó mũi này ký được.")
    return IdentitySentence("plain", _("Chờ xác nhận"), text)


def identity_sentence(state: IdentityState, differs: str = "") -> IdentitySentence:
    """What is to be said of a person's identity; `differs` is the field that the check named, or ""."""
    match state:
        case IdentityState.MATCHED:
            text = _("Khớp với CSDLQG về dân cư. Mũi này ký được.")
            return IdentitySentence("good", _("Đã khớp"), text, signable=True)
        case IdentityState.VOUCHED:
            text = _("Cơ sở đã xác nhận hộ chiếu. Mũi này ký được.")
            return IdentitySentence("good", _("Đã xác nhận"), text, signable=True)
        case IdentityState.MISMATCH:
            cure = _("Hỏi lại ngay và đối chiếu với giấy tờ.")
            return IdentitySentence("danger", _("Không khớp"), f"{_difference(differs)} {cure}")
        case IdentityState.WAITING:
            fact = _("Gói dữ liệu dân cư ở máy này chưa có người này, hoặc chưa có gói.")
            next_step = _("Máy tự hỏi trung tâm; mũi này ký sau.")
            return IdentitySentence("plain", _("Chờ xác thực"), f"{fact} {next_step}")
        case IdentityState.NO_NUMBER | IdentityState.MALFORMED:
            said = reason_words((identity_obstacle(state) or Waiting.IDENTITY_MISSING).value)
            return IdentitySentence("warning", _("Chưa ký được"), f"{said.vi}. {said.cure}")


def person_sentence(state: IdentityState, differs: str = "", *, vouchable: bool = False) -> Sentence:
    """The same of a person alone, whatever the doses; `vouchable` for a foreigner with a passport."""
    match state:
        case IdentityState.MATCHED:
            text = _("Khớp với CSDLQG về dân cư; các mũi chưa ký của người này ký được.")
            return Sentence("good", _("Đã khớp"), text)
        case IdentityState.VOUCHED:
            text = _("Cơ sở đã xem hộ chiếu; các mũi chưa ký của người này ký được.")
            return Sentence("good", _("Đã bảo lãnh"), text)
        case IdentityState.MISMATCH:
            cure = _("Xem lại giấy tờ rồi sửa; giấy tờ đúng như đã ghi thì chuyển công an xã.")
            return Sentence("danger", _("Chưa khớp"), f"{_difference(differs)} {cure}")
        case IdentityState.WAITING if vouchable:
            text = _("CSDLQG về dân cư không có người nước ngoài: cơ sở xem hộ chiếu.")
            return Sentence("plain", _("Chờ bảo lãnh"), text)
        case IdentityState.WAITING:
            fact = _("Gói dữ liệu dân cư ở máy này chưa có người này, hoặc chưa có gói.")
            return Sentence("plain", _("Chờ xác thực"), fact)
        case IdentityState.NO_NUMBER | IdentityState.MALFORMED:
            return identity_sentence(state)


def field_word(field: str) -> str:
    """The field that differs as a sentence names it; a field that has no word is shown as it is."""
    return say(FIELD_WORDS.get(field, field))


def reason_words(reason: str) -> Words:
    """The words of a reason as figures and verdicts name it, in the language of the page.

    The fact lacks its full stop, so that a page may go on after it. An unknown reason, of a newer centre, is shown as
    it is.
    """
    if reason in set(Waiting):
        return plain(WORDS[Waiting(reason)])
    if reason in set(EdgeCode):
        return plain(words(EdgeCode(reason)))
    if reason in set(Code):
        return plain(words(Code(reason)))
    if reason in _FAULTS:
        return plain(NETWORK_WORDS[NetworkFault(reason)])
    return Words(reason, _("Hỏi trung tâm."), reason)


def plain(said: Words) -> Words:
    """The same words in the language of the page, with the fact lacking its full stop."""
    return Words(say(said.vi).rstrip("."), say(said.cure), said.en)


def bundle_sentence(line: BundleLine, link: LinkState, now: int) -> Sentence:
    """What is to be said of one bundle of the outbox."""
    match line.state:
        case BundleState.RECEIPTED:
            at = line.admitted_at or line.created_at
            return Sentence("good", _("Đã nhận"), _("Ở trung tâm từ %(time)s.", time=moment(at, now)))
        case BundleState.REFUSED:
            said = reason_words(line.outcome)
            back = _("Các mũi tiêm trong gói đã trở lại danh sách chờ ký.")
            return Sentence("danger", _("Bị trả lại"), f"{said.vi}. {said.cure} {back}")
        case BundleState.FORKED:
            said = reason_words(line.problem)
            return Sentence("danger", _("Hai lịch sử"), f"{said.vi}. {said.cure}")
        case BundleState.SEALED | BundleState.OFFERED:
            return _exported(_due(line, link, now), line, now)


def link_sentence(link: LinkState, now: int) -> Sentence:
    """What is to be said of the way to the centre."""
    if link.failing_since is None:
        if link.reached_at is None:
            return Sentence("plain", _("Chưa liên lạc"), _("Máy chưa gửi gì cho trung tâm."))
        text = _("Lần gần nhất lúc %(time)s.", time=moment(link.reached_at, now))
        return Sentence("good", _("Liên lạc được"), text)
    if link.code in _FAULTS:
        return Sentence(_fault_kind(link.code), fault_word(link.code), _offline(link, now))
    said = reason_words(link.code)
    since = _("Từ %(time)s", time=moment(link.failing_since, now))
    return Sentence("danger", _("Chưa được nhận"), f"{since}: {said.vi}. {said.cure}")


def _due(line: BundleLine, link: LinkState, now: int) -> Sentence:
    if line.problem == BundleEvent.CENTRE_RESTORED:
        return Sentence("warning", _("Gửi lại"), _("Trung tâm đã mất biên nhận, đang gửi lại."))
    if line.problem and line.problem not in _FAULTS:
        said = reason_words(line.problem)
        return Sentence("danger", _("Chưa được nhận"), f"{said.vi}. {said.cure}")
    if link.failing_since is not None and link.code in _FAULTS:
        text = _next_try(link, now)
        if line.offers:
            text = f"{text} {_('Gửi lại không làm trùng.')}"
        return Sentence("warning", _("Chưa gửi"), text)
    if line.offers:
        return Sentence("warning", _("Chờ biên nhận"), _("Đã gửi, chưa có biên nhận. Gửi lại không làm trùng."))
    return Sentence("plain", _("Chờ gửi"), _("Gói đã niêm phong, sẽ gửi trong lần liên lạc tới."))


def _exported(said: Sentence, line: BundleLine, now: int) -> Sentence:
    """The same of a bundle that lies on a stick: it may arrive that way, and is not delivered by it."""
    if line.exported_at is None:
        return said
    copied = _("Đã chép ra USB lúc %(time)s; chưa tính là đã gửi.", time=moment(line.exported_at, now))
    return replace(said, text=f"{said.text} {copied}")


def fault_word(code: str) -> str:
    """What stands between the node and the centre, in a word or two."""
    match NetworkFault(code):
        case NetworkFault.UNREACHED:
            return _("Mất mạng")
        case NetworkFault.NOT_THE_CENTRE:
            return _("Không phải trung tâm")
        case NetworkFault.BUSY:
            return _("Trung tâm bận")
        case NetworkFault.PROXY:
            return _("Proxy chặn")
        case NetworkFault.ADDRESS:
            return _("Sai địa chỉ")
        case NetworkFault.TLS | NetworkFault.TLS_NAME | NetworkFault.TLS_TIME:
            return _("Chứng thư không đúng")


def _fault_kind(code: str) -> str:
    return "warning" if NetworkFault(code) in _PASSING else "danger"


def _offline(link: LinkState, now: int) -> str:
    since = moment(link.failing_since or now, now)
    is_soon = link.next_try_at is None or link.next_try_at <= now
    if link.code == NetworkFault.UNREACHED:
        if is_soon:
            return _("Mất mạng từ %(time)s, sẽ thử lại ngay.", time=since)
        return _("Mất mạng từ %(time)s, thử lại lúc %(next)s.", time=since, next=moment(link.next_try_at or now, now))
    said = reason_words(link.code)
    if is_soon:
        return _("Từ %(time)s: %(fact)s. Máy sẽ thử lại ngay. %(cure)s", time=since, fact=said.vi, cure=said.cure)
    return _(
        "Từ %(time)s: %(fact)s. Thử lại lúc %(next)s. %(cure)s",
        time=since,
        fact=said.vi,
        cure=said.cure,
        next=moment(link.next_try_at or now, now),
    )


def _next_try(link: LinkState, now: int) -> str:
    """Of one bundle among several: what stands between and what to do is said once, beside the link."""
    said = fault_word(link.code)
    if link.next_try_at is None or link.next_try_at <= now:
        return _("%(why)s, sẽ thử lại ngay.", why=said)
    return _("%(why)s, thử lại lúc %(next)s.", why=said, next=moment(link.next_try_at, now))


def _difference(field: str) -> str:
    if field not in FIELD_WORDS:
        return _("Không khớp với CSDLQG về dân cư.")
    return _("Khác ở %(field)s so với CSDLQG về dân cư.", field=field_word(field))
