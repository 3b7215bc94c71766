"""One person of the store: what differs, the fields to put it right, the site's word for a foreigner, and the doses.

Two desks may have the same person open. The slower one gets the form back with what both wrote: a field that only the
other desk changed takes the other's text, a field that both changed keeps what was typed here and says the other's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from flask import Blueprint, redirect, render_template, request, url_for
from flask_wtf.csrf import CSRFError  # type: ignore[import-untyped]
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from edge.domain.day_figures import ADMITTED, place
from edge.domain.dose_form import read_person
from edge.domain.identity import may_be_vouched
from edge.domain.identity_papers import PROVINCES, check_number
from edge.domain.refusals import EdgeCode, Finding, RefusedError
from edge.domain.roles import Role
from edge.domain.waiting import Waiting
from edge.store import doses, identity_checks, node_identity, people, standings, verdict_changes
from edge.store.database import Tables
from edge.store.people import Person, PersonId
from edge.store.verdict_changes import ChangedVerdict
from edge.web.desks import dose_page
from edge.web.desks.asked import asked_centre, evidence_words
from edge.web.desks.dose_page import texts_of_person
from edge.web.desks.edit_form import EditForm, origin, typed_texts, whole
from edge.web.desks.passport_sheet import standing_sentence
from edge.web.frame import drafts, form_words
from edge.web.frame.access import allow, current_user
from edge.web.frame.formats import moment
from edge.web.frame.language import _, say
from edge.web.frame.node import node
from edge.web.frame.sentences import Sentence, person_sentence, reason_words
from edge.workflow.change_person import change_person
from edge.workflow.check_identity import check_person, vouch
from edge.workflow.plan_passes import signing_rules
from edge.workflow.show_certificates import certificates_of
from sync_protocol.dose import Dose
from sync_protocol.identity import IdentityState, PaperKind

blueprint = Blueprint("people", __name__)

FIELDS: Final = (
    *("name", "sex", "birth_date", "number", "phone", "address_unit"),
    *("nationality", "guardian", "family_name", "group"),
)
_ORDER: Final = (*FIELDS, "sure")
_PAPER_WORDS: Final = {
    PaperKind.CCCD: "đang ghi là căn cước, 12 chữ số",
    PaperKind.CMND: "đang ghi là CMND, 9 chữ số",
    PaperKind.PASSPORT: "đang ghi là hộ chiếu",
    PaperKind.NONE: "để trống nếu không có",
}
_SAID: Final = {
    "saved": "Đã lưu thông tin.",
    "vouched": "Cơ sở đã bảo lãnh.",
    "asked": "Máy đang hỏi trung tâm.",
    "corrected": "Đã ghi bản đính chính; bản cũ vẫn được giữ. Bản mới chờ ký.",
    "moved": "Mũi tiêm đã chuyển sang người này; bản cũ vẫn được giữ. Bản mới chờ ký.",
}


@dataclass(frozen=True, slots=True)
class DoseRow:
    """One dose of the person: where it stands, in words, and whether what is known now can still reach it.

    `changed` says what the centre said before, where it says otherwise now; `passport` how its certificate stands.
    """

    dose: Dose
    kind: str
    words: str
    is_signed: bool
    is_handed: bool = False
    changed: str = ""
    passport: Sentence | None = None


@blueprint.get("/people/<int(max=999999999):person_id>")
@allow(Role.RECEPTION, Role.INJECTION, Role.SIGNER, Role.MANAGER)
def show(person_id: PersonId) -> str:
    """The person as known now; `?list=` names the list to go back to, `?done=` what was done just now."""
    kept = drafts.saved_texts(url_for("people.show", person_id=person_id))
    with node().database.read() as tables:
        person = _found(tables, person_id)
        form = _stored_form(tables, person)
    if kept is not None:
        form.values |= {name: kept[name] for name in _ORDER if name in kept}
        form.revision = whole(kept.get("revision", "")) or form.revision
    return _page(person, form, said=say(_SAID.get(request.args.get("done", ""), "")))


@blueprint.post("/people/<int(max=999999999):person_id>")
@allow(Role.RECEPTION, Role.INJECTION, Role.SIGNER, Role.MANAGER)
def save(person_id: PersonId) -> Response:
    """Write the new revision, ask the pack at once, and go back to the list with what it said."""
    open_node = node()
    now = open_node.clock.now()
    typed = typed_texts(request, _ORDER)
    with open_node.database.read() as tables:
        person = _found(tables, person_id)
    recipient = read_person(typed, known=person.recipient)
    by = current_user().name
    change_person(
        open_node.database, person_id, recipient, revision=whole(request.form.get("revision", "")), at=now, by=by
    )
    check_person(open_node.database, person_id, at=now, by=by)
    drafts.clear(url_for("people.show", person_id=person_id))
    return _back(person_id, "saved")


@blueprint.post("/people/<int(max=999999999):person_id>/vouch")
@allow(Role.RECEPTION, Role.SIGNER, Role.MANAGER)
def vouch_for(person_id: PersonId) -> Response:
    """The site vouches for a foreigner; whoever looked at the passport says so, and is named in the record."""
    open_node = node()
    if request.form.get("sure", "") != "yes":
        raise RefusedError((Finding(EdgeCode.CELL_MISSING, True, "sure"),))
    revision = whole(request.form.get("revision", ""))
    vouch(open_node.database, person_id, at=open_node.clock.now(), by=current_user().name, revision=revision)
    return _back(person_id, "vouched")


@blueprint.errorhandler(RefusedError)
def refused(error: RefusedError) -> tuple[str, int]:
    """The same page with what was typed, each fault beside its field. Nothing was written."""
    changed = any(finding.code is EdgeCode.PERSON_CHANGED for finding in error.findings)
    with node().database.read() as tables:
        person = _found(tables, _asked_for())
        if request.endpoint == "people.save":
            form = _merged(tables, person) if changed else _typed_form(person)
        else:
            form = _stored_form(tables, person)
            form.values |= typed_texts(request, ("sure",))
            if changed:
                form.problem = _(
                    "Hồ sơ vừa được người khác sửa. Chưa bảo lãnh; đối chiếu lại với hộ chiếu rồi bấm lại."
                )
    if not changed:
        form.warnings.clear()
        dose_page.show_findings(form, error)
        form.problem = " ".join(text for name, text in form.errors.items() if name not in form.order)
    return _page(person, form), 409 if changed else 422


@blueprint.errorhandler(CSRFError)
def outlived(_error: CSRFError) -> tuple[str, int]:
    """The program was restarted while the page lay open: what was typed again, with a new token."""
    with node().database.read() as tables:
        person = _found(tables, _asked_for())
        form = _typed_form(person) if request.endpoint == "people.save" else _stored_form(tables, person)
    form.problem = _("Chương trình vừa được mở lại nên chưa lưu gì. Xem lại rồi bấm lần nữa.")
    return _page(person, form), 400


def _page(person: Person, form: EditForm, *, said: str = "") -> str:
    open_node = node()
    with open_node.database.read() as tables:
        rows = _rows(tables, person)
        sentence = identity_of(tables, person)
        same_number = people.with_number(tables, person.recipient.number)
        asked = asked_centre(tables, person, now=open_node.clock.now())
        evidence = evidence_words(tables, person, now=open_node.clock.now())
    waits = person.identity_state is IdentityState.WAITING
    if request.args.get("done") == "asked" and not (asked and asked.is_open):
        # The answer is here, and the page says it: nobody is asking any more.
        said = ""
    return render_template(
        "desks/person.html",
        person=person,
        form=form,
        words=form_words.FIELDS,
        units=dose_page.unit_choices(open_node.shelf.catalogue(), form.values.get("address_unit", "")),
        paper=say(_PAPER_WORDS[person.recipient.paper]),
        identity=sentence,
        evidence=evidence,
        asked=asked,
        rows=rows,
        signed=sum(row.is_signed for row in rows),
        handed=sum(row.is_handed for row in rows),
        others=[one for one in same_number if one.person_id != person.person_id],
        vouchable=waits and may_be_vouched(person.recipient),
        origin=origin(request),
        said=said,
    )


def identity_of(tables: Tables, person: Person) -> Sentence:
    """What is known of a person's identity, with the field that differs."""
    return person_sentence(person.identity_state, _differs(tables, person), vouchable=may_be_vouched(person.recipient))


