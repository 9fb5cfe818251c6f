#!/bin/zsh
# complete.zsh FOLDER LINE: what zsh offers for the line, with the completions of a folder. An interactive zsh in a pseudo-terminal
# completes the line; its compadd tells what it was given.
zmodload zsh/zpty || exit 1
zpty shell "TERM=dumb COLUMNS=500 zsh -f -i"
# until PATTERN: what the shell has said, up to there
until_said() {
    local chunk
    said=
    while [[ $said != *$~1* ]]; do
        zpty -r shell chunk || exit 1
        said+=$chunk
    done
}
cat >$HOME/setup.zsh <<SETUP
PROMPT= RPROMPT=
unset zle_bracketed_paste
unsetopt prompt_cr prompt_sp beep
fpath=(${(q)1} \$fpath)
autoload -Uz compinit
compinit -D -u
bindkey '^I' complete-word
zstyle ':completion:*' verbose no
zstyle ':completion:*' menu no
setopt no_list_ambiguous
compadd() {
    local -a hits
    # those that fill an array add nothing
    if [[ \${@[1,(i)(-|--)]} != *-(O|A|D)\ * ]]; then
        builtin compadd -A hits "\$@"
        offered+=("\${hits[@]}")
    fi
    builtin compadd "\$@"
}
tell() {
    offered=()
    zle complete-word
    print
    print -rl -- HIT:\$^offered
    print -r -- DO''NE
    zle kill-buffer
}
zle -N tell
bindkey '^X' tell
print -r -- REA''DY
SETUP
zpty -w shell "source $HOME/setup.zsh"
until_said "READY"
zpty -n -w shell "$2"$'\x18'
until_said "DONE"
print -r -- "$said" | tr -d '\r' | sed -n 's/^HIT://p'
