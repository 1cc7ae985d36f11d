#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tests/guest/in_guest.sh FILE USER [NAME...]: runs a test file of this directory in the guest, on
# the binaries of a build inside the source tree. From ctest: OCICTR, OCICTR_TOOLS, and LAYOUT: v1 or
# hybrid boots with systemd's older cgroup hierarchies.
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
# What the guest itself does not have, and a host's program can be: these need but a C library.
case " $* " in *" containerd "*)
  mkdir -p "$tools/containerd"
  for program in containerd ctr containerd-shim-runc-v2; do
    cp -u "$(command -v $program)" "$tools/containerd/" || { echo "SKIP: containerd is not installed"; exit 77; }
  done ;;
esac
case ${LAYOUT:-} in
  v1) kernel='systemd.unified_cgroup_hierarchy=0 systemd.legacy_systemd_cgroup_controller=1' ;;
  hybrid) kernel='systemd.unified_cgroup_hierarchy=0 systemd.legacy_systemd_cgroup_controller=0' ;;
  *) kernel= ;;
esac
exec bash "$here/vm" run ${kernel:+--kernel "$kernel"} --env "LAYOUT=${LAYOUT:-v2}" \
  --user "$user" --timeout "${OCICTR_GUEST_TIMEOUT:-540}" --dir "$source" \
  --env "OCICTR=$(realpath "$runtime")" --env "OCICTR_TOOLS=$(realpath "$tools")" \
  -- sh "$here/$file" "$@"
