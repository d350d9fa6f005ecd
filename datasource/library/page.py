"""A result as one page of HTML that stands for itself."""

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datasource.library.pictures import Picture

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1b1f24; }
h1 { font-size: 1.4rem; }
figure { margin: 1.5rem 0; }
figure svg { max-width: 100%; height: auto; background: #fff; }
pre { overflow-x: auto; white-space: pre-wrap; background: #f4f6f8; padding: 1rem; font-size: 13px; line-height: 1.4; }
"""


def page(title: str, text: str, pictures: Sequence["Picture"]) -> str:
    """The page: its pictures first, then the whole text."""
    drawn = "".join(f"<figure>{picture.svg()}</figure>\n" for picture in pictures)
    return (
        f'<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<style>{_STYLE}</style>\n</head>\n'
        f"<body>\n<h1>{escape(title)}</h1>\n{drawn}<pre>{escape(text)}</pre>\n</body>\n</html>\n"
    )
