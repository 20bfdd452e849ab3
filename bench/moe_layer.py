#!/usr/bin/env python3
"""Our routed feed-forward beside a standard PyTorch one of the same shapes: softmax gate, top-k, SwiGLU experts in a
loop with gather and index_add, bf16 autocast. Runs both, alternating, and prints the ratio. Skipped where torch is
absent (Debian: python3-torch).

    bench/moe_layer.py --program build/bench/moe_layer --threads 2
"""
import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time

try:
    import torch
    from torch import nn
    from torch.nn import functional as F
except ImportError:
    torch = None


def run_ours(arguments):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "layer.json")
        command = [arguments.program, "--count", str(arguments.count), "--threads", str(arguments.threads), "--json", path]
        subprocess.run(command, check=True)
        with open(path, encoding="utf-8") as file:
            return json.load(file)["figures"]


def run_torch(shape, count, threads):
    """Seconds: (forward, forward and backward), medians."""

    class SwiGlu(nn.Module):
        def __init__(self):
            super().__init__()
            self.up = nn.Linear(shape["d"], 2 * shape["hidden"], bias=False)
            self.down = nn.Linear(shape["hidden"], shape["d"], bias=False)

        def forward(self, x):
            gate, value = self.up(x).chunk(2, -1)
            return self.down(F.silu(gate) * value)

    class Moe(nn.Module):
        def __init__(self):
            super().__init__()
            self.gate = nn.Linear(shape["d"], shape["experts"], bias=False)
            self.experts = nn.ModuleList(SwiGlu() for _ in range(shape["experts"]))

        def forward(self, x):
            top, chosen = self.gate(x).float().softmax(-1).topk(shape["top_k"], -1)
            weight = top / top.sum(-1, keepdim=True)
            y = torch.zeros_like(x)
            for e, expert in enumerate(self.experts):
                rows, slot = (chosen == e).nonzero(as_tuple=True)
                if len(rows):
                    y = y.index_add(0, rows, expert(x[rows]).float() * weight[rows, slot, None])
            return y

    torch.manual_seed(1)
    torch.set_num_threads(threads)
    model = Moe()
    x, dy = torch.randn(shape["tokens"], shape["d"], requires_grad=True), torch.randn(shape["tokens"], shape["d"])
    forward, both = [], []
    for i in range(-2, count):
        model.zero_grad(set_to_none=True)
        x.grad = None
        start = time.perf_counter()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y = model(x)
        middle = time.perf_counter()
        y.backward(dy)
        end = time.perf_counter()
        if i >= 0:
            forward.append(middle - start)
            both.append(end - start)
    return statistics.median(forward), statistics.median(both)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    ours = run_ours(arguments)
    if torch is None:
        print("\nPyTorch is not installed (Debian: python3-torch): no comparison")
        return
    forward, both = run_torch(ours, arguments.count, arguments.threads)
    print(f"\n| PyTorch {torch.__version__}, bf16 autocast | forward ms | forward and backward ms | its time over ours, forward | both |\n|---|---|---|---|---|")
    print(f"| {arguments.count} | {1e3 * forward:.2f} | {1e3 * both:.2f} | {forward / ours['forward_s']:.2f} | {both / ours['both_s']:.2f} |")


if __name__ == "__main__":
    main()
