#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tests/guest/conformance.sh: conformance_test.sh in the guest, which sees nothing but the source
# tree: the programs are copied into the build first.
set -u
here=$(cd "$(dirname "$0")" && pwd) || exit 1
tools=${OCICTR_TOOLS:-$here/../../build/tests}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/ocictr-conformance
[ -e "$cache/built" ] || { echo "SKIP: the conformance suite could not be built"; exit 77; }

copy=$tools/in_guest/ocictr-conformance
rm -rf "$copy"
mkdir -p "$copy/bin" "$copy/work" || exit 1
for program in $(sed -n 's/.*holds \([a-z_]*\).*/\1/p' "$here/conformance_test.sh"); do
  cp "$cache/bin/$program" "$copy/bin/" || exit 1
done
cp -r "$cache/work/default" "$copy/work/" && cp "$cache/built" "$copy/" || exit 1
sh "$here/in_guest.sh" conformance_test.sh root
status=$?
rm -rf "$copy"
exit $status
