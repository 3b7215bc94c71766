"""What the centre signed that does not agree, and epochs of its ledger: for the manager, and as a file for others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from flask import Blueprint, Response, render_template

from edge.domain.roles import Role
from edge.store import node_identity
from edge.web.frame.access import allow
from edge.web.frame.language import _
from edge.web.frame.node import node
from edge.web.frame.sentences import Sentence, reason_words
from edge.workflow.ledger_evidence import evidence_file, ledger_view
from sync_protocol.days import local_day
from sync_protocol.ledger_evidence import JudgedPair, Proof
from sync_protocol.manifest import Checkpoint

blueprint = Blueprint("evidence", __name__)

_ROOT_CHARS: Final = 16


@dataclass(frozen=True, slots=True)
class ShownHead:
    """A head that was signed, as people read it: kỳ and size, the beginning of its root, when it was signed."""

    epoch: int
    size: int
    root: str
    at: int


@dataclass(frozen=True, slots=True)
class ShownPair:
    """One contradiction; `said` and `held` are None where nothing of ours was signed. `explained` by an epoch, or 0."""

    at: int
    why: str
    proof: Sentence
    said: ShownHead | None
    held: ShownHead | None
    explained: int


@blueprint.get("/evidence")
@allow(Role.MANAGER)
def show() -> str:
    """What was signed for which size with which root, and what follows from it."""
    open_node = node()
    view = ledger_view(open_node.database)
    pairs = [_shown(one, explained) for one, explained in view.pairs]
    return render_template(
        "house/evidence.html",
        epochs=view.epochs,
        pairs=pairs,
        sent_again=view.sent_again,
        is_open=any(not one.explained for one in pairs),
        now=open_node.clock.now(),
    )


@blueprint.get("/evidence/file")
@allow(Role.MANAGER)
def download() -> Response:
    """All of it as one file, which anybody can verify."""
    open_node = node()
    data = evidence_file(open_node.database)
    with open_node.database.read() as tables:
        code = node_identity.codes(tables).node
    response = Response(data, mimetype="application/octet-stream")
    name = f"bang-chung-so-cai-{code}-{local_day(open_node.clock.now())}.hcvx"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def proof_sentence(proof: Proof) -> Sentence:
    """What a pair proves."""
    match proof:
        case Proof.TWO_HISTORIES:
            return Sentence("danger", _("Hai lịch sử"), _("Cùng kỳ, cùng cỡ sổ cái mà có hai gốc khác nhau."))
        case Proof.WENT_BACK:
            return Sentence("danger", _("Đi lùi"), _("Đầu cây ký sau lại ngắn hơn đầu cây ký trước trong cùng một kỳ."))
        case Proof.EPOCH_FORGED:
            return Sentence(
                "danger", _("Kỳ mới sai gốc"), _("Kỳ sổ cái mới không nối tiếp đầu cây mà trung tâm đã ký trước đó.")
            )
        case Proof.EPOCH_TWICE:
            return Sentence("danger", _("Hai tuyên bố"), _("Trung tâm đã ký hai tuyên bố khác nhau cho cùng một kỳ."))
        case Proof.NO_PATH:
            text = _("Hai đầu cây đều do trung tâm ký nhưng không có đường nối; trung tâm phải giải thích.")
            return Sentence("warning", _("Chưa nối được"), text)
        case Proof.UNSIGNED:
            text = _("Không có chữ ký của trung tâm trên cả hai lời: có thể do mạng hoặc máy chủ giả.")
            return Sentence("plain", _("Không chứng minh"), text)


def _shown(one: JudgedPair, explained: int) -> ShownPair:
    said = reason_words(one.pair.code)
    return ShownPair(
        one.pair.received_at,
        f"{said.vi}.",
        proof_sentence(one.proof),
        _head(one.said),
        _head(one.held),
        explained,
    )


def _head(head: Checkpoint | None) -> ShownHead | None:
    return None if head is None else ShownHead(head.epoch, head.size, head.root.hex()[:_ROOT_CHARS], head.at)
