"""Where the packages lie: the stages are folders at the top of the project and are imported as `synaptile.mapper` and so on.

The relative links inside `synaptile/` say the same to interpreters and type checkers that read a checkout. A build never reads
them, so a checkout without symbolic links (Windows without `core.symlinks`) builds, installs and runs all the same: decision 16.
"""

from setuptools import find_packages, setup

STAGES = ("foundation", "hwmodels", "conversion", "mapper", "simulator", "energy", "studies", "report")


def packages_of(name: str, folder: str, exclude: tuple[str, ...] = ()) -> list[str]:
    """The package `name` whose files lie in `folder`, and all below it."""
    return [name, *(f"{name}.{package}" for package in find_packages(folder, exclude=exclude))]


setup(
    packages=[
        *packages_of("synaptile", "synaptile", exclude=tuple(f"{stage}{rest}" for stage in STAGES for rest in ("", ".*"))),
        *(package for stage in STAGES for package in packages_of(f"synaptile.{stage}", stage)),
    ],
    package_dir={f"synaptile.{stage}": stage for stage in STAGES},
)
