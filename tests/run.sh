#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tests/run.sh [--strict] [--sanitize] [--long] [--no-install] [LABEL...]
#
# Installs what is missing (Debian 12), builds, runs every test this machine can run, and ends with
# the line "N passed, N failed, N skipped". Labels (unit golden ns root engine guest conformance bench):
# only those tests.
#   --strict      a skip whose reason is not in tests/allowed-skips.txt is a failure
#   --sanitize    everything built with address and undefined behaviour sanitizers, in build-asan/
#   --long        also the tests that take minutes, and a minute of libFuzzer for each fuzz target
#   --no-install  leave apt alone
set -u
root=$(cd "$(dirname "$0")/.." && pwd) || exit 1
cd "$root" || exit 1
exec </dev/null
. tests/packages.sh

strict=no sanitize=no long=no install=yes labels=
for word; do
  case $word in
    --strict) strict=yes ;;
    --sanitize) sanitize=yes ;;
    --long) long=yes; export OCICTR_TEST_LONG=1 ;;
    --no-install) install=no ;;
    -*) echo "usage: tests/run.sh [--strict] [--sanitize] [--long] [--no-install] [LABEL...]" >&2
        exit 2 ;;
    *) labels="$labels${labels:+|}$word" ;;
  esac
done

say() { printf '== %s\n' "$*"; }

# The one way out before the tests ran.
give_up() {
  echo "$*" >&2
  echo "0 passed, 1 failed, 0 skipped"
  exit 1
}

configure_and_build() {
  set -- -G Ninja -S . -B "$build" -DOCICTR_WERROR=ON -DOCICTR_TESTS=ON
  [ $sanitize = no ] || set -- "$@" -DOCICTR_SANITIZE=address,undefined
  if command -v ccache >/dev/null; then set -- "$@" -DCMAKE_CXX_COMPILER_LAUNCHER=ccache; fi
  cmake "$@" >"$build/configure.log" 2>&1 || { cat "$build/configure.log"; return 1; }
  cmake --build "$build" -j "$(nproc)"
}

# Control groups that a killed test could not remove. Only this run's carry the name.
export OCICTR_TEST_RUN=$$
remove_stale_cgroups() {
  find /sys/fs/cgroup -depth -type d -path "*/octest-$OCICTR_TEST_RUN-*" -exec rmdir {} + 2>/dev/null
}

# The guest's tests are for the release: sanitizers on top of emulation take too long.
wants_guest() {
  [ $sanitize = no ] && case "|$labels|" in "||" | *"|guest|"*) true ;; *) false ;; esac
}

# libFuzzer has sanitizers of its own, and brings its compiler.
wants_libfuzzer() {
  [ $long$sanitize = yesno ] && [ $install = yes ] &&
    case "|$labels|" in "||" | *"|unit|"*) true ;; *) false ;; esac
}

# run_tests RESULTS ARGUMENT...
run_tests() {
  junit=$1
  shift
  ctest --test-dir "$build" --output-junit "$junit" --output-on-failure "$@" |
    grep -v -e ' Start  *[0-9]*: ' -e '   Passed  *[0-9.]* sec$'
  remove_stale_cgroups
}

# A few tests that fail beside others get a second run, alone: a machine that is busy with something
# else is no defect of ours. They are named all the same, and what fails alone has failed. More than
# a few are run only once.
run_failed_again() {
  first=$(attribute failures)
  [ "${first:-0}" -gt 0 ] && [ "$first" -le 5 ] || return 0
  cp "$build/Testing/Temporary/LastTestsFailed.log" "$build/failed-first"
  say "Failed beside others, run again alone ($first)"
  sed 's/^[0-9]*://' "$build/failed-first"
  again=$root/$build/again.xml
  rm -f "$again"
  run_tests "$again" --rerun-failed -j 1
  [ -s "$again" ] || return 0
  failed=$(($(attribute tests "$again") - $(passed_in "$again")))
}

