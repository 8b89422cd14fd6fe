"""`python -m taskiq_testservers.hostile FORMAT CASES SEED LARGEST`: read hostile input, and report.

In a process of its own, so that its memory is measured and its death is noticed.
"""

import json
import resource
import sys
import time
from collections import Counter
from random import Random

from taskiq_testservers.hostile.canary import canary
from taskiq_testservers.hostile.formats import Format, formats
from taskiq_testservers.hostile.mutations import Mutator

MAX_FINDINGS = 20


def main() -> None:
    """Print a report as JSON."""
    name, cases, seed, largest = sys.argv[1], *map(int, sys.argv[2:5])
    chosen = formats()[name]
    rng = Random(f"{seed} {name}")
    mutator = Mutator(rng, largest=largest, encode=chosen.encode, fragments=chosen.fragments)
    kinds: Counter[str] = Counter()
    findings: list[str] = []
    read_count, slowest = 0, (0.0, "")
    for _ in range(cases):
        kind, data = _next(chosen, mutator, rng)
        kinds[kind] += 1
        started = time.thread_time()
        try:
            read_count += chosen.read(data)
        except BaseException as error:  # noqa: BLE001  # any of them is a finding
            text = f"{kind}: {type(error).__name__}: {str(error)[:200]} for {data[:200]!r}"
            findings.append(text)
        slowest = max(slowest, (time.thread_time() - started, kind))
    report = {
        "format": name,
        "cases": cases,
        "kinds": len(kinds),
        "read": read_count,
        "refused": cases - read_count - len(findings),
        "findings": len(findings),
        "examples": findings[:MAX_FINDINGS],
        "slowest": slowest,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "executed": canary().exists(),
    }
    sys.stdout.write(json.dumps(report))


def _next(chosen: Format, mutator: Mutator, rng: Random) -> tuple[str, bytes]:
    number = rng.randrange(len(chosen.documents) + len(chosen.samples))
    if number < len(chosen.documents):
        return mutator.of_document(chosen.documents[number])
    return mutator.of_bytes(chosen.samples[number - len(chosen.documents)])


if __name__ == "__main__":
    main()
