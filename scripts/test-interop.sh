#!/usr/bin/env bash
# The interoperability stage: what this package writes is read by the software it is meant for, and the other way round.
# One line per check. Names of scripts in test/interop (without .py) run only those:
#   scripts/test-interop.sh [safetensors_files] [peft_folders] [peft_adapters] [minilm] [minilm_on_cuda] [random_gradients] [kill_resume]
#     [full_size_generate] [training_run]
# By hand, because it takes 20 GB of memory: full_size_train
# Needs a built package (npm run build). Prints `interop: N passed, M failed` last.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
stages=("$@")
((${#stages[@]})) || stages=(safetensors_files peft_folders peft_adapters minilm minilm_on_cuda random_gradients kill_resume full_size_generate training_run)

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

log=$work/log
: > "$log"
for stage in "${stages[@]}"; do
  echo "--- $stage" | tee -a "$log"
  began=$SECONDS
  mkdir "$work/$stage"
  code=0
  "$python" -W ignore::FutureWarning "test/interop/$stage.py" "$work/$stage" "$minilm" 2>&1 | tee "$work/stage.log" || code=$?
  cat "$work/stage.log" >> "$log"
  # A script that broke off has checks that never ran: that counts as a failure of its own.
  if ((code != 0)) && ! grep -q '^FAIL ' "$work/stage.log"; then
    echo "FAIL $stage ended with exit code $code" | tee -a "$log"
  fi
  rm -rf "${work:?}/$stage"
  echo "     $stage took $((SECONDS - began)) s"
done

passed=$(grep -c '^ok ' "$log" || true)
failed=$(grep -c '^FAIL ' "$log" || true)
echo "interop: $passed passed, $failed failed"
((failed == 0 && passed > 0))
