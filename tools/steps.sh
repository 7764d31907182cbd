# Sourced by .ci/run and script/nightly (POSIX sh): named steps that all run, each with its time, and one table at the end.
#
#   step NAME COMMAND...    runs COMMAND without standard input; a failure is remembered and the next step still runs
#   steps_report            prints the table; status 1 if a step failed
#
# A COMMAND that is a function must join its commands with &&: inside a condition the shell ignores `set -e`.

steps_table=""
steps_failed=0
steps_begin=$(date +%s)

step() {
  step_name=$1
  shift
  printf '\n=== %s\n' "$step_name"
  step_begin=$(date +%s)
  if "$@" </dev/null; then step_word=ok; else step_word="FAILED ($?)"; fi
  step_seconds=$(($(date +%s) - step_begin))
  printf -- '--- %s: %s, %d s\n' "$step_name" "$step_word" "$step_seconds"
  [ "$step_word" = ok ] || steps_failed=$((steps_failed + 1))
  steps_table="$steps_table$(printf '%-28s %6d s  %s' "$step_name" "$step_seconds" "$step_word")
"
}

steps_report() {
  printf '\n%s%-28s %6d s  %d failed\n' "$steps_table" "all steps" $(($(date +%s) - steps_begin)) "$steps_failed"
  [ "$steps_failed" -eq 0 ]
}
