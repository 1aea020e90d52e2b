#!/usr/bin/env bash
# Installs what building and testing need, by Debian package name, where it is missing.
#
#   test/lib/packages.sh            what `make test`, `make demo` and `make bench` need
#   test/lib/packages.sh NAME...    these packages as well
#
# Silent and quick when nothing is missing. As root it calls apt-get, as an ordinary user it goes
# through sudo. Installing the server package does not leave a cluster behind, and no cluster that is
# already there is touched: an installation that would upgrade, and so restart, a running server is
# refused. A server that is installed but not running is upgraded along with its headers.
# PG_MAJOR chooses the server's major version (15).
set -euo pipefail

pg_major=${PG_MAJOR:-15}
wanted=(
  "postgresql-$pg_major" "postgresql-server-dev-$pg_major"
  g++ make cmake
  libboost-dev libfmt-dev libxxhash-dev libgtest-dev
  libipc-run-perl valgrind spin
  "postgresql-$pg_major-cron"
  "$@"
)

if ! command -v dpkg-query >/dev/null; then
  echo "packages: no dpkg here; these are needed by whatever name they have: ${wanted[*]}" >&2
  exit 0
fi

missing=()
installed=" $(dpkg-query -W -f '${Package}:${db:Status-Status} ' "${wanted[@]}" 2>/dev/null || true)"
for package in "${wanted[@]}"; do
  [[ $installed == *" $package:installed "* ]] || missing+=("$package")
done
((${#missing[@]})) || exit 0

echo "packages: installing ${missing[*]}" >&2
as_root=()
if ((EUID != 0)); then
  command -v sudo >/dev/null || {
    echo "packages: neither root nor sudo; please install: ${missing[*]}" >&2
    exit 1
  }
  as_root=(sudo)
fi
apt_get() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive LC_ALL=C \
    apt-get -q -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@"
}

# A new server package creates and starts a cluster named main. Ask it not to, for as long as we
# install: a drop-in that sorts last, in the directory that the packaged configuration includes.
drop_in=/etc/postgresql-common/createcluster.d/zz-pg-cutover-no-main.conf
log=$(mktemp)
made=
cleanup() {
  rm -f "$log"
  [[ ! -e $drop_in ]] || "${as_root[@]}" rm -f "$drop_in"
  [[ -z $made ]] || "${as_root[@]}" rmdir --ignore-fail-on-non-empty "${drop_in%/*}"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

run() {
  apt_get "$@" >"$log" 2>&1 || {
    tail -n 40 "$log" >&2
    echo "packages: apt-get $1 failed" >&2
    exit 1
  }
}
run update
run --simulate --no-install-recommends install "${missing[@]}"
# "Inst NAME [old version] (new version ...)" is an upgrade, without the brackets a fresh package.
while read -r version; do
  if pg_lsclusters --no-header | grep -qE "^$version .* online"; then
    echo "packages: this would upgrade, and so restart, a running server of version $version" >&2
    echo "packages: please install by hand: ${missing[*]}" >&2
    exit 1
  fi
done < <(sed -nE 's/^Inst postgresql-([0-9]+) \[.*/\1/p' "$log")
[[ -d ${drop_in%/*} ]] || made=1
"${as_root[@]}" mkdir -p "${drop_in%/*}"
echo 'create_main_cluster = false' | "${as_root[@]}" tee "$drop_in" >/dev/null
run --yes --no-install-recommends install "${missing[@]}"
