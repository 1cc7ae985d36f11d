# SPDX-License-Identifier: Apache-2.0
# Sourced by the tests that run in the guest: the words of the engine tests, and a main that runs all
# of a file's functions t_NAME one after the other, each in a shell of its own, because a call of the
# guest costs seconds. FILE NAME... runs only those.
#
# From the caller: OCICTR (the runtime), OCICTR_TOOLS (directory of the test programs).
. "$(dirname "$0")/../engines/common.sh"

unified=/sys/fs/cgroup
work=/var/tmp/octest-$(id -u)
captured=$work/output

# cgroup_of PID: its directory in the file system.
cgroup_of() { printf '%s%s\n' "$unified" "$(sed -n 's/^0:://p' "/proc/$1/cgroup")"; }

# bundle DIRECTORY FILTER WORDS...: one that is rootless for an ordinary user; FILTER edits its
# config.json.
bundle() {
  dir=$1 filter=$2
  shift 2
  [ -d "$dir/rootfs" ] || make_rootfs "$dir/rootfs"
  [ "$(id -u)" = 0 ] && kind= || kind=--rootless
  rm -f "$dir/config.json"
  # shellcheck disable=SC2086  # one word or none
  (cd "$dir" && "$OCICTR" spec $kind) || fail "spec $kind"
  jq ".process.args = $(words "$@") | .process.terminal = false | $filter" "$dir/config.json" \
    >"$dir/edited" && mv "$dir/edited" "$dir/config.json" || fail "the filter $filter"
}

# state_of ID: its status, or nothing.
state_of() { "$OCICTR" state "$1" 2>/dev/null | jq -r .status; }
is_stopped() { [ "$(state_of "$1")" = stopped ]; }

# --- what is dumped and restored
images=$work/images
# Appended to: a file that is written anew is empty for a moment.
count_up='i=0; while :; do i=$((i + 1)); echo $i >> /run/count; sleep 0.05; done'
# It counts in a file of a tmpfs, which is in the images with everything else.
counter() { # ID FILTER
  rm -rf "$images" "$work/pre"
  bundle "$work/$1" "$2 | .mounts += [{destination: \"/run\", type: \"tmpfs\", source: \"tmpfs\"}]" \
    sh -c "$count_up"
  # A file of ours would be none that criu finds again.
  "$OCICTR" run -d -b "$work/$1" "$1" >/dev/null 2>&1 || fail "run $1"
  eventually counted "$1" 3
}
count_of() { sed -n '$p' "/proc/$("$OCICTR" state "$1" | jq .pid)/root/run/count"; }
counted() { [ "$(count_of "$1")" -ge "$2" ]; }
goes_on() { # ID COUNT: it has not begun anew, and counts
  [ "$(count_of "$1")" -ge "$2" ] || fail "it began anew at $(count_of "$1"), not $2"
  eventually counted "$1" $(($(count_of "$1") + 3))
}

one_test() {
  (
    mkdir -p "$work"
    "$1"
  ) >"/tmp/$1.log" 2>&1 </dev/null
}

main() {
  [ "${VM_GUEST:-}" = 1 ] || fail "to be run in the guest"
  [ $# -gt 0 ] || set -- $(sed -n 's/^t_\([a-z0-9_]*\)() {.*/\1/p' "$0")
  passed=0 failed=0
  for name; do
    start=$(date +%s)
    if one_test "t_$name"; then
      passed=$((passed + 1))
      printf 'ok %s (%s s)\n' "$name" $(($(date +%s) - start))
    else
      failed=$((failed + 1))
      printf 'not ok %s\n' "$name"
      sed 's/^/    /' "/tmp/t_$name.log"
    fi
  done
  printf '# %s of %s passed\n' "$passed" $((passed + failed))
  [ "$failed" = 0 ]
}
