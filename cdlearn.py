"""`cdlearn` is the name under which pip installs the package `cdl`: write `import cdl`.

`python -m cdlearn` reports on the installation: versions, the C core, and whether another package overwrote `cdl`.
"""

import sys
from collections.abc import Iterator

CURE = """\
The distributions `cdlearn` (this library) and `cdl` (DataLab up to 0.20) both install a package named `cdl`, and pip
lets the later one overwrite the earlier one. Keep one of them in an environment:
    pip uninstall --yes cdl cdlearn
    pip install cdlearn
DataLab's later versions have another name (pip install datalab-platform) and can stay beside cdlearn."""


def examine() -> Iterator[tuple[str, str]]:
    """Pairs of a name and what was found under it; the name "problem" stands for what needs a cure."""
    import importlib.util
    import platform
    from importlib import metadata
    from pathlib import Path

    yield "Python", f"{platform.python_version()}, {sys.executable}"
    try:
        import numpy

        yield "NumPy", numpy.__version__
    except ImportError as error:
        yield "problem", f"NumPy cannot be imported: {error}"

    spec = importlib.util.find_spec("cdl")  # found, not run: it may be another package
    folders = [Path(folder) for folder in (spec.submodule_search_locations or ())] if spec else []
    yield "cdl is at", ", ".join(map(str, folders)) or "nowhere"
    owners = sorted(set(metadata.packages_distributions().get("cdl", ())))
    yield "installed by", ", ".join(f"{name} {metadata.version(name)}" for name in owners) or "no distribution"
    if any(name.lower() != "cdlearn" for name in owners) or any((folder / "plugins.py").exists() for folder in folders):
        yield "problem", CURE
        return
    if spec is None or spec.origin is None:
        yield "problem", "The package cdl is not complete. Install it again: pip install --force-reinstall cdlearn"
        return

    try:
        import cdl
        from cdl import _native, config
    except ImportError as error:
        yield (
            "problem",
            f"cdl cannot be imported: {error}\n"
            "In a source folder that was not built, build it (pip install -e .) or work from another folder; "
            "else: pip install --force-reinstall cdlearn",
        )
        return
    yield "cdl", cdl.__version__
    yield "instructions", f"{config.isa()} (this machine and build: {', '.join(_native.isas())})"
    yield "threads", f"{config.num_threads()}, {'OpenMP' if _native.has_openmp() else 'built without OpenMP'}"


def main() -> int:
    """Print what `examine` finds; 1 if there is a problem."""
    problems = 0
    for name, finding in examine():
        print(f"\nProblem: {finding}" if name == "problem" else f"{name + ':':14} {finding}")
        problems += name == "problem"
    if not problems:
        print("All is well.")
    return min(problems, 1)


if __name__ == "__main__":
    sys.exit(main())
