"""Execute notebooks side by side into a jupyter-cache."""

from __future__ import annotations

import asyncio
import json
import re
import time
from functools import partial
from pathlib import Path

from filelock import FileLock
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from tqdm import tqdm

from courseware.lessons.forked import kernels

CELL_SECONDS = 300
# One thread a kernel: notebooks already run side by side, and sums come out the same everywhere.
ENVIRONMENT = {
    "COURSEWARE_FRONT_END": "page",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
}


def is_cached(cache, notebook) -> bool:
    """Whether MyST-NB would find results for these code cells, and they are really there."""
    try:
        cache.get_cache_bundle(cache.match_cache_notebook(notebook).pk)
    except KeyError:
        return False
    return True


def keep(cache_folder: Path, path: Path, notebook, seconds: float) -> None:
    """Store an executed notebook where MyST-NB will look for it, one process at a time."""
    record = CacheBundleIn(notebook, str(path), data={"execution_seconds": seconds})
    with FileLock(cache_folder / "lock"):
        cache = get_cache(str(cache_folder))
        cache.cache_notebook_bundle(record, check_validity=False, overwrite=True)


def run_all(root: Path, cache_folder: Path, due: list, jobs: int) -> list[str]:
    """Execute `due` = [(path, notebook), …], `jobs` at a time; return readable failures."""
    times_file = cache_folder.parent / "seconds.json"
    times = json.loads(times_file.read_text()) if times_file.exists() else {}
    # The longest first (unknown ones before all): the last kernel should not run alone for long.
    due = sorted(due, key=lambda item: -times.get(name_of(root, item[0]), float("inf")))
    failures = []
    with kernels(ENVIRONMENT, forked=len(due) > 2 * jobs) as kernel_name:
        run = partial(run_one, kernel_name=kernel_name)
        asyncio.run(_run_all(root, cache_folder, due, jobs, run, times, failures))
    times_file.write_text(json.dumps(times, indent=1, sort_keys=True))
    return failures


async def _run_all(root, cache_folder, due, jobs, run, times, failures) -> None:
    gate = asyncio.Semaphore(jobs)
    running: list[str] = []
    longest = max(len(name_of(root, path)) for path, _ in due)
    look = "{desc} {n}/{total} |{bar}| {elapsed}{postfix}"
    with tqdm(total=len(due), desc="Lessons", bar_format=look, disable=None) as bar:

        async def one(path: Path, notebook) -> None:
            name = name_of(root, path)
            async with gate:
                running.append(path.stem)
                bar.set_postfix_str(" + ".join(running))
                started = time.perf_counter()
                failure = await run(path, notebook)
                seconds = time.perf_counter() - started
                running.remove(path.stem)
            bar.update()
            bar.set_postfix_str(" + ".join(running))
            bar.write(f"  {name:<{longest}} {seconds:6.1f} s{'  FAILED' if failure else ''}")
            if failure:
                failures.append(f"{name}: {failure}")
                return
            times[name] = round(seconds, 1)
            keep(cache_folder, path, notebook, seconds)

        await asyncio.gather(*(one(path, notebook) for path, notebook in due))


async def run_one(path: Path, notebook, kernel_name: str) -> str | None:
    """Execute a notebook in place, in its own folder; return what went wrong, if anything."""
    client = NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        kernel_name=kernel_name,
        resources={"metadata": {"path": str(path.parent)}},
        store_widget_state=False,
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
        record_timing=False,
    )
    try:
        await client.async_execute()
    except CellExecutionError as error:
        return readable(notebook, error)
    except CellTimeoutError:
        return f"a cell ran longer than {CELL_SECONDS} s"
    except (DeadKernelError, AssertionError):  # nbclient trips over the dead kernel it cleans up
        return "its kernel died (out of memory?)"
    except RuntimeError as error:
        return f"its kernel did not start: {error}"
    return None


def readable(notebook, error: CellExecutionError) -> str:
    """The failing cell, its source and the end of its traceback, without colours."""
    for index, cell in enumerate(notebook.cells):
        outputs = cell.get("outputs", []) if cell.cell_type == "code" else []
        for output in outputs:
            if output.output_type == "error":
                plain = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(output.traceback))
                source = "\n".join(f"    {line}" for line in cell.source.splitlines()[:25])
                tail = "\n".join(f"    {line}" for line in plain.splitlines()[-25:])
                kind = f"{output.ename}: {output.evalue}"
                return f"cell {index + 1} failed with {kind}\n\n{source}\n\n{tail}"
    return str(error)


def name_of(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix()
