#!/bin/bash
# Judges a folder of captured handovers and writes what CI services read. See docs/ci.md.
#
#   validate-handovers.sh [CAPTURES [REPORTS]]
#
# CAPTURES  a folder with a folder for each case, or a manifest (captures)
# REPORTS   where the reports go (hwpkho-reports): hwpkho.sarif, junit.xml, hwpkho.ktap,
#           hwpkho.json and report.txt, which is printed, too (on GitHub annotations are)
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
# On GitHub the lines of the log become annotations, and the summary of the job has the report.
shown=text
[ -z "${GITHUB_ACTIONS:-}" ] || shown=github
"${HWPKHO:-hwpkho}" validate --batch "$CAPTURES" -f --format "$shown" \
  --format sarif="$REPORTS/hwpkho.sarif" --format junit="$REPORTS/junit.xml" \
  --format ktap="$REPORTS/hwpkho.ktap" --format json="$REPORTS/hwpkho.json" \
  --format text="$REPORTS/report.txt" ${options[@]+"${options[@]}"}
# end: judge
