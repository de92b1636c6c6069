#!/usr/bin/env python3
"""How far whole trainings of the PyTorch peers are from themselves when only roundings differ.

    python tests/reference_rounding.py PEERS GOLDEN DATA

PEERS holds the peers' scripts, GOLDEN the folders of reference outputs, DATA the folder `mnist`. Every
stored training is repeated as stored, in double precision, without oneDNN, and with every initial weight
moved by its last bit (seeds 1 to 6); that of the fully connected network also with its pixels in reverse,
which changes nothing but the order in which products are summed. A line per repetition gives the largest difference to what is stored;
docs/parity.md quotes them.
"""

import gzip
import json
import pathlib
import sys
import warnings

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import safe_open

PEERS, GOLDEN, DATA = (pathlib.Path(folder).resolve() for folder in sys.argv[1:4])
sys.path.insert(0, str(PEERS))
import blt  # noqa: E402
import butd  # noqa: E402

# Name, precision, whether oneDNN computes, seed of the last bits.
REPETITIONS = [
    ("as stored", torch.float32, True, 0),
    ("double precision", torch.float64, True, 0),
    ("without oneDNN", torch.float32, False, 0),
    *((f"last bits, seed {seed}", torch.float32, True, seed) for seed in range(1, 7)),
]


def moved(weights, dtype, seed):
    """The weights as `dtype`, each moved by its last bit up or down."""
    draw = torch.Generator().manual_seed(seed)
    signs = {name: torch.sign(torch.randn(w.shape, generator=draw)) for name, w in weights.items()}
    by = 2.0**-23 if seed else 0.0
    return {name: (w.detach() * (1 + by * signs[name])).to(dtype) for name, w in weights.items()}


def blt_training_step(case, stored, dtype, seed):
    """Largest differences of the first gradient of the input's kernel and of the next four losses."""
    settings = json.loads(stored.metadata()["cases"])[case]
    images, labels = stored.get_tensor("input"), stored.get_tensor("labels").long()
    model = blt.BLT("blt_blt", 12, 8, "max", seed=21, widths=[32] * 6)
    model.p = {name: w.requires_grad_(True) for name, w in moved(model.p, dtype, seed).items()}
    rule = torch.optim.AdamW(model.p.values(), lr=settings["lr"], weight_decay=settings["weight_decay"])
    losses, kernel = [], next(name for name in model.p if name.endswith("conv_input.weight"))
    for step in range(5):
        rule.zero_grad()
        loss = blt.readout_loss(model.run(images.to(dtype)), labels, settings["loss_gamma"], settings["loss_choice"])
        loss.backward()
        if settings["clip"]:
            torch.nn.utils.clip_grad_norm_([w for w in model.p.values() if w.grad is not None], settings["clip"])
        if step == 0:
            expected = stored.get_tensor(f"{case}.grad.{kernel}")
            gradient = float((model.p[kernel].grad - expected).abs().max() / expected.abs().max())
        losses.append(loss.item())
        rule.step()
    expected = stored.get_tensor(f"{case}.next_losses").double().numpy()
    return {"gradient": gradient, "next losses": float(np.abs(np.array(losses[1:]) - expected).max())}


def idx(path):
    data = gzip.open(path).read()
    sizes = [int.from_bytes(data[4 + 4 * i : 8 + 4 * i], "big") for i in range(data[3])]
    return np.frombuffer(data[4 + 4 * data[3] :], np.uint8).reshape(sizes)


def normalised(pixels):
    pixels = pixels.astype(np.float32) / np.float32(255)
    return torch.from_numpy((pixels - np.float32(0.1307)) / np.float32(0.3081))[:, None]


def pairs(digits, left, right):
    """Two digits on 36 x 36, brought to 28 x 28 by the nearest entry."""
    canvas = np.zeros((len(left), 36, 36), np.uint8)
    canvas[:, :28, :28] = digits[left]
    canvas[:, 6:34, 6:34] = np.maximum(canvas[:, 6:34, 6:34], digits[right])
    nearest = ((np.arange(28) + 0.5) * 36 / 28).astype(int)
    return normalised(canvas[:, nearest][:, :, nearest])


