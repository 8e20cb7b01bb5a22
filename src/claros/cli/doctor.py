"""``claros doctor``: what is installed and what each extra would add."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from claros.cli.output import show_json, show_table

__all__ = ["doctor"]


def doctor(json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Say what is installed, what works, and what each extra would add.

    Looks at Python, the machine, every package that Claros needs, and every extra; imports what it finds, so that a
    package that is installed but broken is reported as such. Installs nothing and changes nothing.
    """
    from claros.doctor import examine

    found = examine()
    if json:
        show_json(found)
        return
    print(f"claros {found['claros']}, Python {found['python']}, {found['platform']}, {found['cores']} cores")
    print(f"devices: {'; '.join(found['devices'])}\n")
    rows = [("core", _packages(found["core"]), "")]
    for name, extra in found["extras"].items():
        advice = f"{extra['install']} adds {', '.join(extra['missing'])}" if extra["missing"] else ""
        rows.append((name, _packages(extra["packages"]), advice))
    show_table(("extra", "packages", "would add"), rows)
    broken = [package for of in (found["core"], *(e["packages"] for e in found["extras"].values())) for package in of]
    for sentence in dict.fromkeys(
        f"{package['name']} {package['problem']}" for package in broken if package["problem"]
    ):
        print(sentence)


def _packages(packages: list[dict[str, Any]]) -> str:
    return ", ".join(f"{package['name']} {package['version'] or '(absent)'}" for package in packages)
