#!/bin/bash
# Installs what `make dist zipapp deb` made in each way there is, from nothing, and takes the first
# steps with it: version, decode, man, completion.
#
#   tests/install/install.sh [WAY...]     all of them, or some of:
#
#   pip pip-sdist pip-kdump   into a new environment: the wheel, the sdist, the wheel with its extra
#   pipx pipx-sdist uv uv-sdist
#   zipapp                    with nothing but python3, of every version that the machine has
#   deb                       lintian, then apt-get install in a clean Debian made by debootstrap
#   container                 hadolint looks over the Containerfile; none is built
#
# STRICT=yes   what cannot be tried here is a failure; else it is skipped, with the reason
# RELEASE_VENV   where pipx, uv and hadolint are; else .venv-release of the checkout
# PYTHON       what environments are made of; else python3
# SUITE        the Debian in which the package is tried; else the machine's own
#
# The archive of Debian is the machine's own: it is read from /etc/apt, and stands nowhere here.
# shellcheck disable=SC2015 # A && B || die: no B of ours fails where A did not
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
tools=${RELEASE_VENV:-$top/.venv-release}/bin
python=${PYTHON:-python3}
version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' "$top/hwpkho/base/version.py")
wheel=$top/dist/hwpkho-$version-py3-none-any.whl
sdist=$top/dist/hwpkho-$version.tar.gz
zipapp=$top/dist/hwpkho.pyz
deb=$top/dist/hwpkho_${version}_all.deb
capture=$top/fixtures/captures/x86-structv1-small
lzo=$top/fixtures/kdump/memory.kdump-lzo

work=$(mktemp -d "${TMPDIR:-/tmp}/hwpkho-install.XXXXXX")
passed=0 skipped=0
# A terminal's width and colours, and whatever Python reads of the environment, are not under test.
unset COLUMNS PYTHONPATH PYTHONHOME PYTHONSAFEPATH VIRTUAL_ENV MAKEFLAGS MFLAGS
export LC_ALL=C.UTF-8 NO_COLOR=1 DEBIAN_FRONTEND=noninteractive PIP_QUIET=1

say() { printf '%s  %s\n' "$(date +%T)" "$*"; }
die() { printf 'install.sh: FAILED: %s\n' "$*" >&2; exit 1; }
ok() { passed=$((passed + 1)); say "  ok: $*"; }
skip() {
  [ "${STRICT:-}" != yes ] || die "STRICT=yes, and it cannot be tried here: $*"
  skipped=$((skipped + 1))
  say "  SKIPPED: $*"
}
same() { cmp "$1" "$2" || die "$3"; }

cleanup() {
  trap '' TERM INT HUP # a bound on time may end just now
  rm -rf --one-file-system "$work"
}
trap cleanup EXIT

[ -f "$wheel" ] && [ -f "$sdist" ] || die "no $wheel, or no sdist beside it: make dist"

# What the guest's kernel itself said is in the list, by the capture's notes.
"$python" - "$capture/truth.json" >"$work/pfns" <<'END'
import json, sys
for pfn in sorted(json.load(open(sys.argv[1]))["handovers"][0]["pfns"]):
    print(hex(pfn))
END
[ -s "$work/pfns" ] || die "the capture's notes have no PFNs"

# --- The first steps ---------------------------------------------------------------------------

# Runs a program as a login of a stranger would: another folder, and no variable of ours.
plain() { (cd / && env -i PATH="${with:+$with:}/usr/bin:/bin" HOME="$work/home" LC_ALL=C.UTF-8 "$@"); }

# NAME INSTALLED PROGRAM...: version, first decode, verdict, manual page, completion, processes
first_steps() {
  local name=$1 installed=$2 out=$work/out code=0
  shift 2
  mkdir -p "$work/home"
  [ "$(plain "$@" --version)" = "hwpkho $version" ] || die "$name: --version"
  plain "$@" version --json >"$out"
  grep -q "\"installed\":\"$installed\"" "$out" || die "$name: version: not a $installed: $(cat "$out")"
  plain "$@" decode "$capture/memory.elf" "$capture/debugfs-kho" >"$out" || die "$name: decode"
  grep -q '^  problems  none$' "$out" || die "$name: decode finds problems"
  plain "$@" list "$capture/memory.elf" --to text >"$out" || die "$name: list"
  same "$out" "$work/pfns" "$name: not the PFNs of the capture"
  plain "$@" validate "$work/pfns" --memmap "$capture/iomem.txt" >"$out" 2>&1 || code=$?
  [ "$code" -le 1 ] && grep -q 'taken out of use' "$out" || die "$name: validate: $(cat "$out")"
  plain "$@" man decode | grep -q 'hwpkho decode' || die "$name: man decode"
  plain "$@" schema decode | "$python" -m json.tool >/dev/null || die "$name: schema decode"
  completes "$name" "$@"
  batch "$name" "$@"
  ok "$name: version, decode, list, validate, man, completion, schema, batch"
}

