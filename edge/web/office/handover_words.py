"""Handovers in sentences: who signs, how far each one is, what the hub signed and what came back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge.domain.handover import HandedState, Offer
from edge.domain.outbox import DUE, BundleState
from edge.store import delegated_signings, delegations, handovers, hub_doses, node_identity
from edge.store.database import Tables
from edge.store.handovers import StoredHandover
from edge.web.frame.formats import count, iso_day, moment
from edge.web.frame.language import _, plural
from edge.web.frame.sentences import Sentence, reason_words
from sync_protocol.batch import parse_batch
from sync_protocol.certificate import serial_text
from sync_protocol.delegation import DelegationKind


@dataclass(frozen=True, slots=True)
class SaidHandover:
    """A handover for the eye; with `is_open` a file for a stick still makes sense."""

    handover: StoredHandover
    sentences: Sequence[Sentence]
    is_open: bool


@dataclass(frozen=True, slots=True)
class Ways:
    """Which pages of signing for others mean something here: to a hub, and from sites; now, or for what was done."""

    to_hub: bool
    from_sites: bool


def ways(tables: Tables) -> Ways:
    """The ways that other pages show; a node that nobody signs for, and that signs for nobody, shows none."""
    own, found = node_identity.codes(tables), delegations.current(tables)
    return Ways(
        to_hub=any(one.site == own.facility for one in found) or bool(handovers.newest(tables, limit=1)),
        from_sites=any(one.hub_node == own.node for one in found) or bool(hub_doses.all_handovers(tables)),
    )


def offer_words(offer: Offer) -> str:
    """Who may sign for this site, and how."""
    hub = offer.delegation.hub_name
    match offer.delegation.kind:
        case DelegationKind.STANDING:
            return _("Cơ sở này do %(hub)s ký thay.", hub=hub)
        case DelegationKind.ONE_DAY:
            return _("%(hub)s được ký thay các mũi ngày %(day)s.", hub=hub, day=iso_day((offer.days or ("",))[0]))
        case DelegationKind.ON_CALL:
            return _("Khi mất token, có thể nhờ %(hub)s ký thay một ngày.", hub=hub)


def said_handovers(tables: Tables, *, now: int, limit: int) -> list[SaidHandover]:
    """The newest handovers, each with all there is to say of it."""
    return [_said(tables, one, now) for one in handovers.newest(tables, limit=limit)]


def _said(tables: Tables, found: StoredHandover, now: int) -> SaidHandover:
    counts = handovers.counts(tables, found.handover_id)
    waits = counts.get(HandedState.HANDED, 0)
    sentences = []
    if found.state is BundleState.REFUSED:
        said = reason_words(found.outcome)
        back = _("Các mũi này đã trở lại danh sách chờ ký.")
        sentences.append(Sentence("danger", _("Không được nhận"), f"{said.vi}. {said.cure} {back}"))
    elif found.is_left:
        text = _("Chưa gửi được thì máy mở kỳ mới. Các mũi này đã trở lại danh sách chờ ký.")
        sentences.append(Sentence("warning", _("Chưa gửi"), text))
    elif waits:
        sentences.append(_waiting(found, waits, now))
    sentences += _signed(tables, found, now)
    sentences += _returned(counts)
    for back_ in delegated_signings.backs(tables, found.digest):
        text = plural(
            "%(hub)s không ký %(doses)s mũi, báo lúc %(at)s: “%(reason)s”. Các mũi này lại ký hoặc chuyển ký được.",
            "%(hub)s không ký %(doses)s mũi, báo lúc %(at)s: “%(reason)s”. Các mũi này lại ký hoặc chuyển ký được.",
            len(back_.sequences),
            hub=found.hub_name,
            doses=count(len(back_.sequences)),
            at=moment(back_.at, now),
            reason=back_.reason,
        )
        sentences.append(Sentence("warning", _("Được trả lại"), text))
    if replaced := counts.get("replaced", 0):
        text = plural(
            "%(doses)s mũi đã được sửa ở đây; bản cũ không cần ký nữa.",
            "%(doses)s mũi đã được sửa ở đây; bản cũ không cần ký nữa.",
            replaced,
            doses=count(replaced),
        )
        sentences.append(Sentence("plain", _("Đã sửa"), text))
    return SaidHandover(found, sentences, is_open=bool(waits))


def _waiting(found: StoredHandover, waits: int, now: int) -> Sentence:
    number = count(waits)
    if found.state in DUE:
        text = plural(
            "%(doses)s mũi chưa gửi đi. Máy tự gửi khi có mạng; hoặc tải tệp mang sang %(hub)s.",
            "%(doses)s mũi chưa gửi đi. Máy tự gửi khi có mạng; hoặc tải tệp mang sang %(hub)s.",
            waits,
            doses=number,
            hub=found.hub_name,
        )
        return Sentence("warning", _("Chờ gửi"), text)
    text = plural(
        "%(doses)s mũi chờ %(hub)s ký; trung tâm nhận lúc %(at)s và đã chuyển đi.",
        "%(doses)s mũi chờ %(hub)s ký; trung tâm nhận lúc %(at)s và đã chuyển đi.",
        waits,
        doses=number,
        hub=found.hub_name,
        at=moment(found.admitted_at or found.handed_at, now),
    )
    return Sentence("plain", _("Chờ ký"), text)


def _signed(tables: Tables, found: StoredHandover, now: int) -> list[Sentence]:
    sentences = []
    for signing in delegated_signings.of_handover(tables, found.handover_id):
        # Verified before it was kept.
        batch = parse_batch(signing.statement)
        manifest = batch.statement.manifest
        text = plural(
            "%(hub)s ký %(doses)s mũi lúc %(at)s: %(officer)s, chứng thư số %(serial)s.",
            "%(hub)s ký %(doses)s mũi lúc %(at)s: %(officer)s, chứng thư số %(serial)s.",
            signing.doses,
            hub=found.hub_name,
            doses=count(signing.doses),
            at=moment(manifest.claimed_at, now),
            officer=manifest.signer_name,
            serial=serial_text(batch.certificates[0].serial),
        )
        sentences.append(Sentence("good", _("Đã ký"), text))
    return sentences


def _returned(counts: dict[str, int]) -> list[Sentence]:
    sentences = []
    if held := counts.get("quarantined", 0):
        text = plural(
            "Trung tâm tạm giữ %(doses)s mũi; xem trang đồng bộ.",
            "Trung tâm tạm giữ %(doses)s mũi; xem trang đồng bộ.",
            held,
            doses=count(held),
        )
        sentences.append(Sentence("warning", _("Tạm giữ"), text))
    if denied := counts.get("denied", 0):
        text = plural(
            "Trung tâm không nhận %(doses)s mũi; sửa rồi ký lại. Xem trang đồng bộ.",
            "Trung tâm không nhận %(doses)s mũi; sửa rồi ký lại. Xem trang đồng bộ.",
            denied,
            doses=count(denied),
        )
        sentences.append(Sentence("danger", _("Bị trả lại"), text))
    return sentences
