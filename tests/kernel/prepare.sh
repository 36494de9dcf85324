#!/bin/bash
# Fetches and builds what the kernel tests need; prints where each piece is.
#
#   prepare.sh [--check] KIND...     arm64-4k arm64-16k arm64-64k x86_64
#
# Exits with 3 where this machine cannot have it (no root, no archive), with 1 where a build fails.
#
# --check   only say whether the cache holds everything (exit 1 if not)
# LINUX_SRC=DIR   a kernel source tree to build instead of Debian's linux-source
# KERNEL=DIR      a kernel build folder (O=...) to use as it is, for one KIND
# MODULE=FILE     a consumer to load instead of ours; MODULE=none: the kernel has one built in
# HWPKHO_CACHE    where kernels are kept; else ${XDG_CACHE_HOME:-~/.cache}/hwpkho
set -euo pipefail

here="$(cd "$(dirname "$0")" && pwd)"
cache="${HWPKHO_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/hwpkho}"
release=7.3            # linux-source-$release
suite=trixie-backports
jobs="${JOBS:-$(nproc)}"
tools=(make gcc flex bison bc xz python3 qemu-system-aarch64 qemu-system-x86_64 aarch64-linux-gnu-gcc)
packages=(make gcc libc6-dev flex bison bc xz-utils python3 kmod libelf-dev libssl-dev
  qemu-system-arm qemu-system-x86 gcc-aarch64-linux-gnu libc6-dev-arm64-cross)

say() { printf '%s  %s\n' "$(date +%T)" "$*" >&2; }
die() { printf 'prepare.sh: %s\n' "$*" >&2; exit 1; }
cannot() { printf 'prepare.sh: %s\n' "$*" >&2; exit 3; }
hash_of() { cat "$@" | sha256sum | cut -c1-12; }
# FILE AS: guests may be reading it, so it is never there by half, nor replaced by the same.
put() { cmp -s "$1" "$2" || { cp "$1" "$2.$$" && mv "$2.$$" "$2"; }; }

# --- What Debian has ---------------------------------------------------------------------------