def _differs(tables: Tables, person: Person) -> str:
    check = identity_checks.newest(tables, person.person_id)
    return "" if check is None or person.identity_state is not IdentityState.MISMATCH else check.field


def _stored_form(tables: Tables, person: Person) -> EditForm:
    form = EditForm(texts_of_person(person.recipient), "", order=_ORDER, revision=person.revision)
    one = person.recipient
    differs = _differs(tables, person)
    if differs in FIELDS:
        form.warnings[differs] = _("Khác với CSDLQG về dân cư. Xem lại trên giấy tờ.")
    provinces = PROVINCES | frozenset(node().shelf.catalogue().provinces)
    for finding in check_number(one.paper, one.number, sex=one.sex, birth_date=one.birth_date, provinces=provinces):
        form.warnings.setdefault(finding.field, form_words.finding_sentence(finding))
    if one.paper is PaperKind.NONE:
        form.warnings["number"] = _("Chưa có số. Xin số định danh rồi ghi vào đây.")
    return form


def _typed_form(person: Person) -> EditForm:
    # The revision that was on the screen, so that saving again is measured by the same one.
    revision = whole(request.form.get("revision", "")) or person.revision
    return EditForm(typed_texts(request, _ORDER), "", order=_ORDER, revision=revision)


def _merged(tables: Tables, person: Person) -> EditForm:
    form = _typed_form(person)
    revisions = people.versions(tables, person.person_id)
    seen = form.revision
    base = texts_of_person(revisions[seen - 1]) if 0 < seen <= len(revisions) else {}
    taken: list[str] = []
    for name, theirs in texts_of_person(person.recipient).items():
        ours = form.values[name]
        if theirs in (ours, base.get(name)):
            continue
        if ours == base.get(name):
            form.values[name] = theirs
            taken.append(form_words.label(name).lower())
        else:
            shown = dose_page.sex_words(person.recipient.sex) if name == "sex" else theirs
            form.warnings[name] = _(
                "Người kia vừa ghi: %(written)s. Ô này giữ chữ bạn gõ.", written=shown or _("(để trống)")
            )
    parts = [_("Hồ sơ vừa được người khác sửa khi trang này đang mở. Chưa lưu; chữ bạn gõ còn nguyên.")]
    parts += [_("Đã lấy từ bản của người kia: %(fields)s.", fields=", ".join(taken))] if taken else []
    form.problem = " ".join([*parts, _("Xem lại rồi bấm lưu.")])
    form.revision = person.revision
    return form


