#include "apps/stint/completion.hpp"

namespace stint::cli {
namespace {

constexpr const char* kBash = R"(# bash completion for stint
_stint() {
  local IFS=$'\n' current=${COMP_WORDS[COMP_CWORD]} i line
  for ((i = 1; i < COMP_CWORD; i++)); do
    if [[ ${COMP_WORDS[i]} == -- ]]; then
      COMPREPLY=($(compgen -c -f -- "$current"))
      return
    fi
  done
  COMPREPLY=()
  for line in $("${COMP_WORDS[0]/#\~/$HOME}" __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null); do
    if [[ $line == :files ]]; then
      compopt -o filenames 2>/dev/null
      COMPREPLY+=($(compgen -f -- "${current#=}"))
    else
      COMPREPLY+=("${line%%$'\t'*}")
    fi
  done
}
complete -F _stint stint
)";

constexpr const char* kZsh = R"(#compdef stint
_stint() {
  local -a lines candidates
  local line word
  if (( ${words[(I)--]} > 1 && ${words[(I)--]} < CURRENT )); then
    shift $(( ${words[(I)--]} )) words
    (( CURRENT = $#words ))
    _normal
    return
  fi
  lines=("${(@f)$(${(Q)words[1]} __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
  for line in $lines; do
    if [[ $line == :files ]]; then
      _files
    elif [[ -n $line ]]; then
      word=${line%%$'\t'*}
      candidates+=("${word//:/\\:}:${line#*$'\t'}")
    fi
  done
  (( $#candidates )) && _describe -V stint candidates
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _stint "$@"; else compdef _stint stint; fi
)";

constexpr const char* kFish = R"(# fish completion for stint
function __stint_candidates
  set -l words (commandline -opc) (commandline -ct)
  test -n "$words[-1]"; or set words (commandline -opc) ''
  $words[1] __complete $words[2..-1] 2>/dev/null
end
function __stint_completions
  set -l candidates (__stint_candidates)
  if contains -- :files $candidates
    __fish_complete_path (commandline -ct)
  end
  string match -v -- :files $candidates
end
complete -c stint -f -n 'not contains -- -- (commandline -opc)' -a '(__stint_completions)' -k
complete -c stint -n 'contains -- -- (commandline -opc)' -F
)";

}  // namespace

std::string completion_script(const std::string& shell) { return shell == "bash" ? kBash : shell == "zsh" ? kZsh : kFish; }

}  // namespace stint::cli
