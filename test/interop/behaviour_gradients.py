"""Gradients of the behaviour loss with respect to the decoder's parameters agree with PyTorch in float64: weight tokens of
the normalisation 'residual' → LoRA matrices → a Llama of transformers with them → −ln p of labelled tokens, or KL(with
another adapter ‖ with them) of their predictions."""

import math
import random
import sys
from pathlib import Path

import torch
from report import ROOT, bridge, check, finish
from safetensors.torch import load_file, save_file
from torch.func import functional_call
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

sys.path.insert(0, str(ROOT / "bench"))
from hyperconvolution import Decoder  # noqa: E402

work = Path(sys.argv[1])
SEED = 20261129
TOLERANCE = 1e-4  # of each parameter's gradient: the norm of the error by its norm
NO_EFFECT = 1e-9  # of the whole gradient's norm: below, PyTorch's own is rounding
IGNORED = -100
MODULES = ["q_proj", "k_proj", "v_proj", "o_proj", "up_proj", "gate_proj", "down_proj"]

torch.manual_seed(SEED)
choose = random.Random(SEED)
tokenizer = AutoTokenizer.from_pretrained(ROOT / "pocket/base")
BASE = dict(
    vocab_size=len(tokenizer), hidden_size=32, intermediate_size=56, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=64, bos_token_id=tokenizer.bos_token_id,
    eos_token_id=tokenizer.eos_token_id,
)  # fmt: skip
# The chunks leave a short last one in some tensors, in all, or in none.
CASES = {
    "all modules, chunk 48": dict(modules=MODULES, rank=3, alpha=6, rslora=False, chunk=48, tied=True, projected=0),
    "rsLoRA on q, v and down, chunk 20, projected prompts": dict(
        modules=["q_proj", "v_proj", "down_proj"], rank=4, alpha=3, rslora=True, chunk=20, tied=False, projected=9
    ),
    "o and gate, chunk 8": dict(modules=["o_proj", "gate_proj"], rank=2, alpha=4, rslora=False, chunk=8, tied=True, projected=0),
}  # fmt: skip


def stored(tensor):
    """As float32 keeps it, in float64."""
    return tensor.float().double()


def random_base(folder, tied):
    """Weights as large as those of a trained model: the answers are neither certain nor all alike."""
    config = LlamaConfig(tie_word_embeddings=tied, attn_implementation="eager", **BASE)
    model = LlamaForCausalLM(config)
    with torch.no_grad():
        for parameter in model.parameters():
            middle = 1 if parameter.ndim == 1 else 0
            parameter.copy_(middle + 0.2 * torch.randn_like(parameter))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return model.double().eval().requires_grad_(False)


def tensors_of(model, modules, rank):
    """(name of the base's weight, A or B, shape, length along which it is cut), in the order of the weight tokens."""
    weights = dict(model.named_parameters())
    for layer in range(BASE["num_hidden_layers"]):
        for module in modules:
            parent = "self_attn" if module in MODULES[:4] else "mlp"
            name = f"model.layers.{layer}.{parent}.{module}.weight"
            out_width, in_width = weights[name].shape
            yield name, "A", (rank, in_width), in_width
            yield name, "B", (out_width, rank), out_width


def adapter_of(tokens, mean, scales, tensors, chunk):
    """Matrices by (name, part). A chunk of A fills its token as it is, one of B transposed; weight = mean + scale · token."""
    matrices, first, offset = {}, 0, 0
    for name, part, shape, length in tensors:
        count = math.ceil(length / chunk)
        pieces = []
        for index in range(count):
            columns = min(chunk, length - index * chunk)
            pieces.append(scales[first + index] * tokens[first + index][:, :columns])
        change = torch.cat(pieces, dim=1)
        size = shape[0] * shape[1]
        matrices[name, part] = mean[offset : offset + size].reshape(shape) + (change if part == "A" else change.T)
        first, offset = first + count, offset + size
    return matrices


def predictions(model, matrices, scale, sequence):
    """ln p of every token after each position but the last, [positions - 1, vocabulary], with the adapter."""
    weights = dict(model.named_parameters())
    names = {name for name, _ in matrices}
    adapted = {name: weights[name] + scale * matrices[name, "B"] @ matrices[name, "A"] for name in names}
    logits = functional_call(model, adapted, (torch.tensor([sequence["ids"]]),), tie_weights=False).logits[0]
    return torch.log_softmax(logits[:-1].double(), dim=-1)


def loss_of(model, matrices, scale, sequences, teacher):
    """Mean over the labelled tokens of −ln p or, with the matrices of a teacher, of KL(teacher ‖ adapter)."""
    total, count = 0.0, 0
    for sequence in sequences:
        labels = torch.tensor(sequence["labels"])
        likelihood = predictions(model, matrices, scale, sequence)
        at = (labels[1:] != IGNORED).nonzero()[:, 0]
        if teacher is None:
            total = total - likelihood[at, labels[1:][at]].sum()
        else:
            taught = predictions(model, teacher, scale, sequence)[at]
            total = total + (taught.exp() * (taught - likelihood[at])).sum()
        count += len(at)
    return total / count


