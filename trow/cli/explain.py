"""`trow explain REF`: how an image reference is read, what Trow makes of it, and which line of the file decided."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trow.cli.output import BOLD, DIM, coloured, complain, say, say_json
from trow.cli.ruling import rulings
from trow.cli.settings import settings
from trow.oci.image import ImageReferenceInvalid, parse_image

if TYPE_CHECKING:
    import argparse

    from trow.cli.ruling import Ruling
    from trow.oci.image import ImageReference


def explain(chosen: argparse.Namespace) -> int:
    """Print it; 1 for a text that is no image reference."""
    found = settings(chosen)
    try:
        image = parse_image(chosen.reference)
    except ImageReferenceInvalid as error:
        if chosen.output == "json":
            say_json({"reference": chosen.reference, "error": str(error)})
        else:
            complain(error)
        return 1
    said = rulings(image, found, user=chosen.user, namespace=chosen.namespace)
    if chosen.output == "json":
        say_json(_read(chosen.reference, image) | {each.about: each.document() for each in said})
    else:
        _tell(chosen.reference, image, said)
    return 0


def _read(text: str, image: ImageReference) -> dict[str, Any]:
    return {
        "reference": text,
        "image": str(image),
        "host": image.host,
        "repository": image.repository,
        "tag": image.tag,
        "digest": image.digest,
        "pulled": image.pulled,
    }


def _tell(text: str, image: ImageReference, said: list[Ruling]) -> None:
    say(coloured(text, BOLD))
    for name in ("host", "repository", "tag", "digest"):
        value = getattr(image, name)
        if value:
            say(f"  {name:<12} {value}")
    if image.tag and image.digest:
        say(f"  {'pulled':<12} {image.pulled} (a digest decides alone)")
    for each in said:
        say(f"  {each.about:<12} {each.verdict}: {each.because}{coloured(each.source(), DIM)}")
