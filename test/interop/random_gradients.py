"""Loss, gradients and AdamW runs of random decoders agree with PyTorch in float64, by every algorithm: golden files of
shapes that nobody chose, for `dnd verify`. The module is the benchmark's peer, written from docs/mathematics.md."""

import json
import math
import random
import sys
from pathlib import Path

import torch
from report import ROOT, check, dnd, finish
from safetensors.torch import save_file

sys.path.insert(0, str(ROOT / "bench"))
from hyperconvolution import Decoder  # noqa: E402

work = Path(sys.argv[1])
SEED = 20261124
DECODERS, RUNS = 40, 25
LARGEST_SPECTRAL_KERNEL = 15

torch.set_default_dtype(torch.float64)
torch.manual_seed(SEED)
choose = random.Random(SEED)


def stored(tensor):
    """As float32 keeps it."""
    return tensor.float().double()


def random_shapes(largest):
    """Shapes of two to five features, some twice: those layers have a residual. A norm wants two numbers at least."""
    features = []
    for _ in range(choose.randint(2, 5)):
        again = features and choose.random() < 0.4
        size = [choose.randint(1, largest), choose.randint(1, largest), choose.randint(2, largest)]
        features.append(list(features[-1]) if again else size)
    # A length projection to one number scales all that its norm then scales back: its gradient is lost in float32.
    projected = features[0][1] > 1 and choose.random() < 0.4
    return features, features[0][1] + choose.randint(1, 30) if projected else 0


def random_decoder(features, kernel_size, projected_from):
    """Parameters as training leaves them: nothing is 0 or 1 throughout."""
    decoder = Decoder(features, kernel_size, projected_from)
    with torch.no_grad():
        for name, parameter in decoder.named_parameters():
            middle = 1 if name.endswith("norm.weight") else 0
            if parameter.ndim < 3:
                parameter.copy_(middle + torch.randn_like(parameter) * 0.2)
            parameter.copy_(stored(parameter))
    return decoder


def random_tasks(features, projected_from, batch, steps=1):
    tokens, height, width = features[0]
    target = torch.randn(batch, *features[-1])
    target[torch.rand_like(target) < choose.choice([0, 0.1, 0.6])] = math.nan
    target[:, 0, 0, 0] = 1
    tensors = {"condition": torch.randn(steps, batch, tokens, projected_from or height, width), "target": target}
    if choose.random() < 0.7:
        tensors["criterion_weight"] = torch.rand(features[-1][0]) * 2
    return {name: stored(tensor) for name, tensor in tensors.items()}


def loss_of(output, tasks):
    valid = ~torch.isnan(tasks["target"])
    squares = torch.where(valid, output - tasks["target"], 0.0).square()
    if "criterion_weight" in tasks:
        squares = squares * tasks["criterion_weight"][:, None, None]
    return squares.sum() / valid.sum()


def named(prefix, parameters):
    """By the reference's names."""
    return {f"{prefix}{'decoder.' if name.startswith('module_list') else ''}{name}": value for name, value in parameters}


def write(name, tensors, settings):
    contiguous = {key: tensor.detach().float().contiguous() for key, tensor in tensors.items()}
    metadata = {key: value if key == "kind" else json.dumps(value) for key, value in settings.items()}
    save_file(contiguous, work / f"{name}.safetensors", metadata=metadata)


def write_decoder(number):
    kernel_size = choose.choice(range(1, LARGEST_SPECTRAL_KERNEL + 1, 2))
    features, projected_from = random_shapes(choose.choice([3, 8, 24]))
    decoder = random_decoder(features, kernel_size, projected_from)
    tasks = random_tasks(features, projected_from, choose.randint(1, 4))
    tasks["condition"] = tasks["condition"][0]
    output = decoder(tasks["condition"])
    loss = loss_of(output, tasks)
    loss.backward()
    gradients = [(name, parameter.grad) for name, parameter in decoder.named_parameters()]
    tensors = tasks | {"output": output} | named("param.", decoder.named_parameters()) | named("grad.", gradients)
    settings = {"kind": "decoder", "features": features, "kernel_size": kernel_size, "long": projected_from}
    write(f"decoder_{number:02}", tensors, settings | {"loss": loss.item()})


def learning_rate(step, settings):
    base, warmup, total = (settings[name] for name in ("learning_rate", "warmup_steps", "total_steps"))
    if step < warmup:
        return base * (step + 1) / warmup
    return base / 2 * (1 + math.cos(math.pi * (step - warmup) / (total - warmup)))


def write_run(number):
    features, projected_from = random_shapes(10)
    steps = choose.choice([6, 30])
    settings = {
        "kind": "training",
        "features": features,
        "kernel_size": choose.choice([1, 3, 5, 7, 9]),
        "long": projected_from,
        "batch": choose.randint(1, 4),
        "steps": steps,
        "warmup_steps": choose.choice([0, 1, 5]),
        "total_steps": steps + choose.choice([0, 10]),
        "learning_rate": choose.choice([1e-3, 3e-3, 3e-5]),
        "weight_decay": choose.choice([0, 0.1]),
        "betas": choose.choice([[0.9, 0.999], [0.8, 0.95]]),
        "eps": choose.choice([1e-8, 1e-6]),
        "max_grad_norm": choose.choice([1.0, 0.05]),
    }
    decoder = random_decoder(features, settings["kernel_size"], projected_from)
    initial = named("initial.", [(name, value.detach().clone()) for name, value in decoder.named_parameters()])
    tasks = random_tasks(features, projected_from, settings["batch"], steps)
    optimiser = torch.optim.AdamW(
        decoder.parameters(), betas=settings["betas"], eps=settings["eps"], weight_decay=settings["weight_decay"]
    )
    curves = {"losses": [], "learning_rates": [], "grad_norms": []}
    for step in range(steps):
        rate = learning_rate(step, settings)
        optimiser.param_groups[0]["lr"] = rate
        optimiser.zero_grad()
        loss = loss_of(decoder(tasks["condition"][step]), tasks)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(decoder.parameters(), settings["max_grad_norm"])
        optimiser.step()
        for curve, value in zip(curves.values(), (loss.item(), rate, norm.item())):
            curve.append(value)
    tasks["conditions"] = tasks.pop("condition")
    write(f"run_{number:02}", tasks | initial | named("final.", decoder.named_parameters()), settings | curves)


for number in range(DECODERS):
    write_decoder(number)
for number in range(RUNS):
    write_run(number)

for algorithm in ("direct", "spectral", "auto"):
    verdicts = json.loads(dnd("verify", work, "--device", "cpu", "--algorithm", algorithm, "--strict", "--json").stdout)
    wrong = [
        f"{Path(verdict['file']).name} {found['name']} {found['relativeError']}"
        for verdict in verdicts
        for found in verdict["checks"] or [{"name": str(verdict.get("error")), "relativeError": None, "ok": False}]
        if not found["ok"]
    ]
    for kind, expected in (("decoder", DECODERS), ("training", RUNS)):
        of_kind = [verdict for verdict in verdicts if verdict["kind"] == kind]
        errors = [found["relativeError"] or 0 for verdict in of_kind for found in verdict["checks"]]
        good = len(of_kind) == expected and all(verdict["ok"] for verdict in of_kind)
        detail = f"{len(errors)} checks, largest relative error {max(errors):.1e}" if good else "; ".join(wrong)[:500]
        check(f"{expected} random files of kind {kind}, convolutions {algorithm}", good, detail)

finish()
