#!/bin/bash
# Fetches and builds what the kernel tests need; prints where each piece is.
#
#   prepare.sh [--check] KIND...     arm64-4k arm64-16k arm64-64k x86_64 x86_64-debug x86_64-uefi
#
# Exits with 3 where this machine cannot have it (no root, no archive), with 1 where a build fails.
#
# x86_64-uefi boots through Debian's ovmf: Debian's own kernel as it is, or, with LINUX_SRC= or
# KERNEL=, that of x86_64 with an EFI stub.
#
# --check   only say whether the cache holds everything (exit 1 if not, and why)
# LINUX_SRC=DIR   a kernel source tree to build instead of Debian's linux-source; what it has to
#                 carry poison over a kexec (kconfig.py handover) is switched on
# CONFIG=FILE     lines for the configuration of what is built, after ours
# KERNEL=DIR      a kernel build folder (O=...) to use as it is, for one KIND
# MODULE=FILE     a consumer to load instead of ours; MODULE=none: the kernel has one built in, as
#                 is taken for granted of a kernel in which such an option is on
# HWPKHO_CACHE    where kernels are kept; else ${XDG_CACHE_HOME:-~/.cache}/hwpkho
#
# Prints for each KIND: its name, the folder of the kernel, of the guests' programs, and the consumer
# (ours, none, or the file).
set -euo pipefail
# make kernel-test VARIABLE=... would hand its variables on to the kernel's own make.
unset MAKEFLAGS MFLAGS

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
lacks() { printf 'prepare.sh: not in the cache: %s\n' "$*" >&2; exit 1; }
cannot() { printf 'prepare.sh: %s\n' "$*" >&2; exit 3; }
hash_of() { cat "$@" | sha256sum | cut -c1-12; }
# FILE AS: guests may be reading it, so it is never there by half, nor replaced by the same.
put() { cmp -s "$1" "$2" || { cp "$1" "$2.$$" && mv "$2.$$" "$2"; }; }

# --- What the user names -----------------------------------------------------------------------

# VARIABLE → the absolute path of the folder it names
folder_of() { (cd "${!1}" 2>/dev/null && pwd) || die "$1=${!1}: no such folder"; }

# BUILD → the source tree it was built from: itself, or what make O=DIR links
tree_of() { if [ -d "$1/source" ]; then echo "$1/source"; else echo "$1"; fi; }

# Minutes before a build or a boot would stumble over it.
check_variables() {
  local folder
  [ -z "${KERNEL:-}" ] || [ -z "${LINUX_SRC:-}" ] || die "KERNEL= is used as it is, LINUX_SRC= is built: give one"
  [ -z "${KERNEL:-}" ] || [ -z "${CONFIG:-}" ] || die "KERNEL= is used as it is: CONFIG= is for what is built"
  [ -z "${CONFIG:-}" ] || [ -f "$CONFIG" ] || die "CONFIG=$CONFIG: no such file"
  [ "${MODULE:-none}" = none ] || grep -qs vermagic= "$MODULE" \
    || die "MODULE=$MODULE: no such file, or no kernel module (a compressed one?)"
  if [ -n "${LINUX_SRC:-}" ]; then
    folder="$(folder_of LINUX_SRC)"
    [ -f "$folder/Kconfig" ] || die "LINUX_SRC=$LINUX_SRC: no kernel source tree (no Kconfig there)"
    [ ! -f "$folder/.config" ] && [ ! -d "$folder/include/config" ] || die "LINUX_SRC=$LINUX_SRC:" \
      "was built in place, and kbuild wants a clean tree: git worktree add, or make mrproper there"
  fi
  if [ -n "${KERNEL:-}" ]; then
    folder="$(folder_of KERNEL)"
    [ ${#kinds[@]} = 1 ] || die "KERNEL=DIR is one kernel: name its KIND (make kernel-test KINDS=...)"
    check_build "${kinds[0]}" "$folder"
  fi
}

check_build() {  # KIND FOLDER
  local arch image kind_is=CONFIG_X86_64=y
  arch="$(arch_of "$1")"
  [ "$arch" = x86_64 ] || kind_is="$(cat "$here/configs/$1.config")"
  [ "$1" != x86_64-uefi ] || kind_is=CONFIG_EFI_STUB=y
  image="arch/$(srcarch_of "$arch")/boot/$(image_of "$arch")"
  [ -f "$2/.config" ] || die "KERNEL=$KERNEL: no build folder (no .config there); LINUX_SRC= builds one"
  grep -qxF "$kind_is" "$2/.config" || die "KERNEL=$KERNEL: its .config is not one of $1; KINDS= names its kind"
  [ -f "$2/$image" ] || die "KERNEL=$KERNEL: no $image there; build it first"
  [ -f "$(tree_of "$2")/Kconfig" ] || die "KERNEL=$KERNEL: no link to its source tree; make O=DIR leaves one"
}

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
    source="$(folder_of LINUX_SRC)"
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

arch_of() { case $1 in x86_64*) echo x86_64 ;; *) echo arm64 ;; esac; }
srcarch_of() { case $1 in arm64) echo arm64 ;; *) echo x86 ;; esac; }
cross_of() { case $1 in arm64) echo aarch64-linux-gnu- ;; *) echo "" ;; esac; }
image_of() { case $1 in arm64) echo Image ;; *) echo bzImage ;; esac; }
kmake() {  # ARCH ARGS...
  local arch=$1; shift
  nice -n 10 make -s ARCH="$arch" CROSS_COMPILE="$(cross_of "$arch")" -j"$jobs" "$@"
}

