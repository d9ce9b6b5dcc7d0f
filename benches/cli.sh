#!/usr/bin/env bash
# Ten million rows to a file: `mywire query` beside the servers' own clients, in one run.
# Prints wall and CPU seconds, peak memory and bytes of each, best CPU of three. Needs GNU time.
# usage: benches/cli.sh [ROWS]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
rows=${1:-10000000}
cargo build --release --locked --no-default-features --features cli --bin mywire >&2
eval "$(bash tests/servers/servers.sh up mysql97 mariadb118)"
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

sql="SELECT id, name, score, at FROM bench_cli LIMIT $rows"
fill="DROP TABLE IF EXISTS bench_cli; CREATE TABLE bench_cli (id INT PRIMARY KEY, name VARCHAR(40),
  score DOUBLE, at DATETIME); SET @n := 0;
  INSERT INTO bench_cli WITH d AS (SELECT 0 n UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3
  UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION
  ALL SELECT 9) SELECT x.n, CONCAT('the name of row ', x.n), x.n / 7, '2026-01-02 03:04:05' FROM
  (SELECT a.n + 10 * b.n + 100 * c.n + 1000 * d.n + 10000 * e.n + 100000 * f.n + 1000000 * g.n AS n
  FROM d a, d b, d c, d d, d e, d f, d g) x WHERE x.n < $rows"

measure() { # NAME COMMAND...
  local name=$1 best='' line
  shift
  for _ in 1 2 3; do
    /usr/bin/time -o "$out/time" -f '%e %U %S %M' "$@" >"$out/rows" 2>"$out/err" || { cat "$out/err" >&2; exit 1; }
    line=$(awk '{ printf "%.2f %.2f %d", $2 + $3, $1, $4 / 1024 }' "$out/time")
    if [ -z "$best" ] || awk -v a="${line%% *}" -v b="${best%% *}" 'BEGIN { exit !(a < b) }'; then best=$line; fi
  done
  read -r cpu wall memory <<<"$best"
  printf '| %s | %s | %s | %s | %s |\n' "$name" "$cpu" "$wall" "$memory" "$(stat -c %s "$out/rows")"
}

echo "| $rows rows of 4 columns | CPU s | wall s | peak MiB | bytes |"
echo '|---|---|---|---|---|'
for server in MYSQL97 MARIADB118; do
  url=${server}_URL port=${server}_PORT client=${server}_CLIENT
  "${!client}" -uroot -psecret -h127.0.0.1 -P"${!port}" test -e "$fill" 2>/dev/null
  for ssl in '' '?ssl-mode=DISABLED'; do
    what="$server, $([ -n "$ssl" ] && echo 'no TLS' || echo TLS)"
    for format in csv tsv ndjson; do
      measure "$what: mywire --format $format" target/release/mywire query "${!url}$ssl" "$sql" -f "$format"
    done
    own=(--quick --batch -uroot -psecret -h127.0.0.1 -P"${!port}")
    case $server:$ssl in
    MYSQL97:) own+=(--ssl-mode=REQUIRED) ;;
    MYSQL97:*) own+=(--ssl-mode=DISABLED --get-server-public-key) ;;
    *:) own+=(--ssl --skip-ssl-verify-server-cert) ;;
    *) own+=(--skip-ssl) ;;
    esac
    measure "$what: its own client --quick --batch" "${!client}" "${own[@]}" test -e "$sql"
  done
  "${!client}" -uroot -psecret -h127.0.0.1 -P"${!port}" test -e 'DROP TABLE bench_cli' 2>/dev/null
done
