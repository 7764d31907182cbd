# Sourced by the run scripts of the examples: a scheduler and agents of their own, whatever else runs here, gone at the end.
#
# usage: example=NAME agents=N, then . examples/cell.sh      at the root of the repository
# Afterwards $stint is the program, $folder is build/examples/NAME, and STINT_STATE_DIR names the scheduler.
# Another program that has to end with the example: put its process id into $companion.
stint=${STINT_BIN_DIR:-$(pwd)/build/release/bin}/stint
if [ ! -x "$stint" ]; then
  echo "$0: no $stint; build it first: cmake --preset release && cmake --build --preset release" >&2
  exit 1
fi
folder=build/examples/$example
export STINT_STATE_DIR="$(pwd)/$folder/state"
unset STINT_SERVER STINT_TOKEN
companion=
mkdir -p "$folder"

stop_cell() {
  if [ -n "$companion" ]; then
    kill "$companion" 2>/dev/null || true
    wait "$companion" 2>/dev/null || true
  fi
  if [ -d "$STINT_STATE_DIR" ]; then
    "$stint" dev stop >"$folder/stop.log" 2>&1 || cat "$folder/stop.log" >&2
  fi
}
stop_cell # left behind by a run that was killed
rm -rf "$STINT_STATE_DIR" "$folder/outputs"
trap 'status=$?; trap - EXIT; stop_cell; exit $status' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
"$stint" dev --detach --agents "$agents" >"$folder/dev.log" || {
  cat "$folder/dev.log" >&2
  exit 1
}
