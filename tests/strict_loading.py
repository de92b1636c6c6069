"""Networks trained by gainfield load strictly into modules with the reference's names and shapes.

    python tests/strict_loading.py BINARY SHARED [FILTER]

BINARY is the headless program, SHARED the reference material (its folders peers and checkpoints).
Each family is trained for an update or two; the saved tensors are loaded with strict=True into a
module whose parameters are those of the PyTorch peer, or of a published checkpoint. Needs torch and
safetensors. Prints one line per network and ends with status 1 at the first that does not load.
"""

import os
import subprocess
import sys
import tempfile

import torch
from safetensors.torch import load_file


def module_of(shapes):
    """A module whose state_dict() has exactly these names and shapes."""
    root = torch.nn.Module()
    for name, shape in shapes.items():
        *path, leaf = name.split(".")
        module = root
        for part in path:
            if part not in dict(module.named_children()):
                module.add_module(part, torch.nn.Module())
            module = getattr(module, part)
        module.register_buffer(leaf, torch.zeros(tuple(shape)))
    return root


def of_file(path):
    state = torch.load(path, map_location="cpu", weights_only=True)
    return {name: tensor.shape for name, tensor in state.items()}


def run(binary, name, out, settings):
    command = [binary, "train", name, "--out", out, "--quiet", "--device", "cpu"]
    for setting in settings:
        command += ["--set", setting]
    subprocess.run(command, check=True)


def object_attention(shared, _out):
    return [("checkpoints/last", of_file(f"{shared}/checkpoints/oba/{OBA}"))]


def recurrent_gating(shared, _out):
    return [("checkpoints/last", of_file(f"{shared}/checkpoints/brg/psycphys_contrast/model.pth"))]


def counter_hebb(shared, _out):
    name = "model_multi_mnist_sw_mtl_random_init.pth"
    return [("checkpoints/last", of_file(f"{shared}/checkpoints/butd/{name}"))]


def blt(_shared, _out):
    import blt

    peer = blt.BLT("blt_bl", 10, 8, seed=0, widths=[32] * 6)
    return [("checkpoints/last", peer.shapes())]


def cordsnet(_shared, out):
    import cordsnet

    config = cordsnet.Cfg("mnist", 2, 4, 32)
    stages = {
        "1_compatibility_fused": "folded",
        "1_compatibility": "compat",
        "2_inverse": "inverse",
        "3_linear": "linear",
        "4_parametric": "parametric",
        "5_finetune": "final",
    }
    found, seen = [], set()
    for file in sorted(os.listdir(f"{out}/stages")):
        if file.endswith(".safetensors"):
            kind = next(kind for start, kind in stages.items() if file.startswith(start))
            found.append((f"stages/{file}", dict(cordsnet.key_list(kind, config))))
            seen.add(kind)
    assert seen == set(stages.values()), f"files of {sorted(seen)} alone"
    return found


OBA = "mnist_n2_random_init.pt"
DRAWN = ["drawn=200", "test_stimuli=20"]
NETWORKS = {
    "object_attention/digits": (
        object_attention,
        ["objects=2", "updates=2", "training_digits=200", "validation_stimuli=10", "test_stimuli=10"],
    ),
    "recurrent_gating/contrast": (
        recurrent_gating,
        ["updates=2", "batch_size=4", "n_samples=8", "n_validation=4", "n_test=4"],
    ),
    "counter_hebb/multi_mnist": (counter_hebb, ["updates=2", "held_out=20", *DRAWN]),
    "blt/small": (blt, ["updates=2", "batch_size=4", "held_out=10", "validation_stimuli=10", *DRAWN]),
    "cordsnet/small": (
        cordsnet,
        [
            "base=4",
            "validation_stimuli=10",
            "held_out=20",
            "cnn={updates=1,batch=4}",
            "inverse={updates=1,batch=4}",
            "linear={updates=1,batch=4}",
            "parametric={updates=1,batch=4}",
            "final={updates=1,batch=4}",
            *DRAWN,
        ],
    ),
}


def main():
    binary, shared = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    wanted = sys.argv[3] if len(sys.argv) > 3 else ""
    sys.path.insert(0, f"{shared}/peers")
    for name, (expected, settings) in NETWORKS.items():
        if wanted not in name:
            continue
        with tempfile.TemporaryDirectory() as folder:
            out = f"{folder}/run"
            run(binary, name, out, settings)
            for place, shapes in expected(shared, out):
                path = f"{out}/{place}"
                path = path if path.endswith(".safetensors") else f"{path}/weights.safetensors"
                tensors = load_file(path)
                try:
                    module_of(shapes).load_state_dict(tensors, strict=True)
                except RuntimeError as err:
                    sys.exit(f"{name}, {place}: {err}")
                print(f"{name}, {place}: {len(tensors)} tensors")


main()
