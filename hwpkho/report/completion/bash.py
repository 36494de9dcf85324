"""Completion for bash 4 and later, with or without the package bash-completion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.report.completion import model
from hwpkho.report.completion.model import Command, Shell, Value

if TYPE_CHECKING:
    from collections.abc import Iterable

_SCRIPT = r"""# bash completion for @PROGRAM@, made by: @PROGRAM@ completion bash

# Sets kind and words for the value of the option $2 of the command $1; fails for a flag.
_hwpkho_option() {
    kind='' words=''
    case "$1 $2" in
@OPTIONS@
    *) return 1 ;;
    esac
}

# Sets kind and words for the argument $2, counted from 0, of the command $1.
_hwpkho_argument() {
    kind=text words=''
    case "$1 $2" in
@ARGUMENTS@
    esac
}

# Sets the options and, for a group, the commands of the command $1.
_hwpkho_names() {
    options='' commands=''
    case "$1" in
@NAMES@
    esac
}

_hwpkho() {
    local cur='' word pending='' path='' kind='' words='' options='' commands='' head=''
    local -i at number=0 plain=0
    COMPREPLY=()
    _hwpkho_names "$path"
    for (( at = 1; at < COMP_CWORD; at++ )); do
        word=${COMP_WORDS[at]}
        # bash splits --to=json into three words.
        if [[ $word == '=' ]]; then continue; fi
        if [[ -n $pending ]]; then pending=''; continue; fi
        if (( plain )); then number+=1; continue; fi
        case $word in
        --) plain=1 ;;
        --*=*) ;;
        -?*) if _hwpkho_option "$path" "$word"; then pending=$word; fi ;;
        *)
            if [[ -n $commands && " $commands " == *" $word "* ]]; then
                path="${path:+$path }$word"
                _hwpkho_names "$path"
            else
                number+=1
            fi ;;
        esac
    done
    if (( COMP_CWORD < ${#COMP_WORDS[@]} )); then cur=${COMP_WORDS[COMP_CWORD]}; fi
    if [[ $cur == '=' ]]; then cur=''; fi
    kind='' words=''
    if [[ -n $pending ]]; then
        _hwpkho_option "$path" "$pending"
    elif (( ! plain )) && [[ $cur == --*=* ]]; then
        head="${cur%%=*}="
        _hwpkho_option "$path" "${cur%%=*}" || kind=text
        cur=${cur#*=}
    elif (( ! plain )) && [[ $cur == -* ]]; then
        kind=words words=$options
    elif [[ -n $commands ]]; then
        kind=words words=$commands
    else
        _hwpkho_argument "$path" "$number"
    fi
    case $kind in
    file) ;; # readline's own names of files
    folder) compopt -o dirnames +o default +o bashdefault 2>/dev/null ;;
    listed)
        compopt -o nospace +o default +o bashdefault 2>/dev/null
        if [[ $cur == *,* ]]; then head+="${cur%,*},"; fi
        cur=${cur##*,} ;;
    *) compopt +o default +o bashdefault 2>/dev/null ;;
    esac
    if [[ -n $words ]]; then
        local IFS=$' \t\n'
        # shellcheck disable=SC2207 # words of our own, without blanks
        COMPREPLY=( $(compgen -W "$words" -- "$cur") )
        COMPREPLY=( "${COMPREPLY[@]/#/$head}" )
    fi
}

complete -o bashdefault -o default -F _hwpkho @PROGRAM@
"""


def _case(patterns: Iterable[str], body: str) -> str:
    return f"    {'|'.join(patterns)}) {body} ;;"


def _value(value: Value) -> str:
    words = " ".join(model.of(value))
    return f"kind={value.kind} words='{words}'" if words else f"kind={value.kind}"


def script(root: Command, program: str) -> str:
    """Return the script; options that take the same share a branch of its case statement."""
    options: dict[str, list[str]] = {}
    arguments, names = list[str](), list[str]()
    for command in root.walk():
        path = " ".join(command.path)
        for option in command.options:
            if option.value is not None:
                found = options.setdefault(_value(option.value), [])
                found += [f"'{path} {name}'" for name in option.names]
        for number, value in enumerate(command.arguments):
            last = number + 1 == len(command.arguments)
            wanted = "*" if last and command.rest else str(number)
            arguments.append(_case([f"'{path} '{wanted}"], _value(value)))
        flags = " ".join(name for option in command.options for name in option.names)
        below = " ".join(c.path[-1] for c in command.commands)
        names.append(_case([f"'{path}'"], f"options='{flags}' commands='{below}'"))
    parts = {
        "@OPTIONS@": "\n".join(_case(patterns, body) for body, patterns in options.items()),
        "@ARGUMENTS@": "\n".join(arguments),
        "@NAMES@": "\n".join(names),
        "@PROGRAM@": program,
    }
    text = _SCRIPT
    for mark, part in parts.items():
        text = text.replace(mark, part)
    return text


SHELL = Shell("bash", "share/bash-completion/completions/{}", script)
