# Completion of normlab for bash. The program itself says what may follow: `normlab complete`.
_normlab() {
    local line=${COMP_LINE:0:COMP_POINT} last i words
    read -ra words <<<"$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    mapfile -t COMPREPLY < <("${words[0]}" complete -- "${words[@]:1}" 2>/dev/null | cut -f 1)
    # readline completes only what stands after the last = or :
    last=${words[${#words[@]} - 1]}
    for i in "${!COMPREPLY[@]}"; do
        COMPREPLY[i]=${COMPREPLY[i]#"${last%"${last##*[=:]}"}"}
    done
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[=/.] ]]; then
        compopt -o nospace 2>/dev/null
    fi
}
complete -F _normlab normlab
