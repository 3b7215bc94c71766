"""What all verbs of `hcvx-edge` share: directory, passphrase, how data and words are said, how a failure ends."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from rich.console import Console

from edge.bootstrap import Node, open_node
from edge.config import ConfigError
from edge.domain.code_words import words
from edge.domain.network_words import NETWORK_WORDS
from edge.domain.pass_journal import PASS_WORDS, PassRefusedError
from edge.domain.refusals import RefusedError
from edge.store.errors import StoreCode, StoreError
from edge.workflow.working_clock import Clock
from sync_protocol.api import NetworkError
from sync_protocol.command_line import SpokenGroup, ask_secret
from sync_protocol.errors import ProtocolError
from sync_protocol.signers.token_errors import TokenError
from sync_protocol.stick_errors import StickError

DIRECTORY_VARIABLE: Final = "HCVX_EDGE_DIRECTORY"
PASSPHRASE_VARIABLE: Final = "HCVX_EDGE_PASSPHRASE"  # noqa: S105
USER_PASSWORD_VARIABLE: Final = "HCVX_EDGE_USER_PASSWORD"  # noqa: S105
# Ours alone; everything else that begins with HCVX_EDGE_ is a setting, and a wrong one is an error.
_OWN_VARIABLES: Final = frozenset({DIRECTORY_VARIABLE, PASSPHRASE_VARIABLE, USER_PASSWORD_VARIABLE})

DONE: Final = 0
REFUSED: Final = 1
USAGE: Final = 2
NOT_FINISHED: Final = 3

_STORE_WORDS: Final[Mapping[StoreCode, str]] = {
    StoreCode.MISSING: "Chưa có nút ở thư mục này. Chạy `hcvx-edge init`.",
    StoreCode.EXISTS: "Thư mục này đã có nút.",
    StoreCode.PASSPHRASE: "Mật khẩu mở máy không đúng.",
    StoreCode.PASSPHRASE_WEAK: "Mật khẩu mở máy cần ít nhất 10 ký tự.",
    StoreCode.KEY_FILE: "Tệp khóa của nút bị hỏng hoặc không phải của nút này.",
    StoreCode.BUSY: "Chương trình khác đang giữ kho dữ liệu. Thử lại sau ít giây.",
    StoreCode.FULL: "Đĩa đã đầy. Giải phóng chỗ trống rồi thử lại.",
    StoreCode.DAMAGED: "Kho dữ liệu bị hỏng. Chạy `hcvx-edge check` và gọi bộ phận kỹ thuật.",
    StoreCode.NOT_ENROLLED: "Nút chưa ghi danh với trung tâm. Chạy `hcvx-edge enrol`.",
    StoreCode.ENROLLED: "Nút đã ghi danh rồi.",
}
_Command = TypeVar("_Command", bound=Callable[..., Any])


@dataclass(slots=True)
class State:
    """One run of the program."""

    directory: Path
    environment: Mapping[str, str]
    clock: Clock | None = None
    as_json: bool = False
    console: Console = field(default_factory=lambda: Console(stderr=True, highlight=False))
    _node: Node | None = None

    def node(self) -> Node:
        """The open node; closed when the run ends. Raises ConfigError, StoreError."""
        if self._node is None:
            settings = {name: text for name, text in self.environment.items() if name not in _OWN_VARIABLES}
            self._node = open_node(self.directory, self.passphrase(), environment=settings, clock=self.clock)
        return self._node

    def passphrase(self, *, confirm: bool = False) -> str:
        """From the environment, or asked at the terminal without showing it."""
        found = self.environment.get(PASSPHRASE_VARIABLE)
        if found is not None:
            return found
        return ask_secret("Mật khẩu mở máy", confirm=confirm)

    def close(self) -> None:
        """Close what was opened."""
        if self._node is not None:
            self._node.close()

    def say(self, text: str) -> None:
        """Say something to the person at the terminal."""
        self.console.print(text, markup=False)

    def emit(self, data: Mapping[str, object]) -> None:
        """Write data to standard output, where it was asked for."""
        if self.as_json:
            click.echo(json.dumps(data, ensure_ascii=False, indent=1))


pass_state = click.make_pass_decorator(State)
by_option = click.option("--by", default="Quản trị máy", show_default=True, help="Who does it, for the audit trail.")


def json_option(command: _Command) -> _Command:
    """Add `--json`."""

    def note(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
        if isinstance(context.obj, State):
            context.obj.as_json = value

    decorate = click.option("--json", is_flag=True, expose_value=False, callback=note, help="Data on standard output.")
    return decorate(command)


class NodeGroup(SpokenGroup):
    """Turns the failures that are foreseen into words, a code, and an exit code."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except ConfigError as error:
            for line in error.problems:
                _say(ctx, f"Thiết lập sai: {line}")
            _end(ctx, USAGE, "config")
        except RefusedError as error:
            for finding in error.findings:
                said = words(finding.code)
                mark = "✕" if finding.blocking else "!"
                detail = f" ({finding.detail})" if finding.detail else ""
                _say(ctx, f"{mark} {finding.field}: {said.vi.rstrip('.')}{detail}. {said.cure} [{finding.code.value}]")
            _end(ctx, REFUSED, error.findings[0].code.value)
        except PassRefusedError as error:
            said = PASS_WORDS[error.code]
            _say(ctx, f"✕ {said.vi}. {said.cure} [{error.code.value}]")
            _end(ctx, REFUSED, error.code.value)
        except ProtocolError as error:
            said = words(error.code)
            _say(ctx, f"✕ {said.vi} {said.cure} [{error.code.value}] {error.rule}")
            _end(ctx, REFUSED, error.code.value)
        except TokenError as error:
            _say(ctx, f"✕ {error.vi} {error.cure} [{error.code.value}]")
            _end(ctx, REFUSED, error.code.value)
        except StickError as error:
            _say(ctx, f"✕ {error.vi}. {error.cure} [{error.code.value}]")
            _end(ctx, REFUSED, error.code.value)
        except StoreError as error:
            said_of_store = _STORE_WORDS.get(error.code, "Kho dữ liệu không làm được việc này.")
            _say(ctx, f"✕ {said_of_store} [{error.code.value}] {error.rule}")
            _end(ctx, REFUSED, error.code.value)
        except NetworkError as error:
            said = NETWORK_WORDS[error.fault]
            _say(ctx, f"! {said.vi} {said.cure} Chưa mất gì. [{error.fault.value}] {error}")
            _end(ctx, NOT_FINISHED if error.try_again else REFUSED, error.fault.value)
        finally:
            if isinstance(ctx.obj, State):
                ctx.obj.close()
        return None


def _say(context: click.Context, text: str) -> None:
    if isinstance(context.obj, State):
        context.obj.say(text)


def _end(context: click.Context, status: int, code: str) -> None:
    if isinstance(context.obj, State):
        context.obj.emit({"ok": False, "code": code})
    context.exit(status)
