#!/bin/bash
# manual.sh: mandoc finds nothing wrong with a page of the manual, but that pages it refers to are not installed here.
set -euo pipefail
cd "$(dirname "$0")/../.."
wrong=$(mandoc -T lint -W style man/* 2>/dev/null | grep -v 'STYLE: referenced manual not found' || true)
[ -z "$wrong" ] || { echo "$wrong" && exit 1; }
for page in man/*; do
    # what cannot be shown would be left out of it
    lines=$(mandoc -T ascii "$page" | wc -l)
    [ "$lines" -gt 40 ] || { echo "$page: only $lines lines" && exit 1; }
done
