"""Do the docs build without a warning, ask no network, and say all there is about the API, chip files and commands?"""

from __future__ import annotations

import re
import subprocess
import sys
from html import unescape
from pathlib import Path

import pytest

import synaptile
from synaptile.cli import app
from synaptile.hwmodels import parameters, shipped_chips

pytestmark = pytest.mark.slow


pytest.importorskip("sphinx", reason="sphinx, which builds the docs, is not installed")
pytest.importorskip("furo", reason="furo, the theme of the docs, is not installed")
pytest.importorskip("myst_nb", reason="myst-nb, which reads their Markdown and notebook, is not installed")

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; a warning is an error, as in `make docs`."""
    folder = tmp_path_factory.mktemp("docs")
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "--quiet", str(DOCS), str(folder / "site")]
    built = subprocess.run([*command, "-d", str(folder / "doctrees")], capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return folder / "site"


def text_of(page: Path) -> str:
    return unescape(re.sub(r"<[^>]+>", "", page.read_text(encoding="utf-8")))


def test_no_page_asks_a_network(site: Path) -> None:
    loads = re.compile(r"<(?:script|img|iframe|source)[^>]*\ssrc=\"([^\"]+)\"|<link[^>]*\shref=\"([^\"]+)\"")
    pages = list(site.rglob("*.html"))
    assert len(pages) > 20
    for page in pages:
        for found in loads.finditer(page.read_text(encoding="utf-8")):
            assert "//" not in (found[1] or found[2]), (page.name, found[0])
    for style in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(https?:)?//|@import", style.read_text(encoding="utf-8")), style.name


def test_the_api_page_has_every_public_name(site: Path) -> None:
    shown = (site / "reference" / "api.html").read_text(encoding="utf-8")
    for name in vars(synaptile)["__all__"]:
        entry = re.search(rf'id="synaptile\.{name}".*?<dd>(.*?)</dd>', shown, re.S)
        assert entry is not None, f"{name} is missing"
        assert re.sub(r"<[^>]+>", "", entry[1]).strip(), f"{name} has no docstring"


def test_the_chip_page_has_every_key_with_its_meaning(site: Path) -> None:
    shown = (site / "reference" / "chip-file.html").read_text(encoding="utf-8")
    rows = {
        unescape(re.sub(r"<[^>]+>", "", cells[0])): [re.sub(r"<[^>]+>", "", cell).strip() for cell in cells[1:]]
        for cells in (re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, re.S) for row in re.findall(r"<tr.*?</tr>", shown, re.S))
    }
    keys = {key.strip() for key in rows}
    for name in parameters():
        section, _, last = name.rpartition(".")
        assert name in keys or f"{section.rpartition('.')[0]}.*.{last}" in keys, f"{name} is missing"
    assert all(rows[key][-1] for key in rows if key.strip() in parameters())
    lanes = rows["synapse_core.lanes_per_cycle"]
    assert [unescape(cell) for cell in lanes[:3]] == ["integer > 0", "per cycle", "yes"]
    assert unescape(rows["area.sram_array_efficiency"][0]) == "number > 0, <= 1"
    for chip in shipped_chips():
        assert f"<strong>{chip}</strong>" in shown


def test_the_command_page_has_every_command(site: Path) -> None:
    shown = text_of(site / "reference" / "cli.html")
    for command in app.registered_commands:
        assert f"$ synaptile {command.name}" in shown
    assert "--with-schedule" in shown and "&#x27;" not in shown


def test_every_page_of_the_folder_is_in_the_site(site: Path) -> None:
    for source in (*DOCS.rglob("*.md"), *DOCS.rglob("*.ipynb")):
        assert (site / source.relative_to(DOCS)).with_suffix(".html").is_file(), source.name


def test_files_that_the_readme_and_docs_point_to_exist() -> None:
    for page in (*ROOT.glob("*.md"), *DOCS.rglob("*.md")):
        text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)
        for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", text):
            assert (page.parent / target).exists(), f"{page.name} points to {target}"
