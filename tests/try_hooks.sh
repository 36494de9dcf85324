#!/bin/bash
# Has pre-commit install the hooks of .pre-commit-hooks.yaml, as it would in a repository of a user,
# and run them there: over good files, then over bad ones. try_hooks.sh PRE_COMMIT
set -euo pipefail
pre_commit=$(realpath "$1")
top=$(cd "$(dirname "$0")/.." && pwd)
small=$top/fixtures/captures/x86-structv1-small
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export PRE_COMMIT_HOME=$work/cache
git init -q "$work/user"
cd "$work/user"
mkdir -p captures/host7 lists maps
cp "$small/memory.elf" "$small/iomem.txt" captures/host7
cp "$small/iomem.txt" maps/iomem-host7.txt
cp "$top/fixtures/replay-outcomes/iomem-4k.txt" maps # of another machine: each is read by itself
printf '0x8b3\n' >lists/bad-pages-host7.txt
printf '0x40000\n' >'lists/bad-pages of host8.txt'
git add .

# HOOK STATUS
expect() {
  local status=0
  "$pre_commit" try-repo "$top" "$1" --all-files --verbose >"$work/log" 2>&1 || status=$?
  if [ "$status" != "$2" ]; then
    cat "$work/log"
    echo "$0: $1: exit code $status instead of $2" >&2
    exit 1
  fi
  if grep -q 'no files to check' "$work/log"; then
    echo "$0: $1 looked at no file" >&2
    exit 1
  fi
}

hooks=(hwpkho-validate-handovers hwpkho-list hwpkho-memmap)
for hook in "${hooks[@]}"; do expect "$hook" 0; done
printf '0x999999999\n' >captures/host7/bad-pages.txt
rm captures/host7/memory.elf
printf 'no list\n' >lists/bad-pages-host7.txt
printf 'no map\n' >maps/iomem-host7.txt
git add .
for hook in "${hooks[@]}"; do expect "$hook" 1; done
echo "$0: ${#hooks[@]} hooks took what is good and refused what is bad"
