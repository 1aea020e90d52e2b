# shellcheck shell=bash
# Throw-away clusters: to be sourced by bash scripts (test/run, test/demo, test/bench, test/stress).
#
#   source "$(dirname "${BASH_SOURCE[0]}")/../lib/cluster.sh"
#   cluster_init                              # private work directory, removed on exit
#   cluster_build release                     # build/release, nothing to do if it is up to date
#   cluster_create main release 'wal_level = logical'
#   cluster_start main
#   cluster_use main                          # PGHOST, PGPORT, PGUSER, PGDATABASE now mean it
#   psql -c 'CREATE EXTENSION pg_cutover'
#
# Everything lives in one directory under ${TMPDIR:-/tmp}: data, log, socket, and the module, which a
# server finds there instead of in the system's directories. No TCP port is opened, no existing
# cluster or installation is read or written. As root the servers run as user postgres (PG_CUTOVER_OS_USER
# names another one), else as oneself. When the script ends, for whatever reason short of kill -9, each
# server with its data below the work directory is stopped and the directory removed.
# KEEP=1 in the environment keeps the directory (the servers are stopped all the same).
#
# A shell that waits for a foreground command sees a TERM only after it. Long commands are therefore
# better started with `cmd & wait $!`.
#
# Variables set by cluster_init:
#   CLUSTER_ROOT   top of the source tree            CLUSTER_WORK   the work directory
#   CLUSTER_BIN    the server's bin directory        CLUSTER_MAJOR  its major version

CLUSTER_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
CLUSTER_WORK=

cluster_die() {
  echo "${0##*/}: $*" >&2
  exit 1
}

# cluster_find_server: sets PG_CONFIG (unless it is set), CLUSTER_BIN and CLUSTER_MAJOR.
cluster_find_server() {
  local packaged=/usr/lib/postgresql/${PG_MAJOR:-15}/bin/pg_config
  if [[ -z ${PG_CONFIG:-} ]]; then
    PG_CONFIG=pg_config
    [[ -x $packaged ]] && PG_CONFIG=$packaged
  fi
  export PG_CONFIG
  CLUSTER_BIN=$("$PG_CONFIG" --bindir) || cluster_die "no $PG_CONFIG here; test/lib/packages.sh installs it"
  CLUSTER_MAJOR=$("$PG_CONFIG" --version | sed -E 's/^PostgreSQL ([0-9]+).*/\1/')
}

