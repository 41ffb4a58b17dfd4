# To be sourced: pinned Python packages, installed once per version of their list, outside the repository.
#   print_given VARIABLE                    prints what the variable names instead, if anything, and ends the script
#   pinned_environment NAME REQUIREMENTS    sets $environment to the folder that is theirs; REQUIREMENTS from the root
#   make_environment WHAT FUNCTION          makes it where it is not there whole; FUNCTION then finishes and checks it

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

print_given() {
  if [[ -n ${!1:-} ]]; then
    echo "${!1}"
    exit
  fi
}

pinned_environment() {
  requirements=$root/$2
  cache=${DND_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/dnd-lora}
  environment=$cache/$1-$(sha256sum "$requirements" | cut -c 1-16)
}

is_made() { [[ -e $environment/complete ]]; }

make_environment() {
  mkdir -p "$cache"
  exec 9> "$environment.lock"
  flock 9
  if is_made; then return; fi
  echo "$1 in $environment" >&2
  rm -rf "$environment"
  if ! python3 -m venv "$environment" >&2; then
    echo "python3 cannot make virtual environments: install it with its venv module (Debian: apt-get install python3-venv)" >&2
    exit 1
  fi
  "$environment/bin/python" -m pip --disable-pip-version-check --no-cache-dir --quiet install --no-deps -r "$requirements" >&2
  "$2"
  touch "$environment/complete"
}
