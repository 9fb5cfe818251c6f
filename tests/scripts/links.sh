#!/bin/bash
# links.sh: every relative link in the documents leads to a file, its anchor to a heading, and every path in backticks that begins
# with src, docs, tests, systemd, packaging, man or completions exists, as does every Rust file that is named with its room (`wire/mod.rs`).
set -euo pipefail
cd "$(dirname "$0")/../.."
wrong=0
complain() {
    echo "$1: $2"
    wrong=1
}
# anchors FILE: those of its headings, as GitHub makes them
anchors() { sed -n 's/^##* //p' "$1" | tr '[:upper:]' '[:lower:]' | sed 's/[^a-z0-9 _-]//g; s/ /-/g'; }

checked=0
while read -r document; do
    while read -r link; do
        [[ $link != *://* ]] || continue
        file=${link%%#*}
        file=${file:+$(dirname "$document")/$file}
        file=${file:-$document}
        checked=$((checked + 1))
        [ -e "$file" ] || { complain "$document" "no file for the link $link"; continue; }
        [[ $link != *#* ]] || anchors "$file" | grep -qFx "${link#*#}" || complain "$document" "no heading for the link $link"
    done < <(grep -oP '\]\(\K[^)\s]+' "$document" || true)
    while read -r path; do
        checked=$((checked + 1))
        # names with placeholders stand for several files, or for one that is yet to be written
        [[ $path == *"<"* || $path == *"{"* || $path == *NAME* ]] || compgen -G "$path" >/dev/null || compgen -G "src/$path" >/dev/null ||
            compgen -G "tests/it/$path" >/dev/null || complain "$document" "no such file: $path"
    done < <(tr '`' '\n' <"$document" | grep -oE '^((src|docs|tests|systemd|packaging|man|completions)/[^ ,;:]+|[a-z0-9_]+/[a-z0-9_/]+\.rs$)' || true)
done < <(git ls-files '*.md')
[ $checked -gt 50 ] || complain links.sh "only $checked links and paths found"
exit $wrong
