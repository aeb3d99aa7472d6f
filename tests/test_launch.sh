#!/bin/bash
# sweep launch: the same archive, exit codes, signals, a coordinator that is killed, nothing left behind. TAP.
set -u
unset OMPI_ALLOW_RUN_AS_ROOT OMPI_ALLOW_RUN_AS_ROOT_CONFIRM OMPI_MCA_rmaps_base_oversubscribe # launch needs no help
unset OMP_NUM_THREADS
sweep=$PWD/bin/sweep
. tests/check.sh
mkdir "$folder/sweeps"
sed 's/^runs:/checkpoints: {steps: 20}\n&/' sweeps/tiny.yaml >"$folder/sweeps/tiny.yaml"
cd "$folder" || exit 1

launch() { "$sweep" launch sweeps/tiny.yaml --archive "$folder/$1.h5" "${@:2}"; }
same() { h5diff -q --exclude-path /execution alone.h5 "$1.h5"; }
until_true() { # until_true COMMAND...: within a minute, also on a busy machine
    for _ in $(seq 600); do
        "$@" && return
        sleep 0.1
    done
    return 1
}
has_checkpoint() { ls "$1.h5.checkpoints/"*.safetensors >/dev/null 2>&1; }
ranks() { pgrep -f "sweep sweeps/tiny.yaml --archive $folder/$1.h5"; }
no_ranks() { ! ranks "$1" >/dev/null; }
is_gone() { no_ranks "$1" && ! ls "$1".h5.end-* >/dev/null 2>&1; }
rank0() { # rank0 ARCHIVE: its process
    for process in $(ranks "$1"); do
        tr '\0' '\n' 2>/dev/null <"/proc/$process/environ" | grep -qx OMPI_COMM_WORLD_RANK=0 && echo "$process"
    done
}
interrupted() { # interrupted STATUS TEXT ARCHIVE: how the launch that was sent something ended
    wait $launched
    got=$?
    cat told
    [ $got -eq "$1" ] && grep -q "$2" told && until_true is_gone "$3"
}
begin() { # begin ARCHIVE: a launch that has a checkpoint
    "$sweep" launch sweeps/tiny.yaml --archive "$folder/$1.h5" >told 2>&1 &
    launched=$!
    until_true has_checkpoint "$1"
}

complete() { OMP_NUM_THREADS=1 "$sweep" sweeps/tiny.yaml --archive alone.h5 && launch 'done' >told 2>&1 && same 'done' && is_gone 'done'; }
check "launch runs a study to the same archive" complete
worker_a_core() { grep "1 coordinator, $(nproc) workers\? with 1 thread" told || { cat told; false; }; }
check "with a worker a core and a coordinator" worker_a_core
ranks_wished() { launch wished -n 2 --threads 1 && same wished; }
check "or with the ranks and threads that are wished" ranks_wished

for signal in TERM INT USR1; do
    stopped() { begin $signal && kill -$signal $launched && interrupted 1 'stopped: ' $signal; }
    check "SIG$signal stops it behind checkpoints, exit code 1" stopped
    goes_on() { launch $signal >told 2>&1 && grep resuming told && same $signal; }
    check "the same command goes on, to the same archive" goes_on
done

lost() { begin lost && kill -KILL "$(rank0 lost)" && interrupted 1 'the coordinator was lost' lost; }
check "a coordinator that is killed ends it, exit code 1" lost
goes_on_lost() { launch lost && same lost; }
check "and the same command goes on, to the same archive" goes_on_lost
killed() { begin killed && kill -KILL $launched && until_true no_ranks killed; }
check "killed itself, it leaves no ranks" killed
goes_on_killed() { rm -f killed.h5.end-* && launch killed && same killed; }
check "and the same command goes on from there, too" goes_on_killed

sed -i 's/learning_rate: .*/learning_rate: 1e-3/' sweeps/tiny.yaml
changed() { launch 'done' >told 2>&1; [ $? -eq 2 ] && grep 'training.learning_rate was' told && is_gone 'done'; }
check "the exit code is that of the study" changed
check "mistakes of a study are told before mpirun starts" refuses 'missing.yaml: cannot be read' "$sweep" launch missing.yaml
check "it starts mpirun, not mpirun it" env OMPI_COMM_WORLD_RANK=0 bash -c "$(declare -f refuses)
    refuses 'call it without mpirun' '$sweep' launch sweeps/tiny.yaml"
no_mpirun() {
    PATH=/nowhere "$sweep" launch sweeps/tiny.yaml --archive none.h5 >told 2>&1
    [ $? -eq 1 ] && grep 'mpirun cannot be started: .*install openmpi-bin' told && ! ls none.h5*
}
check "without mpirun it says what to install, and leaves nothing" no_mpirun
other_mpirun() {
    mkdir bin && printf '#!/bin/sh\nexit 9\n' >bin/mpirun && chmod +x bin/mpirun
    PATH=$PWD/bin:$PATH "$sweep" launch sweeps/tiny.yaml --archive none.h5 >told 2>&1
    [ $? -eq 1 ] && grep 'mpirun ended before the study began' told && ! ls none.h5*
}
check "an mpirun that does not start the study is told" other_mpirun
echo "1..$number"
