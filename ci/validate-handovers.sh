#!/bin/bash
# Judges a folder of captured handovers and writes what CI services read. See docs/ci.md.
#
#   validate-handovers.sh [CAPTURES [REPORTS]]
#
# CAPTURES  a folder with a folder for each case, or a manifest (captures)
# REPORTS   where the reports go (hwpkho-reports): hwpkho.sarif, junit.xml, hwpkho.ktap,
#           hwpkho.json and report.txt, which is printed, too
# OPTIONS   more options of hwpkho validate, e.g. --max-per-gib 16 --fail-on warning
# BASELINE  a file of accepted findings
# HWPKHO    the program (hwpkho)
#
# Exits with the worst of all cases: 0 fine, 1 findings, 2 wrong usage, 3 a case could not be judged,
# or there is no hwpkho. The reports are there whatever the exit code is, 2 aside.
CAPTURES=${1:-${CAPTURES:-captures}}
REPORTS=${2:-${REPORTS:-hwpkho-reports}}
HWPKHO=${HWPKHO:-hwpkho}
if ! command -v "$HWPKHO" >/dev/null; then
  echo "$0: there is no $HWPKHO: pip install 'hwpkho[kdump]'" >&2
  exit 3
fi
# begin: judge
set +e -u
mkdir -p "$REPORTS"
read -ra options <<<"${OPTIONS:-}"
[ -z "${BASELINE:-}" ] || options+=(--baseline "$BASELINE")
worst=0
judge() {
  "${HWPKHO:-hwpkho}" validate --batch "$CAPTURES" --format "$1" -f -o "$REPORTS/$2" \
    ${options[@]+"${options[@]}"}
  status=$?
  if [ "$status" -gt "$worst" ]; then worst=$status; fi
}
judge sarif hwpkho.sarif
judge junit junit.xml 2>/dev/null
judge ktap hwpkho.ktap 2>/dev/null
judge json hwpkho.json 2>/dev/null
judge text report.txt 2>/dev/null
[ ! -s "$REPORTS/report.txt" ] || cat "$REPORTS/report.txt"
exit "$worst"
# end: judge
