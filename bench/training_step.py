#!/usr/bin/env python3
"""One training step of ours beside PyTorch's on a model of the same shapes: same tokens, sequences, widths, heads,
experts; bf16 autocast; attention padded per stream; experts in a loop with gather and index_add, as PyTorch code
commonly does it. Skipped where torch is absent (Debian: python3-torch).

    bench/training_step.py --program build/bench/training_step --model FILE --threads 2
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

try:
    import torch
    from torch import nn
    from torch.nn import functional as F
except ImportError:
    torch = None

BUCKETS = 8  # of the time bias


def run_ours(arguments):
    """Prints our table; returns its JSON."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "step.json")
        command = [arguments.program, "--count", str(arguments.count), "--threads", str(arguments.threads), "--json", path]
        if arguments.model:
            command += ["--model", arguments.model]
        subprocess.run(command, check=True)
        with open(path, encoding="utf-8") as file:
            return json.load(file)


def rms_norm(x, gain):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * gain


def rotate(x, cos, sin):
    a, b = x[..., ::2], x[..., 1::2]
    return torch.stack((a * cos - b * sin, a * sin + b * cos), -1).flatten(-2)


def experts_of(config):
    return [config["experts_" + domain] for domain in ("linguistic", "visual", "physical")]


def define_model(shapes):
    """The classes are made here so that the file can be read without torch."""
    config = shapes["config"]
    d, latent = config["d_model"], config["kv_latent_dim"]
    heads, nope, rope, value = (config[k] for k in ("num_heads", "nope_head_dim", "rope_head_dim", "v_head_dim"))
    experts = experts_of(config)

    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.q = nn.Linear(d, heads * (nope + rope), bias=False)
            self.kv = nn.Linear(d, latent + rope, bias=False)
            self.gain = nn.Parameter(torch.ones(latent))
            self.expand = nn.Linear(latent, heads * (nope + value), bias=False)
            self.out = nn.Linear(heads * value, d, bias=False)
            self.bias = nn.Parameter(torch.zeros(heads, BUCKETS))

        def forward(self, x, plan):
            q = self.q(x).float().view(-1, heads, nope + rope)
            kv = self.kv(x).float()
            expanded = self.expand(rms_norm(kv[:, :latent], self.gain)).float()
            q = torch.cat((q[..., :nope], rotate(q[..., nope:], plan.cos[:, None], plan.sin[:, None])), -1)
            key = rotate(kv[:, latent:], plan.cos, plan.sin)
            k = torch.cat((expanded[:, : heads * nope].view(-1, heads, nope), key[:, None].expand(-1, heads, -1)), -1)
            v = expanded[:, heads * nope :].view(-1, heads, value)
            out = torch.empty(x.shape[0], heads * value)
            parts = [group.attend(q, k, v, self.bias) for group in plan.groups]
            for group, part in zip(plan.groups, parts):
                out = out.index_copy(0, group.rows, part)
            return self.out(out)

    class SwiGlu(nn.Module):
        def __init__(self, hidden):
            super().__init__()
            self.up = nn.Linear(d, 2 * hidden, bias=False)
            self.down = nn.Linear(hidden, d, bias=False)

        def forward(self, x):
            gate, v = self.up(x).chunk(2, -1)
            return self.down(F.silu(gate) * v)

    class RoutedFfn(nn.Module):
        def __init__(self):
            super().__init__()
            self.gate = nn.Linear(d, 3 + sum(experts))
            self.shared = SwiGlu(config["shared_hidden"])
            self.experts = nn.ModuleList(SwiGlu(config["expert_hidden"]) for _ in range(sum(experts)))

        def forward(self, x, plan):
            with torch.autocast("cpu", enabled=False):
                logits = F.linear(x.float(), self.gate.weight, self.gate.bias)
                domain = logits[:, :3].softmax(-1)
                affinity = logits[:, 3:].sigmoid()
                top, chosen = affinity.masked_fill(plan.foreign, 0).topk(config["top_k"], -1)
                weight = top / top.sum(-1, keepdim=True) * domain.gather(1, plan.modality[:, None])
            y = self.shared(x).float()
            for e, expert in enumerate(self.experts):
                rows, slot = (chosen == e).nonzero(as_tuple=True)
                if len(rows):
                    y = y.index_add(0, rows, expert(x[rows]).float() * weight[rows, slot, None])
            return y

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            widths, outputs = shapes["widths"], shapes["outputs"]
            self.learned = nn.Embedding(config["vocabulary_size"], config["text_learned_dim"])
            self.text = nn.Linear(widths["text"], d)
            self.features = nn.ModuleDict({k: nn.Sequential(nn.Linear(widths[k], d), nn.SiLU(), nn.Linear(d, d)) for k in ("prologue", "scene", "objects", "patches")})
            self.layers = nn.ModuleList(nn.ModuleDict({"attention": Attention(), "ffn": RoutedFfn()}) for _ in range(config["num_layers"]))
            self.gains = nn.Parameter(torch.ones(2 * config["num_layers"] + 1, d))
            self.heads = nn.ModuleDict({k: nn.Linear(d, n) for k, n in outputs.items()})
            self.fine = nn.Linear(d, outputs["prologue"])

        def forward(self, plan):
            words = torch.cat((plan.vectors, self.learned(plan.words)), -1)
            parts = [self.text(words)] + [mlp(plan.inputs[k]) for k, mlp in self.features.items()]
            x = torch.cat([p.float() for p in parts])[plan.order]
            for i, layer in enumerate(self.layers):
                x = x + layer["attention"](rms_norm(x, self.gains[2 * i]), plan).float()
                x = x + layer["ffn"](rms_norm(x, self.gains[2 * i + 1]), plan)
            return rms_norm(x, self.gains[-1])

        def loss(self, plan):
            hidden = self(plan)
            first = hidden[plan.rows["prologue"]]
            prologue = F.cross_entropy(self.heads["prologue"](first).float(), plan.prologue) + F.cross_entropy(self.fine(first).float(), plan.prologue)
            states = F.smooth_l1_loss(self.heads["objects"](hidden[plan.rows["objects"]]).float(), plan.states)
            codes = self.heads["patches"](hidden[plan.rows["patches"]]).float()
            logits = codes[:, :-1].reshape(-1, config["code_dims"], config["code_levels"])
            level = (logits.softmax(-1) * torch.arange(config["code_levels"])).sum(-1)
            pixels = F.cross_entropy(logits.flatten(0, 1), plan.codes.flatten()) + 0.2 * (level - plan.codes).abs().mean()
            return prologue + states + pixels + F.binary_cross_entropy_with_logits(codes[:, -1], plan.gate)

    return Model()


