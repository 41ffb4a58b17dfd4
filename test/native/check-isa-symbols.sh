#!/usr/bin/env bash
# check-isa-symbols.sh <instruction set> <object>…: fails when an object that was compiled for one instruction set holds
# a function that the linker could share with code for all machines.
set -euo pipefail
isa=$1
shift
shared=$(nm -C --defined-only "$@" | grep -E ' [WVu] ' | grep -v "dnd::cpu::$isa::" || true)
if [ -n "$shared" ]; then
  printf 'compiled for %s, yet shared with other code:\n%s\n' "$isa" "$shared"
  exit 1
fi