fragments_of() {
  local parts=("$here/configs/common.config")
  [ "$(arch_of "$1")" = arm64 ] && parts+=("$here/configs/arm64.config")
  case $1 in x86_64-*) parts+=("$here/configs/x86_64.config") ;; esac
  parts+=("$here/configs/$1.config")
  printf '%s\n' "${parts[@]}"
}

# KIND TREE CONFIG → $folder/handover: each option that carries poison over a kexec, on or off
note_handover() {
  python3 "$here/kconfig.py" handover "$2" "$(srcarch_of "$(arch_of "$1")")" "$3" > "$folder/handover"
  if [ -s "$folder/handover" ]; then
    say "$1: $(paste -sd ';' "$folder/handover" | sed 's/;/; /g')"
  elif [ -n "${LINUX_SRC:-}${KERNEL:-}" ]; then
    say "$1: no option of this tree needs MEMORY_FAILURE and KEXEC_HANDOVER (or EFI_STUB), or is called" \
      "so; if the series has one, CONFIG=FILE (with KERNEL=: its own .config) switches it on"
  fi
}

build_kernel() {  # KIND → $folder with the image, build/, config and handover
  local kind=$1 arch srcarch image log start parts wrong
  arch="$(arch_of "$kind")" image="$(image_of "$arch")" srcarch="$(srcarch_of "$arch")"
  mapfile -t parts < <(fragments_of "$kind")
  parts+=(${CONFIG:+"$CONFIG"})
  folder="$cache/kernel-$version-$kind"
  # Of a tree that is worked on one folder serves all: only make knows what changed.
  [ -n "${LINUX_SRC:-}" ] || folder+="-$(hash_of "${parts[@]}")"
  build="$folder/build"
  if [ -z "${LINUX_SRC:-}" ]; then
    [ ! -s "$folder/$image" ] || return 0
  elif [ -n "$check" ]; then
    ! cat "${parts[@]}" | cmp -s - "$folder/asked" || return 0
  fi
  [ -z "$check" ] || lacks "$kind of ${LINUX_SRC:-linux-source-$release} with this configuration"
  rm -f "$folder/asked"
  mkdir -p "$build"
  log="$folder/build.log"
  {
    cat "$here/configs/common.config"
    python3 "$here/kconfig.py" handover "$source" "$srcarch" | sed 's/.*/CONFIG_&=y/'
    cat "${parts[@]:1}"
  } > "$folder/fragment"
  kmake "$arch" -C "$source" O="$build" KCONFIG_ALLCONFIG="$folder/fragment" allnoconfig > "$log" 2>&1 \
    || { tail -n 20 "$log" >&2; die "$kind: allnoconfig failed"; }
  wrong="$(python3 "$here/kconfig.py" check "$source" "$srcarch" "$build/.config" "${parts[@]}")" \
    || die "$kind: this kernel does not take the configuration:"$'\n'"$wrong"
  note_handover "$kind" "$source" "$build/.config"
  start=$SECONDS
  say "building $kind ($version), some minutes; log in $log"
  kmake "$arch" -C "$source" O="$build" KBUILD_BUILD_TIMESTAMP="1970-01-01" "$image" modules >> "$log" 2>&1 \
    || { tail -n 20 "$log" >&2; die "$kind: build failed"; }
  put "$build/.config" "$folder/config"
  put "$build/arch/$srcarch/boot/$image" "$folder/$image"
  cat "${parts[@]}" > "$folder/asked.new"
  mv "$folder/asked.new" "$folder/asked"
  say "built $kind in $((SECONDS - start)) s"
}

