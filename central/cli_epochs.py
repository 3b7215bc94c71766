"""The verbs about nodes that were restored or copied: see both histories and what waits, decide who goes on."""

from __future__ import annotations

from collections.abc import Sequence

import click

from central.cli_state import State, json_option, pass_state, say
from central.store.node_epochs import HistoryLink
from central.web.words import SHOWN_STANDINGS
from central.workflow.decide_epoch import decide_epoch
from central.workflow.decide_shown_epoch import ShownCase, decide_shown_epoch, shown_cases, waiting_showing
from central.workflow.show_epochs import EpochAsk, EpochCase, epoch_cases, waiting_digest
from sync_protocol.node_epoch_answer import EpochState
from sync_protocol.usage_words import WrongUsage


@click.command("node-epochs")
@json_option
@pass_state
def node_epochs(state: State) -> None:
    """List the nodes that have two histories or ask for a new epoch, and what was decided last."""
    found = epoch_cases(state.open_centre().engine)
    for case in found.open:
        _say(case)
    shown = shown_cases(state.open_centre().engine)
    for one in shown.waiting:
        say(shown_words(one))
    if not found.open and not shown.waiting:
        say("Không nút nào có hai lịch sử hay chờ mở kỳ mới.")
    for ask in found.decided:
        done = "được tiếp tục" if ask.stored.state is EpochState.GRANTED else "không được tiếp tục"
        by = ask.stored.decided_by or "tự động"
        say(f"đã quyết định: nút {ask.stored.node}, kỳ {ask.stored.epoch}, yêu cầu {ask.short}: {done} ({by})")
    state.emit(
        {
            "ok": True,
            "open": [_data(case) for case in found.open],
            "over": [_data(case) for case in found.over],
            "decided": [_ask(ask) for ask in found.decided],
            "shown": [shown_data(one) for one in shown.waiting],
        }
    )


@click.command("decide-epoch")
@click.argument("request")
@click.option("--grant/--refuse", "is_granted", default=None, help="The machine that asked goes on, or does not.")
@click.option("--by", required=True, help="Name of the person who decides.")
@click.option("--reason", required=True, help="In words; kept at the centre.")
@json_option
@pass_state
def decide(state: State, request: str, *, is_granted: bool | None, by: str, reason: str) -> None:
    """Decide a REQUEST (the first letters of its digest, at least 8, as `node-epochs` shows them)."""
    if is_granted is None:
        raise WrongUsage("Cần --grant hoặc --refuse.", "give --grant or --refuse")
    centre = state.open_centre()
    digest = waiting_digest(centre.engine, request)
    if digest is None and (showing := waiting_showing(centre.engine, request)) is not None:
        taken = decide_shown_epoch(
            showing,
            is_taken=is_granted,
            by=by,
            why=reason,
            engine=centre.engine,
            keys=centre.keys,
            now=centre.clock.now(),
        )
        done = "đã nối lại; nút tự gửi lại phần đã mất" if is_granted else "không được nối lại"
        say(f"Nút {taken.node}, kỳ {taken.epoch}: {done}.")
        state.emit({"ok": True, "node": taken.node, "epoch": taken.epoch, "granted": is_granted})
        return
    if digest is None:
        raise WrongUsage(
            "Không có yêu cầu đang chờ nào, hoặc có nhiều hơn một, bắt đầu bằng các chữ này.",
            "no request that waits, or more than one, begins with these letters",
        )
    decided = decide_epoch(
        digest,
        is_granted=is_granted,
        by=by,
        why=reason,
        engine=centre.engine,
        keys=centre.keys,
        entropy=centre.entropy,
        now=centre.clock.now(),
    )
    done = "tiếp tục trong kỳ mới; các máy khác của nút được báo là bản sao cũ" if is_granted else "không được tiếp tục"
    say(f"Nút {decided.node}: máy đã xin {done}.")
    state.emit({"ok": True, "node": decided.node, "epoch": decided.epoch, "granted": is_granted})


def shown_words(one: ShownCase) -> str:
    """One line about an epoch that a node showed and that is not known here."""
    place = one.facility_name or one.facility
    here = f"ở đây đang kỳ {one.epoch_here}" if one.is_known else "NÚT KHÔNG CÓ Ở ĐÂY"
    return (
        f"KỲ CỦA NÚT ĐÃ MẤT: {one.short}, nút {one.stored.node} ({place}) kỳ {one.stored.epoch}, {here}; "
        f"{SHOWN_STANDINGS[one.stored.standing]}"
    )


def shown_data(one: ShownCase) -> dict[str, object]:
    """The same for `--json`."""
    return {
        "request": one.stored.digest.hex(),
        "node": one.stored.node,
        "facility": one.facility or None,
        "epoch": one.stored.epoch,
        "epoch_here": one.epoch_here,
        "is_known": one.is_known,
        "standing": one.stored.standing.value,
        "said_at": one.said_at,
        "shown_at": one.stored.shown_at,
        "may_confirm": one.may_confirm,
    }


def _say(case: EpochCase) -> None:
    say(f"{case.facility_name}, nút {case.node.code}, kỳ {case.epoch}: giống nhau đến gói {case.parted_after}")
    for words, links, more in (
        ("sổ cái", case.ledger, case.more_ledger),
        ("lịch sử thứ hai", case.second, case.more_second),
    ):
        for link in links:
            officer = f", {link.officer}" if link.officer else ""
            say(f"  {words}: gói {link.sequence} {link.digest.hex()[:12]} {link.kind}, {link.doses} mũi{officer}")
        if more:
            say(f"  {words}: … và {more} gói nữa")
    if case.overflow:
        say(f"  ! {case.overflow.turned_away} lần gửi quá giới hạn không được giữ; các gói đó còn ở máy của cơ sở")
    for ask in case.waiting:
        chain = ask.request.chain
        say(
            f"  chờ quyết định: {ask.short}, {ask.stored.reason.value}, {ask.stored.standing.value}; "
            f"giống sổ cái đến gói {ask.stored.known_until}, mới nhất {chain.newest}, "
            f"{ask.unsent} gói chưa có biên nhận"
        )


def _data(case: EpochCase) -> dict[str, object]:
    return {
        "node": case.node.code,
        "facility": case.node.facility,
        "state": case.node.state.value,
        "epoch": case.epoch,
        "parted_after": case.parted_after,
        "ledger": _links(case.ledger),
        "second": _links(case.second),
        "turned_away": 0 if case.overflow is None else case.overflow.turned_away,
        "waiting": [_ask(ask) for ask in case.waiting],
    }


def _links(links: Sequence[HistoryLink]) -> list[dict[str, object]]:
    return [
        {
            "sequence": link.sequence,
            "digest": link.digest.hex(),
            "kind": link.kind,
            "doses": link.doses,
            "received_at": link.received_at,
            "outcome": link.outcome or None,
            "officer": link.officer or None,
        }
        for link in links
    ]


def _ask(ask: EpochAsk) -> dict[str, object]:
    return {
        "request": ask.stored.digest.hex(),
        "node": ask.stored.node,
        "epoch": ask.stored.epoch,
        "reason": ask.stored.reason.value,
        "standing": ask.stored.standing.value,
        "known_until": ask.stored.known_until,
        "newest": ask.request.chain.newest,
        "unsent": ask.unsent,
        "last_dose": ask.request.last_dose,
        "received_at": ask.stored.received_at,
        "state": ask.stored.state.value,
        "decided_at": ask.stored.decided_at,
        "decided_by": ask.stored.decided_by or None,
        "reason_given": ask.stored.decided_why or None,
    }
