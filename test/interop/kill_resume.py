"""A hundred times SIGKILL at random moments of `dnd train`, each followed by `--resume`: no unreadable checkpoint is ever
left, and every run ends byte for byte as if nobody had disturbed it. The work is done by test/training/killed-runs.ts."""

import collections
import json
import subprocess
import sys

from report import ROOT, check, finish, note

work = sys.argv[1]
PHASES = {
    "before the run was there",
    "before its first checkpoint",
    "between resuming and the next step",
    "between checkpoints",
    "while a checkpoint was written or removed",
}
options = {
    "folder": f"{work}/runs",
    "kills": 100,
    "seed": 20261124,
    "steps": 60,
    "checkpointEvery": 3,
    "command": [str(ROOT / "dist/cli/main.js")],
}
program = ROOT / "test/training/programs/killed-runs.ts"
call = ["node", "--require", str(ROOT / "test/engine/typescript.cjs"), str(program), json.dumps(options)]
done = subprocess.run(call, capture_output=True, text=True)
if done.returncode != 0:
    raise RuntimeError(f"the program failed:\n{done.stderr}")
result = json.loads(done.stdout)
kills, runs = result["kills"], result["runs"]

usual = ", ".join(f"{ms / 1000:.1f} s with {moments} moments" for moments, ms in result["uninterruptedMs"].items())
note(f"uninterrupted, {options['steps']} steps take {usual}; {len(kills)} kills and {len(runs)} runs: {result['seconds']:.0f} s")
for number, run in enumerate(runs):
    own = [kill for kill in kills if kill["run"] == number]
    fates = ", ".join(f"{kill['afterMs'] / 1000:.2f} s → step {kill['step'] or 0}" for kill in own)
    note(f"run {number}, {run['moments']}, {len(own)} kills{': after ' if own else ''}{fates}")
phases = collections.Counter(kill["phase"] for kill in kills)
for phase in sorted(PHASES):
    note(f"{phases[phase]} kills {phase}")

check("a hundred kills fell", len(kills) == options["kills"], f"{len(kills)}")
check("in every phase of a run", PHASES <= phases.keys(), f"{len(phases)} of {len(PHASES)} phases")
check("in one run, again and again", max(run["kills"] for run in runs) >= 3)
check(
    "checkpoints are readable after each, and each run ends as the uninterrupted one",
    not result["problems"],
    "; ".join(result["problems"])[:500] or f"{len(runs)} runs",
)

finish()
