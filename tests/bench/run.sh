#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tests/bench/run.sh [-n ROUNDS] [-p PEERS] [-c] [-o DIRECTORY] [ONLY...]
#
# Compares ocictr with PEERS (default: "crun runc", the system's) and with the bare floor
# (bench/floor.cc), taking turns, and prints a table: the time of ocictr, minimum and median, and how
# many times as long each other one takes (of minimums / of medians). Who fails in a row "fails"
# there, and why is told below the table. ONLY: these rows (run podman cold create exec state list
# many binds memory thousand instructions picture). With -c times are those of the processors, of all
# processes that the command waits for: of use where other load disturbs the clock, but waiting (for
# a grace period of RCU, say) is not in them. With -o the table, table.md, and the picture of where
# the time of a `run` goes, start.svg, are left in DIRECTORY, which is not below /tmp. Everything
# else is cleaned up.
# Uses the build in build/ (or OCICTR and OCICTR_TOOLS); needs root, crun, runc, podman, jq, valgrind.
set -u
here=$(cd "$(dirname "$0")" && pwd) || exit 1
root=$(cd "$here/../.." && pwd) || exit 1
tools=${OCICTR_TOOLS:-$root/build/tests}
OCICTR=${OCICTR:-$root/build/ocictr}
export OCICTR OCICTR_TOOLS="$tools"

for program in "$OCICTR" "$tools/alternate" "$tools/floor" "$tools/peak" "$tools/sandbox"; do
  [ -x "$program" ] || { echo "Build first: cmake -G Ninja -B build . && ninja -C build bench" >&2; exit 1; }
done
if [ "${1:-}" != --inside ]; then exec "$tools/sandbox" "$0" --inside "$@"; fi
shift
. "$here/common.sh"

rounds=40 peers="crun runc" output= clock=
# Milliseconds between two turns. Back to back, the lock that writing to cgroup.procs takes stays in
# the mode where it waits for no grace period, as it would on a host that starts a container now and
# then.
pause=50
while getopts n:p:co: option; do
  case $option in
    n) rounds=$OPTARG ;;
    p) peers=$OPTARG ;;
    c) clock=-c ;;
    o) output=$OPTARG ;;
    *) exit 2 ;;
  esac
done
shift $((OPTIND - 1))
[ -z "$output" ] || [ -d "$output" ] || { echo "$output: no directory, or below /tmp, which is private here" >&2; exit 2; }
only=" $* "
wanted() { case "$only" in "  " | *" $1 "*) true ;; *) false ;; esac; }

names=ocictr
for name in $peers; do
  if command -v "$name" >/dev/null; then names="$names $name"; else echo "$name: not installed" >&2; fi
done
path_of() { if [ "$1" = ocictr ]; then echo "$OCICTR"; else command -v "$1"; fi; }
command_of() { echo "$(path_of "$1") --root /run/$1"; }

# crun refuses hosts with controllers on both sides; hide those of version 2 from everybody.
: >/tmp/empty
[ ! -e /sys/fs/cgroup/unified/cgroup.controllers ] ||
  mount --bind /tmp/empty /sys/fs/cgroup/unified/cgroup.controllers

clean_up() {
  for name in $names; do
    for id in $($(command_of "$name") list -q 2>/dev/null); do
      $(command_of "$name") delete --force "$id" 2>/dev/null
    done
  done
  remove_cgroups
}
trap clean_up EXIT

table=/tmp/table failures=/tmp/failures
: >$failures
line() { printf '%s\n' "$*" | tee -a $table; }

# row LABEL UNIT: a line of the table, from lines "NAME MINIMUM MEDIAN" or "NAME failed: WHY"; the
# first one is ours. Where it failed the others' times are given.
row() {
  awk -v label="$1" -v unit="$2" -v failures=$failures '
    function absolute() { return unit == "ms" ? sprintf("%.2f / %.2f ms", $2 / 1000, $3 / 1000) : $2 " " unit }
    $2 == "failed:" { cell[$1] = "fails"; name = $1; sub("[^ ]* failed: *", "")
                      if ($0 != "") print name " fails at " label ": " $0 >>failures; next }
    NR == 1 { minimum = $2; median = $3; ours = absolute(); next }
    minimum == 0 { cell[$1] = absolute(); next }
    { cell[$1] = $3 > 0 ? sprintf("%.1f / %.1f", $2 / minimum, $3 / median) : sprintf("%.1f", $2 / minimum) }
    END { if (NR == 0) exit 1
          if (minimum == 0) ours = cell["ocictr"]
          printf "| %s | %s | %s | %s | %s |\n", label, ours, cell["crun"], cell["runc"], cell["floor"] }' |
    tee -a $table
}
# each PATTERN: one line per runtime; R is its command with its own root, N its name.
each() {
  for name in ${who:-$names}; do
    echo "$1" | sed -e "s|R |$(command_of "$name") |g" -e "s|N|$name|g"
  done
}
alternate() { "$tools/alternate" $clock "$@"; }

