#!/bin/sh
# Every figure of the model card, one program after the other: bench/run_all.sh [BUILD] [MODEL] [MODEL IN BF16].
# Writes bench/results/NAME.md and NAME.json, two contact sheets and the training curves. About a quarter of an hour on two free cores.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
build=${1:-$root/build}
model=${2:-$root/models/pretrained/transformer.safetensors}
bf16=${3:-} # what the model was before it was quantised, for bench/quantisation
out=$root/bench/results
mkdir -p "$out"

run() {
  name=$1
  shift
  echo "$name" >&2
  "$build/bench/$name" --model "$model" --json "$out/$name.json" "$@" > "$out/$name.md"
}

run rollout_error --count 100
run pixels_given_states --count 100
"$build/bench/tokenizer_quality" --clips 100 > "$out/tokenizer_quality.md"
run routing
run heads
run mla_forms
run affinity
[ -z "$bf16" ] || "$build/bench/quantisation" --model "$bf16" --json "$out/quantisation.json" > "$out/quantisation.md"
"$build/bench/ablation" --steps 120 --seeds 2 --runs "$out/ablation.jsonl" > "$out/ablation.md"
run adherence --held-out 300 --free 60 --checker 300
run physics_eval_validation --count 40
run free_fall --count 100
run side_by_side --count 100 --worst 5 --out "$out/side_by_side.png" --worst-out "$out/worst.png"
"$build/bench/watermark_robustness" --count 50 --keys 1000000 --search-keys 10000 --score --json "$out/watermark_robustness.json" > "$out/watermark_robustness.md"
run render_speed --count 5 --program "$build/orrery"
run batch_throughput --count 16 --program "$build/orrery"
python=python3 # the one that has torch, if any
if ! $python -c 'import torch' 2>/dev/null && [ -x /usr/bin/python3 ]; then python=/usr/bin/python3; fi
$python "$root/bench/training_step.py" --program "$build/bench/training_step" --model "$model" --json "$out/training_step.json" > "$out/training_step.md"
$python "$root/bench/moe_layer.py" --program "$build/bench/moe_layer" > "$out/moe_layer.md"
"$root/bench/training_curves.py" "$out"/*_log.jsonl -o "$out/training_curves.svg"
