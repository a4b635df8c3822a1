"""Do wheel, sdist and a checkout without symbolic links install and run beside a user's own energy.py and report.py?"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OWN_FILES = ("energy.py", "report.py", "mapper.py", "simulator.py", "foundation.py")
CARRIED = (
    "__init__.pyi",
    "py.typed",
    "data/digits.npz",
    "data/digits.spk",
    "data/digits_spikformer.spk",
    "energy/pricing.py",
    "hwmodels/chips/ecmt45.yaml",
)

pytestmark = pytest.mark.slow


def run(*command: object, cwd: Path, **environment: object) -> str:
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=os.environ | {name: str(value) for name, value in environment.items()},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What git holds, links as links."""
    left_out = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "__pycache__")
    return shutil.copytree(ROOT, tmp_path_factory.mktemp("checkout") / "source", symlinks=True, ignore=left_out)


@pytest.fixture(scope="module")
def built(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel that was built from it."""
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, source, cwd=out)
    return out


@pytest.fixture(scope="module")
def without_links(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkout as git writes it where `core.symlinks` is off: a text file with the target in place of each link."""
    copy = shutil.copytree(source, tmp_path_factory.mktemp("windows") / "source", symlinks=True)
    links = [path for path in (copy / "synaptile").iterdir() if path.is_symlink()]
    assert links
    for path in links:
        target = path.readlink().as_posix()
        path.unlink()
        path.write_text(target)
    return copy


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """A fresh virtual environment that sees what is installed here by its path alone: no editable install, no network."""
    folder = tmp_path / "venv"
    venv.create(folder, with_pip=False, symlinks=True)
    base = {"base": str(folder), "platbase": str(folder)}
    site = Path(sysconfig.get_path("purelib", "venv", vars=base))
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return Path(sysconfig.get_path("scripts", "venv", vars=base))


@pytest.fixture
def users_folder(tmp_path: Path) -> Path:
    """A folder whose files have the names of our stages."""
    folder = tmp_path / "lab"
    folder.mkdir()
    for name in OWN_FILES:
        (folder / name).write_text("WHOSE = 'the user'\n")
    return folder


def install(package: Path, environment: Path) -> Path:
    """Pip's own work on one package, nothing else touched; the folder of the installed modules."""
    options = ("--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--ignore-installed")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", environment / "python")
    run(*pip, "install", *options, package, cwd=environment)
    (site,) = environment.parent.rglob("dependencies.pth")
    return site.parent / "synaptile"


def modules(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }


def imported(environment: Path, cwd: Path) -> list[str]:
    """Where `import synaptile` comes from, and whose `energy` and `report` are imported beside it."""
    code = "import synaptile, synaptile.energy, energy, report; print(synaptile.__file__, energy.WHOSE, report.WHOSE, sep='\\n')"
    return run(environment / "python", "-c", code, cwd=cwd, PYTHONPATH="").splitlines()


def test_the_demo_of_a_wheel_runs_beside_files_of_the_same_names(built: Path, environment: Path, users_folder: Path) -> None:
    (wheel,) = built.glob("*.whl")
    site = install(wheel, environment)
    assert imported(environment, users_folder) == [str(site / "__init__.py"), "the user", "the user"]
    demo = (environment / "synaptile", "demo", "--limit", 2, "--steps", 1, "-o", "out")
    assert "Acc. (%)" in run(*demo, cwd=users_folder, PYTHONPATH="", NUMBA_CACHE_DIR=users_folder.parent / "numba")
    assert (users_folder / "out" / "energy.json").is_file()


@pytest.mark.parametrize("what", ["sdist", "checkout without links"])
def test_an_sdist_and_a_checkout_without_links_install_the_files_of_the_wheel(
    what: str, built: Path, without_links: Path, environment: Path, users_folder: Path, tmp_path: Path
) -> None:
    (wheel,), (sdist,) = built.glob("*.whl"), built.glob("*.tar.gz")
    zipfile.ZipFile(wheel).extractall(tmp_path / "wheel")
    site = install(sdist if what == "sdist" else without_links, environment)
    assert modules(site) == modules(tmp_path / "wheel" / "synaptile")
    assert imported(environment, users_folder) == [str(site / "__init__.py"), "the user", "the user"]
    assert "ecmt45" in run(environment / "synaptile", "chips", cwd=users_folder, PYTHONPATH="")


def test_a_wheel_has_one_name_and_carries_chips_model_and_digits(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {f"synaptile/{name}" for name in CARRIED} <= names
    assert {name.split("/")[0] for name in names} == {"synaptile", f"{'-'.join(wheel.name.split('-')[:2])}.dist-info"}


def test_an_sdist_holds_every_stage_once(built: Path) -> None:
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        members = [Path(*Path(member.name).parts[1:]).as_posix() for member in opened.getmembers() if member.isfile()]
    assert "energy/pricing.py" in members and "hwmodels/chips/ecmt45.yaml" in members
    assert not [name for name in members if name.startswith("synaptile/energy")]
