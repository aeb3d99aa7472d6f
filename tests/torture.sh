#!/bin/bash
# torture.sh [KILLS] [SEED]: one study that is killed again and again, at random moments and in random ways, until it has
# been KILLS times; then it is left alone, and its archive is held against that of a study that always was. TAP, with
# what was done as comments.
# With the right to mount one, everything lies on a small disk of its own, which is full now and then.
if [ -z "${SWEEP_TORTURE_DISK:-}" ] && unshare -m mount -t tmpfs none /tmp 2>/dev/null; then
    exec env SWEEP_TORTURE_DISK=1 unshare -m "$0" "$@"
fi
sweep=$(realpath bin/sweep)
. tests/check.sh
kills=${1:-12}
RANDOM=${2:-1}
echo 1..4
export OMP_NUM_THREADS=1 OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
export OMPI_MCA_orte_enable_recovery=1 OMPI_MCA_orte_abort_on_non_zero_status=0

# So little text that runs are in their second epoch most of the time; checkpoints every few steps.
[ -z "${SWEEP_TORTURE_DISK:-}" ] || mount -t tmpfs -o size=100m none "$folder" || exit 1
mkdir "$folder/sweeps"
sed -e "s/tokens: 102_400.*/tokens: $((kills > 50 ? 1638400 : 409600))/" -e 's/every_tokens: 10240/every_tokens: 40960/' \
    -e 's/megabytes: 0.5/megabytes: 0.1/' -e 's/^runs:/checkpoints: {steps: 20}\n&/' sweeps/tiny.yaml >"$folder/sweeps/study.yaml"
"$sweep" "$folder/sweeps/study.yaml" --archive "$folder/alone.h5" >"$folder/log" 2>&1 || cat "$folder/log"

exec 2>"$folder/jobs" # what the shell says of killed jobs

archive=$folder/killed.h5
journal=$archive.journal
log=$folder/killed.log
declare -A done_to
count() { done_to[$1]=$((${done_to[$1]:-0} + 1)); }
pause() { sleep "$(printf '0.%03d' $((RANDOM % 1000)))"; }

start() {
    mpirun -n 4 "$sweep" "$folder/sweeps/study.yaml" --archive "$archive" >>"$log" 2>&1 &
    mpirun=$!
    ranks=()
    for _ in $(seq 100); do
        ranks=($(pgrep -x -P $mpirun sweep | sort -n))
        [ ${#ranks[@]} -eq 4 ] && break
        sleep 0.05
    done
    sleep 0.$((2 + RANDOM % 8))
    pause
}
running() { kill -0 "${ranks[0]}" 2>/dev/null; }
end() { # whatever is left of the job
    kill -KILL "${ranks[@]}" $mpirun 2>/dev/null
    wait $mpirun 2>/dev/null
}

# What a machine that crashed may leave: the journal without its last bytes.
cut_journal() {
    size=$(stat -c %s "$journal" 2>/dev/null) || return
    less=$((RANDOM * 8 % 4000))
    [ "$size" -gt $((less + 20000)) ] && truncate -s $((size - less)) "$journal" && count "journals cut"
}

total=0
while [ $total -lt "$kills" ]; do
    start
    case $((RANDOM % (SWEEP_TORTURE_DISK ? 7 : 6))) in
    0) running && kill -KILL "${ranks[0]}" && count "coordinators killed" && total=$((total + 1)) ;;
    1) running && kill -KILL "${ranks[@]}" $mpirun && count "whole jobs killed" && total=$((total + 1)) ;;
    2) running && kill -USR1 $mpirun && count "jobs stopped" && total=$((total + 1)) && sleep 1 ;;
    3) # a worker, another one later, and then all
        for rank in 1 2; do
            running && kill -KILL "${ranks[$rank]}" && count "workers killed" && total=$((total + 1))
            sleep $((RANDOM % 10))
        done ;;
    4)
        running && kill -STOP "${ranks[3]}" && count "workers frozen" && total=$((total + 1))
        sleep $((RANDOM % 12))
        kill -CONT "${ranks[3]}" 2>/dev/null
        pause ;;
    5) # a checkpoint is damaged, as by a disk
        running && kill -KILL "${ranks[@]}" $mpirun && count "whole jobs killed" && total=$((total + 1))
        damaged=$(ls "$archive.checkpoints/"*.safetensors 2>/dev/null | head -1)
        [ -n "$damaged" ] && printf x | dd of="$damaged" bs=1 seek=$((RANDOM * 2)) conv=notrunc status=none && count "checkpoints damaged" ;;
    6)
        cat /dev/zero >"$folder/ballast"
        pause
        pause
        running && kill -KILL "${ranks[@]}" $mpirun && count "whole jobs killed on a full disk" && total=$((total + 1)) ;;
    esac
    end
    rm -f "$folder/ballast"
    [ $((RANDOM % 4)) -eq 0 ] && cut_journal
done
check "the study ends" mpirun -n 3 "$sweep" "$folder/sweeps/study.yaml" --archive "$archive"
for what in "${!done_to[@]}"; do echo "# ${done_to[$what]} $what"; done
echo "# $(grep -c 'resuming:' "$log") starts went on where another had ended, $(grep -c 'goes on from its checkpoint elsewhere' "$log") runs were handed on"
lines() { # lines WHICH TABLE: comm's columns 1 (lost) or 2 (too many)
    comm "-$((3 - $1))3" <("$sweep" export "$folder/alone.h5" --table "$2" | sort) \
        <("$sweep" export "$archive" --table "$2" | sort) | wc -l
}
none() { # none WHICH: no such points
    for table in curves losses; do
        echo "$table: $(lines "$1" $table)"
        [ "$(lines "$1" $table)" -eq 0 ] || return 1
    done
}
check "no point is lost" none 1
check "none is there twice, or different" none 2
check "and every dataset is the same" \
    h5diff --exclude-path /execution --exclude-path /study/file "$folder/alone.h5" "$archive"
