"""What a shell needs to complete `krepis`. Loaded at the start of each shell that says `eval "$(krepis completion bash)"`,
so nothing is imported.
"""

# File names are left to the shell, which alone knows how to quote them. What is typed is passed on as it is and never
# evaluated: no `compgen -W`, which expands what it is given.
BASH = r"""_krepis() {
    local line files=
    COMPREPLY=()
    while IFS= read -r line; do
        if [[ $line == :files ]]; then files=1; else COMPREPLY+=("${line%%$'\t'*}"); fi
    done < <(command krepis completion words -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
    [[ -n $files ]] || compopt +o default +o bashdefault 2>/dev/null
}
complete -o default -o bashdefault -F _krepis krepis
"""

ZSH = r"""#compdef krepis
_krepis() {
    local line files
    local -a found shown
    while IFS= read -r line; do
        if [[ $line == :files ]]; then
            files=1
        else
            found+=("${line%%$'\t'*}")
            shown+=("${${line/$'\t'/  -- }//$'\t'/ }")
        fi
    done < <(command krepis completion words -- "${(@Q)words[2,CURRENT]}" 2>/dev/null)
    (( $#found )) && compadd -l -d shown -a -- found
    [[ -n $files ]] && _files
}
if [[ "${funcstack[1]}" == _krepis ]]; then _krepis "$@"; else compdef _krepis krepis; fi
"""

FISH = r"""function __krepis_words
    set -l said (commandline -opc) (commandline -ct)
    for line in (command krepis completion words -- $said[2..-1] 2>/dev/null)
        if test "$line" = :files
            __fish_complete_path (commandline -ct)
        else
            printf '%s\n' $line
        end
    end
end
complete -c krepis -f -a '(__krepis_words)'
"""

SCRIPTS = (("bash", BASH), ("zsh", ZSH), ("fish", FISH))
