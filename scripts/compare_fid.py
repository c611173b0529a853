#!/usr/bin/env python3
"""Writes the reference numbers for the tests of crates/eval, from other programs: pytorch-fid's network with
made-up weights, scipy's square root, torch-fidelity's KID, precision and recall, and Inception score.

    pip install torch torchvision pytorch-fid torch-fidelity scipy
    scripts/compare_fid.py --fixtures crates/eval/tests/fixtures

The weights are a formula of name and position, so that a test can make them too. The published Inception
weights are not needed to show that the arithmetic is the same.
"""

import argparse
import json
import unittest.mock

import numpy as np
import scipy.linalg
import torch
from pytorch_fid import inception as pytorch_fid_inception
from pytorch_fid.fid_score import calculate_frechet_distance
from safetensors.torch import save_file
from torch_fidelity.metric_isc import isc_features_to_metric
from torch_fidelity.metric_kid import kernel_mmd
from torch_fidelity.metric_prc import calculate_precision_recall_full


def uniform(stream, count):
    """Numbers in [-0.5, 0.5) that crates/eval/tests/inception.rs makes as well."""
    x = np.arange(count, dtype=np.uint64) * np.uint64(2654435761) + np.uint64(stream) * np.uint64(40503)
    x = (x & np.uint64(0xFFFFFFFF)).astype(np.uint32)
    for _ in range(2):
        x ^= x >> np.uint32(16)
        x *= np.uint32(0x45D9F3B)
    x ^= x >> np.uint32(16)
    return x.astype(np.float64) / 2**32 - 0.5


def made_up(name, shape, stream):
    values = uniform(stream, int(np.prod(shape)))
    if name.endswith("conv.weight"):
        values = values * np.sqrt(24 / np.prod(shape[1:]))  # He et al.: activations keep their size
    elif name.endswith("bn.weight"):
        values = 1 + 0.4 * values
    elif name.endswith("running_var"):
        values = 1 + values
    elif name.endswith("fc.weight"):
        values = values * np.sqrt(12 / shape[1])
    else:
        values = 0.4 * values
    return torch.from_numpy(values.reshape(shape).astype(np.float32))


def network():
    """pytorch-fid's own network; only where its weights come from is changed."""
    tensors = {}
    plain = pytorch_fid_inception._inception_v3(num_classes=1008, aux_logits=False, weights=None)
    names = sorted(name for name in plain.state_dict() if not name.endswith("num_batches_tracked"))
    shapes = {}
    with unittest.mock.patch.object(pytorch_fid_inception, "load_state_dict_from_url") as load:

        class Stop(Exception):
            pass

        def capture(self, state, *_, **__):
            shapes.update({name: tuple(tensor.shape) for name, tensor in self.state_dict().items()})
            raise Stop

        load.return_value = {}
        with unittest.mock.patch.object(torch.nn.Module, "load_state_dict", capture):
            try:
                pytorch_fid_inception.fid_inception_v3()
            except Stop:
                pass
        for stream, name in enumerate(names):
            tensors[name] = made_up(name, shapes[name], stream)
        tracked = {name: torch.tensor(0) for name in shapes if name.endswith("num_batches_tracked")}
        load.return_value = {**tensors, **tracked}
        model = pytorch_fid_inception.InceptionV3([3]).eval()
        whole = pytorch_fid_inception.fid_inception_v3().eval()
    return model, whole.fc.weight, tensors


def images(count, sides):
    values = uniform(1000 + sides[0] * 100 + sides[1], count * 3 * sides[0] * sides[1]) + 0.5
    return torch.from_numpy(np.floor(values * 255.999).astype(np.float32) / 255).reshape(count, 3, *sides)


def features_of(seed, count, dim, shift):
    return torch.from_numpy((uniform(seed, count * dim).reshape(count, dim) * 3 + shift).astype(np.float32))


def distances(folder):
    ours, theirs = features_of(1, 300, 24, 0.1), features_of(2, 260, 24, 0.0)
    theirs = theirs @ torch.from_numpy(uniform(3, 24 * 24).reshape(24, 24).astype(np.float32))
    few = ours[:10]  # fewer samples than features: a covariance without full rank
    statistics = lambda x: (x.double().numpy().mean(0), np.cov(x.double().numpy(), rowvar=False))
    (m1, c1), (m2, c2), (m3, c3) = statistics(ours), statistics(theirs), statistics(few)
    # scipy's own root, without pytorch-fid's tolerance for imaginary parts.
    frechet = ((m1 - m2) ** 2).sum() + np.trace(c1 + c2) - 2 * scipy.linalg.sqrtm(c1 @ c2).real.trace()
    poly = dict(kid_kernel="poly", kid_kernel_poly_degree=3, kid_kernel_poly_gamma=None, kid_kernel_poly_coef0=1)
    same = ours[:260]
    precision, recall = calculate_precision_recall_full(ours.double(), theirs.double(), 3)
    score = isc_features_to_metric(ours, 10, shuffle=False)
    save_file({"ours": ours, "theirs": theirs.contiguous()}, f"{folder}/features.safetensors")
    eigen = np.linalg.eigvalsh(np.linalg.cholesky(c2).T @ c3 @ np.linalg.cholesky(c2))
    few_distance = ((m3 - m2) ** 2).sum() + np.trace(c3 + c2) - 2 * np.sqrt(np.clip(eigen, 0, None)).sum()
    return {
        "frechet": float(frechet),
        "pytorch_fid": float(calculate_frechet_distance(m1, c1, m2, c2)),
        "frechet_of_few": float(few_distance),
        "kernel_of_all": float(kernel_mmd(same.double().numpy(), theirs.double().numpy(), **poly)),
        "precision": precision,
        "recall": recall,
        "inception_score": [score["inception_score_mean"], score["inception_score_std"]],
    }


