#!/usr/bin/env bash
# The interoperability stage: what this package writes is read by the software it is meant for, and the other way round.
# One line per check. Arguments choose scripts of test/interop (without .py); default: all but those that are run by hand.
# Needs a built package (npm run build). Prints `interop: N passed, M failed` last.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

# Small scripts run side by side, one on each processor, most of their time being Python's start on one of them.
small=(
  safetensors_files
  pytorch_archives
  peft_folders
  peft_settings
  peft_adapters
  merge_compose
  base_configs
  base_adapters
  mlx_adapters
  gguf_adapters
  encoder_families
  minilm
  minilm_on_cuda
  random_gradients
  language_models
)
# The others measure memory or time, or want much of both, and have the machine to themselves.
large=(
  smollm2
  kill_resume
  full_size_generate
  training_run
)
# By hand: full_size_train, because it takes 20 GB of memory, and tokenisers, because it takes minutes
stages=("$@")
((${#stages[@]})) || stages=("${small[@]}" "${large[@]}")

if [[ ! -e dist/index.js ]]; then
  echo 'dist/ is not there: run npm run build first' >&2
  exit 1
fi
python=$(scripts/python-environment.sh)
minilm=$(scripts/fetch-models.sh)

# Not under /tmp, which may be memory: the full-size generator takes 4.5 GB.
cache=${DND_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/dnd-lora}
work=$(mktemp -d "$cache/interop-XXXXXX")
trap 'rm -rf "$work"' EXIT
export HF_HUB_OFFLINE=1 TQDM_DISABLE=1 TRANSFORMERS_VERBOSITY=warning PYTHONDONTWRITEBYTECODE=1

# run_script NAME: its output goes to $work/NAME.log, and is shown when it has ended
run_script() {
  local name=$1 began=$SECONDS code=0
  mkdir "$work/$name"
  "$python" -W ignore::FutureWarning "test/interop/$name.py" "$work/$name" "$minilm" > "$work/$name.log" 2>&1 || code=$?
  # A script that broke off has checks that never ran: that counts as a failure of its own.
  if ((code != 0)) && ! grep -q '^FAIL ' "$work/$name.log"; then
    echo "FAIL $name ended with exit code $code" >> "$work/$name.log"
  fi
  rm -rf "${work:?}/$name"
  # One at a time, whole.
  (
    flock 8
    echo "--- $name"
    cat "$work/$name.log"
    echo "     $name took $((SECONDS - began)) s"
  ) 8> "$work/printing"
}

is_small() { [[ " ${small[*]} " == *" $1 "* ]]; }

for stage in "${stages[@]}"; do
  is_small "$stage" || continue
  while (($(jobs -pr | wc -l) >= $(nproc))); do wait -n; done
  run_script "$stage" &
done
wait
for stage in "${stages[@]}"; do
  is_small "$stage" || run_script "$stage"
done

passed=$(cat "$work"/*.log | grep -c '^ok ' || true)
failed=$(cat "$work"/*.log | grep -c '^FAIL ' || true)
echo "interop: $passed passed, $failed failed"
((failed == 0 && passed > 0))
