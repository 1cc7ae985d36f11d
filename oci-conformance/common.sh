# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the two runners share: options, packages, the pool of jobs, the comparison table.
# A runner sets HERE, KIND ("" or a prefix for its results) and EXPECTED (the verdicts of what is not
# in its expected.txt), and defines run_one, run_all and print_table.

set -eu -o pipefail
shopt -s nullglob

CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/ocictr-conformance

die() {
  echo "${0##*/}: $*" >&2
  exit 2
}

log() { echo "== $*" >&2; }

# The comment at the head of the script is its help.
usage() {
  sed -n '3,/^[^#]/s/^# \{0,1\}//p' "$0"
  exit 0
}

# Sets STRICT, MARKDOWN, ONLY, JOBS, RUNTIMES.
parse_options() {
  STRICT=0 MARKDOWN=0 ONLY='*' JOBS=$((2 * $(nproc))) RUNTIMES=()
  while [ $# -gt 0 ]; do
    case $1 in
      --strict) STRICT=1 ;;
      --markdown) MARKDOWN=1 ;;
      --only) ONLY=$2; shift ;;
      --jobs) JOBS=$2; shift ;;
      --help | -h) usage ;;
      -*) die "unknown option $1" ;;
      *) RUNTIMES+=("$1") ;;
    esac
    shift
  done
  [ "$(id -u)" = 0 ] || die "needs root: containers, namespaces and cgroups are the subject"
}

# What a run needs; building needs more.
readonly RUN_PACKAGES='busybox-static iproute2 jq util-linux'

install_packages() {
  local missing=() name
  for name in "$@"; do
    dpkg-query -W -f '${Status}' "$name" 2> /dev/null | grep -q 'ok installed' || missing+=("$name")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  log "installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get install -qq -y --no-install-recommends "${missing[@]}" > /dev/null 2>&1 ||
    { apt-get update -qq && apt-get install -qq -y --no-install-recommends "${missing[@]}" > /dev/null; } ||
    die "cannot install ${missing[*]}"
}

results_of() { echo "$CACHE/results/$KIND$(basename "$1")"; }

# What engines leave in the environment must not decide a test.
clean_environment() { unset XDG_RUNTIME_DIR NOTIFY_SOCKET LISTEN_FDS LISTEN_PID LISTEN_FDNAMES TMPDIR; }

# run_pool RUNTIME RESULTS NAME...: run_one NAME RUNTIME RESULTS for each, JOBS at a time
run_pool() {
  local runtime=$1 results=$2 name running=0
  shift 2
  for name in "$@"; do
    if [ "$running" -ge "$JOBS" ]; then wait -n || true; else running=$((running + 1)); fi
    run_one "$name" "$runtime" "$results" &
  done
  wait
}

# judge_runtimes: run_all and print_table, of the runner, for every runtime. The first one is held
# against expected.txt; the last line is always that of the totals.
judge_runtimes() {
  local runtime path results differs=0
  for runtime in "${RUNTIMES[@]}"; do
    path=$(command -v "$runtime") && path=$(realpath "$path") || die "no runtime $runtime"
    log "$path: $("$path" --version | head -n 1)"
    results=$(results_of "$runtime")
    rm -rf "$results" && mkdir -p "$results"
    run_all "$path" "$results"
    [ "$MARKDOWN" = 0 ] || continue
    print_table "$results/summary"
    [ "$runtime" != "${RUNTIMES[0]}" ] || compare "$results/summary" || differs=1
    totals "$results/summary"
  done
  [ "$MARKDOWN" = 0 ] || print_markdown "${RUNTIMES[@]}"
  [ "$STRICT" = 0 ] || [ $differs = 0 ] || exit 1
}

totals() {
  awk '{ ++n[$2] } END { printf "%d passed, %d failed, %d skipped\n", n["pass"], n["fail"], n["skip"] }' "$1"
}

# One column for each runtime: the verdict, and how many points were ok of those that were judged.
print_markdown() {
  local names=() files=() runtime
  for runtime in "$@"; do
    names+=("$(basename "$runtime")")
    files+=("$(results_of "$runtime")/summary")
  done
  { printf '| |'; printf ' %s |' "${names[@]}"; echo
    printf '|---|'; printf -- '---|%.0s' "${names[@]}"; echo; }
  awk '{ cell[$1] = cell[$1] " " ($2 == "pass" ? "pass" : "**" $2 "**") ($3 + $4 ? " " $3 "/" ($3 + $4) : "") " |" }
       FNR == NR { order[++n] = $1 }
       { total[FILENAME, $2]++ }
       END { for (i = 1; i <= n; ++i) print "| " order[i] " |" cell[order[i]]
             printf "| **passed, failed, skipped** |"
             for (i = 1; i < ARGC; ++i)
               printf " %d, %d, %d |", total[ARGV[i], "pass"], total[ARGV[i], "fail"], total[ARGV[i], "skip"]
             print "" }' "${files[@]}"
}

cgroup_layout() {
  [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ] && echo v2 || echo v1
}

# compare SUMMARY: with expected.txt, where a verdict may be for one layout only (fail@v2)
compare() {
  awk -v layout="@$(cgroup_layout)" -v expectations="$HERE/expected.txt" -v otherwise="$EXPECTED" '
    FILENAME == expectations {
      if ($0 !~ /^#/ && NF >= 2) {
        verdict = $2; where = ""
        if (split(verdict, part, "@") == 2) { verdict = part[1]; where = "@" part[2] }
        if (where == "" && !($1 in special) || where == layout) expected[$1] = verdict
        if (where == layout) special[$1] = 1
      }
      next }
    { want = $1 in expected ? expected[$1] : otherwise
      if (index(" " want " ", " " $2 " ") == 0) { print "DIFFERENT  " $1 ": " $2 ", expected " want; bad = 1 } }
    END { exit bad }' "$HERE/expected.txt" "$1"
}
