"""What all verbs of `hcvx-central` share: the directory, how data and words are said, how a failure ends."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from central.bootstrap import Centre, Clock, SecretSource, SystemEntropy, ask_environment, open_centre
from central.config import ConfigError
from central.store.database import StoreError
from central.store.key_store import KeyStoreError
from central.workflow.import_registry import RegistryFileError
from sync_protocol.command_line import SpokenGroup
from sync_protocol.errors import ProtocolError
from sync_protocol.problems import PROBLEMS
from sync_protocol.signers.token_errors import TokenError
from sync_protocol.stick_errors import StickError

_Command = TypeVar("_Command", bound=Callable[..., Any])


@dataclass(slots=True)
class State:
    """One run of the program."""

    directory: Path
    environment: Mapping[str, str]
    clock: Clock
    as_json: bool = False

    def open_centre(self) -> Centre:
        """Opens the centre of the directory."""
        return open_centre(self.directory, environment=self.environment, clock=self.clock)

    def secret(self) -> SecretSource:
        """Where passwords come from."""
        return ask_environment(self.environment)

    def emit(self, data: Mapping[str, object]) -> None:
        """Writes data to standard output, where it was asked for."""
        if self.as_json:
            click.echo(json.dumps(data, ensure_ascii=False, indent=1))


pass_state = click.make_pass_decorator(State)

# The machine's own, for verbs that need it before a centre is open.
ENTROPY = SystemEntropy()


def say(words: str) -> None:
    """Says something to the person at the terminal."""
    click.echo(words, err=True)


@contextmanager
def spoken_warnings() -> Iterator[None]:
    """Warnings (a software key instead of an HSM) become a line of words."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield
        finally:
            for text in dict.fromkeys(str(warning.message) for warning in caught):
                say(f"! {text}")


def json_option(command: _Command) -> _Command:
    """Adds `--json`."""

    def note(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
        if isinstance(context.obj, State):
            context.obj.as_json = value

    decorate = click.option("--json", is_flag=True, expose_value=False, callback=note, help="Data on standard output.")
    return decorate(command)


class CentreGroup(SpokenGroup):
    """Turns the failures that are foreseen into words, a code, and an exit code."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except ConfigError as error:
            for line in error.problems:
                say(f"Thiết lập sai: {line}")
            _fail(ctx, 2, code="config")
        except ProtocolError as error:
            row = PROBLEMS[error.code]
            say(f"{row.vi} {row.cure}")
            say(f"[{error.code.value}] {error.rule}")
            _fail(ctx, 1, code=error.code.value)
        except TokenError as error:
            say(f"{error.vi} [{error.code.value}]")
            _fail(ctx, 1, code=error.code.value)
        except StoreError as error:
            say(f"Không dùng được cơ sở dữ liệu: {error}")
            _fail(ctx, 1, code="store")
        except StickError as error:
            say(f"{error.vi}. {error.cure} [{error.code.value}]")
            _fail(ctx, 1, code=error.code.value)
        except KeyStoreError as error:
            say(f"Không dùng được tệp khóa: {error}")
            _fail(ctx, 1, code="key-store")
        except RegistryFileError as error:
            say(f"Tệp dân cư không đúng quy cách: {error}")
            _fail(ctx, 1, code="registry-file")
        return None


def _fail(context: click.Context, status: int, *, code: str) -> None:
    if isinstance(context.obj, State):
        context.obj.emit({"ok": False, "code": code})
    context.exit(status)