class Group:
    """Sequences of one stream, padded to the longest: [sequences, heads, longest, width]."""

    def __init__(self, begins, lengths):
        longest = max(lengths)
        place = torch.zeros(len(lengths), longest, dtype=torch.long)
        valid = torch.zeros(len(lengths), longest, dtype=torch.bool)
        for i, (begin, length) in enumerate(zip(begins, lengths)):
            place[i, :length] = torch.arange(begin, begin + length)
            valid[i, :length] = True
        self.place, self.valid, self.rows = place, valid, place[valid]
        causal = torch.ones(longest, longest).tril().bool()
        self.mask = (causal[None] & valid[:, None, :])[:, None]
        self.bucket = torch.randint(0, BUCKETS, (len(lengths), longest, longest))

    def attend(self, q, k, v, bias):
        q, k, v = (t[self.place].transpose(1, 2) for t in (q, k, v))
        scores = (q @ k.transpose(-1, -2)).float() * q.shape[-1] ** -0.5
        scores = scores + F.embedding(self.bucket, bias.t()).permute(0, 3, 1, 2)  # as T5 does
        share = scores.masked_fill(~self.mask, -1e30).softmax(-1)
        return (share @ v).transpose(1, 2)[self.valid].flatten(-2).float()


class Plan:
    """A batch of random content with the shapes of ours."""

    def __init__(self, shapes):
        config, rows = shapes["config"], shapes["rows"]
        lengths, tokens = shapes["sequence_lengths"], sum(shapes["sequence_lengths"])
        begins = [sum(lengths[:i]) for i in range(len(lengths))]
        self.groups, at = [], 0
        for count in shapes["streams"]:
            if count:
                self.groups.append(Group(begins[at : at + count], lengths[at : at + count]))
            at += count
        self.modality = torch.tensor(shapes["modality"], dtype=torch.long)
        domain = torch.repeat_interleave(torch.arange(3), torch.tensor(experts_of(config)))
        self.foreign = domain[None] != self.modality[:, None]
        angle = torch.rand(tokens, config["rope_head_dim"] // 2) * 6.28
        self.cos, self.sin = angle.cos(), angle.sin()
        tasks = tokens - sum(rows.values())  # their embeddings are table look-ups: counted as words
        self.words = torch.randint(0, config["vocabulary_size"], (rows["text"] + tasks,))
        self.vectors = torch.randn(rows["text"] + tasks, config["text_vector_dim"])
        self.inputs = {k: torch.randn(rows[k], shapes["widths"][k]) for k in ("prologue", "scene", "objects", "patches")}
        self.order = torch.randperm(tokens)
        self.rows = {k: torch.randperm(tokens)[: rows[k]] for k in ("prologue", "objects", "patches")}
        self.prologue = torch.randint(0, shapes["outputs"]["prologue"], (rows["prologue"],))
        self.states = torch.randn(rows["objects"], shapes["outputs"]["objects"])
        self.codes = torch.randint(0, config["code_levels"], (rows["patches"], config["code_dims"]))
        self.gate = torch.randint(0, 2, (rows["patches"],)).float()


def time_torch(shapes, count):
    """Seconds of each step after two to warm up, and the number of parameters."""
    torch.manual_seed(1)
    model, plan = define_model(shapes), Plan(shapes)
    parameters = list(model.parameters())
    average = [p.detach().clone() for p in parameters]
    optimizer = torch.optim.AdamW(parameters, lr=1e-5, betas=(0.9, 0.98), foreach=True)
    seconds = []
    for i in range(-2, count):
        start = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = model.loss(plan)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        with torch.no_grad():
            torch._foreach_mul_(average, 0.999)
            torch._foreach_add_(average, [p.detach() for p in parameters], alpha=0.001)
        if i >= 0:
            seconds.append(time.perf_counter() - start)
    return seconds, sum(p.numel() for p in parameters)


def compare(figures, shapes, count):
    """Prints PyTorch's row and the ratio of medians."""
    seconds, parameters = time_torch(shapes, count)
    median, p90 = statistics.median(seconds), statistics.quantiles(seconds, n=10)[-1]
    ratio = median / figures["step_s"]["median"]
    print(f"\n| PyTorch {torch.__version__}, bf16 autocast, N steps | parameters | step s: median / p90 | tokens/s | its time over ours |")
    print("|---|---|---|---|---|")
    print(f"| {count} | {parameters / 1e6:.2f} M | {median:.3f} / {p90:.3f} | {figures['tokens'] / median:.0f} | {ratio:.2f} |")
    return {"version": torch.__version__, "step_s": seconds, "parameters": parameters, "ratio": ratio}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="build/bench/training_step")
    parser.add_argument("--model", default="")
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--json", default="")
    arguments = parser.parse_args()
    ours = run_ours(arguments)
    shapes = ours["figures"].pop("shapes")
    if torch is None:
        print("\nPyTorch is not installed (Debian: python3-torch): comparison skipped", file=sys.stderr)
    else:
        torch.set_num_threads(arguments.threads)
        ours["figures"]["torch"] = compare(ours["figures"], shapes, arguments.count)
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(ours, file, indent=1)


if __name__ == "__main__":
    main()
