#!/usr/bin/env bash
# The native tests, three times: as shipped, with AddressSanitizer and UndefinedBehaviorSanitizer, with ThreadSanitizer.
# Each in a build folder of its own under build-native/. Arguments choose runs (plain, asan, tsan); default: all three.
# The CUDA backend under its emulator has runs of its own: scripts/test-cuda.sh.
set -euo pipefail
cd "$(dirname "$0")/.."

jobs=$(nproc)
missing=()
command -v cmake > /dev/null || missing+=(cmake)
command -v c++ > /dev/null || missing+=(g++)
[ -n "${GTEST_ROOT:-}" ] || [ -e /usr/include/gtest/gtest.h ] || [ -e /usr/local/include/gtest/gtest.h ] || missing+=(libgtest-dev)
if [ ${#missing[@]} -gt 0 ]; then
  echo "The native tests need ${missing[*]}: apt-get install ${missing[*]}" >&2
  exit 1
fi

# ThreadSanitizer of older compilers cannot cope with much address space randomisation: switch it off where allowed.
without_randomisation=()
if setarch "$(uname -m)" -R true 2> /dev/null; then without_randomisation=(setarch "$(uname -m)" -R); fi

build() { # folder, CMake options…
  local folder=build-native/$1
  shift
  cmake -S . -B "$folder" -DDND_CUDA_TESTS=OFF "$@" > "$folder.log" 2>&1 && cmake --build "$folder" --parallel "$jobs" >> "$folder.log" 2>&1 || {
    cat "$folder.log"
    return 1
  }
}

run() {
  echo "── native tests, $1"
  case $1 in
    plain)
      build plain -DCMAKE_BUILD_TYPE=Release
      ctest --test-dir build-native/plain --output-on-failure
      ;;
    asan)
      build asan -DCMAKE_BUILD_TYPE=RelWithDebInfo -DDND_SANITIZE=address,undefined
      UBSAN_OPTIONS=print_stacktrace=1 ctest --test-dir build-native/asan --output-on-failure
      ;;
    tsan)
      build tsan -DCMAKE_BUILD_TYPE=RelWithDebInfo -DDND_SANITIZE=thread
      TSAN_OPTIONS=second_deadlock_stack=1 "${without_randomisation[@]}" ctest --test-dir build-native/tsan --output-on-failure
      ;;
    *)
      echo "unknown run '$1'; there are: plain asan tsan" >&2
      return 2
      ;;
  esac
}

mkdir -p build-native
runs=("$@")
[ ${#runs[@]} -gt 0 ] || runs=(plain asan tsan)
source scripts/run-each.sh
run_each 'native tests' "${runs[@]}"