completes() {
  local name=$1 shell
  shift
  for shell in bash zsh fish; do
    plain "$@" completion "$shell" --name hwpkho >"$work/completion.$shell" || die "$name: completion $shell"
    [ -s "$work/completion.$shell" ] || die "$name: completion $shell: empty"
  done
  [ "$(tab "source $work/completion.bash" 'explain count-bey')" = count-beyond-array ] \
    || die "$name: completion: bash"
  if command -v zsh >/dev/null; then zsh -fn "$work/completion.zsh" || die "$name: completion: zsh"; fi
  if command -v fish >/dev/null; then
    fish --no-config --no-execute "$work/completion.fish" || die "$name: completion: fish"
  fi
}

# LOAD LINE: what a TAB makes of the last word
tab() {
  plain bash --norc -c "$1; COMP_WORDS=(hwpkho $2); COMP_CWORD=\$((\${#COMP_WORDS[@]} - 1))
    _hwpkho 2>/dev/null; printf '%s\n' \"\${COMPREPLY[@]}\""
}

# Processes of their own find the program again, also in an archive.
batch() {
  local name=$1 case code=0
  shift
  for case in one two three; do
    mkdir -p "$work/cases/$case"
    cp "$work/pfns" "$work/cases/$case/list"
    cp "$capture/iomem.txt" "$work/cases/$case/iomem.txt"
  done
  plain "$@" validate --batch "$work/cases" --jobs 2 >"$work/out" 2>&1 || code=$?
  [ "$code" -le 1 ] && grep -q '^3 cases: ' "$work/out" || die "$name: batch: $(cat "$work/out")"
}

# NAME PREFIX: what lies beside the program: manual pages and completion files
shared_files() {
  local name=$1 share=$2/share page
  for page in "$top"/man/*.1; do
    same "$page" "$share/man/man1/${page##*/}" "$name: $page"
  done
  if command -v man >/dev/null; then
    with=$2/bin: plain man -w hwpkho-validate | grep -q "^$share/" || die "$name: man(1) does not find the pages"
  fi
  same "$work/completion.bash" "$share/bash-completion/completions/hwpkho" "$name: bash's file"
  same "$work/completion.zsh" "$share/zsh/site-functions/_hwpkho" "$name: zsh's file"
  same "$work/completion.fish" "$share/fish/vendor_completions.d/hwpkho.fish" "$name: fish's file"
  ok "$name: manual pages and completion files in their places"
}

# --- The ways ----------------------------------------------------------------------------------

in_environment() {  # NAME WHAT
  local name=$1 env=$work/$1
  "$python" -m venv "$env"
  "$env/bin/pip" install "$2" || die "$name: pip install"
  "$env/bin/pip" check >/dev/null || die "$name: pip check"
  first_steps "$name" package "$env/bin/hwpkho"
  shared_files "$name" "$env"
}

way_pip() {
  in_environment pip "$wheel"
  # What is left behind would be in the way of the next installation.
  "$work/pip/bin/pip" uninstall --yes hwpkho
  [ -z "$(find "$work/pip" -iname '*hwpkho*')" ] || die "pip uninstall leaves files"
  ok "pip: uninstall leaves nothing"
}

way_pip-sdist() { in_environment pip-sdist "$sdist"; }

way_pip-kdump() {
  in_environment pip-kdump "${wheel}[kdump]"
  plain "$work/pip-kdump/bin/hwpkho" list "$lzo" --to text >"$work/out" 2>/dev/null
  same "$work/out" "$work/pfns" "pip-kdump: a dump compressed with LZO"
  ok "pip-kdump: reads LZO"
}

