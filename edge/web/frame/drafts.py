"""Nothing typed is lost: forms that were not sent, or were sent into a locked session, come back as they were.

A form that is to be kept says where it belongs: `data-keep` with `data-place="/its/page"`, and the same path in a
hidden field `place` for browsers without JavaScript. Its page fills it from `saved_texts(place)`; the view that accepts
it calls `clear(place)`. The base page then says where the texts come from, and offers to drop them.
"""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, Response, current_app, g, redirect, request
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect
from werkzeug.wrappers import Response as AnyResponse

from edge.store import drafts
from edge.store.drafts import NEVER_KEPT, Draft
from edge.store.users import User
from edge.web.frame.access import SIGNED_IN, allow_signed_in, allowed_roles, current_user
from edge.web.frame.node import node

blueprint = Blueprint("drafts", __name__)

_PLACE_CHARS = 200


def saved_texts(place: str) -> dict[str, str] | None:
    """What the current user typed into the form of this page and did not send, by field; None for nothing."""
    open_node = node()
    with open_node.database.read() as tables:
        draft = drafts.get(tables, current_user().user_id, place, at=open_node.clock.now())
    if draft is None:
        return None
    # The base page says beside the form what it is filled with.
    g.draft = draft
    return dict(draft.texts)


def clear(place: str) -> None:
    """The form of this page was accepted: its draft is not needed any more."""
    user_id = current_user().user_id
    with node().database.read() as tables:
        kept = place in drafts.places(tables, user_id, at=0)
    if kept:
        with node().database.write_transaction() as tables:
            drafts.clear(tables, user_id, place)


def shown() -> Draft | None:
    """The draft that the page of this request is filled with, if it is."""
    found: Draft | None = g.get("draft")
    return found


def is_page(path: str) -> bool:
    """Whether a path, with at most a query of codes, is that of a page of ours for people who have signed in."""
    endpoint = endpoint_of(path)
    return endpoint is not None and bool(allowed_roles(current_app, endpoint) & SIGNED_IN)


def endpoint_of(path: str) -> str | None:
    """The endpoint of a page of ours by its path, so that no form sends a browser anywhere else; None for others."""
    if not path.startswith("/") or path.startswith("//") or len(path) > _PLACE_CHARS or not path.isprintable():
        return None
    if "\\" in path or "#" in path:
        return None
    try:
        endpoint, _ = current_app.url_map.bind("").match(path.partition("?")[0], method="GET")
    except (HTTPException, RequestRedirect):
        return None
    return None if endpoint == "static" else str(endpoint)


def may_open(user: User, path: str) -> bool:
    """Whether this user may open the page of this path."""
    endpoint = endpoint_of(path)
    return endpoint is not None and bool(user.roles & allowed_roles(current_app, endpoint))


def keep_request(user: User) -> str | None:
    """Keep the form that this request carries for its sender; gives the path of its page, or None where it has none."""
    place = request.form.get("place", "")
    if not is_page(place):
        return request.path if is_page(request.path) else None
    keep(user, place, texts_of_request())
    return place


def keep(user: User, place: str, texts: Mapping[str, str], *, typed_by: str = "") -> bool:
    """Keep texts as the draft of a page; gives whether there was anything to keep."""
    open_node = node()
    draft = Draft(place, texts, typed_by or user.name, open_node.clock.now())
    with open_node.database.write_transaction() as tables:
        return drafts.save(tables, user.user_id, draft)


def texts_of_request() -> dict[str, str]:
    """The fields of this request's form that a draft may hold; one that occurs more than once has a line for each.

    A form of which little is worth keeping names those fields in `kept_fields`, parted by spaces.
    """
    wanted = request.form.get("kept_fields", "").split()
    return {
        name: "\n".join(values)
        for name, values in request.form.lists()
        if name not in NEVER_KEPT and (not wanted or name in wanted)
    }


def hand_over(giver: User, taker: User) -> None:
    """At the change of shift: what the one left half typed goes to the other, where that one may open the page."""
    open_node = node()
    with open_node.database.write_transaction() as tables:
        for place in drafts.places(tables, giver.user_id, at=open_node.clock.now()):
            if may_open(taker, place):
                drafts.hand_over(tables, giver.user_id, taker.user_id, place)


@blueprint.post("/drafts")
@allow_signed_in()
def save() -> Response:
    """Keep what the browser sends by itself a few seconds after somebody typed."""
    keep_request(current_user())
    return Response(status=204)


@blueprint.post("/drafts/drop")
@allow_signed_in()
def drop() -> AnyResponse:
    """Forget a draft and show its page empty."""
    place = request.form.get("place", "")
    if not is_page(place):
        return redirect("/", 303)
    clear(place)
    return redirect(place, 303)