def _rows(tables: Tables, person: Person) -> list[DoseRow]:
    open_node = node()
    stored = doses.of_person(tables, person.person_id)
    rules = signing_rules(tables, open_node.shelf.catalogue().policy, now=open_node.clock.now())
    facility = node_identity.codes(tables).facility
    found = {row.facts.sequence: row for row in standings.of_person(tables, person.person_id, facility=facility)}
    sequences = [one.sequence for one in stored]
    changes = verdict_changes.newest_of(tables, sequences)
    certificates = certificates_of(tables, sequences, now=open_node.clock.now())
    rows = []
    for dose in doses.assemble(tables, sequences):
        standing, certificate = found[dose.sequence], certificates.get(dose.sequence)
        where, is_signed = place(standing, rules), standing.facts.in_live_batch
        if where == ADMITTED:
            row = DoseRow(dose, "good", _("Trung tâm đã nhận"), is_signed)
        else:
            calm = is_signed or where in (Waiting.UNSIGNED, Waiting.HANDED)
            kind = "danger" if standing.verdict is not None else "plain" if calm else "warning"
            said = say(reason_words(where).vi).rstrip(".")
            row = DoseRow(dose, kind, said, is_signed, standing.facts.is_handed)
        changed = changes.get(dose.sequence)
        told = "" if changed is None or standing.verdict is None else _changed_words(changed, open_node.clock.now())
        passport = None if certificate is None else standing_sentence(certificate)
        rows.append(replace(row, changed=told, passport=passport))
    return rows


def _changed_words(changed: ChangedVerdict, now: int) -> str:
    before = _("Trung tâm đã nhận") if changed.before.code is None else reason_words(changed.before.code.value).vi
    at = moment(changed.changed_at, now)
    return _("Trung tâm đổi kết quả lúc %(at)s; trước đó: %(before)s.", at=at, before=before)


def _found(tables: Tables, person_id: PersonId) -> Person:
    person = people.get(tables, person_id)
    if person is None:
        raise NotFound
    return person


def _asked_for() -> PersonId:
    return PersonId((request.view_args or {}).get("person_id", 0))


def _back(person_id: PersonId, done: str) -> Response:
    came = origin(request)
    if came.visit:
        return redirect(came.back, 303)
    if not came.reason:
        return redirect(url_for("people.show", person_id=person_id, done=done), 303)
    return redirect(came.list_address(fixed=person_id), 303)
