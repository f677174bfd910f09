# Shared by the scripts of this folder; sourced, never run.
# shellcheck shell=bash

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export ROOT

# Exit code of every script here when the machine lacks something that only its owner can provide.
readonly EX_MISSING=3

say() { printf '%s\n' "$*" >&2; }

die() {
  say "error: $*"
  exit 1
}

# lacking WORDS...: the machine lacks something; says what to do and gives up.
lacking() {
  say "missing: $*"
  exit "$EX_MISSING"
}

have() { command -v "$1" >/dev/null 2>&1; }

# need_cmd COMMAND PACKAGE: installs PACKAGE unless COMMAND is there.
need_cmd() {
  have "$1" || install_debian "$2"
  have "$1" || lacking "the command '$1' (Debian package $2)"
}

# is_installed PACKAGE: whether dpkg knows it as installed.
is_installed() {
  [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# as_root COMMAND...: runs it as root, without ever asking for a password.
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

# as_user USER COMMAND...: runs it as that user, without variables that would lead PostgreSQL's programs elsewhere; from
# `/`, since the caller's folder may be closed to that user.
as_user() {
  local user=$1
  shift
  if [ "$user" = "$(id -un)" ]; then
    (cd / && "$@")
  elif have runuser; then
    (cd / && env -u PGDATA -u PGHOST -u PGPORT HOME=/nonexistent runuser -u "$user" -- "$@")
  else
    (cd / && env -u PGDATA -u PGHOST -u PGPORT HOME=/nonexistent \
      setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups -- "$@")
  fi
}

can_be_root() {
  [ "$(id -u)" = 0 ] || { have sudo && sudo -n true 2>/dev/null; }
}

# install_debian PACKAGE...: installs those that are not installed yet. Exits 3, with the command to type, where
# that needs an administrator or another package manager.
install_debian() {
  local package missing=()
  for package in "$@"; do
    is_installed "$package" || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  have apt-get || lacking "the equivalents of these Debian packages: ${missing[*]}"
  can_be_root || lacking "Debian packages; as root, run: apt-get update && apt-get install ${missing[*]}"
  say "installing ${missing[*]}"
  apt_update_once
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" \
    </dev/null >&2 || lacking "Debian packages that apt-get could not install: ${missing[*]}"
}

APT_UPDATED=no
apt_update_once() {
  [ "$APT_UPDATED" = no ] || return 0
  # An outdated list is no reason to stop: the installation will tell.
  as_root apt-get update -q </dev/null >&2 || say "warning: apt-get update failed"
  APT_UPDATED=yes
}

# without_starting_services COMMAND...: Debian starts a service as it is installed. We want PostgreSQL's programs
# and no server of the machine's own, so starting is forbidden for as long as the command runs.
without_starting_services() {
  local policy=/usr/sbin/policy-rc.d
  if [ -e "$policy" ] || ! have apt-get || ! can_be_root; then
    "$@"
    return
  fi
  ( # A shell of its own, so that the ban goes with it whatever happens.
    trap 'as_root rm -f "$policy"' EXIT
    trap 'exit 130' INT TERM
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
    "$@"
  )
}

# What compiling needs. Asked by effect, so that other systems pass as well.
ensure_build_tools() {
  local wanted=()
  have cc || wanted+=(gcc)
  [ -e /usr/include/stdio.h ] || is_installed libc6-dev || wanted+=(libc6-dev)
  have pkg-config || wanted+=(pkg-config)
  has_library openssl || wanted+=(libssl-dev)
  has_library libpq || wanted+=(libpq-dev)
  [ -e /etc/ssl/certs/ca-certificates.crt ] || wanted+=(ca-certificates)
  [ ${#wanted[@]} -eq 0 ] || install_debian "${wanted[@]}"
  have cc || lacking "a C compiler"
}

has_library() { have pkg-config && pkg-config --exists "$1" 2>/dev/null; }

# What tests need besides.
ensure_test_tools() {
  local wanted=()
  have node || wanted+=(nodejs)
  have npm || wanted+=(npm)
  have python3 || wanted+=(python3)
  have curl || wanted+=(curl)
  [ ${#wanted[@]} -eq 0 ] || install_debian "${wanted[@]}"
  pg_bin >/dev/null || without_starting_services install_debian postgresql
  pg_bin >/dev/null || lacking "PostgreSQL's server programs (initdb, pg_ctl, postgres)"
  # The recipes of docs/mtls-behind-a-proxy.md are run for real.
  [ -x /usr/sbin/nginx ] || have nginx || without_starting_services install_debian nginx-light
  [ -x /usr/sbin/haproxy ] || have haproxy || without_starting_services install_debian haproxy
}

# Rust as rust-toolchain.toml names it.
ensure_rust() {
  local wanted found
  have cargo || PATH="${CARGO_HOME:-${HOME:-}/.cargo}/bin:$PATH"
  if ! have cargo && have apt-cache && apt-cache show rustup >/dev/null 2>&1; then
    install_debian rustup
  fi
  wanted=$(sed -n 's/^channel = "\(.*\)"$/\1/p' "$ROOT/rust-toolchain.toml")
  have cargo || lacking "Rust $wanted; https://rustup.rs says how to get it, then run this again"
  if have rustup; then
    # rustup reads rust-toolchain.toml and fetches what is not there yet.
    (cd "$ROOT" && cargo --version >/dev/null) || (cd "$ROOT" && rustup toolchain install >&2) \
      || lacking "Rust $wanted, which rustup could not install"
    return 0
  fi
  found=$(cd "$ROOT" && rustc --version | sed 's/^rustc \([0-9.]*\).*/\1/')
  [ "$(printf '%s\n%s\n' "$wanted" "$found" | sort -V | head -n 1)" = "$wanted" ] \
    || lacking "Rust $wanted or newer (found $found); https://rustup.rs says how to get it"
}

# pg_bin [MAJOR]: the folder of PostgreSQL's server programs, that of MAJOR or the newest.
pg_bin() {
  local dir
  while IFS= read -r dir; do
    if [ -x "$dir/initdb" ] && [ -x "$dir/pg_ctl" ] && [ -x "$dir/postgres" ]; then
      printf '%s\n' "$dir"
      return 0
    fi
  done < <(
    # shellcheck disable=SC2086 # the star is meant
    printf '%s\n' /usr/lib/postgresql/${1:-*}/bin | sort -Vr
    # Other systems keep them on the path.
    dirname "$(readlink -f "$(command -v initdb || printf /nowhere/initdb)")"
  )
  return 1
}
