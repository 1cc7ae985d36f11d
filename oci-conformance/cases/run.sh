#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs our own conformance cases against one or more runtimes:
#   run.sh [--strict] [--only PATTERN] [--jobs N] [--markdown] [RUNTIME]...
#
# RUNTIME is a path or a name in PATH; default: build/ocictr of this repository. A case is a function
# in one of the .sh files here; MUSTS.md says which sentence of the specification it proves.
#   --strict    fail unless every case passes with the first runtime, but for those in expected.txt
#   --only      only the cases whose name matches this shell pattern
#   --jobs      cases at a time (default: twice the processors)
#   --markdown  one table of all runtimes
# For ctest: --list the cases, --prepare them, --check one of them against its line.
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/../common.sh"

# expected.txt names the exceptions only.
KIND=cases- EXPECTED=pass
TIMEOUT=90

# These want controllers of cgroup v2, which other runtimes may refuse to see while they run.
ALONE=' l24_unified_enables_controllers '

make_rootfs() {
  [ ! -e "$CACHE/cases.tar" ] || [ "$(command -v busybox)" -nt "$CACHE/cases.tar" ] || return 0
  local tree=$CACHE/cases-rootfs
  rm -rf "$tree" && mkdir -p "$tree"/{bin,dev,etc,mnt,proc,sys,tmp,root,data}
  cp "$(command -v busybox)" "$tree/bin/busybox"
  busybox --list | grep -vx busybox | xargs -I{} ln -s busybox "$tree/bin/{}"
  tar -C "$tree" -cf "$CACHE/cases.tar" .
  rm -rf "$tree"
}

build_agent() {
  [ ! "$CACHE/agent" -nt "$HERE/agent/agent.go" ] || return 0
  need_packages golang-go
  GO111MODULE=off GOFLAGS='' GOCACHE=$CACHE/gocache CGO_ENABLED=0 nice go build -o "$CACHE/agent" "$HERE/agent/agent.go"
}

# Sets CASES, and FILE_OF each.
find_cases() {
  local file name
  declare -gA FILE_OF=()
  CASES=()
  for file in "$HERE"/*.sh; do
    while read -r name; do
      # shellcheck disable=SC2053 # it is a pattern
      [[ $name == $ONLY ]] || continue
      CASES+=("$name") FILE_OF[$name]=$file
    done < <(sed -n 's/^\([a-z][0-9][0-9]_[a-z0-9_]*\)() {.*/\1/p' "$file")
  done
}

run_one() {
  local name=$1 runtime=$2 results=$3 status=0 verdict note
  local options=(--timeout "$TIMEOUT" --keep "$CACHE" --keep "$(dirname "$runtime")" --keep "$HERE")
  case $ALONE in *" $name "*) options+=(--delegate) ;; esac
  (
    clean_environment
    export RUNTIME=$runtime ROOTFS=$CACHE/cases.tar AGENT=$CACHE/agent
    cd "$HERE"
    exec ../sandbox.sh "${options[@]}" "$BASH" "$HERE/lib.sh" "${FILE_OF[$name]}" "$name"
  ) > "$results/$name.log" 2>&1 < /dev/null || status=$?
  case $status in 0) verdict=pass ;; 77) verdict=skip ;; *) verdict=fail ;; esac
  note=$(tail -n 1 "$results/$name.log")
  [ $status != 124 ] || note="ran out of time"
  [ $verdict != pass ] || note=
  echo "$name $verdict 0 0 0 $note" > "$results/$name.verdict"
}

run_all() {
  local name together=() alone=()
  for name in "${CASES[@]}"; do
    case $ALONE in *" $name "*) alone+=("$name") ;; *) together+=("$name") ;; esac
  done
  run_pool "$1" "$2" "${together[@]}"
  JOBS=1 run_pool "$1" "$2" "${alone[@]}"
  for name in "${CASES[@]}"; do cat "$2/$name.verdict"; done > "$2/summary"
}

print_table() {
  awk '{ note = $0; for (i = 1; i <= 5; ++i) sub(/^[^ ]+ /, "", note)
         printf "%-4s  %-58s  %s\n", $2, $1, substr(note, 1, 200) }' "$1"
}

list() {
  find_cases
  printf '%s\n' "${CASES[@]}"
}

is_prepared() {
  find_cases
  [ -e "$CACHE/cases.tar" ] && [ -e "$CACHE/agent" ]
}

prepare() {
  # shellcheck disable=SC2086 # words
  need_packages $RUN_PACKAGES
  make_rootfs
  build_agent
  find_cases
  [ ${#CASES[@]} -gt 0 ] || die "no case matches $ONLY"
  "$HERE/check_musts" > /dev/null || exit 1
}

parse_options "$@"
do_action "$HERE/../../build/ocictr"
