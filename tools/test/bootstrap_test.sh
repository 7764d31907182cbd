#!/bin/sh
# Shows what script/bootstrap does when packages are there and when they are missing, without installing anything:
# dpkg-query, apt-get, sudo and id are stand-ins found first in PATH.
set -eu
cd "$(dirname "$0")/../.."

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
calls=$stage/calls
failures=0

stand_in() { # NAME: the script comes on standard input
  cat >"$stage/$1"
  chmod +x "$stage/$1"
}

# Everything asked about is installed, except the packages named in $stage/missing.
stand_in dpkg-query <<SCRIPT
#!/bin/sh
shift 3 # -W -f FORMAT
for package in "\$@"; do
  grep -qx "\$package" "$stage/missing" || echo "\$package installed"
done
SCRIPT
# A package that apt-get installs is no longer missing.
stand_in apt-get <<SCRIPT
#!/bin/sh
echo "apt-get \$*" >>"$calls"
[ ! -e "$stage/apt_fails" ] || { echo "no such mirror"; exit 100; }
case " \$* " in *" install "*) : >"$stage/missing" ;; esac
SCRIPT
stand_in sudo <<SCRIPT
#!/bin/sh
echo "sudo" >>"$calls"
exec "\$@"
SCRIPT
stand_in id <<SCRIPT
#!/bin/sh
cat "$stage/uid"
SCRIPT

bootstrap() { PATH="$stage:$PATH" script/bootstrap "$@" >"$stage/out" 2>&1; }
given() { # UID MISSING...
  echo "$1" >"$stage/uid"
  shift
  printf '%s\n' "$@" >"$stage/missing"
  : >"$calls"
}
expect() { # WHAT COMMAND...
  what=$1
  shift
  if ! "$@"; then
    failures=$((failures + 1))
    echo "FAIL $what"
    sed 's/^/  out:  /' "$stage/out"
    sed 's/^/  call: /' "$calls"
  fi
}
is_quiet() { [ ! -s "$calls" ] && [ "$(wc -l <"$stage/out")" -eq 1 ]; }

given 1000
expect "complete, ordinary user: succeeds" bootstrap --with-checks
expect "complete, ordinary user: neither sudo nor apt-get, one line" is_quiet

given 0 mold libsqlite3-dev
expect "missing, root: succeeds" bootstrap
expect "missing, root: installs exactly what is missing" grep -q -- '--no-install-recommends mold libsqlite3-dev$' "$calls"
expect "missing, root: no sudo" sh -c "! grep -q sudo '$calls'"
: >"$calls"
expect "second run: succeeds" bootstrap
expect "second run: changes nothing" is_quiet

given 1000 ccache
expect "missing, ordinary user: succeeds" bootstrap
expect "missing, ordinary user: through sudo" grep -qx sudo "$calls"

given 0 clang-tidy-19
expect "checks are left out unless asked for" bootstrap
expect "checks left out: nothing done" is_quiet

given 0 cmake
touch "$stage/apt_fails"
expect "apt-get fails: so does bootstrap" sh -c "! PATH='$stage:$PATH' script/bootstrap >'$stage/out' 2>&1"
expect "apt-get fails: its words are shown" grep -q "no such mirror" "$stage/out"

expect "an unknown argument is refused" sh -c "! script/bootstrap --frobnicate >'$stage/out' 2>&1"

[ $failures -eq 0 ] && echo "bootstrap_test: ok"