with_pipx() {  # NAME WHAT
  local name=$1 at=$work/$1
  [ -x "$tools/pipx" ] || { skip "$name: no pipx in $tools (make release-venv)"; return; }
  # Its own choice of a backend may be uv, whose cache is elsewhere.
  env PIPX_HOME="$at/home" PIPX_BIN_DIR="$at/bin" PIPX_MAN_DIR="$at/man" PIPX_COMPLETION_DIR="$at/complete" \
    UV_CACHE_DIR="$work/uv-cache" "$tools/pipx" install --python "$python" "$2" >"$work/log" 2>&1 \
    || die "$name: pipx install: $(cat "$work/log")"
  first_steps "$name" package "$at/bin/hwpkho"
  shared_files "$name" "$at/home/venvs/hwpkho"
  cmp -s "$top/man/hwpkho.1" "$at/man/man1/hwpkho.1" || die "$name: pipx does not offer the manual pages"
  ok "$name: pipx offers the manual pages"
}

way_pipx() { with_pipx pipx "$wheel"; }
way_pipx-sdist() { with_pipx pipx-sdist "$sdist"; }

with_uv() {  # NAME WHAT
  local name=$1 at=$work/$1
  [ -x "$tools/uv" ] || { skip "$name: no uv in $tools (make release-venv)"; return; }
  env UV_TOOL_DIR="$at/tools" UV_TOOL_BIN_DIR="$at/bin" UV_CACHE_DIR="$work/uv-cache" UV_NO_PROGRESS=1 \
    UV_PYTHON_DOWNLOADS=never "$tools/uv" tool install --python "$python" "$2" >"$work/log" 2>&1 \
    || die "$name: uv tool install: $(cat "$work/log")"
  first_steps "$name" package "$at/bin/hwpkho"
  shared_files "$name" "$at/tools/hwpkho"
}

way_uv() { with_uv uv "$wheel"; }
way_uv-sdist() { with_uv uv-sdist "$sdist"; }

way_zipapp() {
  local found said
  [ -x "$zipapp" ] || { skip "zipapp: no $zipapp (make zipapp)"; return; }
  # As a program of another name somewhere, and without what the machine has installed (-S).
  mkdir -p "$work/opt"
  cp "$zipapp" "$work/opt/hwpkho"
  first_steps "zipapp" zipapp "$work/opt/hwpkho"
  first_steps "zipapp, without site-packages" zipapp "$(command -v "$python")" -I -S "$work/opt/hwpkho"
  for found in $(compgen -c python3. | grep -xE 'python3\.[0-9]+' | sort -u); do
    plain "$(command -v "$found")" -c 'import json, sqlite3, zlib' 2>/dev/null || continue
    if plain "$(command -v "$found")" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
      plain "$(command -v "$found")" -W error -I -S "$zipapp" list "$capture/memory.elf" --to text >"$work/out" \
        || die "zipapp: $found"
      same "$work/out" "$work/pfns" "zipapp: $found: not the PFNs of the capture"
      ok "zipapp: $found"
    else
      said=$(plain "$(command -v "$found")" "$zipapp" --version 2>&1) && die "zipapp: $found: $said"
      [[ $said == "hwpkho: needs Python 3.11 or later; this is "* ]] || die "zipapp: $found: $said"
      ok "zipapp: $found is told that it is too old"
    fi
  done
  # An extra is found where it is installed.
  "$python" -m venv "$work/extras"
  "$work/extras/bin/pip" install --no-deps --require-hashes -r <(extras) || die "zipapp: the extras"
  plain "$work/extras/bin/python" "$zipapp" list "$lzo" --to text >"$work/out" 2>/dev/null
  same "$work/out" "$work/pfns" "zipapp: a dump compressed with LZO, with lzallright installed"
  ok "zipapp: finds the extra kdump where it is installed"
}

extras() { cd "$top" && "$python" -m release.locked kdump; }

