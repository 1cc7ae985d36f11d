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
set -eu -o pipefail
shopt -s nullglob

HERE=$(cd "$(dirname "$0")" && pwd)
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/ocictr-conformance
TIMEOUT=90

# These want controllers of cgroup v2, which other runtimes may refuse to see while they run.
ALONE=' l24_unified_enables_controllers '

PACKAGES=(busybox-static golang-go iproute2 jq util-linux)

die() {
  echo "run.sh: $*" >&2
  exit 2
}

log() { echo "== $*" >&2; }

install_packages() {
  local missing=() name
  for name in "${PACKAGES[@]}"; do
    dpkg-query -W -f '${Status}' "$name" 2> /dev/null | grep -q 'ok installed' || missing+=("$name")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  log "installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  { apt-get update -qq && apt-get install -qq -y --no-install-recommends "${missing[@]}"; } > /dev/null ||
    die "cannot install ${missing[*]}"
}

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
  GO111MODULE=off GOFLAGS='' GOCACHE=$CACHE/gocache CGO_ENABLED=0 nice go build -o "$CACHE/agent" "$HERE/agent/agent.go"
}

# FILE CASE
list_cases() {
  local file name
  for file in "$HERE"/*.sh; do
    while read -r name; do
      # shellcheck disable=SC2053 # it is a pattern
      [[ $name != $ONLY ]] || echo "$file $name"
    done < <(sed -n 's/^\([a-z][0-9][0-9]_[a-z0-9_]*\)() {.*/\1/p' "$file")
  done
}

run_case() {
  local file=$1 name=$2 runtime=$3 results=$4 status=0 verdict note
  local options=(--timeout "$TIMEOUT" --keep "$CACHE" --keep "$(dirname "$runtime")" --keep "$HERE")
  case $ALONE in *" $name "*) options+=(--delegate) ;; esac
  (
    unset XDG_RUNTIME_DIR NOTIFY_SOCKET LISTEN_FDS LISTEN_PID LISTEN_FDNAMES TMPDIR
    export RUNTIME=$runtime ROOTFS=$CACHE/cases.tar AGENT=$CACHE/agent
    cd "$HERE"
    exec ../sandbox.sh "${options[@]}" "$BASH" "$HERE/lib.sh" "$file" "$name"
  ) > "$results/$name.log" 2>&1 < /dev/null || status=$?
  case $status in 0) verdict=pass ;; 77) verdict=skip ;; 124 | 137) verdict=fail ;; *) verdict=fail ;; esac
  note=$(tail -n 1 "$results/$name.log")
  [ $status != 124 ] || note="ran out of time"
  [ $verdict != pass ] || note=
  echo "$name $verdict $note" > "$results/$name.verdict"
}

run_all() {
  local runtime=$1 results=$2 file name running=0
  rm -rf "$results" && mkdir -p "$results"
  while read -r file name; do
    case $ALONE in *" $name "*) continue ;; esac
    if [ "$running" -ge "$JOBS" ]; then wait -n || true; else running=$((running + 1)); fi
    run_case "$file" "$name" "$runtime" "$results" &
  done < "$CACHE/cases.list"
  wait
  while read -r file name; do
    case $ALONE in *" $name "*) run_case "$file" "$name" "$runtime" "$results" < /dev/null ;; esac
  done < "$CACHE/cases.list"
  while read -r file name; do cat "$results/$name.verdict"; done < "$CACHE/cases.list" > "$results/summary"
}

print_table() {
  awk '{ note = $0; sub(/^[^ ]+ [^ ]+ /, "", note); printf "%-4s  %-44s  %s\n", $2, $1, substr(note, 1, 200); ++n[$2] }
       END { printf "%d passed, %d failed, %d skipped\n", n["pass"], n["fail"], n["skip"] }' "$1"
}

print_markdown() {
  local names=() files=() runtime
  for runtime in "$@"; do
    names+=("$(basename "$runtime")")
    files+=("$CACHE/results/cases-$(basename "$runtime")/summary")
  done
  { printf '| case |'; printf ' %s |' "${names[@]}"; echo
    printf '|---|'; printf -- '---|%.0s' "${names[@]}"; echo; }
  awk '{ cell[$1] = cell[$1] " " ($2 == "pass" ? "pass" : "**" $2 "**") " |" }
       FNR == NR { order[++n] = $1 }
       { total[FILENAME, $2]++ }
       END { for (i = 1; i <= n; ++i) print "| " order[i] " |" cell[order[i]]
             printf "| **passed, failed, skipped** |"
             for (i = 1; i < ARGC; ++i)
               printf " %d, %d, %d |", total[ARGV[i], "pass"], total[ARGV[i], "fail"], total[ARGV[i], "skip"]
             print "" }' "${files[@]}"
}

# expected.txt names the exceptions only: CASE VERDICT REASON. A skip is always allowed: it has a reason.
compare() {
  awk -v expectations="$HERE/expected.txt" '
    FILENAME == expectations { if ($0 !~ /^#/ && NF >= 2) expected[$1] = $2; next }
    { want = $1 in expected ? expected[$1] : "pass"
      if ($2 != want && $2 != "skip") { print $1 ": " $2 ", expected " want; bad = 1 } }
    END { exit bad }' "$HERE/expected.txt" "$1"
}

# Every case is in the table and the table names no other.
check_table() {
  diff <(sed 's/.* //' "$1" | sort) <(grep -o '`[a-z][0-9][0-9]_[a-z0-9_]*`' "$HERE/MUSTS.md" | tr -d '`' | sort -u) ||
    die "MUSTS.md and the cases differ (< is a case without a line, > a line without a case)"
}

main() {
  local strict=0 markdown=0 runtimes=() runtime path differs=0
  ONLY='*' JOBS=$((2 * $(nproc)))
  while [ $# -gt 0 ]; do
    case $1 in
      --strict) strict=1 ;;
      --markdown) markdown=1 ;;
      --only) ONLY=$2; shift ;;
      --jobs) JOBS=$2; shift ;;
      --help | -h) sed -n '3,11s/^# \{0,1\}//p' "$0"; exit 0 ;;
      -*) die "unknown option $1" ;;
      *) runtimes+=("$1") ;;
    esac
    shift
  done
  [ "$(id -u)" = 0 ] || die "needs root"
  [ ${#runtimes[@]} -gt 0 ] || runtimes=("$HERE/../../build/ocictr")
  mkdir -p "$CACHE"
  install_packages
  make_rootfs
  build_agent
  list_cases > "$CACHE/cases.list"
  [ -s "$CACHE/cases.list" ] || die "no case matches $ONLY"
  [ "$ONLY" != '*' ] || check_table "$CACHE/cases.list"
  for runtime in "${runtimes[@]}"; do
    path=$(command -v "$runtime") && path=$(realpath "$path") || die "no runtime $runtime"
    log "$path: $("$path" --version | head -n 1)"
    run_all "$path" "$CACHE/results/cases-$(basename "$runtime")"
    [ $markdown = 1 ] || print_table "$CACHE/results/cases-$(basename "$runtime")/summary"
  done
  [ $markdown = 0 ] || print_markdown "${runtimes[@]}"
  compare "$CACHE/results/cases-$(basename "${runtimes[0]}")/summary" || differs=1
  [ $strict = 0 ] || [ $differs = 0 ] || exit 1
}

main "$@"
