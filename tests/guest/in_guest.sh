#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tests/guest/in_guest.sh FILE USER [NAME...]: runs a test file of this directory in the guest, on
# the binaries of a build inside the source tree. From ctest: OCICTR, OCICTR_TOOLS.
set -u
here=$(cd "$(dirname "$0")" && pwd) || exit 1
source=$(cd "$here/../.." && pwd) || exit 1
file=$1 user=$2
shift 2
tools=${OCICTR_TOOLS:-$source/build/tests}
runtime=${OCICTR:-$tools/../ocictr}
[ "$(od -An -N4 -c "$runtime" 2>/dev/null | tr -d ' ')" = '177ELF' ] || { echo "no $runtime"; exit 1; }
# A sanitized program would spend the guest's few cycles on its own checks.
if grep -q -a __asan_init "$runtime"; then
  echo "SKIP: not run under the sanitizers: the guest"
  exit 77
fi
if ! why=$(bash "$here/vm" info 2>&1); then
  echo "SKIP: no guest here: $(printf '%s\n' "$why" | tail -n 1)"
  exit 77
fi
exec bash "$here/vm" run --user "$user" --timeout "${OCICTR_GUEST_TIMEOUT:-540}" --dir "$source" \
  --env "OCICTR=$(realpath "$runtime")" --env "OCICTR_TOOLS=$(realpath "$tools")" \
  -- sh "$here/$file" "$@"
