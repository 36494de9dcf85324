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

# The checkout as it is, committed or not.
git clone -q "$top" "$work/hwpkho"
git -C "$top" diff --binary HEAD >"$work/changes"
if [ -s "$work/changes" ]; then
  git -C "$work/hwpkho" apply --index "$work/changes"
  git -C "$work/hwpkho" -c user.name=try -c user.email=try@invalid commit -q -m 'as it is'
fi

git init -q "$work/user"
cd "$work/user"
mkdir -p captures/host7 lists maps
cat >.pre-commit-config.yaml <<END
repos:
  - repo: $work/hwpkho
    rev: $(git -C "$work/hwpkho" rev-parse HEAD)
    hooks:
      - id: hwpkho-validate-handovers
      - id: hwpkho-list
      - id: hwpkho-memmap
END
cp "$small/memory.elf" "$small/iomem.txt" captures/host7
cp "$small/iomem.txt" maps/iomem-host7.txt
cp "$top/fixtures/replay-outcomes/iomem-4k.txt" maps # of another machine: each is read by itself
printf '0x8b3\n' >lists/bad-pages-host7.txt
printf '0x40000\n' >'lists/bad-pages of host8.txt'
git add .

# STATUS: what each hook exits with
expect() {
  local status hook
  for hook in hwpkho-validate-handovers hwpkho-list hwpkho-memmap; do
    status=0
    "$pre_commit" run "$hook" --all-files --verbose >"$work/log" 2>&1 || status=$?
    if [ "$status" != "$1" ] || grep -q 'no files to check' "$work/log"; then
      cat "$work/log"
      echo "$0: $hook: exit code $status instead of $1, or it looked at no file" >&2
      exit 1
    fi
  done
}

expect 0
printf '0x999999999\n' >captures/host7/bad-pages.txt
rm captures/host7/memory.elf
printf 'no list\n' >lists/bad-pages-host7.txt
printf 'no map\n' >maps/iomem-host7.txt
git add .
expect 1
echo "$0: each hook took what is good and refused what is bad"