way_deb() {
  local uri suite root=$work/root
  [ -f "$deb" ] || { skip "deb: no $deb (make deb)"; return; }
  if command -v lintian >/dev/null; then
    (cd "$top/build/deb" && lintian --allow-root --info --display-info --pedantic --tag-display-limit 0 \
      --fail-on error,warning,info,pedantic "hwpkho_${version}_"*.changes) >"$work/log" 2>&1 \
      || die "deb: lintian: $(cat "$work/log")"
    ok "deb: lintian"
  else
    skip "deb: no lintian here"
  fi
  [ "$(id -u)" = 0 ] || { skip "deb: a clean Debian is made by root only"; return; }
  command -v debootstrap >/dev/null || { skip "deb: no debootstrap here"; return; }
  python3 "$top/tests/kernel/aptsources.py" none >"$work/sources" \
    || { skip "deb: no Debian archive in /etc/apt"; return; }
  uri=$(awk '/^URIs:/ {print $2; exit}' "$work/sources")
  suite=${SUITE:-$(awk '/^Suites:/ {print $2; exit}' "$work/sources")}
  debootstrap --variant=minbase "$suite" "$root" "$uri" >"$work/log" 2>&1 \
    || { skip "deb: debootstrap $suite: $(tail -n 1 "$work/log")"; return; }
  echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/quick"
  # How this machine reaches the archive, and no more.
  apt-config dump | grep -E '^Acquire::(http|https|ftp|Check|Retries)' >"$root/etc/apt/apt.conf.d/90machine" || true
  [ ! -e "$root/usr/bin/python3" ] || die "deb: the clean Debian has Python already"
  mkdir -p "$root/srv/capture"
  cp -r "$capture"/. "$work/pfns" "$root/srv/capture"
  cp "$deb" "$root/srv"
  clean apt-get -q update >"$work/log" 2>&1 || { skip "deb: apt-get update: $(tail -n 1 "$work/log")"; return; }
  clean apt-get -q install -y --no-install-recommends "/srv/${deb##*/}" >"$work/log" 2>&1 \
    || die "deb: apt-get install: $(cat "$work/log")"
  ok "deb: apt-get install in a clean $suite"
  # shellcheck disable=SC2016 # dpkg's own
  [[ $(clean dpkg-query -W -f '${Depends}' hwpkho) =~ ^python3(:any)?\ \([^,|]*\)$ ]] || die "deb: depends on more than python3"
  clean dpkg --verify hwpkho || die "deb: dpkg --verify"
  [ "$(clean hwpkho --version)" = "hwpkho $version" ] || die "deb: --version"
  clean python3 -W error /usr/bin/hwpkho decode /srv/capture/memory.elf /srv/capture/debugfs-kho >"$work/out" \
    || die "deb: decode"
  grep -q '^  problems  none$' "$work/out" || die "deb: decode finds problems"
  clean hwpkho list /srv/capture/memory.elf --to text >"$work/out"
  same "$work/out" "$work/pfns" "deb: not the PFNs of the capture"
  clean hwpkho man validate >"$work/out" && grep -q 'hwpkho validate' "$work/out" || die "deb: hwpkho man"
  ok "deb: decode and man, with $(clean python3 --version) alone"
  clean apt-get -q install -y --no-install-recommends man-db bash-completion >"$work/log" 2>&1 \
    || die "deb: man-db and bash-completion: $(tail -n 3 "$work/log")"
  clean man hwpkho-validate >"$work/out" 2>"$work/log" || die "deb: man: $(cat "$work/log")"
  grep -q 'hwpkho validate' "$work/out" || die "deb: man(1) shows something else"
  # shellcheck disable=SC2016 # that shell's
  clean bash --norc -c 'source /usr/share/bash-completion/bash_completion; _completion_loader hwpkho
    COMP_WORDS=(hwpkho expl); COMP_CWORD=1; _hwpkho 2>/dev/null; echo "${COMPREPLY[*]}"' >"$work/out" || true
  [ "$(cat "$work/out")" = explain ] || die "deb: bash-completion: $(cat "$work/out")"
  ok "deb: man(1) and bash-completion find it"
  clean apt-get -q purge -y hwpkho >"$work/log" 2>&1 || die "deb: apt-get purge: $(cat "$work/log")"
  # Pages that were shown stay in the cache of man-db, whoever brought them.
  find "$root" -xdev -name '*hwpkho*' -not -path "$root/srv/*" -not -path "$root/var/log/*" \
    -not -path "$root/var/cache/man/*" >"$work/out"
  [ ! -s "$work/out" ] || die "deb: apt-get purge leaves $(cat "$work/out")"
  ok "deb: apt-get purge leaves nothing"
}

clean() {
  chroot "$work/root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
    DEBIAN_FRONTEND=noninteractive "$@"
}

way_container() {
  [ -x "$tools/hadolint" ] || { skip "container: no hadolint in $tools (make release-venv)"; return; }
  "$tools/hadolint" --no-color "$top/Containerfile" || die "container: hadolint"
  ok "container: hadolint (it is not built: that takes a registry of images)"
}

[ $# -gt 0 ] || set -- pip pip-sdist pip-kdump pipx pipx-sdist uv uv-sdist zipapp container deb
for way in "$@"; do
  declare -F "way_$way" >/dev/null || { printf 'install.sh: no such way: %s\n' "$way" >&2; exit 2; }
  say "$way"
  "way_$way"
done
printf '%d passed, 0 failed, %d skipped\n' "$passed" "$skipped"
