"""Our side of the desk at which a person types a PIN into the signer process: where it is, and who shows it.

Our process learns that the desk is open, and that somebody has typed something; never what.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from sync_protocol.certificate import Certificate
from sync_protocol.signers.token_link import TokenLink
from sync_protocol.signers.token_messages import AwaitPin, DeskOpened, OpenDesk, PinTaken

_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class DeskPlace:
    """Where the page is that shows the form, and how long the desk stays open.

    Attributes:
        origin: of the page, such as "http://127.0.0.1:8750"; from anywhere else no form is taken.
        back: the path there to which the browser comes back.
        path: where the form goes at the desk: begins with "/", 128 fresh random bits at least.
        seconds: how long somebody may take to type.
    """

    origin: str
    back: str
    path: str
    seconds: float


@dataclass(frozen=True, slots=True, repr=False)
class ShownDesk:
    """What the page needs for its form.

    Attributes:
        origin: of the desk, for the page's Content-Security-Policy.
        action: the address of the form.
        label: the token's label; "" for a file.
        certificate: the one that will sign; None for a file, which says it only when it is open.
    """

    origin: str
    action: str
    label: str
    certificate: Certificate | None


class DeskScreen(Protocol):
    """Whoever shows the desk to a person."""

    def begin(self, cancel: Callable[[], None]) -> None:
        """Somebody will be waited for; `cancel` ends that, from any thread."""
        ...

    def show(self, desk: ShownDesk) -> None:
        """The form may be shown now. What this raises ends the signer before a PIN is typed."""
        ...

    def taken(self) -> None:
        """Something was typed; the browser comes back as soon as this returns."""
        ...


def have_pin_typed(
    link: TokenLink, place: DeskPlace, screen: DeskScreen, *, label: str, certificate: Certificate | None
) -> None:
    """Open the desk and wait until somebody has typed; the login is asked for afterwards.

    Raises:
        TokenError: PIN_NOT_TYPED, PIN_CANCELLED, DESK_CLOSED, TIMEOUT, PROCESS_DIED.
    """
    screen.begin(link.cancel)
    opening = OpenDesk(origin=place.origin, back=place.back, path=place.path)
    port = link.ask(opening, DeskOpened, seconds=link.timeouts.login).port
    origin = f"http://{_LOOPBACK}:{port}"
    screen.show(ShownDesk(origin, origin + place.path, label=label, certificate=certificate))
    # The signer process ends the wait by itself; ours is longer, so that its answer can be heard.
    seconds = place.seconds + link.timeouts.login
    link.ask(AwaitPin(place.seconds), PinTaken, seconds=seconds, for_person=True)
    screen.taken()
