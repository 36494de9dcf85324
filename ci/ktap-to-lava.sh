#!/bin/bash
# Reports each line of a KTAP file to LAVA: ktap-to-lava.sh FILE
# A subtest is CASE_CODE, a case CASE; what was skipped is skip, what could not be judged (# ERROR)
# is fail. LAVA's names have no blanks.
set -euo pipefail
sub=()
while IFS= read -r line; do
  [[ $line =~ ^(\ *)(not\ )?ok\ [0-9]+\ (-\ )?([^#]*)(#\ (SKIP)?.*)?$ ]] || continue
  indent=${BASH_REMATCH[1]} failed=${BASH_REMATCH[2]} name=${BASH_REMATCH[4]} skip=${BASH_REMATCH[6]}
  name=${name%"${name##*[![:space:]]}"}
  name=${name//[^A-Za-z0-9._-]/_}
  result=pass
  [ -z "$failed" ] || result=fail
  [ -z "$skip" ] || result=skip
  if [ -n "$indent" ]; then
    sub+=("$name $result") # the line of its case follows
    continue
  fi
  for one in ${sub[@]+"${sub[@]}"}; do
    lava-test-case "${name}_${one% *}" --result "${one##* }"
  done
  sub=()
  lava-test-case "$name" --result "$result"
done <"$1"