make_rootfs || { echo "busybox-static is not installed" >&2; exit 1; }
make_group || exit 1
for name in $names; do
  make_config "/tmp/true-$name" '"/bin/true"' "true-$name"
  make_config "/tmp/sleep-$name" '"/bin/sleep", "1000"' "sleep-$name"
done

line "| | ocictr | crun | runc | bare floor |"
line "|---|---|---|---|---|"

if wanted run; then
  { each "N R run -b /tmp/true-N N"; echo "floor $tools/floor $rootfs /bin/true"; } |
    alternate -n "$rounds" -p $pause | row "\`run\` true, default configuration" ms
fi

# What podman writes: 400 seccomp names and more, masked paths, a volume.
podman_bundle() {
  command -v podman >/dev/null && command -v jq >/dev/null || return 1
  mkdir -p /tmp/podman /tmp/volume /run/podman
  podman --root /tmp/podman/root --runroot /run/podman/storage --storage-driver vfs --runtime "$OCICTR" \
    --cgroup-manager cgroupfs create --name b --network none -v /tmp/volume:/vol --cgroup-parent "/$group" \
    --rootfs $rootfs /bin/true >/tmp/podman/log 2>&1 &&
    podman --root /tmp/podman/root --runroot /run/podman/storage --storage-driver vfs --runtime "$OCICTR" \
      --cgroup-manager cgroupfs init b >>/tmp/podman/log 2>&1 || return 1
  config=$(podman --root /tmp/podman/root --runroot /run/podman/storage --storage-driver vfs inspect \
    --format '{{.OCIConfigPath}}' b 2>>/tmp/podman/log)
  for name in $names; do
    mkdir -p "/tmp/podman-$name"
    jq --arg rootfs $rootfs --arg path "/$group/podman-$name" '
      .root.path = $rootfs | .linux.cgroupsPath = $path | .process.terminal = false | del(.hooks)
      | del(.linux.namespaces[] | select(.type == "network") | .path)
      | .mounts |= map(select((.source // "") | startswith("/run/podman") or startswith("/tmp/podman") | not))' \
      <"$config" >"/tmp/podman-$name/config.json" || return 1
  done
  podman --root /tmp/podman/root --runroot /run/podman/storage --storage-driver vfs --runtime "$OCICTR" \
    --cgroup-manager cgroupfs rm -f -t 0 b >>/tmp/podman/log 2>&1
}
if wanted podman || wanted cold; then
  if podman_bundle; then
    count=$(jq '[.linux.seccomp.syscalls[].names[]] | length' /tmp/podman-ocictr/config.json)
    if wanted podman; then
      each "N R run -b /tmp/podman-N N" | alternate -n "$rounds" -p $pause |
        row "\`run\` true, podman's configuration ($count seccomp names)" ms
    fi
    if wanted cold; then
      each "N @ /bin/rm -rf /run/N/.seccomp /run/N/.cache ; R run -b /tmp/podman-N N" |
        alternate -n "$rounds" -p $pause | row "the same, profile seen for the first time" ms
    fi
  else
    echo "no bundle of podman: $(cat /tmp/podman/log 2>&1)" >&2
  fi
fi

if wanted create; then
  each "N R create -b /tmp/sleep-N N ; R start N ; R delete --force N" |
    alternate -n "$rounds" -p $pause | row "\`create\` + \`start\` + \`delete --force\`" ms
fi

if wanted exec || wanted state; then
  for name in $names; do
    $(command_of "$name") run -d -b "/tmp/sleep-$name" "$name" </dev/null >/dev/null 2>&1
  done
  wanted exec && each "N R exec N /bin/true" | alternate -n "$rounds" -p $pause | row "\`exec\` true" ms
  wanted state && each "N R state N" | alternate -n "$rounds" | row "\`state\`" ms
  for name in $names; do $(command_of "$name") delete --force "$name"; done
fi

if wanted list; then
  for name in $names; do
    for i in $(seq 100); do
      sed "s|/sleep-$name\"|/list-$name-$i\"|" "/tmp/sleep-$name/config.json" >"/tmp/list.json"
      mkdir -p "/tmp/list-$name-$i" && mv /tmp/list.json "/tmp/list-$name-$i/config.json"
      $(command_of "$name") run -d -b "/tmp/list-$name-$i" "$name-$i" </dev/null >/dev/null 2>&1
    done
  done
  each "N R list" | alternate -n "$rounds" | row "\`list\` of 100" ms
  clean_up
  make_group
fi

if wanted many; then
  for count in 20 100; do
    for name in $names; do
      for i in $(seq 0 $((count - 1))); do
        mkdir -p "/tmp/many-$name-$i"
        sed "s|/true-$name\"|/many-$name-$i\"|" "/tmp/true-$name/config.json" >"/tmp/many-$name-$i/config.json"
      done
    done
    each "N x$count R run -b /tmp/many-N-# N-#" | alternate -n $((rounds / 8 + 1)) -w 1 -p $pause |
      row "$count \`run\` at once, until the last has ended" ms
  done
fi

if wanted binds; then
  for count in 10 100 1000; do
    for name in $names; do with_mounts "/tmp/true-$name" "/tmp/binds-$name-$count" "$count"; done
    each "N R run -b /tmp/binds-N-$count N" | alternate -n $((rounds / (count / 100 + 2) + 1)) -w 1 -p $pause |
      tee /tmp/binds-$count | row "\`run\` with $count read-only bind mounts more" ms
  done
  # Why there are no times to compare has been told.
  awk 'NR == FNR { minimum[$1] = $2; median[$1] = $3; next }
       $2 == "failed:" || minimum[$1] == "failed:" { print $1, "failed:"; next }
       { printf "%s %.1f %.1f\n", $1, ($2 - minimum[$1]) / 990, ($3 - median[$1]) / 990 }' \
    /tmp/binds-10 /tmp/binds-1000 | row "each further bind mount" us
fi

# smallest_limit NAME: the smallest memory limit, in KiB, under which true ends well three times.
smallest_limit() {
  low=0 high=256  # in units of 16 KiB: 4 MiB
  while [ $((high - low)) -gt 1 ]; do
    middle=$(((low + high) / 2))
    mkdir -p "/tmp/limit-$1"
    sed "s|\"resources\": *{|\"resources\": { \"memory\": { \"limit\": $((middle * 16384)) },|" \
      "/tmp/true-$1/config.json" >"/tmp/limit-$1/config.json"
    ok=yes
    for _ in 1 2 3; do
      timeout 20 $(command_of "$1") run -b "/tmp/limit-$1" "$1" </dev/null >/dev/null 2>&1 || { ok=no; break; }
    done
    $(command_of "$1") delete --force "$1" >/dev/null 2>&1
    if [ $ok = yes ]; then high=$middle; else low=$middle; fi
  done
  echo "$1 $((high * 16))"
}
if wanted memory; then
  for name in $names; do
    echo "$name $(for _ in 1 2 3 4 5; do "$tools/peak" $(command_of "$name") run -b "/tmp/true-$name" "$name" </dev/null; done | sort -n | head -n 1)"
  done | row "peak resident memory of \`run\`" KiB
  for name in $names; do smallest_limit "$name"; done | row "smallest memory limit that starts true" KiB
fi

# With their cgroups disabled, or a thousand of those would be measured too; runc can't.
if wanted thousand; then
  who=
  for name in $names; do
    [ "$name" = runc ] && continue
    who="$who $name"
    for i in $(seq 1000); do
      $(command_of "$name") --cgroup-manager disabled run -d -b "/tmp/true-$name" "t$i" </dev/null >/dev/null 2>&1
    done
  done
  each "N R run -b /tmp/true-N N" | alternate -n "$rounds" -p $pause | row "\`run\` beside 1,000 others" ms
  each "N R state t500" | alternate -n "$rounds" | row "\`state\` beside 1,000 others" ms
  each "N R list" | alternate -n $((rounds / 4 + 1)) | row "\`list\` of 1,000" ms
  who=
  for name in $names; do rm -rf "/run/$name"; done
fi

# count WORDS...: instructions of `ocictr WORDS` in user space, its start included.
count() {
  valgrind --tool=callgrind --callgrind-out-file=/dev/null "$OCICTR" --root /run/ocictr "$@" 2>&1 >/dev/null |
    sed -n 's/.*Collected : *//p'
}
if wanted instructions && command -v valgrind >/dev/null; then
  "$OCICTR" --root /run/ocictr run -d -b /tmp/sleep-ocictr ocictr </dev/null >/dev/null 2>&1
  for words in "--version" "state ocictr" "plan /tmp/true-ocictr" "validate /tmp/true-ocictr"; do
    # shellcheck disable=SC2086  # two words
    line "| instructions of \`${words%% *}\` | $(count $words) | | | |"
  done
  "$OCICTR" --root /run/ocictr delete --force ocictr
fi

# The quickest of some runs, as a picture.
if wanted picture && command -v jq >/dev/null; then
  for i in $(seq "$rounds"); do
    "$OCICTR" --root /run/ocictr --trace "/tmp/trace-$i" run -b /tmp/true-ocictr ocictr </dev/null >/dev/null 2>&1
    echo "$(jq '[.traceEvents[] | select(.ph == "X")][0].dur' "/tmp/trace-$i") /tmp/trace-$i"
  done | sort -n | head -n 1 | cut -d ' ' -f 2 >/tmp/quickest
  jq -r -f "$here/picture.jq" "$(cat /tmp/quickest)" >/tmp/start.svg
fi
if [ -s $failures ]; then
  line ""
  line "$(cat $failures)"
fi
if [ -n "$output" ]; then
  cp $table "$output/table.md"
  [ ! -s /tmp/start.svg ] || cp /tmp/start.svg "$output/start.svg"
fi
