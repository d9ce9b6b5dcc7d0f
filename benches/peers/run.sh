#!/usr/bin/env bash
# The whole comparison: servers, libmariadb, build, both tables as Markdown on standard output.
#
#   benches/peers/run.sh                     both tables, all shapes
#   benches/peers/run.sh table [SHAPE...]    CPU per row, side by side
#   benches/peers/run.sh resources [SHAPE...]  system calls, allocations, peak memory
#
# MYWIRE_PEERS_URL      an administrator's URL of a running server; otherwise MariaDB 11.8 is brought up by
#                       tests/servers/servers.sh and stopped with this script
# MYWIRE_PEERS_SHARE=N  a quick look: 1/N of the rows
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
say() { echo "run.sh: $*" >&2; }

# libmariadb's headers and library out of Debian's packages, unpacked into the build folder: nothing is installed
libmariadb() {
  local dir=target/libmariadb lib
  if [ ! -x "$dir/client" ]; then
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null && command -v cc >/dev/null || return 1
    rm -rf "$dir"; mkdir -p "$dir"
    (cd "$dir" && apt-get download libmariadb-dev libmariadb3 && for f in *.deb; do dpkg-deb -x "$f" .; done) >&2 || return 1
    lib=$(dirname "$dir"/usr/lib/*/libmariadb.so.3)
    cc -O2 -o "$dir/client" c/libmariadb.c -I "$dir/usr/include/mariadb" -L "$lib" -lmariadb \
      -Wl,-rpath,"$(realpath "$lib")" >&2 || return 1
  fi
  realpath "$dir/client"
}

cargo build --release >&2
if client=$(libmariadb); then export MYWIRE_PEERS_LIBMARIADB=$client; else say "libmariadb could not be had: left out"; fi
if [ -z "${MYWIRE_PEERS_URL:-}" ]; then
  eval "$(bash ../../tests/servers/servers.sh up --lease $$ mariadb118)"
  export MYWIRE_PEERS_URL=$MARIADB118_URL
fi
if [ $# -gt 0 ]; then
  target/release/mywire-peers "$@"
else
  target/release/mywire-peers table; echo; target/release/mywire-peers resources
fi
