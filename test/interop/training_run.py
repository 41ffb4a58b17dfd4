"""A generator trained from prompt–checkpoint pairs on real input: `dnd pairs`, `train`, `generate` and `report`."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import torch
from bases import load_adapter
from browser import browser, open_page
from report import ROOT, check, dnd, finish, note
from safetensors.torch import load_file
from training_pairs import (
    BASE,
    CHECKPOINTS,
    HELD_OUT,
    ITEMS,
    PROMPTS,
    TASKS,
    are_here,
    examples_of,
    load_base,
    load_tokenizer,
    make_pairs,
    means,
)

work, minilm = Path(sys.argv[1]), Path(sys.argv[2])
STEPS, STOP_AT, EVALUATE_EVERY = 200, 100, 25
FEATURES = "[[16,64,384],[32,32,128],[64,12,96],[100,6,66]]"
SETTINGS = [
    *("--encoder", minilm, "--features", FEATURES, "--kernel-size", 5, "--steps", STEPS, "--batch", 4),
    *("--learning-rate", "3e-4", "--evaluate-every", EVALUATE_EVERY, "--checkpoint-every", 50, "--seed", 1),
]
SMALL = ["--encoder", "hash", "--features", "[[4,8,16],[100,6,66]]", "--kernel-size", 3, "--steps", 2, "--batch", 2]

if not are_here():
    note(f"left out: {BASE} and {PROMPTS} are not here")
    finish()

began = time.monotonic()


def took():
    """Seconds since it was called last."""
    global began
    seconds = time.monotonic() - began
    began = time.monotonic()
    return f"{seconds:.0f} s"


def json_lines(text):
    return [json.loads(line) for line in text.splitlines()]


def error_of(run):
    """Code and message of a failure, which is the last line that --json prints."""
    try:
        return json.loads(run.stdout).get("error", {})
    except json.JSONDecodeError:
        return json_lines(run.stdout)[-1].get("error", {})


def refused(name, run, code, *words, exit_code=1):
    error = error_of(run)
    message = " ".join(error.get("message", "").split())
    right = run.code == exit_code and error.get("code") == code and all(word in message for word in words)
    check(name, right, f"exit code {run.code}, {error.get('code')}: {message}"[:300])


def mean(values):
    values = list(values)
    return sum(values) / len(values)


# ---- pairs, as real PEFT writes them

pairs = work / "pairs"
losses, complaints = make_pairs(pairs)
for task, own in losses.items():
    first, last = means(own)
    check(f"PEFT fine-tunes the base on {task}", last < 0.8 * first, f"loss {first:.2f} → {last:.2f}")
note(f"{len(TASKS)} tasks of {ITEMS} prompts and {CHECKPOINTS} checkpoints by PEFT in {took()}")

checked = json.loads(dnd("pairs", "check", pairs, "--json").must_succeed().stdout)
tasks = {task["name"]: task for task in checked["tasks"]}
check("pairs check: finds every task", sorted(tasks) == sorted(TASKS), ", ".join(sorted(tasks)))
stats = json.loads(dnd("pairs", "stats", pairs, "--encoder", minilm, "--json").must_succeed().stdout)
check(
    "pairs stats: prompts and checkpoints of every task are counted",
    all((task["prompts"], task["checkpoints"]) == (ITEMS, CHECKPOINTS) for task in stats["tasks"]),
)
check("pairs stats: knows the held-out task", [t["name"] for t in stats["tasks"] if t["heldOut"]] == [HELD_OUT])
tokens = stats["weightTokens"]
check(
    "pairs stats: 100 weight tokens of 6 × 66, as the decoder has them",
    (tokens["count"], tokens["height"], tokens["width"]) == (100, 6, 66),
    json.dumps(tokens),
)

# ---- a damaged checkpoint among many

damaged = work / "damaged"
shutil.copytree(pairs, damaged, copy_function=os.link)
broken = "obqa/checkpoints/checkpoint-40/adapter_model.safetensors"
whole = (pairs / broken).read_bytes()
(damaged / broken).unlink()
(damaged / broken).write_bytes(whole[: len(whole) // 2])
run = dnd("pairs", "check", damaged, "--json")
named = "checkpoint-40" in run.stdout and "checkpoint-41" not in run.stdout
check("pairs check: names the one damaged checkpoint", run.code == 1 and named, f"exit code {run.code}")
run = dnd("train", "--pairs", damaged, *SMALL, "--out", work / "refused", "--json")
refused("train: refuses a damaged checkpoint by name", run, error_of(run).get("code"), "checkpoint-40")
run = dnd("train", "--pairs", damaged, *SMALL, "--out", work / "skipped", "--skip-corrupt", "--json").must_succeed()
notices = "; ".join(line["notice"] for line in json_lines(run.stdout) if "notice" in line)
check("train --skip-corrupt: goes on and tells which", "checkpoint-40" in notices, notices[:300])
described = json.loads((work / "skipped/run.json").read_text())["pairs"]
check("train --skip-corrupt: run.json counts it", described["skipped"] == 1)

(work / "typo.json").write_text(json.dumps({"learnigRate": 1e-3}))
run = dnd("train", "--config", work / "typo.json", "--pairs", pairs, *SMALL, "--out", work / "typo", "--json")
name = "train: an unknown setting is told with the nearest"
refused(name, run, "INVALID_ARGUMENT", "learnigRate", "learningRate", exit_code=2)
note(f"checks and refusals took {took()}")

# ---- the run, stopped halfway and resumed

folder = work / "run"


def train(*arguments, stop_at=None):
    """The lines of `dnd train --json`, and its exit code; SIGTERM once a step is done."""
    call = ["node", ROOT / "dist/cli/main.js", "train", *arguments, "--json"]
    with subprocess.Popen([str(part) for part in call], stdout=subprocess.PIPE, text=True) as process:
        lines = []
        for text in process.stdout:
            lines.append(json.loads(text))
            if lines[-1].get("step") == stop_at and "loss" in lines[-1]:
                process.send_signal(signal.SIGTERM)
    return lines, process.wait()


lines, code = train("--pairs", pairs, *SETTINGS, "--out", folder, stop_at=STOP_AT)
stopped = lines[-1].get("step")
saved = lines[-1].get("interrupted") and Path(lines[-1]["checkpoint"]).is_dir()
check("train: at SIGTERM it saves a checkpoint and ends", code == 143 and saved, f"exit code {code}, step {stopped}")
if not check("train: it stopped on the way", stopped is not None and STOP_AT <= stopped < STEPS):
    finish()
note(f"{stopped} steps took {took()}")

prompts = pairs / "arc-e/prompts.json"
kept = prompts.read_bytes()
prompts.write_text(json.dumps([*json.loads(kept), {"prompt": "Is this new?", "response": "[True]"}]))
run = dnd("train", "--resume", folder, "--json")
refused("train --resume: refuses changed pairs", run, "PAIRS_CHANGED", "arc-e", "--allow-changed-pairs")
prompts.write_bytes(kept)
began = time.monotonic()
lines, code = train("--resume", folder)
check("train --resume: goes on to the end", code == 0 and lines[-1].get("done") and lines[-1]["step"] == STEPS)
first_step = next((line["step"] for line in lines if "loss" in line), None)
check("train --resume: with the step after the last", first_step == stopped + 1, f"step {first_step}")
note(f"the other {STEPS - stopped} steps took {took()}")

metrics = json_lines((folder / "metrics.jsonl").read_text())
steps = [line for line in metrics if "step" in line]
evaluations = [line for line in metrics if "evaluation" in line]
check("metrics.jsonl: every step once, in order", [line["step"] for line in steps] == list(range(1, STEPS + 1)))
for what, key, better in (("training loss falls", "loss", -1), ("norm ratio rises", "normRatio", 1)):
    early, late = mean(line[key] for line in steps[:20]), mean(line[key] for line in steps[-20:])
    check(f"train: {what}", better * (late - early) > 0.2 * early, f"{early:.3f} → {late:.3f}, means of 20 steps")


def evaluated(evaluation, kind, key):
    return mean(task[key] for task in evaluation["tasks"] if task["heldOut"] == kind)


for kind, name in (("checkpoints", "held-out checkpoints"), ("task", "the held-out task")):
    ends = (evaluations[0], evaluations[-1])
    own = {key: [evaluated(each, kind, key) for each in ends] for key in ("loss", "normRatio", "cosine")}
    detail = ", ".join(f"{key} {first:.3f} → {last:.3f}" for key, (first, last) in own.items())
    check(f"train: the loss of {name} falls", own["loss"][1] < 0.8 * own["loss"][0], detail)
reported = [[t["task"] for t in e["tasks"] if t["heldOut"] == "task"] for e in evaluations]
every = all(names == [HELD_OUT] for names in reported)
check(f"train: {HELD_OUT} is reported in every evaluation", every, f"{len(reported)} of them")
check("train: every layer and module has a cell", len(evaluations[-1]["cells"]) == 5 * 7)
seconds, waiting = mean(line["seconds"] for line in steps), mean(line["dataSeconds"] for line in steps)
note(f"{seconds:.3f} s for a step, {100 * waiting / seconds:.1f} % of it waiting for data")

uninterrupted = work / "uninterrupted"
lines, code = train("--pairs", pairs, *SETTINGS, "--out", uninterrupted)
note(f"the same run without a stop took {took()}")
weights = Path("checkpoints") / f"step-{STEPS:06d}" / "decoder.safetensors"
same = (folder / weights).read_bytes() == (uninterrupted / weights).read_bytes()
check("train: stopped and resumed, it has the same weights, byte for byte, as without a stop", code == 0 and same)

# ---- what the generator is good for

adapter = work / "adapter"
generator = folder / "checkpoints" / f"step-{STEPS:06d}"
prompts = pairs / HELD_OUT / "prompts.json"
dnd("generate", "--generator", generator, "--prompts", prompts, "--out", adapter, "--dtype", "f32").must_succeed()
adapted, wrong = load_adapter(load_base(), adapter)
check(f"generate: PEFT loads the adapter for {HELD_OUT} without a warning", not wrong, "; ".join(wrong)[:300])
ids, labels = examples_of(json.loads(prompts.read_text()), load_tokenizer())


def loss_of(model):
    with torch.inference_mode():
        return model.eval()(input_ids=ids, labels=labels).loss.item()


checkpoints = (pairs / HELD_OUT / "checkpoints").iterdir()
true, _ = load_adapter(load_base(), max(checkpoints, key=lambda path: int(path.name.split("-")[1])))
plain, generated, trained = loss_of(load_base()), loss_of(adapted), loss_of(true)
check(
    f"generate: it lowers the base's loss on the responses of {HELD_OUT}, which it never saw",
    generated < (plain + trained) / 2,
    f"base {plain:.2f}, generated {generated:.2f}, its own LoRA {trained:.2f}",
)
finite = all(tensor.isfinite().all() for tensor in load_file(adapter / "adapter_model.safetensors").values())
check("generate: its weights are finite", finite)

# ---- the report

report = json.loads(dnd("report", folder, "--json").must_succeed().stdout)
judgement = report["judgement"]
check("report: says that the run is working", judgement["state"] == "working", judgement["headline"])
if browser() is None:
    note("left out: the report in a browser; install chromium (the Debian package of that name)")
else:
    page = open_page(report["path"], work / "report.png")
    said = "; ".join(page.console)[:300]
    check("report: opens in headless Chromium without a word on the console", not page.console, said)
    wanted = page.source.count('class="plot"')
    check("report: every chart is drawn", page.drawn == wanted > 0, f"{page.drawn} of {wanted}")
    check("report: has no address in it", not page.addresses, "; ".join(page.addresses)[:300])
note(f"generating and the report took {took()}")

finish()