def feature_network(folder):
    """A network of every layer that `eval --features` knows, as torch computes it."""
    nn = torch.nn
    layers = [
        ({"kind": "conv2d", "weights": "0", "padding": 1}, nn.Conv2d(3, 6, 3, padding=1)),
        ({"kind": "batch_norm2d", "weights": "1"}, nn.BatchNorm2d(6)),
        ({"kind": "relu"}, nn.ReLU()),
        ({"kind": "max_pool2d", "size": 2}, nn.MaxPool2d(2)),
        ({"kind": "conv2d", "weights": "4", "stride": 2}, nn.Conv2d(6, 8, 3, stride=2, bias=False)),
        ({"kind": "batch_norm2d", "weights": "5", "eps": 1e-3}, nn.BatchNorm2d(8, eps=1e-3)),
        ({"kind": "silu"}, nn.SiLU()),
        ({"kind": "avg_pool2d", "size": 2, "stride": 1}, nn.AvgPool2d(2, 1)),
        ({"kind": "global_avg_pool"}, nn.AdaptiveAvgPool2d(1)),
        ({"kind": "flatten"}, nn.Flatten()),
        ({"kind": "linear", "weights": "10"}, nn.Linear(8, 12)),
        ({"kind": "gelu"}, nn.GELU()),
        ({"kind": "linear", "weights": "12"}, nn.Linear(12, 5, bias=False)),
    ]
    network = nn.Sequential(*(layer for _, layer in layers)).eval()
    for stream, (name, tensor) in enumerate(sorted(network.state_dict().items())):
        if tensor.dtype == torch.float32:
            scale = 1 + made_up("", tensor.shape, 2000 + stream) if "running_var" in name else None
            tensor.copy_(scale if scale is not None else made_up("", tensor.shape, 2000 + stream))
    size, mean, std = {"channels": 3, "height": 14, "width": 11}, [0.4, 0.5, 0.6], [0.2, 0.25, 0.3]
    text = {
        "name": "all layers",
        "weights": "feature_network.pth",
        "input": {**size, "mean": mean, "std": std},
        "layers": [config for config, _ in layers],
    }
    json.dump(text, open(f"{folder}/feature_network.json", "w"), indent=1)
    torch.save(network.state_dict(), f"{folder}/feature_network.pth")
    expected = {}
    with torch.no_grad():
        for sides in [(14, 11), (9, 20)]:
            x = images(3, sides)
            if sides != (14, 11):
                x = torch.nn.functional.interpolate(x, (14, 11), mode="bilinear", align_corners=False)
            x = (x - torch.tensor(mean).view(1, 3, 1, 1)) / torch.tensor(std).view(1, 3, 1, 1)
            expected[f"features_{sides[0]}x{sides[1]}"] = network(x).contiguous()
    save_file(expected, f"{folder}/feature_network.safetensors")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fixtures", required=True)
    parser.add_argument("--weights", help="write the made-up weights to this file")
    args = parser.parse_args()
    model, classes, tensors = network()
    expected = {}
    with torch.no_grad():
        for sides, count in [((8, 8), 16), ((32, 32), 24), ((28, 45), 16), ((299, 299), 4), ((320, 310), 4)]:
            features = model(images(count, sides))[0].reshape(count, 2048)
            expected[f"features_{sides[0]}x{sides[1]}"] = features.contiguous()
            expected[f"logits_{sides[0]}x{sides[1]}"] = (features @ classes.T).contiguous()
    save_file(expected, f"{args.fixtures}/inception.safetensors")
    with open(f"{args.fixtures}/inception_shapes.txt", "w") as shapes:
        for name in sorted(tensors):
            print(name, "x".join(map(str, tensors[name].shape)), file=shapes)
    if args.weights:
        save_file(tensors, args.weights)
    feature_network(args.fixtures)
    numbers = distances(args.fixtures)
    json.dump(numbers, open(f"{args.fixtures}/distances.json", "w"), indent=1)
    print(json.dumps(numbers, indent=1))
    print({name: tensor.abs().mean().item() for name, tensor in expected.items()})


if __name__ == "__main__":
    main()
