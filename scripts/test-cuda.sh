#!/usr/bin/env bash
# The CUDA backend under its emulator, without a GPU: kernels, host side, the emulator itself.
#   scripts/test-cuda.sh              both runs: emulated, sanitized
#   scripts/test-cuda.sh emulated     as shipped, in parts side by side; writes build-native/cuda-launches.jsonl
#   scripts/test-cuda.sh sanitized    with AddressSanitizer and UndefinedBehaviorSanitizer, the short tests of each kernel
# Build folders are those of scripts/test-native.sh. build-native/plain/cuda/libdnd_cuda_emulated.so is what
# DND_CUDA_LIBRARY can name.
set -euo pipefail
cd "$(dirname "$0")/.."

jobs=$(nproc)
launches=$PWD/build-native/cuda-launches.jsonl

build() { # folder, CMake options…
  local folder=build-native/$1
  shift
  cmake -S . -B "$folder" "$@" > "$folder-cuda.log" 2>&1 &&
    cmake --build "$folder" --parallel "$jobs" --target dnd_cuda_test dnd_cuda_emulated >> "$folder-cuda.log" 2>&1 || {
    cat "$folder-cuda.log"
    return 1
  }
}

run() {
  echo "── CUDA tests, $1"
  case $1 in
    emulated)
      build plain -DCMAKE_BUILD_TYPE=Release
      rm -f "$launches"
      DND_EMULATOR_LAUNCHES=$launches ctest --test-dir build-native/plain/test/cuda --parallel "$jobs" --output-on-failure
      ;;
    sanitized)
      build asan -DCMAKE_BUILD_TYPE=RelWithDebInfo -DDND_SANITIZE=address,undefined -DDND_SANITIZED_SETS=best
      UBSAN_OPTIONS=print_stacktrace=1 \
        ctest --test-dir build-native/asan/test/cuda --parallel "$jobs" --output-on-failure
      ;;
    *)
      echo "unknown run '$1'; there are: emulated sanitized" >&2
      return 2
      ;;
  esac
}

mkdir -p build-native
runs=("$@")
[ ${#runs[@]} -gt 0 ] || runs=(emulated sanitized)
source scripts/run-each.sh
run_each 'CUDA tests' "${runs[@]}"