own_kernel() {  # KIND: KERNEL=DIR as it is
  local kind=$1 arch srcarch image tree parts lacking
  arch="$(arch_of "$kind")" image="$(image_of "$arch")" srcarch="$(srcarch_of "$arch")"
  build="$(folder_of KERNEL)"
  folder="$cache/kernel-own-$kind-$(echo "$build" | sha256sum | cut -c1-12)"
  mkdir -p "$folder"
  ln -sfn "$build" "$folder/build"
  put "$build/arch/$srcarch/boot/$image" "$folder/$image"
  put "$build/.config" "$folder/config"
  [ -z "$check" ] || return 0
  tree="$(tree_of "$build")"
  mapfile -t parts < <(fragments_of "$kind")
  cat "${parts[@]}" | grep -v CONFIG_LOCALVERSION > "$folder/configs"
  lacking="$(python3 "$here/kconfig.py" check "$tree" "$srcarch" "$folder/config" "$folder/configs")" \
    || say "$kind: what needs these may fail:"$'\n'"$lacking"
  note_handover "$kind" "$tree" "$folder/config"
}

# Whether a kind's kernel is Debian's own, which only has to be fetched.
stock() { [ "$1" = x86_64-uefi ] && [ -z "${LINUX_SRC:-}${KERNEL:-}${CONFIG:-}" ]; }

# Whether a kernel is built from Debian's source.
from_debian() {
  local kind
  [ -z "${LINUX_SRC:-}${KERNEL:-}" ] || return 1
  for kind in "${kinds[@]}"; do stock "$kind" || return 0; done
  return 1
}

# --- A machine with UEFI firmware ----------------------------------------------------------------

# Debian's kernel for virtual machines, of $suite → $folder with bzImage
stock_kernel() {
  local name=linux-image-cloud-amd64 deb version step
  folder="$cache/kernel-stock-$suite-x86_64"
  [ ! -s "$folder/bzImage" ] || return 0
  [ -z "$check" ] || lacks "Debian's kernel (linux-image-cloud-amd64 of $suite)"
  mkdir -p "$folder"
  private_apt
  # The package of that name only depends on the one of a version, and that, of late, on its binary.
  for step in image binary; do
    version="$(apt-cache depends -t "$suite" "$name" \
      | sed -n "s/^ *Depends: \(linux-$step-[0-9].*-cloud-amd64\)$/\1/p" | head -n 1)"
    [ -z "$version" ] || name="$version"
  done
  deb="$(download "$name:amd64")"
  dpkg-deb --fsys-tarfile "$deb" > "$folder/all.tar"
  tar -xO -f "$folder/all.tar" --wildcards '*/vmlinuz*' > "$folder/bzImage.new" || cannot "no kernel in $name"
  rm "$folder/all.tar"
  echo "Debian's own kernel: $name" > "$folder/handover"
  mv "$folder/bzImage.new" "$folder/bzImage"
}

# The firmware, and our application that puts a table into memory → $folder
firmware() {
  local deb stamp
  stamp="$(hash_of "$here"/uefi/*.*)"
  [ -s "$folder/vars.fd" ] && [ "$(cat "$folder/uefi.stamp" 2>/dev/null)" = "$stamp" ] && return
  [ -z "$check" ] || lacks "the firmware (ovmf) and the application for it"
  deb="$(download ovmf)"
  dpkg-deb --fsys-tarfile "$deb" > "$folder/ovmf.tar"
  tar -xO -f "$folder/ovmf.tar" ./usr/share/OVMF/OVMF_CODE_4M.fd > "$folder/code.fd"
  tar -xO -f "$folder/ovmf.tar" ./usr/share/OVMF/OVMF_VARS_4M.fd > "$folder/vars.fd"
  rm "$folder/ovmf.tar"
  gcc -std=gnu11 -Wall -Wextra -Werror -O1 -ffreestanding -fshort-wchar -fpie -mno-red-zone -mno-sse \
    -fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none -ffunction-sections \
    -c -o "$folder/place.o" "$here/uefi/place.c"
  ld -T "$here/uefi/place.ld" --oformat binary -o "$folder/place.bin" "$folder/place.o"
  python3 "$here/uefi/pe.py" "$folder/place.bin" > "$folder/place.efi"
  echo "$stamp" > "$folder/uefi.stamp"
}