# One line for each skipped test: "NAME: reason".
skip_reasons() {
  awk '
    /<testcase / { name = $0; sub(/.*<testcase name="/, "", name); sub(/".*/, "", name); skipped = 0
                   reason = "(no reason given)"; next_line = 0 }
    /<skipped/ { skipped = 1 }
    next_line { reason = $0; next_line = 0 }
    /: Skipped$/ { next_line = 1 }
    /SKIP: / { reason = $0 }
    /<\/testcase>/ { if (skipped) { sub(/.*SKIP: /, "", reason); sub(/<\/system-out>.*/, "", reason)
                     print name ": " reason } }' "$results"
}

# What fails as it is known to, one line each: NAME and the reason.
expected_failures() {
  grep -o 'EXPECTED FAILURE: .*' "$results" | sed -e 's/^EXPECTED FAILURE: //' -e 's/<\/system-out>.*//'
}

# attribute NAME [RESULTS]: a number of the suite.
attribute() {
  sed -n '/<testsuite /,/>/p' "${2:-$results}" | tr '\n\t' '  ' | sed -n "s/.* $1=\"\([0-9]*\)\".*/\1/p"
}

passed_in() { grep -c '<testcase .*status="run"' "$1"; }

unexplained_skips() {
  grep -v '^#' tests/allowed-skips.txt >"$build/allowed-skips"
  skip_reasons | while IFS= read -r line; do
    printf '%s\n' "${line#*: }" | grep -q -E -f "$build/allowed-skips" || printf '%s\n' "$line"
  done
}

build=build
[ $sanitize = no ] || build=build-asan
results=$root/$build/results.xml
if [ $install = yes ]; then
  # shellcheck disable=SC2086  # lists of words
  install_packages $build_packages || give_up "The build needs these packages."
  # shellcheck disable=SC2086
  install_packages $test_packages || say "Some tests will be skipped."
  case "|$labels|$sanitize" in
    '||no' | *'|conformance|'*)
      # shellcheck disable=SC2086
      install_packages $conformance_packages || say "Conformance will be skipped." ;;
  esac
  if wants_guest; then
    say "Making the guest"
    bash tests/guest/vm build || say "The tests of the guest will be skipped."
  fi
fi

# Leaks of a child that left by execve or _exit are not leaks; the parent half is checked.
export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_leaks=1:abort_on_error=0:exitcode=99}"
export UBSAN_OPTIONS="${UBSAN_OPTIONS:-print_stacktrace=1}"
[ $strict = no ] || export OCICTR_TEST_STRICT=1

say "Building in $build/"
mkdir -p "$build"
rm -f "$results"
configure_and_build || give_up "The build failed."
say "Testing"
if [ -z "$labels" ]; then
  run_tests "$results" -j "$(nproc)"
else
  run_tests "$results" -j "$(nproc)" -L "^($labels)\$"
fi
[ -s "$results" ] || give_up "The tests gave no results."

tests=$(attribute tests) failed=$(attribute failures) skipped=$(attribute skipped)
run_failed_again
disabled=$(attribute disabled)
[ -n "$tests" ] && [ -n "$failed" ] && [ -n "$skipped" ] || give_up "Can't read $results."
skipped=$((skipped + ${disabled:-0}))
[ "$skipped" = 0 ] || { say "Skipped"; skip_reasons; }
known=$(expected_failures)
if [ -n "$known" ]; then
  say "Passed because they fail as oci-conformance expects ($(printf '%s\n' "$known" | wc -l))"
  printf '%s\n' "$known"
fi
if [ $strict = yes ]; then
  unexplained=$(unexplained_skips)
  if [ -n "$unexplained" ]; then
    say "Skipped without an allowed reason: failures"
    printf '%s\n' "$unexplained"
    count=$(printf '%s\n' "$unexplained" | wc -l)
    failed=$((failed + count)) skipped=$((skipped - count))
  fi
fi
passed=$((tests - failed - skipped))
[ "$tests" -gt 0 ] || failed=1
if wants_libfuzzer; then
  say "Fuzzing"
  sh tests/fuzz/run.sh 2>&1 | tee "$build/fuzz.log"
  counts=$(tail -n 1 "$build/fuzz.log")  # N passed, N failed, ...
  passed=$((passed + ${counts%% *}))
  counts=${counts#*, }
  failed=$((failed + ${counts%% *}))
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
