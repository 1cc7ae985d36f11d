# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the two runners share: options, packages, the pool of jobs, the comparison table.
# A runner sets HERE, KIND ("" or a prefix for its results) and EXPECTED (the verdict of what is not
# in its expected.txt), and defines list, prepare, is_prepared, run_one, run_all and print_table.

set -eu -o pipefail
shopt -s nullglob

. "$(dirname "${BASH_SOURCE[0]}")/../tests/packages.sh"

CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/ocictr-conformance

# What cannot be had is a skip for ctest, which has other tests.
die() {
  case ${ACTION-} in
    prepare | check) echo "SKIP: $*" && exit 77 ;;
  esac
  echo "${0##*/}: $*" >&2
  exit 2
}

log() { echo "== $*" >&2; }

# The comment at the head of the script is its help.
usage() {
  sed -n '3,/^[^#]/s/^# \{0,1\}//p' "$0"
  exit 0
}

# Sets ACTION, STRICT, MARKDOWN, ONLY, JOBS, RUNTIMES.
parse_options() {
  ACTION=run
  STRICT=0 MARKDOWN=0 ONLY='*' JOBS=$((2 * $(nproc))) RUNTIMES=()
  while [ $# -gt 0 ]; do
    case $1 in
      --strict) STRICT=1 ;;
      --markdown) MARKDOWN=1 ;;
      --only) ONLY=$2; shift ;;
      --jobs) JOBS=$2; shift ;;
      --list) ACTION=list ;;
      --prepare) ACTION=prepare ;;
      --check) ACTION=check; ONLY=$2; shift ;;
      --help | -h) usage ;;
      -*) die "unknown option $1" ;;
      *) RUNTIMES+=("$1") ;;
    esac
    shift
  done
  [ $ACTION = list ] || [ "$(id -u)" = 0 ] || die "needs root: containers, namespaces and cgroups are the subject"
}

# Of all that is installed for the build (tests/packages.sh), what a run needs.
readonly RUN_PACKAGES='busybox-static iproute2 jq util-linux'

# Tests install nothing: tests/run.sh has, unless it was told not to.
need_packages() {
  [ $ACTION = run ] && install_packages "$@" || [ -z "$(missing_packages "$@")" ] ||
    die "not installed: $(missing_packages "$@")"
}

# What is built is shared by all who run at the same time.
prepare_alone() {
  mkdir -p "$CACHE"
  exec {LOCK}> "$CACHE/lock"
  flock "$LOCK"
  prepare
  exec {LOCK}>&-
}

# do_action DEFAULT-RUNTIME
do_action() {
  [ ${#RUNTIMES[@]} -gt 0 ] || RUNTIMES=("$1")
  case $ACTION in
    list) list ;;
    prepare) prepare_alone ;;
    check) check_one "$ONLY" "${RUNTIMES[0]}" ;;
    run) prepare_alone && judge_runtimes ;;
  esac
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

# check_one NAME RUNTIME: for ctest. Whatever is as expected is no failure, but never silent.
check_one() {
  local name=$1 runtime results verdict note difference
  is_prepared || die "the conformance suite could not be built"
  runtime=$(realpath "$2") && [ -x "$runtime" ] || die "no runtime $2"
  results=$(mktemp -d)
  # shellcheck disable=SC2064 # now
  trap "rm -rf '$results'" EXIT
  run_one "$name" "$runtime" "$results"
  read -r _ verdict _ _ _ note < "$results/$name.verdict"
  if ! difference=$(compare "$results/$name.verdict"); then
    echo "$difference: $note"
    head -c 20000 "$results/$name".{out,err,log} 2> /dev/null
    return 1
  fi
  case $verdict in
    fail) echo "EXPECTED FAILURE: $name: $(reason_of "$name")" ;;
    skip) echo "SKIP: as oci-conformance expects: $(reason_of "$name")" && exit 77 ;;
  esac
}

reason_of() { awk -v name="$1" '$1 == name { sub(/^[^ ]+ +[^ ]+ +/, ""); print; exit }' "$HERE/expected.txt"; }

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

has_apparmor_profile() { grep -q -s "^acme_secure_profile " /sys/kernel/security/apparmor/profiles; }

# What a verdict of expected.txt may be for only.
conditions() {
  printf ' @%s ' "$(cgroup_layout)"
  ! has_apparmor_profile || printf ' @apparmor '
}

# compare SUMMARY: with expected.txt
compare() {
  awk -v conditions="$(conditions)" -v expectations="$HERE/expected.txt" -v otherwise="$EXPECTED" '
    FILENAME == expectations {
      if ($0 !~ /^#/ && NF >= 2) {
        verdict = $2; where = ""
        if (split(verdict, part, "@") == 2) { verdict = part[1]; where = "@" part[2] }
        holds = where != "" && index(conditions, " " where " ")
        if (where == "" && !($1 in special) || holds) expected[$1] = verdict
        if (holds) special[$1] = 1
      }
      next }
    { want = $1 in expected ? expected[$1] : otherwise
      if (index(" " want " ", " " $2 " ") == 0) { print "DIFFERENT  " $1 ": " $2 ", expected " want; bad = 1 } }
    END { exit bad }' "$HERE/expected.txt" "$1"
}
