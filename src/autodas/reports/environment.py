"""The template engine: everything read from a run is text, and one script is allowed."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from importlib import resources
from typing import Any

import jinja2

from autodas.core.printable import printable
from autodas.reports import sentences, spell

__all__ = ["DAMAGE", "environment", "page_text"]

# What results of another shape than expected lead to.
DAMAGE = (
    KeyError,
    TypeError,
    ValueError,
    IndexError,
    AttributeError,
    ArithmeticError,
    RecursionError,
    jinja2.TemplateError,
)

FILTERS = ("number", "difference", "interval", "percent", "count", "duration", "label")


def environment() -> jinja2.Environment:
    """Templates with our filters and the page's style and script."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("autodas.reports"),
        # Everything read from a run is text, whatever it looks like.
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in FILTERS:
        made.filters[name] = getattr(spell, name)
    made.tests["proxy"] = sentences.is_proxy
    script = _file("script.js")
    made.globals["style"] = _file("style.css")
    made.globals["script"] = script
    # The policy of the page lets this script run, by its digest, and no other.
    digest = hashlib.sha256(script.encode()).digest()
    made.globals["script_digest"] = "sha256-" + base64.b64encode(digest).decode()
    return made


def page_text(template: str, context: Mapping[str, Any]) -> str:
    r"""A page; what would hide or turn round the text after it is written as ``\x1b`` or alike."""
    return environment().get_template(template).render(context).translate(_UNSEEN)


def _unseen() -> dict[int, str]:
    control = [code for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\n\t"]
    # Marks that change the direction of writing.
    direction = [0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
    return {code: printable(chr(code)) for code in (*control, *direction)}


_UNSEEN = _unseen()


def _file(name: str) -> str:
    text = resources.files("autodas.reports").joinpath("templates", name).read_text("utf-8")
    return text.strip()
