#!/bin/sh
# Runs that several ranks train together, each a process of one MPI job: the same bits for any number of them. TAP.
group_run=$PWD/build/release/group_run
export OMP_NUM_THREADS=1 OMPI_MCA_btl_vader_single_copy_mechanism=none OMPI_MCA_mpi_yield_when_idle=1
. tests/check.sh
cd "$folder" || exit 1
"$group_run" . || exit 1

train() { # train RANKS RUN [STOP]: what is told goes to `told`, and all that happens is shown
    timeout 100 mpirun --enable-recovery -n "$1" "$group_run" . "$2" "${3:-0}" >told 2>happened
    status=$?
    cat happened
    return $status
}

alone() { # alone RUN: by one rank
    rm -f "$1".safetensors*
    train 1 "$1" && [ -s told ] && mv told "$1.told" && mv "$1.safetensors" "$1.alone"
}

together() { # together RANKS RUN: tells the same, and leaves the same checkpoint
    rm -f "$2".safetensors*
    train "$1" "$2" && [ "$(grep -c ": ended" happened)" -eq "$1" ] && cmp "$2.told" told &&
        cmp "$2.alone" "$2.safetensors"
}

goes_on() { # what 8, then 2, then 1 have trained, each until told to stop, is what one has trained
    rm -f micro.safetensors*
    train 8 micro 3 && [ "$(grep -c ": stopped" happened)" -eq 8 ] && mv told told.8 &&
        train 2 micro 2 && grep -q "behind step 3" happened && [ "$(grep -c ": stopped" happened)" -eq 2 ] &&
        mv told told.2 && train 1 micro && grep -q "behind step 5" happened &&
        cat told.8 told.2 told | cmp micro.told && cmp micro.alone micro.safetensors
}

breaks_down() { # every rank says so, with the same step
    rm -f broken.safetensors*
    train 2 broken
    [ "$(grep "not finite at step" happened | sort | uniq -c | awk '{ print $1 }')" = 2 ]
}

abandons() { # one of four ranks dies; the others are free, and two of them train another run to its end
    rm -f endless.safetensors* plain.safetensors*
    train 4 endless
    [ "$(grep -c "endless: abandoned" happened)" -eq 3 ] && [ ! -e endless.safetensors ] &&
        [ "$(grep -c "plain: ended" happened)" -eq 2 ] && cmp plain.alone plain.safetensors
}

refuses_three() {
    train 3 plain
    grep -q "8 shards for rank 0 of 3" happened
}

for run in plain uneven few micro bf16; do
    check "one rank trains $run" alone $run
done
for ranks in 2 4 8; do
    check "$ranks ranks give the same bits" together $ranks plain
done
check "4 ranks give the same bits with shards of one and two sequences" together 4 uneven
check "8 ranks give the same bits with shards of one and two sequences" together 8 uneven
check "2 ranks give the same bits with empty shards" together 2 few
check "4 ranks give the same bits with empty shards" together 4 few
check "2 ranks give the same bits in bf16" together 2 bf16
check "a run goes on from its checkpoint on other ranks with the same bits" goes_on
check "every rank learns that a run has broken down" breaks_down
check "ranks are free when one of them has died" abandons
check "three ranks are refused" refuses_three
echo "1..$number"
