#!/bin/bash
# completions.sh: bash, zsh and fish are asked for completions of both programs, each by its own means, and have to offer the
# same: options, words of an option, files where a file is meant, subcommands and their options.
# shellcheck disable=SC2317 # the shells' functions are called by their names
set -euo pipefail
cd "$(dirname "$0")/../.."
repository=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/a folder" "$work/home"
touch "$work/clip.mjpeg" "$work/key"
export HOME=$work/home

# The words that a shell offers for a line, one a line; the cursor is at its end.
ask_bash() {
    # shellcheck disable=SC2016 # the inner shell expands it
    bash --norc --noprofile -c '
        shopt -s extglob
        . /usr/share/bash-completion/bash_completion
        . "$1/completions/${2%% *}.bash"
        COMP_LINE=$2 COMP_POINT=${#2} COMP_TYPE=9
        # as readline splits it: = is a word of its own
        read -ra COMP_WORDS <<<"${2//=/ = }"
        [[ $2 != *[" ="] ]] || COMP_WORDS+=("")
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        function=$(complete -p "${2%% *}" | sed -E "s/.*-F ([^ ]+).*/\1/")
        "$function" "${2%% *}" "${COMP_WORDS[-1]}" "${COMP_WORDS[-2]}"
        printf "%s\n" "${COMPREPLY[@]}"
    ' _ "$repository" "$1"
}
ask_zsh() { zsh -f "$repository/tests/scripts/complete.zsh" "$repository/completions" "$1"; }
ask_fish() {
    local program=${1%% *}
    # it says each with what it means, and of a value the whole argument
    fish --no-config -c "source '$repository/completions/$program.fish'; complete -C '$1'" | cut -f 1 | sed 's/^--[a-z-]*=//'
}

failed=0 asked=0
# offers LINE WORD...: each of the words is offered for the line; !WORD: it is not.
offers() {
    local line=$1 shell said word
    shift
    for shell in bash zsh fish; do
        asked=$((asked + 1))
        said=$(cd "$work" && "ask_$shell" "$line" | sed 's/[ /]*$//; s/\\//g')
        for word; do
            if [ "${word#!}" = "$word" ] && ! grep -qFx -e "$word" <<<"$said"; then
                echo "$shell: '$line' does not offer $word, but: ${said//$'\n'/ }"
                failed=1
            elif [ "${word#!}" != "$word" ] && grep -qFx -e "${word#!}" <<<"$said"; then
                echo "$shell: '$line' offers ${word#!}"
                failed=1
            fi
        done
    done
}

# each option of the programs' help
for program in camcast camrec; do
    mapfile -t options < <(grep -oE '^  (-., )?--[a-z-]+' "tests/golden/$program-help.txt" | grep -oE -e '--[a-z-]+')
    [ ${#options[@]} -gt 20 ] || { echo "only ${#options[@]} options in the help of $program" && exit 1; }
    offers "$program --" "${options[@]}"
done
for command in check export sheet; do
    mapfile -t options < <(grep -oE '^  (-., )?--[a-z-]+' "tests/golden/camrec-$command-help.txt" | grep -oE -e '--[a-z-]+')
    offers "camrec $command --" "${options[@]}" '!--segment'
done
offers 'camcast --ht' --http --http-mode '!--listen'
offers 'camcast --mode ' auto mjpeg yuyv '!key'
offers 'camcast -m y' yuyv '!auto'
offers 'camcast --mode=y' yuyv '!auto'
offers 'camcast --key-file ' key clip.mjpeg '!pattern'
offers 'camcast --client-log=k' key '!clip.mjpeg'
offers 'camcast --reel ' '!key'
offers 'camcast ' pattern clip.mjpeg 'a folder' '!--http'
offers 'camcast --once cl' clip.mjpeg '!pattern'
offers 'camrec ' check export sheet '!clip.mjpeg'
offers 'camrec --wait c' '!check'
offers 'camrec --format ' mkv avi jpg mjpeg
offers 'camrec pi --when-full r' rotate '!wait'
offers 'camrec check cl' clip.mjpeg
offers 'camrec export --output k' key
for device in /dev/video*; do
    [ ! -e "$device" ] || offers 'camcast ' "$device"
done
[ $failed = 0 ] && echo "completions: $asked questions"
exit $failed