install_tools() {
  local missing=() tool
  for tool in "${tools[@]}"; do command -v "$tool" >/dev/null || missing+=("$tool"); done
  for file in libelf.h openssl/opensslv.h; do
    echo "#include <$file>" | gcc -E - >/dev/null 2>&1 || missing+=("$file")
  done
  echo 'int main(void){return 0;}' > "$cache/probe.c"
  aarch64-linux-gnu-gcc -static -o "$cache/probe" "$cache/probe.c" 2>/dev/null || missing+=(libc-arm64)
  rm -f "$cache/probe" "$cache/probe.c"
  [ ${#missing[@]} -gt 0 ] || return 0
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    cannot "missing: ${missing[*]}; as root: apt-get install ${packages[*]}"
  fi
  say "installing for ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -q >/dev/null || cannot "apt-get update failed"
  apt-get install -y -q --no-install-recommends "${packages[@]}" >/dev/null \
    || cannot "not to be installed: ${packages[*]}"
}

# The machine's own apt sources once more, privately: with $suite beside them, and arm64 packages.
# Nothing of the machine's apt state is touched.
private_apt() {
  apt="$cache/apt"
  export APT_CONFIG="$apt/apt.conf"
  [ -s "$apt/done" ] && return
  rm -rf "$apt"
  mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$apt/sources"
  python3 "$here/aptsources.py" "$suite" > "$apt/sources/rig.sources" \
    || cannot "no Debian entry in /etc/apt; give LINUX_SRC=DIR"
  cat > "$APT_CONFIG" <<EOF
Dir::State::lists "$apt/lists";
Dir::Cache "$apt";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "$apt/sources";
APT::Architectures { "amd64"; "arm64"; };
APT::Sandbox::User "root";
EOF
  say "reading the package lists of $suite"
  apt-get update -q >/dev/null || cannot "the package lists of $suite cannot be had"
  echo yes > "$apt/done"
}

download() {  # PACKAGE[:ARCH] → path of the .deb, fetched once
  local name="$1" folder="$cache/debs/${1/:/_}"
  if ! ls "$folder"/*.deb >/dev/null 2>&1; then
    private_apt
    mkdir -p "$folder"
    say "fetching $name"
    (cd "$folder" && apt-get download -q "$name" >/dev/null) || cannot "$name cannot be had"
  fi
  ls "$folder"/*.deb
}

find_source() {
  if [ -n "${LINUX_SRC:-}" ]; then
    source="$(cd "$LINUX_SRC" && pwd)"
    version="own-$(echo "$source" | sha256sum | cut -c1-12)"
    return
  fi
  source="$cache/src/linux-source-$release"
  if [ ! -s "$source/.unpacked" ]; then
    local deb
    deb="$(download "linux-source-$release")"
    rm -rf "$source"
    mkdir -p "$cache/src"
    say "unpacking linux-source-$release"
    dpkg-deb --fsys-tarfile "$deb" | tar -xO "./usr/src/linux-source-$release.tar.xz" \
      | tar -xJ -C "$cache/src"
    basename "$deb" | cut -d_ -f2 > "$source/.unpacked"
  fi
  version="$(sed -E 's/[^0-9A-Za-z.+-]/_/g' "$source/.unpacked")"
}

# --- Kernels ------------------------------------------------------------------------------------

arch_of() { case $1 in x86_64) echo x86_64 ;; *) echo arm64 ;; esac; }
cross_of() { case $1 in arm64) echo aarch64-linux-gnu- ;; *) echo "" ;; esac; }
image_of() { case $1 in arm64) echo Image ;; *) echo bzImage ;; esac; }
kmake() {  # ARCH ARGS...
  local arch=$1; shift
  nice -n 10 make -s ARCH="$arch" CROSS_COMPILE="$(cross_of "$arch")" -j"$jobs" "$@"
}

fragments_of() {
  local parts=("$here/configs/common.config")
  [ "$(arch_of "$1")" = arm64 ] && parts+=("$here/configs/arm64.config")
  parts+=("$here/configs/$1.config")
  printf '%s\n' "${parts[@]}"
}

build_kernel() {  # KIND → $folder with the image, build/ and config
  local kind=$1 arch image log start
  arch="$(arch_of "$kind")" image="$(image_of "$arch")"
  mapfile -t parts < <(fragments_of "$kind")
  folder="$cache/kernel-$version-$kind-$(hash_of "${parts[@]}")"
  build="$folder/build"
  # Of a tree that is worked on only make knows what changed.
  [ -s "$folder/$image" ] && { [ -z "${LINUX_SRC:-}" ] || [ -n "$check" ]; } && return
  [ -z "$check" ] || return 1
  mkdir -p "$build"
  log="$folder/build.log"
  cat "${parts[@]}" > "$folder/fragment"
  kmake "$arch" -C "$source" O="$build" KCONFIG_ALLCONFIG="$folder/fragment" allnoconfig > "$log" 2>&1 \
    || { tail -n 20 "$log" >&2; die "$kind: allnoconfig failed"; }
  local refused
  refused="$(grep ^CONFIG "$folder/fragment" | grep -vxFf "$build/.config" || true)"
  [ -z "$refused" ] || die "$kind: this kernel does not take: $refused"
  start=$SECONDS
  say "building $kind ($version), some minutes; log in $log"
  kmake "$arch" -C "$source" O="$build" KBUILD_BUILD_TIMESTAMP="1970-01-01" "$image" modules >> "$log" 2>&1 \
    || { tail -n 20 "$log" >&2; die "$kind: build failed"; }
  cp "$build/.config" "$folder/config"
  cp "$build/arch/$([ "$arch" = arm64 ] && echo arm64 || echo x86)/boot/$image" "$folder/$image.new"
  mv "$folder/$image.new" "$folder/$image"
  say "built $kind in $((SECONDS - start)) s"
}

own_kernel() {  # KIND: KERNEL=DIR as it is
  local kind=$1 arch image
  arch="$(arch_of "$kind")" image="$(image_of "$arch")"
  build="$(cd "$KERNEL" && pwd)"
  folder="$cache/kernel-own-$kind-$(echo "$build" | sha256sum | cut -c1-12)"
  mkdir -p "$folder"
  put "$build/arch/$([ "$arch" = arm64 ] && echo arm64 || echo x86)/boot/$image" "$folder/$image"
  put "$build/.config" "$folder/config"
}

build_module() {  # KIND → $folder/module.ko
  local arch work stamp
  arch="$(arch_of "$1")"
  if [ -n "${MODULE:-}" ]; then
    rm -f "$folder/module.stamp"
    if [ "$MODULE" = none ]; then rm -f "$folder/module.ko"; else put "$MODULE" "$folder/module.ko"; fi
    return
  fi
  # Symbols move whenever the kernel is linked anew.
  stamp="$(hash_of "$here"/module/* "$build/Module.symvers" "$folder/config")"
  [ "$(cat "$folder/module.stamp" 2>/dev/null)" = "$stamp" ] && return
  [ -z "$check" ] || return 1
  say "building the module for $1"
  work="$folder/module"
  rm -rf "$work"
  cp -r "$here/module" "$work"
  kmake "$arch" -C "$build" M="$work" modules > "$folder/module.log" 2>&1 \
    || { cat "$folder/module.log" >&2; die "$1: the module does not build"; }
  cp "$work/hwpkho_rig.ko" "$folder/module.ko"
  echo "$stamp" > "$folder/module.stamp"
}

# --- The guests' user space ----------------------------------------------------------------------

build_guest() {  # ARCH → $cache/guest-ARCH-HASH
  local arch=$1 debian
  debian="$([ "$arch" = arm64 ] && echo arm64 || echo amd64)"
  guest="$cache/guest-$arch-$(hash_of "$here"/guest/* "$here/prepare.sh")"
  [ -s "$guest/busybox" ] && [ -s "$guest/python.tar" ] && return
  [ -z "$check" ] || return 1
  local deb
  deb="$(download "busybox-static:$debian")"
  mkdir -p "$guest"
  "$(cross_of "$arch")gcc" -static -O1 -Wall -Werror -o "$guest/rig" "$here/guest/rig.c"
  cp "$here/guest/init" "$guest/init"
  dpkg-deb --fsys-tarfile "$deb" | tar -xO --wildcards './*bin/busybox' > "$guest/busybox.new"
  build_python "$debian"
  mv "$guest/busybox.new" "$guest/busybox"
}

# A Python that runs hwpkho inside a guest, of the machine's own Debian release.
build_python() {  # DEBIAN-ARCH → $guest/python.tar
  local tree="$guest/python" name deb minor
  rm -rf "$tree"
  mkdir -p "$tree"/usr/{bin,lib,lib64}
  ln -s usr/lib "$tree/lib"
  ln -s usr/lib64 "$tree/lib64"
  private_apt
  minor="$(apt-cache depends python3-minimal | sed -n 's/.*Depends: python3\.\([0-9]*\)-minimal.*/\1/p' | head -n 1)"
  [ -n "$minor" ] || die "no python3.N in what python3-minimal depends on"
  for name in "python3.$minor-minimal" "libpython3.$minor-minimal" "libpython3.$minor-stdlib" \
    libc6 zlib1g libexpat1 libffi8; do
    deb="$(download "$name:$1")"
    dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$tree" --keep-directory-symlink
  done
  ln -sf "python3.$minor" "$tree/usr/bin/python3"
  # Of the libraries that these packages bring only Python's are needed; no documentation.
  rm -rf "${tree:?}"/usr/share "${tree:?}"/var "${tree:?}"/etc "$tree"/usr/lib/*/gconv \
    "$tree/usr/lib/python3.$minor"/{test,pydoc_data,lib2to3,unittest,distutils,ensurepip}
  # Compiled, it starts in half the time, which counts under emulation.
  ! command -v "python3.$minor" >/dev/null \
    || "python3.$minor" -m compileall -q --invalidation-mode unchecked-hash "$tree/usr/lib/python3.$minor"
  tar -c -C "$tree" -f "$guest/python.new" .
  rm -rf "$tree"
  mv "$guest/python.new" "$guest/python.tar"
}

check=
kinds=()
for word in "$@"; do
  case $word in
    --check) check=yes ;;
    arm64-4k | arm64-16k | arm64-64k | x86_64) kinds+=("$word") ;;
    *) die "unknown: $word" ;;
  esac
done
[ ${#kinds[@]} -gt 0 ] || kinds=(arm64-4k arm64-64k x86_64)
[ -z "${KERNEL:-}" ] || [ ${#kinds[@]} = 1 ] || die "KERNEL=DIR is one kernel: name its KIND (make kernel-test KINDS=...)"
mkdir -p "$cache"

if [ -n "$check" ]; then
  for tool in qemu-system-aarch64 qemu-system-x86_64; do command -v $tool >/dev/null || exit 1; done
  [ -n "${KERNEL:-}" ] || [ -n "${LINUX_SRC:-}" ] || [ -s "$cache/src/linux-source-$release/.unpacked" ] || exit 1
else
  # One at a time: what two would build is the same.
  exec 9> "$cache/lock"
  flock -n 9 || { say "waiting for another prepare.sh to end"; flock 9; }
  install_tools
fi
[ -n "${KERNEL:-}" ] || find_source
for kind in "${kinds[@]}"; do
  if [ -n "${KERNEL:-}" ]; then own_kernel "$kind"; else build_kernel "$kind"; fi
  build_module "$kind"
  build_guest "$(arch_of "$kind")"
  printf '%s %s %s\n' "$kind" "$folder" "$guest"
done
