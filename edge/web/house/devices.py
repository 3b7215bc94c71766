"""Devices on the clinic's network: what a stranger's browser sees, and what the manager sees of it.

A browser that came over the network and was not let in sees `/device` and nothing else, whatever it asks for: the
site's name and, once it has asked, a code to read aloud. Whether a request came over the network is told by the server
that it came to, never by a header or an address. This machine's own browser needs no admission.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Final, cast

from flask import Blueprint, Flask, Response, current_app, g, make_response, redirect, render_template, request, url_for
from werkzeug.exceptions import SecurityError
from werkzeug.wrappers import Response as AnyResponse

from edge.domain.code_words import words
from edge.domain.refusals import RefusedError
from edge.domain.roles import Role
from edge.store import devices
from edge.store.devices import Device, DeviceId, DeviceState
from edge.web.frame.access import allow, allow_anybody, current_user, forget_visit
from edge.web.frame.node import node
from edge.web.frame.qr_svg import draw_qr
from edge.web.frame.security import came_over_lan
from edge.workflow.admit_device import (
    ADMITTED_SECONDS,
    NAME_CHARS,
    admit_by_code,
    admit_device,
    ask_admission,
    asking_devices,
    find_device,
    refuse_device,
    withdraw_device,
)

blueprint = Blueprint("devices", __name__)

# The prefix makes browsers refuse the cookie without HTTPS and for any other host.
COOKIE: Final = "__Host-hcvx-device"
_KEY: Final = "hcvx-devices"
# Without admission: asking for it, in either language.
_OPEN: Final = frozenset({"devices.ask", "devices.begin", "accounts.choose_language", "static"})
# How often a waiting device looks whether it was let in. A header does what `<meta http-equiv="refresh">` does.
_LOOK_SECONDS: Final = 5
_LISTED: Final = 200


@dataclass(frozen=True, slots=True)
class Lan:
    """Where the pages are served on the clinic's network: the address to open, and what to compare there."""

    url: str
    fingerprint: str


@dataclass(slots=True)
class _Entrance:
    """What the running program knows: the network's address if it serves there, and when each device was last here."""

    lan: Lan | None
    seen: dict[DeviceId, int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, device_id: DeviceId, at: int) -> None:
        with self.lock:
            self.seen[device_id] = at

    def last_seen(self) -> dict[DeviceId, int]:
        with self.lock:
            return dict(self.seen)


def install(app: Flask, lan: Lan | None) -> None:
    """Ask each request from the network for its device, before anything else is done for it."""
    app.extensions[_KEY] = _Entrance(lan)
    app.before_request(require_device)


def require_device() -> AnyResponse | None:
    """Let the page begin, or lead to where a device asks to be let in. Raises SecurityError, StoreError."""
    if not came_over_lan():
        return None
    if isinstance(request.routing_exception, SecurityError):
        # Asked for under a foreign name: there is no address of ours to lead to.
        raise request.routing_exception
    open_node = node()
    now = open_node.clock.now()
    device = find_device(open_node.database, request.cookies.get(COOKIE, ""), at=now)
    if device is not None and device.state is DeviceState.ADMITTED:
        _entrance().note(device.device_id, now)
        return None
    g.device = device
    # No page that follows, a refusal neither, says more than the site's name, whoever signed in here before.
    forget_visit()
    if request.endpoint in _OPEN:
        return None
    return redirect(url_for("devices.ask"), 303)


@blueprint.get("/device")
@allow_anybody()
def ask() -> AnyResponse:
    """What a device is asked for, or the code that it shows while it waits."""
    if "device" not in g:
        return redirect(url_for("today.show"), 303)
    device: Device | None = g.device
    answer = _ask_page(device)
    if device is not None and device.state is DeviceState.ASKED:
        answer.headers["Refresh"] = str(_LOOK_SECONDS)
    return answer


@blueprint.post("/device")
@allow_anybody()
def begin() -> AnyResponse:
    """Ask to be let in under a name; a device that waits already goes on waiting. Raises RefusedError, StoreError."""
    answer = redirect(url_for("devices.ask"), 303)
    if "device" not in g or (g.device is not None and g.device.state is DeviceState.ASKED):
        return answer
    open_node = node()
    name = request.form.get("name", "")
    asked = ask_admission(open_node.database, name, entropy=open_node.entropy, at=open_node.clock.now())
    answer.set_cookie(
        COOKIE, asked.token, max_age=ADMITTED_SECONDS, secure=True, httponly=True, samesite="Strict", path="/"
    )
    return answer


@blueprint.get("/devices")
@allow(Role.MANAGER)
def show() -> str:
    """The network's address, who asks, who was let in."""
    return _overview_page()


@blueprint.post("/devices/code")
@allow(Role.MANAGER)
def admit_typed() -> AnyResponse:
    """Let the device in that shows the typed code. Raises RefusedError, StoreError."""
    open_node = node()
    by = current_user().name
    admit_by_code(open_node.database, request.form.get("code", ""), at=open_node.clock.now(), by=by)
    return _back()


@blueprint.post("/devices/<int(max=999999999):device_id>/admit")
@allow(Role.MANAGER)
def admit(device_id: int) -> AnyResponse:
    """Let a device in whose code was compared. Raises RefusedError, StoreError."""
    open_node = node()
    admit_device(open_node.database, DeviceId(device_id), at=open_node.clock.now(), by=current_user().name)
    return _back()


@blueprint.post("/devices/<int(max=999999999):device_id>/refuse")
@allow(Role.MANAGER)
def turn_away(device_id: int) -> AnyResponse:
    """Turn a device away. Raises RefusedError, StoreError."""
    open_node = node()
    refuse_device(open_node.database, DeviceId(device_id), at=open_node.clock.now(), by=current_user().name)
    return _back()


@blueprint.post("/devices/<int(max=999999999):device_id>/withdraw")
@allow(Role.MANAGER)
def withdraw(device_id: int) -> AnyResponse:
    """Take back an admission. Raises RefusedError, StoreError."""
    open_node = node()
    withdraw_device(open_node.database, DeviceId(device_id), at=open_node.clock.now(), by=current_user().name)
    return _back()


@blueprint.errorhandler(RefusedError)
def refused(error: RefusedError) -> AnyResponse:
    """The same page once more, with what stands against it."""
    said = words(error.findings[0].code)
    if request.endpoint == "devices.begin":
        answer = _ask_page(None, problem=f"{said.vi}. {said.cure}")
    else:
        answer = make_response(_overview_page(problem=error))
    answer.status_code = 422
    return answer


def _ask_page(device: Device | None, *, problem: str = "") -> Response:
    name = request.form.get("name", "")
    return make_response(
        render_template("house/device.html", device=device, problem=problem, name_chars=NAME_CHARS, name=name)
    )


def _overview_page(*, problem: RefusedError | None = None) -> str:
    open_node = node()
    now = open_node.clock.now()
    lan = _entrance().lan
    with open_node.database.read() as tables:
        admitted = devices.in_state(tables, DeviceState.ADMITTED, limit=_LISTED)
    return render_template(
        "house/devices.html",
        lan=lan,
        qr=draw_qr(lan.url) if lan else None,
        asking=asking_devices(open_node.database, at=now),
        admitted=admitted,
        seen=_entrance().last_seen(),
        problem=words(problem.findings[0].code) if problem else None,
        now=now,
    )


def _entrance() -> _Entrance:
    return cast("_Entrance", current_app.extensions[_KEY])


def _back() -> AnyResponse:
    return redirect(url_for("devices.show"), 303)
