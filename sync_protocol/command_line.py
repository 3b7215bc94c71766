"""How the three programs speak at the terminal: help, usage and wrong usage in Vietnamese, and in English after it.

The verbs themselves are plain click commands whose texts are English. A group is given a table of `VerbWords` and says
those instead; the English follows where the terminal's language (LC_ALL, LC_MESSAGES, LANG) is English.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import IO, Any, Final

import click

from sync_protocol.usage_words import usage_words

_LANGUAGE_VARIABLES: Final = ("LC_ALL", "LC_MESSAGES", "LANG")
_OPTIONS: Final = "[TÙY CHỌN]"
_HELP: Final = "Hiện trợ giúp này rồi thoát."
_METAVARS: Final[Mapping[str, str]] = MappingProxyType(
    {"TEXT": "CHỮ", "INTEGER": "SỐ", "INTEGER RANGE": "SỐ", "DIRECTORY": "THƯ-MỤC", "FILE": "TỆP", "PATH": "TỆP"}
)


@dataclass(frozen=True, slots=True)
class VerbWords:
    """A verb in Vietnamese.

    Attributes:
        text: what it does; the first sentence stands in the list of verbs.
        example: a command line that works as it stands.
        options: what each option and argument is, by its name: "--json", "FILE".
    """

    text: str
    example: str
    options: Mapping[str, str] = field(default_factory=dict)


class _ToldUsageError(click.UsageError):
    """Wrong usage as it is shown: the usage line, where help is, the rule."""

    def __init__(self, error: click.UsageError) -> None:
        super().__init__(error.format_message(), error.ctx)
        self.vi = usage_words(error)

    def show(self, file: IO[Any] | None = None) -> None:
        lines = [] if self.ctx is None else [self.ctx.get_usage(), f"Xem thêm: {self.ctx.command_path} --help", ""]
        lines.append(f"✕ {self.vi}")
        if is_english(os.environ):
            lines.append(f"  {self.message}")
        click.echo("\n".join(lines), file=file, err=True)


class _Spoken(click.Command):
    """What a verb and a group of verbs say alike.

    Args:
        words: what it says; without them its own English.
    """

    def __init__(self, *args: Any, words: VerbWords | None = None, **given: Any) -> None:
        super().__init__(*args, **{"options_metavar": _OPTIONS, **given})
        self.words = words

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        with _told(ctx):
            return super().parse_args(ctx, args)

    def get_short_help_str(self, limit: int = 45) -> str:
        if self.words is None:
            return super().get_short_help_str(limit)
        return self.words.text.partition(". ")[0].rstrip(".")

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        pieces = " ".join(self.collect_usage_pieces(ctx))
        formatter.write_usage(ctx.command_path, pieces, prefix="Cách dùng: ")

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if self.words is not None:
            formatter.write_paragraph()
            with formatter.indentation():
                formatter.write_text(self.words.text)
        if self.words is None or is_english(os.environ):
            super().format_help_text(ctx, formatter)

    def format_arguments(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        told = {} if self.words is None else self.words.options
        names = [one.human_readable_name for one in self.get_params(ctx) if isinstance(one, click.Argument)]
        if known := [(name, told[name]) for name in names if name in told]:
            with formatter.section("Tham số"):
                formatter.write_dl(known)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        told = {} if self.words is None else self.words.options
        options = [one for one in self.get_params(ctx) if isinstance(one, click.Option) and not one.hidden]
        with formatter.section("Tùy chọn"):
            formatter.write_dl([(_form(one, ctx), _meaning(one, told)) for one in options])

    def format_epilog(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if self.words is not None:
            with formatter.section("Ví dụ"):
                # Not wrapped: a command line that is broken anew can no longer be copied.
                formatter.write(f"{'':>{formatter.current_indent}}{self.words.example}\n")


class SpokenCommand(_Spoken):
    """A verb that speaks Vietnamese."""

    def invoke(self, ctx: click.Context) -> Any:
        with _told(ctx):
            return super().invoke(ctx)


class SpokenGroup(_Spoken, click.Group):
    """Verbs that speak Vietnamese, whatever class they were declared with.

    Args:
        table: the words of each verb by its name; of a verb of a group within it "group verb".
    """

    def __init__(self, *args: Any, table: Mapping[str, VerbWords] | None = None, **given: Any) -> None:
        super().__init__(*args, **{"subcommand_metavar": "LỆNH …", **given})
        self.table = table or {}

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        name = name or cmd.name or ""
        same: dict[str, Any] = {"name": name, "callback": cmd.callback, "params": cmd.params, "help": cmd.help}
        words = self.table.get(name)
        if isinstance(cmd, click.Group):
            prefix = f"{name} "
            inner = {key.removeprefix(prefix): one for key, one in self.table.items() if key.startswith(prefix)}
            group = SpokenGroup(**same, table=inner, words=words)
            for verb in cmd.commands.values():
                group.add_command(verb)
            super().add_command(group, name)
        else:
            super().add_command(SpokenCommand(**same, words=words), name)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with _told(ctx):
                return super().invoke(ctx)
        except (click.Abort, EOFError, KeyboardInterrupt):
            click.echo("\nĐã dừng.", err=True)
            return ctx.exit(1)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_options(ctx, formatter)
        self.format_commands(ctx, formatter)

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        verbs = [(name, one.get_short_help_str()) for name, one in sorted(self.commands.items()) if not one.hidden]
        with formatter.section("Các lệnh"):
            formatter.write_dl(verbs)


def is_english(environment: Mapping[str, str]) -> bool:
    """Whether the terminal's language is English: the first of the variables that says anything."""
    return next((environment[name] for name in _LANGUAGE_VARIABLES if environment.get(name)), "").startswith("en")


def ask_secret(question: str, *, confirm: bool = False) -> str:
    """Ask at the terminal without showing what is typed; with `confirm` twice, until both are the same."""
    while True:
        typed: str = click.prompt(question, hide_input=True, err=True)
        if not confirm or click.prompt("Nhập lại lần nữa", hide_input=True, err=True) == typed:
            return typed
        click.echo("✕ Hai lần nhập không giống nhau.", err=True)


@contextmanager
def _told(ctx: click.Context) -> Iterator[None]:
    try:
        yield
    except (_ToldUsageError, click.exceptions.NoArgsIsHelpError):
        raise
    except click.UsageError as error:
        # The parser itself does not say where it was.
        error.ctx = error.ctx or ctx
        raise _ToldUsageError(error) from error


def _form(option: click.Option, ctx: click.Context) -> str:
    names = ", ".join(option.opts) + "".join(f" / {one}" for one in option.secondary_opts)
    if option.is_flag:
        return names
    metavar = option.make_metavar(ctx)
    return f"{names} {_METAVARS.get(metavar, metavar)}"


def _meaning(option: click.Option, told: Mapping[str, str]) -> str:
    if "--help" in option.opts:
        return _HELP
    notes = ["bắt buộc"] if option.required else []
    if option.show_default and isinstance(option.default, str | int):
        notes.append(f"mặc định: {option.default}")
    text = told.get(option.opts[0], option.help or "")
    return f"{text} [{'; '.join(notes)}]" if notes else text