# cluster_init: makes the work directory and sets the traps that stop the servers and remove it. A script
# that needs an exit trap of its own sets it afterwards and calls cluster_cleanup from it.
cluster_init() {
  local base=${TMPDIR:-/tmp}
  cluster_find_server
  CLUSTER_AS=()
  if ((EUID == 0)); then
    local os_user=${PG_CUTOVER_OS_USER:-postgres}
    id -u "$os_user" >/dev/null 2>&1 || cluster_die "there is no user $os_user to run a server as"
    CLUSTER_AS=(setpriv --reuid="$os_user" --regid="$(id -g "$os_user")" --init-groups)
    # A directory that only root can enter is of no use to the server.
    "${CLUSTER_AS[@]}" test -w "$base" || base=/tmp
  fi
  # A socket's path is limited to some 100 bytes.
  ((${#base} <= 40)) || base=/tmp
  trap cluster_cleanup EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  CLUSTER_WORK=$(mktemp -d "$base/pg_cutover.XXXXXX")
  mkdir "$CLUSTER_WORK/tmp"
  ((EUID != 0)) || chown "$os_user": "$CLUSTER_WORK" "$CLUSTER_WORK/tmp"
}

# cluster_as COMMAND...: runs it as the user that owns the servers, in a clean environment: nothing of
# the caller's PG* settings, locale or home directory gets in.
cluster_as() {
  (
    cd "$CLUSTER_WORK" &&
      exec "${CLUSTER_AS[@]}" env -i PATH="$CLUSTER_BIN:/usr/local/bin:/usr/bin:/bin" HOME="$CLUSTER_WORK" \
        TMPDIR="$CLUSTER_WORK/tmp" LANG=C.UTF-8 TZ=UTC PGUSER=postgres "$@"
  )
}

# cluster_give PATH...: hands files under the work directory over to the servers' user.
cluster_give() {
  ((EUID != 0)) || chown -R --reference="$CLUSTER_WORK" -- "$@"
}

# cluster_build release|debug [make arguments...]: builds and stages a flavour below build/; quick if it is
# up to date. Waits for another build of the same tree.
cluster_build() {
  local flavour=$1 dir=$CLUSTER_ROOT/build/$1
  shift
  mkdir -p "$dir"
  (
    unset MAKEFLAGS MAKELEVEL MFLAGS
    flock 9
    make -s -C "$dir" -f ../../Makefile -j "$(nproc)" FLAVOUR="$flavour" PG_CONFIG="$PG_CONFIG" "$@" all &&
      rm -rf "$dir/stage" &&
      make -s -C "$dir" -f ../../Makefile FLAVOUR="$flavour" PG_CONFIG="$PG_CONFIG" "$@" DESTDIR="$dir/stage" install \
        >/dev/null
  ) 9>"$dir.lock"
}

# cluster_stage release|debug: copies a built flavour to where the servers can read it and prints the
# settings that make a server load it from there.
cluster_stage() {
  local flavour=$1 stage=$CLUSTER_WORK/stage-$1 pkglibdir sharedir
  pkglibdir=$("$PG_CONFIG" --pkglibdir) sharedir=$("$PG_CONFIG" --sharedir)
  if [[ ! -d $stage ]]; then
    [[ -d $CLUSTER_ROOT/build/$flavour/stage ]] || cluster_die "the $flavour flavour is not built"
    flock "$CLUSTER_ROOT/build/$flavour.lock" cp -R "$CLUSTER_ROOT/build/$flavour/stage" "$stage"
    cluster_give "$stage"
  fi
  if ((CLUSTER_MAJOR >= 18)); then
    printf '%s\n' "extension_control_path = '$stage$sharedir:\$system'"
  else
    # Debian's packages know this setting, for exactly this purpose.
    printf '%s\n' "extension_destdir = '$stage'"
  fi
  printf '%s\n' "dynamic_library_path = '$stage$pkglibdir:\$libdir'"
}

# cluster_create NAME release|debug [SETTING...]: a new cluster, not started. SETTINGs are lines of
# postgresql.conf ("wal_level = logical") and win over the defaults here. Superuser postgres, trusted.
cluster_create() {
  local name=$1 flavour=$2 dir=$CLUSTER_WORK/$1
  shift 2
  cluster_as mkdir "$dir" "$dir/socket" || return
  cluster_as initdb --no-sync -A trust -U postgres -E UTF8 --locale=C -D "$dir/data" >"$CLUSTER_WORK/initdb.log" 2>&1 || {
    cat "$CLUSTER_WORK/initdb.log" >&2
    return 1
  }
  {
    cluster_stage "$flavour"
    cat <<-EOF
	listen_addresses = ''
	unix_socket_directories = '$dir/socket'
	cluster_name = '$name'
	fsync = off
	max_connections = 50
	max_worker_processes = 32
	max_prepared_transactions = 10
	wal_level = logical
	shared_buffers = 128MB
	timezone = 'UTC'
	log_timezone = 'UTC'
	log_line_prefix = '%m [%p] %b %q%a '
	EOF
    ((!$#)) || printf '%s\n' "$@"
  } >>"$dir/data/postgresql.conf"
}

# cluster_start NAME: starts it and waits until it takes connections.
cluster_start() {
  cluster_as pg_ctl -s -w -t 60 -D "$CLUSTER_WORK/$1/data" -l "$(cluster_log "$1")" start || {
    tail -n 30 "$(cluster_log "$1")" >&2
    return 1
  }
}

# cluster_stop NAME [smart|fast|immediate]
cluster_stop() {
  cluster_as pg_ctl -s -w -t 60 -m "${2:-fast}" -D "$CLUSTER_WORK/$1/data" stop
}

# cluster_log NAME: prints the path of its server log.
cluster_log() {
  echo "$CLUSTER_WORK/$1/server.log"
}

# cluster_use NAME [DATABASE]: makes psql, pgbench and friends of this script mean that cluster.
cluster_use() {
  local variable
  for variable in "${!PG@}"; do # libpq's settings; PG_CONFIG and the like have an underscore
    [[ $variable == PG_* ]] || unset "$variable"
  done
  export PGHOST=$CLUSTER_WORK/$1/socket PGPORT=5432 PGUSER=postgres PGDATABASE=${2:-postgres} PATH="$CLUSTER_BIN:$PATH"
}

# cluster_drop NAME: stops it at once and removes it, for scripts that make many.
cluster_drop() {
  cluster_kill_below "$CLUSTER_WORK/$1"
  rm -rf -- "${CLUSTER_WORK:?}/$1"
}

# cluster_kill_below DIRECTORY: stops each server whose data directory lies below it, whoever started it.
cluster_kill_below() {
  local pid_file pid attempt
  while IFS= read -r -d '' pid_file; do
    pid=$(head -n 1 "$pid_file" 2>/dev/null) || continue
    [[ $pid =~ ^[0-9]+$ && $(readlink "/proc/$pid/cwd" 2>/dev/null) == "${pid_file%/*}" ]] || continue
    kill -QUIT "$pid" 2>/dev/null || continue
    for ((attempt = 0; attempt < 100; attempt++)); do
      kill -0 "$pid" 2>/dev/null || continue 2
      sleep 0.1
    done
    kill -KILL "$pid" 2>/dev/null || true
  done < <(find "$1" -name postmaster.pid -print0 2>/dev/null)
}

# cluster_kill_commands: ends what cluster_as started and is still running. It is known by its home directory.
cluster_kill_commands() {
  local signal attempt environ
  local -a found
  for signal in TERM KILL; do
    for ((attempt = 0; attempt < 50; attempt++)); do
      mapfile -t found < <(grep -lzxF "HOME=$CLUSTER_WORK" /proc/[0-9]*/environ 2>/dev/null)
      ((${#found[@]})) || return 0
      for environ in "${found[@]}"; do
        ((attempt)) || kill "-$signal" "$(basename "${environ%/environ}")" 2>/dev/null
      done
      sleep 0.1
    done
  done
}

# cluster_cleanup: what the exit trap does.
cluster_cleanup() {
  local status=$?
  trap - EXIT
  trap '' INT TERM HUP
  if [[ -n $CLUSTER_WORK && -d $CLUSTER_WORK ]]; then
    cd /
    cluster_kill_commands
    cluster_kill_below "$CLUSTER_WORK"
    if [[ -n ${KEEP:-} ]]; then
      echo "kept: $CLUSTER_WORK" >&2
    else
      rm -rf -- "$CLUSTER_WORK"
    fi
  fi
  exit "$status"
}
