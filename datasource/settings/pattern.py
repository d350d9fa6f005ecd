"""Regular expressions that users write: RE2, the dialect of Prometheus' own matchers.

RE2 needs time linear in the text, whatever the pattern; Python's `re` would stop the whole process with some.
"""

from collections.abc import Callable

import re2

_LARGEST_PROGRAM = 3000
"""Instructions of a compiled pattern: what a text costs at most, for each of its letters."""

_LONGEST = 10_000
"""Letters of a pattern that does more than list names."""

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False
_OPTIONS.dot_nl = True
_OPTIONS.max_mem = 2 * 1024 * 1024


class PatternError(ValueError):
    """A text is no regular expression of RE2, or too large a one."""


def compile_pattern(text: str) -> "re2._Regexp":
    """The compiled pattern, as of Python's `re`. Raises PatternError.

    >>> compile_pattern("(.+)-v[0-9]+").fullmatch("cart-v2").group(1)
    'cart'
    """
    if len(text) > _LONGEST:
        raise _too_large(text)
    try:
        compiled = re2.compile(text, _OPTIONS)
    except UnicodeEncodeError:
        raise PatternError(f"{_shown(text)} is no text in Unicode") from None
    except re2.error as error:
        why = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else str(error)
        raise PatternError(
            f"{_shown(text)} is not a regular expression of RE2, as in Prometheus: {why[:200]}"
        ) from None
    if compiled.programsize > _LARGEST_PROGRAM:
        raise _too_large(text)
    return compiled


def matcher(*patterns: str) -> Callable[[str], bool]:
    """Whether one of the patterns matches the whole of a text. Raises PatternError, also when all together are too
    large.

    >>> [matcher("(cart|check.*)", "web")(name) for name in ("cart", "checkout", "my-cart", "web")]
    [True, True, False, True]
    """
    names: set[str] = set()
    others: list[str] = []
    for text in patterns:
        listed = listed_names(text)
        if listed is None:
            compile_pattern(text)
            others.append(f"(?:{text})")
        else:
            names |= listed
    compiled = compile_pattern("|".join(others)) if others else None
    return lambda name: name in names or (compiled is not None and compiled.fullmatch(name) is not None)


def listed_names(text: str) -> frozenset[str] | None:
    r"""The names of a pattern that only lists names, as Grafana writes variables of several values; else None.

    >>> sorted(listed_names(r"(cart\.v2|shop\/web)"))
    ['cart.v2', 'shop/web']
    >>> listed_names("cart.*") is None
    True
    """
    if text.startswith("(") and text.endswith(")") and not text.endswith("\\)"):
        text = text[1:-1]
    names, name = [], ""
    letters = iter(text)
    for letter in letters:
        if letter == "|":
            names.append(name)
            name = ""
        elif letter == "\\":
            escaped = next(letters, "")
            if not escaped or not escaped.isascii() or escaped.isalnum() or escaped == "_":
                return None
            name += escaped
        elif letter in ".^$*+?()[]{}":
            return None
        else:
            name += letter
    return frozenset((*names, name))


def _too_large(text: str) -> PatternError:
    return PatternError(f"{_shown(text)} is too large a regular expression; repeat less, or ask for fewer patterns")


def _shown(text: str) -> str:
    return repr(text if len(text) <= 100 else f"{text[:97]}...")