def butd_training(name, stored, dtype, seed, epochs, is_reversed=False):
    """Largest differences of the running loss and of the sums of the final weights."""
    about = stored.metadata()
    condition, rule = json.loads(about["conditions"])[name], json.loads(about["optimiser"])
    config = {**json.loads(about["config"]), "shared_weights": condition["shared_weights"]}
    digits, labels = idx(DATA / "t10k-images-idx3-ubyte.gz"), idx(DATA / "t10k-labels-idx1-ubyte.gz").astype(np.int64)
    shapes, weights = butd.shapes(config), {}
    for key, shape in shapes.items():
        fan = np.prod(shapes[key.replace(".bias", ".weight")][1:])
        scale = np.sqrt(6 / np.prod(shape[1:])) if key.endswith("back_weight") else 1 / np.sqrt(fan)
        uniform = butd.hash_uniform(key, int(np.prod(shape))) * scale
        weights[key] = torch.from_numpy(uniform.astype(np.float32)).reshape(shape)
    weights = moved(weights, dtype, seed)
    if config["mtl"]:
        right = stored.get_tensor("data/right_index_train").long().numpy()
        images = pairs(digits, np.arange(8000), right)
        labels = np.stack([labels[:8000], labels[right]], 1)
    else:
        images, labels = normalised(digits[:8000]), labels[:8000, None]
    if is_reversed:
        first = "core_net._fc_layers.0."
        images = images.flip((2, 3))
        weights[first + "weight"] = weights[first + "weight"].flip(1)
        weights[first + "back_weight"] = weights[first + "back_weight"].flip(0)
    net = butd.Net(config, weights)
    counter_hebb = condition["update"] == "counter_hebb"
    frozen = ("task_head",) if condition["back_weights_updated"] else ("task_head", "back_weight")
    learned = {key: w for key, w in weights.items() if not any(part in key for part in frozen)}
    for w in learned.values():
        w.requires_grad_(not counter_hebb)
    with torch.no_grad():
        net.core_up(images[:1].to(dtype), False)
    adam = torch.optim.Adam(learned.values(), lr=rule["lr"], weight_decay=condition["weight_decay"])
    running = []
    for epoch in range(epochs):
        adam.param_groups[0]["lr"] = rule["lr"] * rule["decay_per_epoch"] ** epoch
        order, losses = stored.get_tensor("data/order").long().numpy()[epoch], []
        for first in range(0, len(order), rule["batch"]):
            rows = order[first : first + rule["batch"]]
            tasks, instruction = np.zeros(len(rows), int), None
            if config["mtl"]:
                tasks = stored.get_tensor("data/tasks").long().numpy()[epoch][first : first + rule["batch"]]
                instruction = F.one_hot(torch.from_numpy(tasks), config["n_tasks"]).to(dtype)
            shown, right = images[rows].to(dtype), torch.from_numpy(labels[rows, tasks])
            adam.zero_grad()
            if counter_hebb:
                with torch.no_grad():
                    output, *_, gradients = net.ch_grads(shown, instruction, right, "CrossEntropy")
                for key, w in learned.items():
                    w.grad = gradients[key].contiguous()
            else:
                output = net.predict(shown, instruction)
            loss = F.cross_entropy(output, right)
            if not counter_hebb:
                loss.backward()
            adam.step()
            losses.append(loss.item())
        running.append(np.mean(losses))
    expected = stored.get_tensor(f"{name}/history").double().numpy()[1 : epochs + 1, 1]
    found = {"running loss": float(np.abs(np.array(running) - expected).max())}
    if epochs == rule["epochs"]:
        apart = 0.0
        for key, w in weights.items():
            expected = stored.get_tensor(f"{name}/final_stat/{key}").double()
            w = w.detach().double()
            sums = torch.stack([w.sum(), w.abs().sum(), (w * w).sum()])
            apart = max(apart, float(((sums - expected).abs() / expected.abs()).max()))
        found["final sums, relative"] = apart
    return found


def main():
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    steps = safe_open(GOLDEN / "blt" / "blt_train_step_small.safetensors", "pt")
    single = safe_open(GOLDEN / "butd" / "target_mnist_fc_training.safetensors", "pt")
    double = safe_open(GOLDEN / "butd" / "target_multimnist_training.safetensors", "pt")
    works = [("blt decay05", lambda *how: blt_training_step("decay05", steps, *how))]
    works += [("fc ch_asym", lambda *how: butd_training("ch_asym", single, *how, 3))]
    works += [("digits bp_shared", lambda *how: butd_training("bp_shared", double, *how, 1))]
    works += [("digits bp_asym", lambda *how: butd_training("bp_asym", double, *how, 1))]
    found = butd_training("ch_asym", single, torch.float32, 0, 3, is_reversed=True)
    print("fc ch_asym         pixels in reverse   ", found, flush=True)
    for name, work in works:
        for words, dtype, has_onednn, seed in REPETITIONS:
            with torch.backends.mkldnn.flags(enabled=has_onednn):
                found = work(dtype, seed)
            apart = ", ".join(f"{what} {value:.1e}" for what, value in found.items())
            print(f"{name:<18} {words:<20} {apart}", flush=True)


if __name__ == "__main__":
    main()
