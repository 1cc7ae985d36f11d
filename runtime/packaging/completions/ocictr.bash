# SPDX-License-Identifier: Apache-2.0
# bash completion for ocictr. All that is offered comes from `ocictr --help` and `ocictr list`.

# _ocictr_options COMMAND: its long and short options, or the global ones.
_ocictr_options() {
  "$program" "$@" --help 2>/dev/null |
    sed -n -e 's/^  -\(.\), --\([a-z0-9-]*\).*/-\1\n--\2/p' -e 's/^      --\([a-z0-9-]*\).*/--\1/p'
}

# _ocictr_value COMMAND... OPTION: how --help calls the option's value; nothing for a flag.
_ocictr_value() {
  local option=${*: -1}
  [[ $option == --?* || $option == -? ]] || return 0
  "$program" "${@:1:$#-1}" --help 2>/dev/null |
    sed -n "s/^ [ a-zA-Z,-]*$option\\(, --[a-z0-9-]*\\)\\{0,1\\} \\([A-Z][][A-Z0-9:=|-]*\\) .*/\\2/p"
}

_ocictr_commands() {
  "$program" --help 2>/dev/null | sed -n '/^Commands:/,$ s/^  \([a-z]*\)  .*/\1/p'
}

_ocictr() {
  local program=${COMP_WORDS[0]} current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  local command="" words="" value usage i skip=""
  local -a root=()
  COMPREPLY=()
  # The first word that is neither an option nor its value is the command.
  for ((i = 1; i < COMP_CWORD; ++i)); do
    if [[ $skip ]]; then skip="" && continue; fi
    case ${COMP_WORDS[i]} in
      -*)
        [[ ${COMP_WORDS[i]} == --root ]] && root=(--root "${COMP_WORDS[i + 1]}")
        [[ ${COMP_WORDS[i + 1]-} != = && $(_ocictr_value "${COMP_WORDS[i]}") ]] && skip=yes
        ;;
      =) skip=yes ;;
      *) command=${COMP_WORDS[i]} && break ;;
    esac
  done

  value=$(_ocictr_value ${command:+"$command"} "$previous")
  if [[ $value ]]; then
    case $value in
      DIR) COMPREPLY=($(compgen -d -- "$current")) ;;
      FILE | PATH | SOCKET) COMPREPLY=($(compgen -f -- "$current")) ;;
    esac
    return
  fi
  if [[ $current == -* ]]; then
    words=$(_ocictr_options ${command:+"$command"})
  elif [[ ! $command ]]; then
    words=$(_ocictr_commands)
  else
    usage=$("$program" "$command" --help 2>/dev/null | head -n 1)
    case "$usage " in
      *COMMAND*) words=$(_ocictr_commands) ;;
      *" ID "* | *" [ID] "*)
        if ((i + 1 == COMP_CWORD)) || [[ $previous == -* ]]; then
          words=$("$program" "${root[@]}" list -q 2>/dev/null)
        elif [[ $usage == *SIGNAL* ]]; then
          words=$(compgen -A signal | sed -n 's/^SIG//p')
        fi
        ;;
    esac
    [[ $usage == *" DIR"* || $usage == *" BUNDLE"* ]] && COMPREPLY=($(compgen -d -- "$current"))
  fi
  COMPREPLY+=($(compgen -W "$words" -- "$current"))
}

complete -o bashdefault -o default -F _ocictr ocictr
