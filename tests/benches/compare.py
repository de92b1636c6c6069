#!/usr/bin/env python3
"""Times the PyTorch peers and Gainfield alternately, case by case, and writes docs/performance.md.

    python tests/benches/compare.py PEERS [--program target/release/gainfield] [--threads 1 2]
        [--rounds 3] [--filter TEXT] [--numerics exact fast] [--write docs/performance.md]

PEERS is the folder of the peers' scripts; those of the folder peers beside this file use them. Every round starts either program anew for one case at one
batch, so that its peak of memory belongs to that case and neither side runs while the other does.
A row gives the ratio ours / peer of the median wall times of one call over all rounds, with the
smallest and largest ratio of a round, the same for processor time, and of the peak of resident memory
of the whole process. Numerics other than exact are timed for cases that do not train. What stands in
the page below the table is kept.
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys


def lines(command, **options):
    """What a program prints, one JSON value per line; nothing if it fails."""
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode != 0:
        print(f"{command[0]} {' '.join(command[1:])}: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
        return []
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def one(command, case, batch, **options):
    found = [row for row in lines(command, **options) if row["case"] == case and row["batch"] == batch]
    return found[0] if found else None


def processor():
    try:
        text = pathlib.Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor()
    return next((line.split(":")[1].strip() for line in text.splitlines() if "model name" in line), "unknown")


def versions(program):
    ours = subprocess.run([program, "--version"], capture_output=True, text=True).stdout.strip()
    code = "import torch; print('PyTorch', torch.__version__)"
    theirs = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip()
    empty = "import torch, resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
    imported = subprocess.run([sys.executable, "-c", empty], capture_output=True, text=True).stdout.strip()
    return ours, theirs, float(imported or "nan")


def spread(ratios):
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})" if ratios else "–"


def trains(case):
    return any(part in case for part in ("train", "adam", "backward"))


def figures(pairs):
    """Times, their ratios and the memory of the rounds of one row, as text."""
    wall = [mine["median_ms"] / peer["median_ms"] for peer, mine in pairs]
    cpu = [mine["cpu_ms"] / peer["cpu_ms"] for peer, mine in pairs if mine["cpu_ms"] and peer["cpu_ms"]]
    middle = [statistics.median(side[i]["median_ms"] for side in pairs) for i in (0, 1)]
    memory = [statistics.median(side[i]["peak_rss_mb"] for side in pairs) for i in (0, 1)]
    times = [f"{middle[0]:.2f}", f"{middle[1]:.2f}", spread(wall), spread(cpu)]
    return [*times, f"{memory[0]:.0f} / {memory[1]:.0f}", f"{memory[1] / memory[0]:.2f}"]


def notes(page):
    """What was written by hand below the table."""
    old = page.read_text() if page.exists() else ""
    at = old.find("\n## ")
    return old[at:] if at >= 0 else ""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peers", type=pathlib.Path)
    parser.add_argument("--program", default="target/release/gainfield")
    parser.add_argument("--threads", type=int, nargs="+", default=[1])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--filter", default="")
    parser.add_argument("--numerics", nargs="+", default=["exact"], choices=["exact", "fast"])
    parser.add_argument("--write", type=pathlib.Path)
    asked = parser.parse_args()
    program = str(pathlib.Path(asked.program).resolve())

    ours = {(row["case"], row["batch"]) for row in lines([program, "bench", "--list", "--json", "--quiet"])}
    cases = []
    theirs = {"cwd": asked.peers, "env": {**os.environ, "PYTHONPATH": str(asked.peers.resolve())}}
    own = pathlib.Path(__file__).resolve().parent / "peers"
    for script in [path.resolve() for folder in (asked.peers, own) for path in sorted(folder.glob("*.py"))]:
        listed = lines([sys.executable, str(script), "bench", "--list"], **theirs)
        cases += [(script, row["case"], row["batch"]) for row in listed if asked.filter in row["case"]]
    missing = [f"{case} at {batch}" for _, case, batch in cases if (case, batch) not in ours]

    name, torch, imported = versions(program)
    head = ["case", "batch", "threads", "numerics", "peer ms", "ours ms", "wall", "processor"]
    head += ["memory MiB peer / ours", "memory"]
    table = [f"| {' | '.join(head)} |", "|---|--:|--:|---|--:|--:|--:|--:|--:|--:|"]
    for threads in asked.threads:
        for script, case, batch in cases:
            if (case, batch) not in ours:
                continue
            flags = ["bench", "--threads", str(threads), "--filter", case, "--batch", str(batch)]
            modes = [mode for mode in asked.numerics if mode == "exact" or not trains(case)]
            pairs = {mode: [] for mode in modes}
            for _ in range(asked.rounds):
                peer = one([sys.executable, str(script), *flags], case, batch, **theirs)
                for mode in modes:
                    mine = one([program, *flags, "--numerics", mode, "--json", "--quiet"], case, batch)
                    if peer and mine:
                        pairs[mode].append((peer, mine))
            for mode in modes:
                if not pairs[mode]:
                    missing.append(f"{case} at {batch} in {mode} numerics, which failed")
                    continue
                table.append(f"| {' | '.join(map(str, [case, batch, threads, mode, *figures(pairs[mode])]))} |")
                print(table[-1], flush=True)

    page = [
        "# Performance",
        "",
        "Ratios ours / peer of the same work, smaller is better: median over the rounds, smallest and largest round.",
        f"{processor()}, {platform.system()}; {name}; {torch}; {datetime.date.today().isoformat()}; {asked.rounds} rounds.",
        f"Memory is the peak of the whole process; {imported:.0f} MiB of the peer's are an empty import.",
        "Made by `python tests/benches/compare.py PEERS --write docs/performance.md`.",
        "",
        *table,
        "",
    ]
    if missing:
        page += ["Not timed: " + "; ".join(missing) + ".", ""]
    if asked.write:
        asked.write.write_text("\n".join(page) + notes(asked.write))


if __name__ == "__main__":
    main()
