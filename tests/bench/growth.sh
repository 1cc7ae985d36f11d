#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tests/bench/growth.sh [-n ROUNDS]
#
# What a command costs among 10, 100, 1,000 and 10,000 containers in the state root, and a `run`
# with 10, 100 and 1,000 bind mounts: minimums in microseconds of the processors, which other load
# disturbs less than the clock. Flat or linear is well; what grows faster is a mistake. (tests/bench/budget_test.sh tests the same by counting system calls.)
set -u
here=$(cd "$(dirname "$0")" && pwd) || exit 1
root=$(cd "$here/../.." && pwd) || exit 1
tools=${OCICTR_TOOLS:-$root/build/tests}
OCICTR=${OCICTR:-$root/build/ocictr}
export OCICTR OCICTR_TOOLS="$tools"
if [ "${1:-}" != --inside ]; then exec "$tools/sandbox" "$0" --inside "$@"; fi
shift
. "$here/common.sh"
rounds=20
[ "${1:-}" != -n ] || rounds=$2

clean_up() {
  "$OCICTR" delete --force c 2>/dev/null
  "$OCICTR" delete --force stopped 2>/dev/null
  remove_cgroups
}
trap clean_up EXIT
make_rootfs && make_group || exit 1
make_config /tmp/true '"/bin/true"' true
make_config /tmp/sleep '"/bin/sleep", "1000"' sleep

minimum() { "$tools/alternate" -c -n "$1" | cut -d ' ' -f 2; }

printf '%-12s %12s %12s %12s %12s %16s\n' containers list "per one" run state "delete --force"
"$OCICTR" run -d -b /tmp/true stopped </dev/null >/dev/null 2>&1
made=0
for count in 10 100 1000 10000; do
  make_records $made $count
  made=$count
  list=$(echo "x $OCICTR list" | minimum $((rounds / 4 + 1)))
  run=$(echo "x $OCICTR run -b /tmp/true c" | minimum "$rounds")
  state=$(echo "x $OCICTR state r5" | minimum "$rounds")
  delete=$(echo "x @ $OCICTR create -b /tmp/sleep c ; $OCICTR delete --force c" | minimum "$rounds")
  printf '%-12s %12s %12s %12s %12s %16s\n' "$count" "$list" $((list / count)) "$run" "$state" "$delete"
done
rm -rf /run/ocictr/r*

printf '\n%-12s %12s %12s\n' "bind mounts" run "per one more"
before_count=0 before=$(echo "x $OCICTR run -b /tmp/true c" | minimum "$rounds")
for count in 10 100 1000; do
  with_mounts /tmp/true "/tmp/binds-$count" $count
  time=$(echo "x $OCICTR run -b /tmp/binds-$count c" | minimum $((rounds / 4 + 1)))
  printf '%-12s %12s %12s\n' "$count" "$time" $(((time - before) / (count - before_count)))
  before_count=$count before=$time
done
