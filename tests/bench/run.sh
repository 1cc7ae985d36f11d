#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tests/bench/run.sh [-n ROUNDS] [RUNTIME...]
#
# Compares ocictr with the RUNTIMEs (default: crun and runc of the system) in alternating runs:
# run, create + start + delete --force, exec, state. Ratios are to ocictr: x2.00 takes twice as
# long. Then counts instructions of our side by callgrind, where valgrind is installed; those don't
# depend on the load of the machine. Uses the build in build/ (or OCICTR and OCICTR_TOOLS).
set -u
root=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
tools=${OCICTR_TOOLS:-$root/build/tests}
OCICTR=${OCICTR:-$root/build/ocictr}
export OCICTR OCICTR_TOOLS="$tools"

[ -x "$OCICTR" ] && [ -x "$tools/alternate" ] && [ -x "$tools/sandbox" ] ||
  { echo "Build first: cmake -G Ninja -B build . && ninja -C build ocictr alternate sandbox guest" >&2; exit 1; }
if [ "${1:-}" != --inside ]; then exec "$tools/sandbox" "$0" --inside "$@"; fi
shift

rounds=40
if [ "${1:-}" = -n ]; then rounds=$2; shift 2; fi
[ $# -gt 0 ] || set -- crun runc
names=ocictr
for name; do
  if command -v "$name" >/dev/null; then names="$names $name"; else echo "$name: not installed"; fi
done

# crun refuses hosts with controllers on both sides; hide those of version 2 from everybody.
: >/tmp/empty
[ ! -e /sys/fs/cgroup/unified/cgroup.controllers ] ||
  mount --bind /tmp/empty /sys/fs/cgroup/unified/cgroup.controllers

group=octest-bench-$$
bundle=/tmp/bundle
mkdir -p $bundle/rootfs/bin $bundle/rootfs/proc $bundle/rootfs/dev $bundle/rootfs/sys $bundle/rootfs/etc
cp "$(command -v busybox)" $bundle/rootfs/bin/busybox
for applet in sh true sleep; do ln -s busybox $bundle/rootfs/bin/$applet; done

# config DIRECTORY ARGS: what `spec` gives (of ocictr, the same for all), with these arguments.
config() {
  mkdir -p "$1"
  (cd "$1" && rm -f config.json && "$OCICTR" spec) || exit 1
  # Older peers refuse versions they do not know; nothing newer is used.
  sed -i -e 's/"ociVersion": *"[^"]*"/"ociVersion": "1.0.2"/' -e 's/"terminal": *true/"terminal": false/' -e "s|\"path\": *\"rootfs\"|\"path\": \"$bundle/rootfs\"|" \
    -e "s|\"linux\": *{|\"linux\": { \"cgroupsPath\": \"/$group/$(basename "$1")\",|" "$1/config.json"
  tr '\n' ' ' <"$1/config.json" | sed "s|\"args\": *\[[^]]*\]|\"args\": [$2]|" >"$1/new" && mv "$1/new" "$1/config.json"
}
path_of() { if [ "$1" = ocictr ]; then echo "$OCICTR"; else command -v "$1"; fi; }
# each PATTERN: one line per runtime; R is its command with its own root, N its name.
each() { for name in $names; do echo "$1" | sed "s|R |$(path_of "$name") --root /run/$name |g; s|N|$name|g"; done; }
clean_up() {
  for name in $names; do "$(path_of "$name")" --root "/run/$name" delete --force "$name" 2>/dev/null; done
  find /sys/fs/cgroup -depth -type d -path "*$group*" -exec rmdir {} + 2>/dev/null
}
trap clean_up EXIT

for name in $names; do
  config "/tmp/true-$name" '"/bin/true"'
  config "/tmp/sleep-$name" '"/bin/sleep", "1000"'
done

echo "run: /bin/true, default config, $rounds rounds"
each "N R run -b /tmp/true-N N" | "$tools/alternate" -n "$rounds" -p 5
echo "create + start + delete --force"
each "N R create -b /tmp/sleep-N N ; R start N ; R delete --force N" | "$tools/alternate" -n "$rounds" -p 5
for name in $names; do
  "$(path_of "$name")" --root "/run/$name" run -d -b "/tmp/sleep-$name" "$name" </dev/null >/dev/null 2>&1
done
echo "exec: /bin/true"
each "N R exec N /bin/true" | "$tools/alternate" -n "$rounds" -p 5
echo "state"
each "N R state N" | "$tools/alternate" -n "$rounds"

# count WORDS...: instructions of `ocictr WORDS`, with the budget to compare.
count() {
  budget=$1
  shift
  collected=$(valgrind --tool=callgrind --callgrind-out-file=/dev/null "$OCICTR" --root /run/ocictr "$@" 2>&1 >/dev/null |
    sed -n 's/.*Collected : *//p')
  printf '  %-22s %10s  (budget %s)\n' "$1" "${collected:-?}" "$budget"
}
if command -v valgrind >/dev/null; then
  echo "instructions in user space"
  count 150000 --version
  count 150000 state ocictr
  count 400000 plan /tmp/true-ocictr
  count 400000 validate /tmp/true-ocictr
fi
