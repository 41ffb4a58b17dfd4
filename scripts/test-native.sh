#!/usr/bin/env bash
# The native tests, each build in a folder of its own under build-native/. Arguments choose runs; default: plain asan tsan.
#   plain                             as shipped, on every instruction set that this machine has
#   asan, tsan                        AddressSanitizer and UndefinedBehaviorSanitizer, ThreadSanitizer: on the best set
#   asan-every-set, tsan-every-set    the same on every instruction set; in one command:
#     scripts/test-native.sh asan-every-set tsan-every-set
#   arm64                             the objects of the prebuilt addon for Linux on 64-bit ARM, under qemu, on every
#                                     instruction set (scripts/prebuilds/tools.sh)
#   arm64-kernels                     of these the tests of the kernels, on the best set
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

build() { # folder, target, CMake options…
  local folder=build-native/$1 target=$2
  shift 2
  cmake -S . -B "$folder" "$@" > "$folder.log" 2>&1 &&
    cmake --build "$folder" --parallel "$jobs" --target "$target" >> "$folder.log" 2>&1 || {
    cat "$folder.log"
    return 1
  }
}

# tests FOLDER SETS WRAPPER…: SETS is `best`, or `every` for each instruction set by itself, or `kernels` for the tests of the
# kernels on the best one
tests() {
  local folder=build-native/$1 chosen
  case $2 in
    best) chosen=(--tests-regex '^best_') ;;
    every) chosen=(--exclude-regex '^(best|kernels)_') ;;
    kernels) chosen=(--tests-regex '^kernels_best_') ;;
  esac
  [ "$2" != best ] || echo "on the best instruction set alone; on every one: scripts/test-native.sh $1-every-set"
  "${@:3}" ctest --test-dir "$folder/test/native" --parallel "$jobs" --output-on-failure "${chosen[@]}"
}

sets_of() { [[ $1 == *-every-set ]] && echo every || echo best; }

# Of Debian's libc6-arm64-cross: the C library for programs under qemu.
arm64_root=/usr/aarch64-linux-gnu

build_arm64() { # target
  local missing=()
  command -v qemu-aarch64-static > /dev/null || missing+=(qemu-user-static)
  [ -e $arm64_root/lib/ld-linux-aarch64.so.1 ] || missing+=(libc6-arm64-cross)
  [ -e /usr/src/googletest/CMakeLists.txt ] || missing+=(googletest)
  if [ ${#missing[@]} -gt 0 ]; then
    echo "The tests for arm64 need ${missing[*]}: apt-get install ${missing[*]}" >&2
    return 1
  fi
  local tools settings
  tools=$(scripts/prebuilds/tools.sh)
  mapfile -t settings < <(node scripts/prebuilds/settings.cjs linux-arm64 "$tools")
  build arm64 "$1" "${settings[@]}" -DDND_CUDA_TESTS=OFF -DDND_GTEST_SOURCES=/usr/src/googletest \
    "-DCMAKE_CROSSCOMPILING_EMULATOR=$(command -v qemu-aarch64-static);-L;$arm64_root"
}

run() {
  echo "── native tests, $1"
  case $1 in
    plain)
      build plain dnd_test -DCMAKE_BUILD_TYPE=Release
      tests plain every
      ;;
    asan | asan-every-set)
      build asan dnd_test -DCMAKE_BUILD_TYPE=RelWithDebInfo -DDND_SANITIZE=address,undefined -DDND_SANITIZED_SETS="$(sets_of "$1")"
      tests asan "$(sets_of "$1")" env UBSAN_OPTIONS=print_stacktrace=1
      ;;
    tsan | tsan-every-set)
      build tsan dnd_test -DCMAKE_BUILD_TYPE=RelWithDebInfo -DDND_SANITIZE=thread -DDND_SANITIZED_SETS="$(sets_of "$1")"
      tests tsan "$(sets_of "$1")" env TSAN_OPTIONS=second_deadlock_stack=1 "${without_randomisation[@]}"
      ;;
    arm64)
      build_arm64 dnd_test
      tests arm64 every
      ;;
    arm64-kernels)
      build_arm64 dnd_kernel_test
      tests arm64 kernels
      ;;
    *)
      echo "unknown run '$1'; there are: plain asan tsan asan-every-set tsan-every-set arm64 arm64-kernels" >&2
      return 2
      ;;
  esac
}

mkdir -p build-native
runs=("$@")
[ ${#runs[@]} -gt 0 ] || runs=(plain asan tsan)
source scripts/run-each.sh
run_each 'native tests' "${runs[@]}"
