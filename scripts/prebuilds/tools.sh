#!/usr/bin/env bash
# Prints the folder of what cross-builds the addon and inspects the result: zig, zig-clang++, zig-ar, zig-ranlib, zig-rc,
# zig-dlltool, and a python that has lief. The pinned packages of scripts/prebuilds/tools.txt, installed once per version
# of that file, outside the repository.
set -euo pipefail

source "$(dirname "${BASH_SOURCE[0]}")/../pinned-environment.sh"
pinned_environment cross scripts/prebuilds/tools.txt
folder=$environment/bin

# CMake takes a program for each tool, and zig is one program for all; ccache knows clang by its name, and by the version
# in the script. zig builds its C++ library once per target (a minute) and keeps it beside the other caches, or in
# ZIG_GLOBAL_CACHE_DIR.
link_tools() {
  local zig tool
  zig=("$environment"/lib/python3.*/site-packages/ziglang/zig)
  ln -s "${zig[0]}" "$folder/zig"
  for tool in c++:clang++ ar:ar ranlib:ranlib rc:rc dlltool:dlltool; do
    cat > "$folder/zig-${tool#*:}" << END
#!/bin/sh
# zig $("$folder/zig" version)
[ -n "\$ZIG_GLOBAL_CACHE_DIR" ] || ZIG_GLOBAL_CACHE_DIR=$(printf %q "$cache/zig")
export ZIG_GLOBAL_CACHE_DIR
exec "\${0%/*}/zig" ${tool%:*} "\$@"
END
    chmod +x "$folder/zig-${tool#*:}"
  done
  "$folder/zig-clang++" --version > /dev/null
  "$folder/python" -c 'import lief'
}
make_environment 'installing zig and lief' link_tools
echo "$folder"