# KIND → $consumer: ours, built in $folder/module.ko, none where the kernel has its own, or a file
choose_consumer() {
  consumer="${MODULE:-ours}"
  if [ -z "${MODULE:-}" ] && grep -q ' is on$' "$folder/handover" 2>/dev/null; then
    consumer=none
    [ -n "$check" ] || say "$1: the kernel's own consumer is tested, as with MODULE=none; ours is where" \
      "CONFIG=FILE switches these options off"
  fi
  case $consumer in
    ours) build_module "$1" ;;
    none) ;;
    *) check_module "$1" ;;
  esac
}

check_module() {  # KIND: MODULE=FILE fits the kernel
  local magic release_of
  consumer="$(realpath "$MODULE")"
  magic="$(tr '\0' '\n' < "$MODULE" | sed -n 's/^vermagic=\([^ ]*\).*/\1/p')"
  release_of="$(cat "$build/include/config/kernel.release" 2>/dev/null || true)"
  [ "$magic" = "$release_of" ] \
    || die "MODULE=$MODULE: built for $magic, and the kernel of $1 is ${release_of:-not built}"
  grep -qx CONFIG_MODULES=y "$folder/config" \
    || die "MODULE=$MODULE: the kernel of $1 loads no modules (CONFIG_MODULES)"
}

build_module() {  # KIND → $folder/module.ko
  local arch work stamp
  arch="$(arch_of "$1")"
  grep -qx CONFIG_MODULES=y "$folder/config" \
    || die "$1: no CONFIG_MODULES, so our module cannot be loaded; MODULE=none tests what is built in"
  [ -s "$build/Module.symvers" ] || die "$1: no Module.symvers in $build:" \
    "run make there, modules too, or give MODULE=none"
  # Symbols move whenever the kernel is linked anew.
  stamp="$(hash_of "$here"/module/* "$build/Module.symvers" "$folder/config")"
  [ "$(cat "$folder/module.stamp" 2>/dev/null)" = "$stamp" ] && return
  [ -z "$check" ] || lacks "the module for $1"
  say "building the module for $1"
  work="$folder/module"
  rm -rf "$work"
  cp -r "$here/module" "$work"
  kmake "$arch" -C "$build" M="$work" modules > "$folder/module.log" 2>&1 \
    || { cat "$folder/module.log" >&2; die "$1: the module does not build"; }
  put "$work/hwpkho_rig.ko" "$folder/module.ko"
  echo "$stamp" > "$folder/module.stamp"
}

# --- The guests' user space ----------------------------------------------------------------------

build_guest() {  # ARCH → $cache/guest-ARCH-HASH
  local arch=$1 debian
  debian="$([ "$arch" = arm64 ] && echo arm64 || echo amd64)"
  guest="$cache/guest-$arch-$(hash_of "$here"/guest/* "$here/prepare.sh")"
  [ -s "$guest/busybox" ] && [ -s "$guest/python.tar" ] && return
  [ -z "$check" ] || lacks "the guests' programs for $arch"
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
    arm64-4k | arm64-16k | arm64-64k | x86_64 | x86_64-debug | x86_64-uefi) kinds+=("$word") ;;
    *) die "unknown: $word" ;;
  esac
done
[ ${#kinds[@]} -gt 0 ] || kinds=(arm64-4k arm64-64k x86_64)
check_variables
mkdir -p "$cache"

if [ -n "$check" ]; then
  for tool in qemu-system-aarch64 qemu-system-x86_64; do command -v $tool >/dev/null || lacks "$tool"; done
  ! from_debian || [ -s "$cache/src/linux-source-$release/.unpacked" ] || lacks "linux-source-$release"
else
  # One at a time: what two would build is the same.
  exec 9> "$cache/lock"
  flock -n 9 || { say "waiting for another prepare.sh to end"; flock 9; }
  install_tools
fi
[ -z "${LINUX_SRC:-}" ] && ! from_debian || find_source
for kind in "${kinds[@]}"; do
  if [ -n "${KERNEL:-}" ]; then own_kernel "$kind"; elif stock "$kind"; then stock_kernel
  else build_kernel "$kind"; fi
  if stock "$kind"; then consumer=none; else choose_consumer "$kind"; fi
  [ "$kind" != x86_64-uefi ] || firmware
  build_guest "$(arch_of "$kind")"
  printf '%s %s %s %s\n' "$kind" "$folder" "$guest" "$consumer"
done
