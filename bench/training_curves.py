#!/usr/bin/env python3
"""Draws the training logs (log.jsonl of `orrery train`) as one SVG: losses, accuracies, PSNR over the minutes of
training, and the held-out place error of each family beside constant velocity. Standard library only.

    bench/training_curves.py bench/results/*_log.jsonl -o bench/results/training_curves.svg
"""
import argparse
import json
import math
import os
import sys
from xml.sax.saxutils import escape

PANEL_WIDTH, PANEL_HEIGHT, COLUMNS = 400, 230, 3
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 30, 34  # of the plot inside a panel
PALETTE = ["#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#8c564b"]
FLOOR = 1e-3  # m: a logarithmic axis cannot show the 0 of things that rest


def read_log(path):
    """Records in order; a last line that is still being written is skipped."""
    records = []
    with open(path, encoding="utf-8") as file:
        for line in file:
            try:
                records.append(json.loads(line))
            except ValueError:
                print(f"training_curves: {path}: a line is no JSON, skipped", file=sys.stderr)
    return records


def points_of(records, key):
    """(minutes, value); zeros mean that the stream had no samples yet."""
    return [(r["seconds"] / 60, r[key]) for r in records if r.get(key)]


def smoothed(points, width=7):
    """Running median: single steps scatter with the batch."""
    half = width // 2
    out = []
    for i in range(len(points)):
        near = sorted(v for _, v in points[max(0, i - half) : i + half + 1])
        out.append((points[i][0], near[len(near) // 2]))
    return out


def ticks_linear(low, high, count=5):
    step = 10 ** math.floor(math.log10((high - low) / count))
    step *= min((m for m in (1, 2, 5, 10) if (high - low) / (m * step) <= count), default=10)
    first = math.ceil(low / step - 1e-9)
    return [n * step for n in range(first, int(math.floor(high / step + 1e-9)) + 1)]


def ticks_log(low, high):
    """1-2-5 within two decades, else powers of ten."""
    digits = (1, 2, 5) if high / low < 300 else (1,)
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [d * 10.0**e for e in exponents for d in digits if low * 0.999 <= d * 10.0**e <= high * 1.001]


class Panel:
    """One plot; series are (name, points, colour, dashed, marks)."""

    def __init__(self, title, unit, log=False):
        self.title, self.unit, self.log, self.series = title, unit, log, []

    def add(self, name, points, color, dashed=False, marks=False):
        if self.log:
            points = [(x, max(y, FLOOR)) for x, y in points]
        if points:
            self.series.append((name, points, color, dashed, marks))

    def limits(self):
        xs = [x for s in self.series for x, _ in s[1]]
        ys = [y for s in self.series for _, y in s[1]]
        low, high = min(ys), max(ys)
        if self.log:
            low, high = low / 1.15, high * 1.15
        else:
            margin = 0.05 * (high - low) or 0.5
            low, high = low - margin, high + margin
        return 0.0, max(max(xs), 1e-6), low, high

    def svg(self, x0, y0):
        x_low, x_high, y_low, y_high = self.limits()
        width, height = PANEL_WIDTH - LEFT - RIGHT, PANEL_HEIGHT - TOP - BOTTOM
        scale = math.log if self.log else float

        def px(x):
            return x0 + LEFT + (x - x_low) / (x_high - x_low) * width

        def py(y):
            return y0 + TOP + height - (scale(y) - scale(y_low)) / (scale(y_high) - scale(y_low)) * height

        out = [f'<text x="{x0 + LEFT}" y="{y0 + 18}" class="t">{escape(self.title)}</text>']
        for y in ticks_log(y_low, y_high) if self.log else ticks_linear(y_low, y_high):
            out.append(f'<path d="M{x0 + LEFT} {py(y):.1f}h{width}" class="g"/>')
            out.append(f'<text x="{x0 + LEFT - 5}" y="{py(y) + 4:.1f}" class="n e">{y:.4g}</text>')
        for x in ticks_linear(x_low, x_high):
            out.append(f'<text x="{px(x):.1f}" y="{y0 + TOP + height + 14}" class="n m">{x:.4g}</text>')
        out.append(f'<rect x="{x0 + LEFT}" y="{y0 + TOP}" width="{width}" height="{height}" class="f"/>')
        out.append(f'<text x="{x0 + LEFT + width}" y="{y0 + TOP + height + 28}" class="n e">minutes of training; {escape(self.unit)}</text>')
        for s in self.series:
            out += self.curve(s, px, py)
        return out + self.legend(x0, y0)

    @staticmethod
    def curve(series, px, py):
        _, points, color, dashed, marks = series
        path = "M" + "L".join(f"{px(x):.1f} {py(y):.1f}" for x, y in points)
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        out = [f'<path d="{path}" stroke="{color}" class="c"{dash}/>']
        if marks:
            out += [f'<circle cx="{px(x):.1f}" cy="{py(y):.1f}" r="2.4" fill="{color}"/>' for x, y in points]
        return out

    def legend(self, x0, y0):
        out = []
        x = x0 + PANEL_WIDTH - RIGHT
        for name, _, color, _, _ in reversed(self.series):
            out.append(f'<text x="{x}" y="{y0 + 18}" class="n e" style="fill:{color}">{escape(name)}</text>')
            x -= 6 * len(name) + 10
        return out


def loss_panels(records):
    panels = []
    for key, title, log in (("prologue_loss", "text to scene", False), ("state_loss", "states", True), ("pixel_loss", "pixels", True), ("loss", "video tokenizer", True)):
        points = points_of(records, key)
        if points:
            panel = Panel(title, "training loss, running median", log)
            panel.add("", smoothed(points), PALETTE[0])
            panels.append(panel)
    return panels


def accuracy_panels(records):
    panel = Panel("right answers", "share, running median")
    for i, (key, name) in enumerate((("prologue_accuracy", "scene"), ("contact_accuracy", "contact"), ("code_accuracy", "codes"))):
        panel.add(name, smoothed(points_of(records, key)), PALETTE[i])
    quality = Panel("reconstruction", "PSNR in dB")
    for i, (key, name) in enumerate((("held_out_psnr", "held-out frames"), ("held_out_object_psnr", "inside masks"))):
        quality.add(name, points_of(records, key), PALETTE[i], marks=True)
    return [p for p in (panel, quality) if p.series]


def family_panels(records):
    held_out = [r for r in records if "held_out" in r]
    families = list(held_out[-1]["held_out"]) if held_out else []
    panels = []
    for family in families:
        panel = Panel(f"held out: {family}", "median place error, m; dashed: constant velocity", log=True)
        for i, horizon in enumerate(("1s", "3s")):
            def values(key):
                return [(r["seconds"] / 60, r["held_out"][family][key]) for r in held_out if family in r["held_out"]]
            panel.add(horizon, values(horizon), PALETTE[i], marks=True)
            panel.add("", values("constant_velocity_" + horizon), PALETTE[i], dashed=True)
        panels.append(panel)
    return panels


def section(path, y):
    """SVG of one log and the y below it."""
    records = read_log(path)
    panels = loss_panels(records) + accuracy_panels(records) + family_panels(records)
    if not panels:
        print(f"training_curves: {path}: nothing to draw", file=sys.stderr)
        return [], y
    last = records[-1]
    name = os.path.basename(path)
    if name == "log.jsonl":
        name = os.path.basename(os.path.dirname(os.path.abspath(path)))
    out = [f'<text x="16" y="{y + 26}" class="h">{escape(name.removesuffix("_log.jsonl"))}: {last["step"]} steps, {last["seconds"] / 60:.0f} minutes</text>']
    y += 36
    for i, panel in enumerate(panels):
        out += panel.svg(i % COLUMNS * PANEL_WIDTH, y + i // COLUMNS * PANEL_HEIGHT)
    return out, y + -(-len(panels) // COLUMNS) * PANEL_HEIGHT


STYLE = """text{font-family:sans-serif;fill:#222}.h{font-size:17px;font-weight:bold}.t{font-size:13px;font-weight:bold}
.n{font-size:10.5px}.e{text-anchor:end}.m{text-anchor:middle}.g{stroke:#e4e4e4;fill:none}.f{fill:none;stroke:#999}
.c{fill:none;stroke-width:1.6;stroke-linejoin:round}"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("logs", nargs="+", help="log.jsonl of a training run")
    parser.add_argument("-o", "--out", default="training_curves.svg")
    arguments = parser.parse_args()
    body, y = [], 0
    for path in arguments.logs:
        part, y = section(path, y)
        body += part
    width, height = COLUMNS * PANEL_WIDTH, y + 10
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
    text = "\n".join([head, f"<style>{STYLE}</style>", f'<rect width="{width}" height="{height}" fill="#fff"/>', *body, "</svg>", ""])
    temporary = arguments.out + ".tmp"
    with open(temporary, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(temporary, arguments.out)


if __name__ == "__main__":
    main()
