"""Which files are made of which, that none is written over another, and doing it for all of them."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from semsynth.cli.terminal import progress
from semsynth.errors import SemsynthError
from semsynth.files.walking import contents, real_path, walk
from semsynth.images import IMAGE_SUFFIXES


@dataclass(frozen=True)
class Job:
    """A label map or photograph, its instance map where there is one, and the files to be made of it."""

    source: Path
    instances: Path | None
    outputs: tuple[Path, ...]


def plan(
    sources: Sequence[Path],
    output: Path,
    *,
    num: int = 1,
    recursive: bool = False,
    instances: Path | None = None,
    sheet: Path | None = None,
) -> list[Job]:
    """Which images will be made of which label maps; folders keep their structure under `output`.

    Raises:
        SemsynthError: there are no label maps, or two images, or an image and a map, would share a name.
    """
    if not 1 <= num <= 1000:
        raise SemsynthError(f"--num is {num}; allowed are 1 to 1000.")
    if output.exists() and not output.is_dir():
        raise SemsynthError(f"{output} is a file; -o takes a folder.")
    jobs = []
    for labels, place in _find(sources, recursive):
        stem = place.with_suffix("").as_posix()
        names = [f"{stem}.png"] if num == 1 else [f"{stem}_{i + 1}.png" for i in range(num)]
        outputs = tuple(output / name for name in names)
        jobs.append(Job(labels, _partner(instances, place) if instances else None, outputs))
    refuse_shared_names(jobs, sheet)
    return jobs


def lacking(jobs: Sequence[Job], contradicts: str | None) -> list[Job]:
    """The jobs whose files are not all there, for --skip-existing.

    Args:
        jobs: All of them.
        contradicts: An option that was given and does not go with it, or None.
    """
    if contradicts:
        raise SemsynthError(f"--skip-existing and {contradicts} contradict each other; give one of them.")
    return [job for job in jobs if not all(path.exists() for path in job.outputs)]


def run_jobs(jobs: Sequence[Job], act: Callable[[Job], Sequence[str]], doing: str) -> list[str]:
    """Do every job, with progress; one that fails does not stop the others.

    Args:
        jobs: What to do.
        act: Does one, and returns notes on it, which are shown on standard error.
        doing: What progress says, such as "synthesizing".

    Returns:
        A sentence for each that failed.
    """
    failures = []
    with progress() as bar:
        for job in bar.track(jobs, description=doing):
            try:
                for note in act(job):
                    bar.console.print(_naming(job.source, note))
            except SemsynthError as error:
                failures.append(_naming(job.source, str(error)))
            except Exception as error:  # whatever it is, the others can be done
                failures.append(_naming(job.source, f"{type(error).__name__}: {error}"))
    return failures


def report_failures(failures: Sequence[str], what: str) -> int:
    """List what failed on standard error; the exit code."""
    if failures:
        print(f"{what}:", *failures, sep="\n  ", file=sys.stderr)
    return 2 if failures else 0


def _naming(path: Path, sentence: str) -> str:
    return sentence if str(path) in sentence else f"{path}: {sentence}"


def count(number: int, thing: str) -> str:
    """A number and what it counts, such as "2 images"."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def refuse_shared_names(jobs: Sequence[Job], sheet: Path | None = None) -> None:
    """Refuse jobs that would write over each other's images or label maps, or a contact sheet that would.

    Raises:
        SemsynthError: two images, or an image and a map, share a name.
    """
    taken = {} if sheet is None else {sheet: "the contact sheet"}
    for job in jobs:
        for path in job.outputs:
            if path in taken:
                raise SemsynthError(
                    f"{taken[path]} and {job.source} would both be written to {path}; rename one."
                )
            taken[path] = str(job.source)
    maps = {real_path(job.source) for job in jobs}
    for path, name in taken.items():
        if real_path(path) in maps:
            raise SemsynthError(f"Writing {name} would overwrite {path}, which is read; choose another name.")


def _find(sources: Sequence[Path], recursive: bool) -> list[tuple[Path, Path]]:
    """Image files, each with its place below the output folder, in sorted order without repetition."""
    places: dict[Path, Path] = {}
    for given in sources:
        if not given.exists():
            raise SemsynthError(f"{given} does not exist.")
        if given.is_dir():
            inside = [p for p in walk(given, recursive=recursive) if p.suffix.lower() in IMAGE_SUFFIXES]
            if not inside:
                more = "" if recursive else " (--recursive looks into sub-folders too)"
                raise SemsynthError(f"{given} holds no image files{more}; it holds {contents(given)}.")
            places.update((p, p.relative_to(given)) for p in inside)
        else:
            places[given] = Path(given.name)
    return list(places.items())


def _partner(folder: Path, place: Path) -> Path:
    """The instance map of a label map: the same place and stem below `folder`, once."""
    named = (folder / place.with_suffix(suffix) for suffix in IMAGE_SUFFIXES)
    there = [path for path in named if path.is_file()]
    if not there:
        raise SemsynthError(f"{folder} holds no instance map named {place.with_suffix('.png')}")
    if len(there) > 1:
        raise SemsynthError(f"{there[0]} and {there[1]} have one name; remove one of them.")
    return there[0]
