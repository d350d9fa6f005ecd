"""Whether everything that is installed with causal-datasource may be used and passed on without asking: `make lint`.

Looks at pyproject.toml's dependencies, those of its extras but the tests', and theirs. Exit code 1 names those whose
licence is none of these, or not told.
"""

import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

FREE = re.compile(r"\b(Apache|MIT|BSD|ISC|MPL|PSF|Python Software Foundation|Mozilla Public|LGPL|Zlib|0BSD)\b", re.I)
NOT_FREE = re.compile(r"\b(AGPL|GPL|Affero|SSPL|BUSL|Commons Clause|Proprietary|Commercial)\b", re.I)


def needed(requirement: Requirement, seen: set[tuple[str, frozenset[str]]]) -> Iterator[Distribution]:
    """A package and what it needs, as installed."""
    key = requirement.name.lower().replace("_", "-"), frozenset(requirement.extras)
    if key in seen:
        return
    seen.add(key)
    try:
        found = distribution(requirement.name)
    except PackageNotFoundError:
        return  # needed on other systems only
    yield found
    for text in found.requires or ():
        other = Requirement(text)
        if other.marker is None or any(other.marker.evaluate({"extra": one}) for one in ("", *requirement.extras)):
            yield from needed(other, seen)


def licence(one: Distribution) -> str:
    """What its metadata says, in one line."""
    told = one.metadata
    classifiers = [
        text.rpartition("::")[2].strip() for text in told.get_all("Classifier") or () if "License ::" in text
    ]
    return told.get("License-Expression") or ", ".join(classifiers) or (told.get("License") or "").partition("\n")[0]


def main() -> None:
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    extras = [texts for name, texts in project["optional-dependencies"].items() if name != "test"]
    seen: set[tuple[str, frozenset[str]]] = set()
    found = {
        one.name: licence(one)
        for text in [*project["dependencies"], *(text for texts in extras for text in texts)]
        for one in needed(Requirement(text), seen)
    }
    wrong = {name: told for name, told in found.items() if NOT_FREE.search(told) or not FREE.search(told)}
    for name, told in sorted(wrong.items()):
        print(f"{name}: its licence is {told or 'not told'}; see scripts/licences.py", file=sys.stderr)
    print(f"licences of {len(found)} packages looked at, {len(wrong)} in question")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
