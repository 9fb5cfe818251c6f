# bash completion of camrec. Written by a test: UPDATE_GOLDEN=1 cargo test --test it both::completions
# shellcheck shell=bash disable=SC2034,SC2154 # _init_completion's

_camrec_check() {
    case $prev in
        --signed-by)
            _filedir
            return
            ;;
    esac
    ! $split || return
    if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '--json --signed-by -v --verbose -h --help' -- "$cur")
        return
    fi
    _filedir
}

_camrec_export() {
    case $prev in
        -o | --output)
            _filedir
            return
            ;;
    esac
    ! $split || return
    if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '-o --output -v --verbose -h --help' -- "$cur")
        return
    fi
    _filedir
}

_camrec_sheet() {
    case $prev in
        -o | --output)
            _filedir
            return
            ;;
    esac
    ! $split || return
    if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '-o --output -v --verbose -h --help' -- "$cur")
        return
    fi
    _filedir
}

_camrec() {
    local cur prev words cword split
    _init_completion -s || return
    if ((cword > 1)); then
        case ${words[1]} in
            check)
                _camrec_check
                return
                ;;
            export)
                _camrec_export
                return
                ;;
            sheet)
                _camrec_sheet
                return
                ;;
        esac
    fi
    case $prev in
        --also)
            _known_hosts_real -- "$cur"
            return
            ;;
        --from)
            :
            return
            ;;
        --also-from)
            :
            return
            ;;
        --key-file)
            _filedir
            return
            ;;
        -o | --output)
            _filedir
            return
            ;;
        --segment)
            :
            return
            ;;
        --format)
            mapfile -t COMPREPLY < <(compgen -W 'mkv avi jpg mjpeg' -- "$cur")
            return
            ;;
        --name)
            :
            return
            ;;
        --keep)
            :
            return
            ;;
        --keep-for)
            :
            return
            ;;
        --min-free)
            :
            return
            ;;
        --when-full)
            mapfile -t COMPREPLY < <(compgen -W 'wait rotate' -- "$cur")
            return
            ;;
        --buffer)
            :
            return
            ;;
        --on-segment)
            mapfile -t COMPREPLY < <(compgen -c -- "$cur")
            return
            ;;
        --on-segment-timeout)
            :
            return
            ;;
        --duration)
            :
            return
            ;;
        --frames)
            :
            return
            ;;
        --plain)
            :
            return
            ;;
        --log-lines)
            :
            return
            ;;
        --config)
            _filedir
            return
            ;;
    esac
    ! $split || return
    if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '--find --doctor --mask --also --from --also-from --key-file -o --output --must-exist --segment --align --format --name --utc --keep --keep-for --min-free --when-full --buffer --on-segment --on-segment-timeout --wait --duration --frames --every --newest --plain --json --log-lines --config --check-config -v --verbose --version -h --help' -- "$cur")
        return
    fi
    _known_hosts_real -- "$cur"
    ((cword > 1)) || mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -W 'check export sheet' -- "$cur")
}

complete -F _camrec camrec
