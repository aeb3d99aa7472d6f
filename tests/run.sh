#!/bin/bash
# run.sh PROGRAM...: runs test programs and scripts that print TAP (cmocka's or their own), two at a time, for many wait
# more than they compute; tells of each in the order of the list, shows what failed, and ends with "N passed, N failed".
# A program that dies, or runs fewer tests than its plan line 1..N says, counts as one more failure; so does one without
# a plan. A skipped test is neither (cmocka calls it "not ok N # SKIP").
export CMOCKA_MESSAGE_OUTPUT=TAP
export GOMP_SPINCOUNT=10000 # as sweep does for itself: other programs may use the cores, too
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1

# One at a time, behind the others: it holds a speed against the peak that was measured just before.
alone=tests/test_command_line.sh

together=() last=()
for program in "$@"; do
    if [ "$program" = "$alone" ]; then last+=("$program"); else together+=("$program"); fi
done
programs=("${together[@]}" "${last[@]}")

logs=$(mktemp -d) || exit 1
declare -A number begun took status
running=0 told=0 passed=0 failed=0 skips=0

start() { # start NUMBER: in a session of its own, where `end` finds all its processes, and heeding Ctrl-C as if in front
    env --default-signal=INT,QUIT setsid "${programs[$1]}" >"$logs/$1" 2>&1 </dev/null &
    number[$!]=$1 begun[$1]=$SECONDS running=$((running + 1))
}
end() {
    for session in $(jobs -p); do
        pkill -s "$session"
    done
    wait
    rm -rf "$logs"
}
trap end EXIT
trap 'exit 1' INT TERM HUP

tell() { # tell NUMBER: what has come of it
    local log=$logs/$1 program=${programs[$1]}
    ok=$(grep '^ok' "$log" | grep -vc ' # SKIP')
    skipped=$(grep -c '^\(ok\|not ok\).* # SKIP' "$log")
    bad=$(grep '^not ok' "$log" | grep -vc ' # SKIP')
    plan=$(sed -n 's/^1\.\.\([0-9][0-9]*\).*/\1/p' "$log" | awk '{n += $1} END {print n + 0}')
    if [ "$plan" -eq 0 ] || [ $((ok + bad + skipped)) -ne "$plan" ] || { [ "${status[$1]}" -ne 0 ] && [ "$bad" -eq 0 ]; }; then
        echo "not ok - $program: exit ${status[$1]} after $((ok + bad + skipped)) of $plan tests" >>"$log"
        bad=$((bad + 1))
    fi
    passed=$((passed + ok)) failed=$((failed + bad)) skips=$((skips + skipped))
    echo "$program: $ok passed, $bad failed$([ "$skipped" -eq 0 ] || echo ", $skipped skipped"), ${took[$1]} s"
    [ "$bad" -eq 0 ] || tail -n 60 "$log"
}
leave() { # leave COUNT: waits until at most so many run
    while [ "$running" -gt "$1" ]; do
        wait -n -p process
        local result=$? one=${number[$process]}
        status[$one]=$result took[$one]=$((SECONDS - begun[$one])) running=$((running - 1))
        while [ "${status[$told]:-}" ]; do
            tell $told
            told=$((told + 1))
        done
    done
}

for i in "${!programs[@]}"; do
    leave $((i < ${#together[@]} ? 1 : 0))
    start "$i"
done
leave 0
echo "$passed passed, $failed failed$([ "$skips" -eq 0 ] || echo ", $skips skipped")"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