def random_sequence():
    ids = [choose.randrange(BASE["vocab_size"]) for _ in range(choose.randint(3, 17))]
    answer = choose.randint(1, len(ids) - 1)
    labels = [IGNORED] * answer + ids[answer:]
    return {"ids": ids, "labels": labels}


def whole_adapter(elements, tensors):
    """Matrices by (name, part) of an adapter's elements, its tensors one after the other."""
    sizes = [shape[0] * shape[1] for _, _, shape, _ in tensors]
    return {(name, part): own.reshape(shape) for (name, part, shape, _), own in zip(tensors, elements.split(sizes))}


def compare(label, number, modules, rank, alpha, rslora, chunk, tied, projected, taught):
    folder = work / number
    model = random_base(folder / "base", tied)
    tensors = list(tensors_of(model, modules, rank))
    counts = [math.ceil(length / chunk) for *_, length in tensors]
    features = [[4, 6, 10], [5, 4, 12], [sum(counts), rank, chunk]]
    decoder = Decoder(features, 3, projected).double()
    with torch.no_grad():
        for name, parameter in decoder.named_parameters():
            if parameter.ndim < 3 and not name.endswith("norm.weight"):
                parameter.copy_(0.2 * torch.randn_like(parameter))
            parameter.copy_(stored(parameter))
    tasks = [[random_sequence() for _ in range(choose.randint(1, 4))] for _ in range(3)]
    condition = stored(torch.randn(len(tasks), 4, projected or 6, 10))
    mean = stored(0.1 * torch.randn(sum(shape[0] * shape[1] for _, _, shape, _ in tensors)))
    scales = stored(0.1 * torch.rand(sum(counts)))
    scales[1] = 0
    scale = alpha / (math.sqrt(rank) if rslora else rank)
    teachers = stored(0.2 * torch.randn(len(tasks), len(mean))) if taught else None

    losses = [
        loss_of(
            model, adapter_of(tokens, mean, scales, tensors, chunk), scale, sequences,
            None if teachers is None else whole_adapter(teachers[index], tensors),
        )
        for index, (tokens, sequences) in enumerate(zip(decoder(condition), tasks))
    ]  # fmt: skip
    loss = sum(losses) / len(losses)
    loss.backward()

    prefixed = {
        f"{'decoder.' if name.startswith('module_list') else ''}{name}": parameter
        for name, parameter in decoder.named_parameters()
    }
    inputs = {f"param.{name}": parameter.detach() for name, parameter in prefixed.items()}
    inputs |= {"condition": condition, "mean": mean, "scales": scales}
    if taught:
        inputs["teachers"] = teachers
    save_file({name: tensor.float().contiguous() for name, tensor in inputs.items()}, folder / "input.safetensors")
    adapter = {"rank": rank, "alpha": alpha, "useRslora": rslora, "modules": modules}
    answer = bridge(
        "behaviour-gradients", folder / "base", folder / "input.safetensors", folder / "gradients.safetensors",
        features=features, kernelSize=3, projectedFrom=projected, adapter=adapter, chunk=chunk, tasks=tasks,
    )  # fmt: skip

    expected = [f"base_model.model.{name.removesuffix('.weight')}.lora_{part}.weight" for name, part, *_ in tensors]
    same_order = [tensor["name"] for tensor in answer["tensors"]] == expected
    check(f"{label}: tensors and first tokens as in docs/formats.md", same_order and first_tokens(counts, answer))
    error = abs(answer["loss"] / loss.item() - 1)
    check(f"{label}: loss", error < 1e-5, f"{loss.item():.4f}, relative error {error:.1e}")
    found = load_file(folder / "gradients.safetensors")
    whole = math.sqrt(sum(parameter.grad.square().sum().item() for parameter in prefixed.values()))
    errors, without_effect = {}, []
    for name, parameter in prefixed.items():
        norm = parameter.grad.norm().item()
        difference = (found[name].double() - parameter.grad).norm().item()
        if norm < NO_EFFECT * whole:
            without_effect.append(name)
            difference, norm = found[name].double().norm().item(), whole
        errors[name] = difference / norm
    worst = max(errors, key=errors.get)
    good = set(found) == set(prefixed) and errors[worst] <= TOLERANCE and len(without_effect) < len(errors) / 2
    detail = f"{len(errors)} parameters, largest relative error {errors[worst]:.1e} of {worst}"
    check(f"{label}: gradients of 3 tasks of {[len(task) for task in tasks]} sequences", good, detail)


def first_tokens(counts, answer):
    return [tensor["firstToken"] for tensor in answer["tensors"]] == [sum(counts[:i]) for i in range(len(counts))]


for index, (label, case) in enumerate(CASES.items()):
    compare(label, f"{index}-responses", taught=False, **case)
    compare(f"{label}, taught", f"{index}-taught", taught=True, **case)
finish()
