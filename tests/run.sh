#!/bin/sh
# run.sh PROGRAM... : runs test programs and scripts that print TAP (cmocka's or their own), shows what failed, and
# ends with "N passed, N failed". A program that dies, or runs fewer tests than its plan line 1..N says, counts as one
# more failure; so does one without a plan. A skipped test is neither (cmocka calls it "not ok N # SKIP").
export CMOCKA_MESSAGE_OUTPUT=TAP
export GOMP_SPINCOUNT=10000 # as sweep does for itself: other programs may use the cores, too
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
passed=0 failed=0 skips=0
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
for program in "$@"; do
    begin=$(date +%s)
    "$program" >"$log" 2>&1 </dev/null
    status=$?
    ok=$(grep '^ok' "$log" | grep -vc ' # SKIP')
    skipped=$(grep -c '^\(ok\|not ok\).* # SKIP' "$log")
    bad=$(grep '^not ok' "$log" | grep -vc ' # SKIP')
    plan=$(sed -n 's/^1\.\.\([0-9][0-9]*\).*/\1/p' "$log" | awk '{n += $1} END {print n + 0}')
    if [ "$plan" -eq 0 ] || [ $((ok + bad + skipped)) -ne "$plan" ] || { [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; }; then
        echo "not ok - $program: exit $status after $((ok + bad + skipped)) of $plan tests" >>"$log"
        bad=$((bad + 1))
    fi
    passed=$((passed + ok)) failed=$((failed + bad)) skips=$((skips + skipped))
    echo "$program: $ok passed, $bad failed$([ "$skipped" -eq 0 ] || echo ", $skipped skipped"), $(($(date +%s) - begin)) s"
    [ "$bad" -eq 0 ] || tail -n 60 "$log"
done
echo "$passed passed, $failed failed$([ "$skips" -eq 0 ] || echo ", $skips skipped")"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
