# bash completion of camcast. Written by a test: UPDATE_GOLDEN=1 cargo test --test it both::completions
# shellcheck shell=bash disable=SC2034,SC2154 # _init_completion's

_camcast_sources() {
    local link
    _filedir
    mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -W 'pattern' -- "$cur")
    for link in /dev/video* /dev/v4l/by-id/*; do
        if [[ -e $link && $cur != /* && $link == "$cur"* ]]; then COMPREPLY+=("$link"); fi
    done
}

_camcast() {
    local cur prev words cword split
    _init_completion -s || return
    case $prev in
        -r | --resolution)
            mapfile -t COMPREPLY < <(compgen -W '640x480 800x600 1280x720 1920x1080' -- "$cur")
            return
            ;;
        -f | --desired-fps)
            :
            return
            ;;
        -m | --mode)
            mapfile -t COMPREPLY < <(compgen -W 'auto mjpeg yuyv' -- "$cur")
            return
            ;;
        --quality)
            :
            return
            ;;
        --control)
            :
            return
            ;;
        --listen)
            :
            return
            ;;
        --name)
            :
            return
            ;;
        --http)
            _filedir
            return
            ;;
        --http-mode)
            :
            return
            ;;
        --allow)
            :
            return
            ;;
        --allow-host)
            :
            return
            ;;
        --allow-origin)
            :
            return
            ;;
        --password-file)
            _filedir
            return
            ;;
        --key-file)
            _filedir
            return
            ;;
        --sign)
            _filedir
            return
            ;;
        --rtsp)
            :
            return
            ;;
        --rtsp-multicast)
            :
            return
            ;;
        --reel)
            :
            return
            ;;
        --spill)
            _filedir
            return
            ;;
        --spill-size)
            :
            return
            ;;
        --spill-for)
            :
            return
            ;;
        --max-clients)
            :
            return
            ;;
        --max-joins)
            :
            return
            ;;
        --mtu)
            :
            return
            ;;
        --dscp)
            :
            return
            ;;
        --client-log)
            _filedir
            return
            ;;
        --client-log-size)
            :
            return
            ;;
        --log-lines)
            :
            return
            ;;
        --new-key)
            _filedir
            return
            ;;
        --new-sign-key)
            _filedir
            return
            ;;
        --config)
            _filedir
            return
            ;;
    esac
    ! $split || return
    if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '-r --resolution -f --desired-fps -m --mode --quality --control --listen --announce --name --http --http-mode --allow --no-plain --allow-host --allow-origin --password-file --key-file --sign --rtsp --rtsp-multicast --rtsp-recode --allow-control --reel --spill --spill-size --spill-for --max-clients --max-joins --mtu --dscp --client-log --client-log-size --log-lines --once --follow --wait-for-client --allow-truncated-frames --on-demand --exit-on-device-error --new-key --new-sign-key --list --doctor --mask --config --check-config -v --verbose --version -h --help' -- "$cur")
        return
    fi
    _camcast_sources
}

complete -F _camcast camcast
