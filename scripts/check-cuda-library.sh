#!/usr/bin/env bash
# What must hold of a built libdnd_cuda.so on every machine, one with no driver above all. Prints `library: N passed,
# M failed`.
set -euo pipefail
cd "$(dirname "$0")/.."

library=${1:-build/Release/libdnd_cuda.so}
passed=0
failed=0
program=$(mktemp)
trap 'rm -f "$program"' EXIT

check() { # check SENTENCE OUTPUT: it holds where there is no output
  if [[ -z $2 ]]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    printf 'FAIL %s:\n%s\n' "$1" "$2" >&2
  fi
}

if [[ ! -e $library ]]; then
  echo "$library is not there: build it with nvcc (npm run build:native)" >&2
  exit 1
fi

# A direct call of the driver would end the process where there is none; its functions are asked for at run time.
check 'no function of the driver is linked' "$(nm -D --undefined-only "$library" | awk '{print $2}' | grep -E '^cu[A-Z]' || true)"
check 'the CUDA runtime is inside' "$(readelf -d "$library" | grep NEEDED | grep -i cuda || true)"
check 'it shows its one entry alone' "$(nm -D --defined-only "$library" | awk '$3 != "dnd_device_library" {print $3}')"

"${CXX:-c++}" -std=c++20 -I native test/cuda/load_library.cc -o "$program" -ldl
said=$("$program" "$(realpath "$library")" 2>&1) && opened='' || opened=${said:-it ended without a word}
check 'it opens and says what there is' "$opened"
if [[ -e /proc/driver/nvidia/version ]]; then
  echo "this machine has a driver: $said"
else
  # The sentence that a user of device: 'cuda' gets.
  grep -qi driver <<< "$said" && missing='' || missing=$said
  check 'without a driver it says so' "$missing"
  echo "without a driver: $said"
fi

echo "library: $passed passed, $failed failed"
((failed == 0))
