"""Wrong usage of a command line in words: what click found, told in Vietnamese by kind and not by its English text."""

from __future__ import annotations

import click


class WrongUsage(click.UsageError):
    """A use of a verb that the verb itself refuses.

    Args:
        vi: the rule in Vietnamese.
        en: the same in English.
    """

    def __init__(self, vi: str, en: str) -> None:
        super().__init__(en)
        self.vi = vi


def usage_words(error: click.UsageError) -> str:
    """What was wrong with a command line, in Vietnamese."""
    match error:
        case WrongUsage():
            return error.vi
        case click.exceptions.NoSuchCommand():
            return _with_guesses(f"Không có lệnh {error.command_name}.", error.possibilities)
        case click.NoSuchOption():
            return _with_guesses(f"Không có tùy chọn {error.option_name}.", error.possibilities)
        case click.MissingParameter():
            what = "tham số" if isinstance(error.param, click.Argument) else "tùy chọn"
            return f"Thiếu {what} {_named(error.param)}."
        case click.BadParameter():
            return f"Giá trị của {_named(error.param)} không dùng được: {_rule(error.param)}."
        case click.BadOptionUsage():
            is_flag = error.ctx is not None and any(
                isinstance(one, click.Option) and one.is_flag and error.option_name in one.opts
                for one in error.ctx.command.params
            )
            return f"Tùy chọn {error.option_name} {'không kèm' if is_flag else 'cần một'} giá trị."
        case _ if error.ctx is not None and isinstance(error.ctx.command, click.Group):
            return "Thiếu lệnh."
        case _:
            return "Có phần thừa ở cuối dòng lệnh."


def _with_guesses(text: str, guesses: list[str] | None) -> str:
    return f"{text} Có phải: {', '.join(guesses)}?" if guesses else text


def _named(parameter: click.Parameter | None) -> str:
    if parameter is None:
        return "tham số"
    return parameter.opts[0] if isinstance(parameter, click.Option) else parameter.human_readable_name


def _rule(parameter: click.Parameter | None) -> str:
    """What a value has to be, by the type that refused it."""
    match None if parameter is None else parameter.type:
        case click.Choice(choices=choices):
            return f"chọn một trong {', '.join(map(str, choices))}"
        case click.IntRange(min=least, max=most):
            low, high = "" if least is None else f" từ {least}", "" if most is None else f" đến {most}"
            return f"cần số nguyên{low}{high}"
        case click.types.IntParamType():
            return "cần số nguyên"
        case click.DateTime():
            return "viết ngày như 2022-04-16"
        case click.Path(file_okay=False):
            return "không có thư mục này, hoặc không dùng được nó"
        case click.Path() | click.File():
            return "không có tệp này, hoặc không dùng được nó"
        case _:
            return "viết không đúng"
