#compdef normlab
# Completion of normlab for zsh. The program itself says what may follow: `normlab complete`.
_normlab() {
    local line word
    local -a ended ended_about open open_about
    for line in ${(f)"$("${words[1]}" complete -- "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)"}; do
        word=${line%%$'\t'*}
        if [[ $word == *[=/.] ]]; then # gone on with: no space
            open+=("$word") open_about+=("${line/$'\t'/  -- }")
        else
            ended+=("$word") ended_about+=("${line/$'\t'/  -- }")
        fi
    done
    compadd -l -d ended_about -a ended
    compadd -l -S '' -d open_about -a open
}
_normlab "$@"
