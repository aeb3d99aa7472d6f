# Completion of sweep for bash: commands and options are asked of the program, files are left to bash.
_sweep() {
    local word=${COMP_WORDS[COMP_CWORD]} first=${COMP_WORDS[1]} commands choices= name
    commands=$(sweep --help 2>/dev/null | sed -n 's/^  \([a-z][a-z]*\( [a-z][a-z]*\)\{0,1\}\)  .*/\1/p')
    if [[ $COMP_CWORD -eq 1 ]]; then
        choices=$(cut -d' ' -f1 <<<"$commands" | sort -u)
    elif [[ $COMP_CWORD -eq 2 ]] && grep -q "^$first " <<<"$commands"; then
        choices=$(sed -n "s/^$first //p" <<<"$commands")
    elif [[ $word == -* ]]; then
        name=$first
        grep -qx "$first ${COMP_WORDS[2]}" <<<"$commands" && name="$first ${COMP_WORDS[2]}"
        grep -qx "$name" <<<"$commands" || name=STUDY.yaml
        choices="--help $(sweep $name --help 2>/dev/null | sed -n 's/^  \(-[^ ]*\).*/\1/p')"
    fi
    COMPREPLY=($(compgen -W "$choices" -- "$word"))
}
complete -o default -F _sweep sweep
