# Completion of normlab for fish. The program itself says what may follow: `normlab complete`.
function __normlab_complete
    set -l words (commandline -opc)
    set -l program $words[1]
    set -e words[1]
    $program complete -- $words (commandline -ct) 2>/dev/null
end
complete -c normlab -f -k -a '(__normlab_complete)'
