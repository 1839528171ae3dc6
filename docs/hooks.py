"""What MkDocs does with this project beside turning docs/ into pages.

A page is written where people look for it on the disk: systemd/README.md, those of the examples. Links are
relative to the file that they stand in, as on any forge, and are turned here to where it is in the site. What
a page of the reference lists comes from `generate`.
"""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import generate
from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
DOCS = PurePosixPath("docs")
BESIDE = (
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "charge_point_state.json",
    "config/*",
    "docker/**/*",
    "examples/**/*",
    "ocppd/ARCHITECTURE.md",
    "systemd/*",
)
"""What the site has from beside docs/, at the same place as in the project."""
_LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")
_GENERATED = re.compile(r"<!-- generated: (\w+) -->")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what is beside docs/."""
    for path in sorted({it for pattern in BESIDE for it in ROOT.glob(pattern)}):
        if path.is_file() and not {"__pycache__", "node_modules"} & set(path.parts):
            name = path.relative_to(ROOT).as_posix()
            files.append(File(name, str(ROOT), config.site_dir, config.use_directory_urls))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put in what is generated, and turn the links between files of the project into those of the site."""
    if page.file.src_uri == "conformance.md":
        page.meta["search"] = {"exclude": True}  # its names of tests would hide everything else
    if page.is_homepage:
        page.meta["hide"] = ["navigation", "toc"]
    place = PurePosixPath(page.file.src_uri)
    file = place if page.file.src_dir == str(ROOT) else DOCS / place
    markdown = _GENERATED.sub(lambda found: generate.GENERATED[found[1]](), markdown)
    return _LINK.sub(lambda found: f"]({_turned(found[1], file, place)}", markdown)


def _turned(link: str, file: PurePosixPath, place: PurePosixPath) -> str:
    """The link that stands in a `file` of the project, as it is from the `place` of its page in the site."""
    target = PurePosixPath(os.path.normpath(file.parent / link))
    if target == PurePosixPath("README.md"):
        target = DOCS / "index.md"
    in_site = target.relative_to(DOCS) if target.is_relative_to(DOCS) else target
    return os.path.relpath(in_site, place.parent)
