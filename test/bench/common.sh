# shellcheck shell=bash
# What the benchmarks share: to be sourced by them, from the top of the source tree.
#
#   bench_cluster [SETTING...]  builds the release flavour, starts a throw-away server, makes psql and pgbench mean it
#   events ROWS                 the extension, and table source of events.sql with that many rows
#   sql [psql's arguments]      stops at the first error, prints bare values
#   report TEXT VALUE [UNIT]    one line of the result
source test/lib/cluster.sh

# No checkpoint and no autovacuum falls into one half of a pair of measurements and not into the other.
bench_cluster() {
  cluster_init
  cluster_build release
  cluster_create bench release "shared_preload_libraries = 'pg_cutover'" 'shared_buffers = 1GB' 'max_wal_size = 16GB' \
    'checkpoint_timeout = 1h' 'maintenance_work_mem = 256MB' 'autovacuum = off' 'wal_level = replica' "$@"
  cluster_start bench
  cluster_use bench
}
# recycled_wal SEGMENTS: leaves that many to be written again, as a server has that has run for a while. To make a new
# one takes tens of milliseconds in which nobody commits.
recycled_wal() {
  sql -c "DO \$\$ BEGIN FOR i IN 1..$1 LOOP
            PERFORM pg_logical_emit_message(false, 'bench', ''); PERFORM pg_switch_wal(); END LOOP; END \$\$" -c CHECKPOINT
}
sql() { psql -X -q -At -v ON_ERROR_STOP=1 "$@"; }
events() { sql -v rows="$1" -f test/bench/events.sql; }
# wait_for JOB: until it has succeeded.
wait_for() { sql -c "SET client_min_messages = warning" -c "CALL migrate_wait($1)"; }

median() { printf '%s\n' "$@" | sort -g | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }
largest() { printf '%s\n' "$@" | sort -g | tail -n 1; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN {printf "%.3f", a / b}'; }
report() { printf '%-78s %9s%s\n' "$1" "$2" "${3:+ $3}"; }
# require_clean LOG: what pgbench said at its end; ends the benchmark if a transaction failed or a client gave up.
require_clean() {
  grep -q 'failed transactions: 0 ' "$1" || fail "$(cat "$1")"
  ! grep -qE 'aborted|ERROR' "$1" || fail "$(cat "$1")"
}
fail() {
  echo "${0##*/}: $*" >&2
  exit 1
}
