#!/bin/bash
# What must hold before a release: `make release-check`, which has made sdist, wheel, zipapp and bill
# of materials. Whatever cannot be tried on this machine is skipped with the reason, or is a failure
# with STRICT=yes, which a release takes (CONTRIBUTING.md).
set -euo pipefail
cd "$(dirname "$0")/.."

version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' hwpkho/base/version.py)
python=${PYTHON:-python3}
artefacts=("hwpkho-$version.tar.gz" "hwpkho-$version-py3-none-any.whl" hwpkho.pyz "hwpkho-$version.cdx.json")
skipped=()

step() { printf '\n-- %s\n' "$*"; }
die() { printf 'release-check: FAILED: %s\n' "$*" >&2; exit 1; }
skip() {
  [ "${STRICT:-}" != yes ] || die "STRICT=yes, and it cannot be tried here: $*"
  skipped+=("$*")
  printf 'SKIPPED: %s\n' "$*"
}

step "version $version: CHANGELOG.md and debian/changelog"
grep -qE "^## ${version//./\\.} - (unreleased|[0-9]{4}-[0-9]{2}-[0-9]{2})$" CHANGELOG.md \
  || die "CHANGELOG.md has no heading '## $version - DATE'"
grep -q "^hwpkho ($version) " debian/changelog || die "debian/changelog does not begin with $version"
if [ "${STRICT:-}" = yes ]; then
  ! grep -q "^## ${version//./\\.} - unreleased$" CHANGELOG.md || die "CHANGELOG.md: $version has no date yet"
  ! head -n 1 debian/changelog | grep -q UNRELEASED || die "debian/changelog: UNRELEASED"
  [ -z "$(git status --porcelain)" ] || die "not everything is committed"
fi

step "what an index would say"
.venv-release/bin/twine check --strict "dist/${artefacts[0]}" "dist/${artefacts[1]}"

step "manual pages"
if command -v mandoc >/dev/null; then make --no-print-directory man-lint; else skip "manual pages: no mandoc here"; fi

step "the Debian package"
if command -v dpkg-buildpackage >/dev/null && command -v dh >/dev/null; then
  rm -f dist/*.deb
  make --no-print-directory deb >build/deb.log 2>&1 || { tail -n 20 build/deb.log >&2; die "make deb: build/deb.log"; }
  artefacts+=("hwpkho_${version}_all.deb")
else
  skip "the Debian package: no dpkg-buildpackage or debhelper here"
fi

# Another folder, mask, time zone, language and day, no index: the same bytes.
step "all of it again, out of the sdist"
rm -rf build/again
mkdir -p build/again
tar -xzf "dist/${artefacts[0]}" -C build/again --strip-components=1
targets=(dist zipapp)
[ ! -f "dist/hwpkho_${version}_all.deb" ] || targets=(deb)
(umask 077; cd build/again && env TZ=Pacific/Kiritimati LC_ALL=C.UTF-8 LANGUAGE=de PIP_NO_INDEX=1 \
  PIP_FIND_LINKS="$OLDPWD/build/wheels" PYTHONHASHSEED=7 make --no-print-directory "${targets[@]}" \
  BUILD_VENV="$OLDPWD/.venv-build" >../again.log 2>&1) || { tail -n 20 build/again.log >&2; die "build/again.log"; }
for file in "${artefacts[@]}"; do
  [ "$file" = "hwpkho-$version.cdx.json" ] || cmp "dist/$file" "build/again/dist/$file" \
    || die "$file: not the same when it is built again"
done

step "each way of installing"
timeout 480 env STRICT="${STRICT:-}" PYTHON="$python" tests/install/install.sh || case $? in
  124) skip "ways of installing: not done within 8 minutes" ;;
  *) die "tests/install/install.sh" ;;
esac

step "the sdist's own tests"
(cd build/again && timeout 900 make --no-print-directory test LOCKED=yes PYTEST="${PYTEST:-}") || case $? in
  124) skip "tests of the sdist: not done within 15 minutes" ;;
  *) die "the sdist does not pass its own tests" ;;
esac

(cd dist && sha256sum "${artefacts[@]}") >build/SHA256SUMS
mv build/SHA256SUMS dist/SHA256SUMS
step "dist/"
cat dist/SHA256SUMS
printf 'release-check: %s' "$version is ready"
[ ${#skipped[@]} = 0 ] || printf '; skipped: %s' "${skipped[*]}"
printf '\n'
