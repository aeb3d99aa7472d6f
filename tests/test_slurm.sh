#!/bin/bash
# The batch scripts on a real Slurm of our own, on loopback with two virtual nodes: a signal before the limit, requeue,
# a killed rank, mpirun and srun, the array, a study that fails. TAP.
set -u
missing=$(for program in munged slurmctld slurmd sbatch; do command -v $program >/dev/null || echo " $program"; done)
if [ "$(id -u)" -ne 0 ] || [ "$missing" ]; then
    echo "ok 1 - the batch scripts under Slurm # SKIP needs root, slurm-wlm and munge${missing:+; missing:$missing}"
    echo "1..1"
    exit
fi
unset OMPI_ALLOW_RUN_AS_ROOT OMPI_ALLOW_RUN_AS_ROOT_CONFIRM OMPI_MCA_rmaps_base_oversubscribe # the script needs no help
root=$PWD
. tests/check.sh
export SLURM_CONF=$folder/slurm.conf
port=$((20000 + $$ % 10000)) # slurmctld; slurmd k listens on port + k
stop_slurm() {
    scancel -u root 2>/dev/null # first, so that no slurmstepd is left
    for _ in $(seq 50); do [ -z "$(squeue -h 2>/dev/null)" ] && break || sleep 0.1; done
    daemons=$(cat "$folder"/run/*.pid 2>/dev/null)
    kill $daemons 2>/dev/null
    for _ in $(seq 50); do kill -0 $daemons 2>/dev/null && sleep 0.1 || break; done
    kill -KILL $daemons 2>/dev/null
    pkill -KILL -f "$folder/"
    rm -rf "$folder"
}
trap stop_slurm EXIT
trap 'exit 1' INT TERM

# ---- Slurm ----

separate=$(unshare --uts true 2>/dev/null && echo yes) # each node may have a host name of its own
mkdir -p "$folder"/{state,run,munge,tmp.node1,tmp.node2}
chmod 755 "$folder"
chmod 700 "$folder/munge"
head -c 128 /dev/urandom >"$folder/munge/key" && chmod 600 "$folder/munge/key"
cat >"$SLURM_CONF" <<EOF
ClusterName=test
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmctldPort=$port
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$folder/run/munge.sock,cred_expire=5
CredType=cred/munge
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool.%n
TmpFS=$folder/tmp.%n
SlurmctldPidFile=$folder/run/slurmctld.pid
SlurmdPidFile=$folder/run/slurmd.%n.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
SwitchType=switch/none
ReturnToService=2
MailProg=/bin/true
KillWait=5
JobRequeue=1
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
EOF
for k in 1 2; do
    echo "NodeName=node$k NodeHostname=$([ "$separate" ] && echo node$k || hostname -s) NodeAddr=127.0.0.1" \
        "Port=$((port + k)) CPUs=2 Boards=1 SocketsPerBoard=1 CoresPerSocket=2 ThreadsPerCore=1 State=UNKNOWN"
done >>"$SLURM_CONF"

until_true() { # until_true COMMAND...: within two minutes, also on a busy machine
    for _ in $(seq 600); do
        "$@" && return
        sleep 0.2
    done
    echo "not within two minutes: $*"
    return 1
}
nodes_are_idle() { [ "$(sinfo -h -N -o %T 2>/dev/null | grep -c '^idle')" -eq 2 ]; }
start_slurm() {
    munged --key-file="$folder/munge/key" --socket="$folder/run/munge.sock" --pid-file="$folder/run/munged.pid" \
        --log-file="$folder/munge/log" --seed-file="$folder/munge/seed" --num-threads=2 && slurmctld -i || return
    for k in 1 2; do
        if [ "$separate" ]; then
            unshare --uts sh -c "hostname node$k && exec slurmd -N node$k"
        else
            slurmd -N node$k
        fi
    done
    until_true nodes_are_idle
}

# ---- jobs ----

# A folder as a user has it: bin/, slurm/ and studies; jobs run there.
cd "$folder" || exit 1
mkdir sweeps
ln -s "$root/bin" "$root/slurm" .
sed 's/^runs:/checkpoints: {steps: 20}\n&/' "$root/sweeps/tiny.yaml" >sweeps/tiny.yaml
size="--nodes=2 --ntasks-per-node=1 --cpus-per-task=1 --time=10"

submit() { # submit SCRIPT WORDS...: the job's number goes to $job
    # shellcheck disable=SC2086
    job=$(sbatch --parsable $size "$@")
}
of_job() { scontrol show job -o "$job" | tr ' ' '\n' | sed -n "s/^$1=//p"; }
has_ended() { case $(of_job JobState) in COMPLETED | FAILED | CANCELLED | TIMEOUT | NODE_FAIL) ;; *) false ;; esac }
completes() { # in life $1, to the archive $2 of the study that was not disturbed
    until_true has_ended
    cat sweep-"$job".out
    [ "$(of_job JobState) $(of_job Restarts)" = "COMPLETED $(($1 - 1))" ] && [ ! -e "$2.lives" ] &&
        h5diff -q --exclude-path /execution alone.h5 "$2"
}
trains() { # life $1 of the archive $2: it has gone on as often, and has checkpoints
    [ "$(grep -cs '^resuming' sweep-"$job".out)" = $(($1 - 1)) ] && [ "$(of_job JobState)" = RUNNING ] &&
        ls "$2".checkpoints/*.safetensors >/dev/null 2>&1
}
signalled() { until_true trains "$@" && scancel --batch --signal=USR1 "$job" && until_true stopped; }
stopped() { grep 'sweep: stopped: ' sweep-"$job".out && grep 'life 1 of this job ended.*queued again' sweep-"$job".out; }
kill_rank() { # kill_rank RANK ARCHIVE, of mpirun or of srun
    for process in $(pgrep -f "^[^ ]*sweep sweeps/tiny.yaml --archive $2"); do
        tr '\0' '\n' 2>/dev/null <"/proc/$process/environ" | grep -qx "PMIX_RANK=$1" && kill -KILL "$process" && return
    done
    echo "no rank $1 of $2"
    return 1
}
loses_rank() { until_true trains 2 "$2" && kill_rank "$@"; }

check "Slurm starts" start_slurm
check "a study that nobody disturbs" env OMP_NUM_THREADS=1 bin/sweep sweeps/tiny.yaml --archive alone.h5

for launcher in mpirun srun; do
    # Under launch a study goes on without a worker, without the coordinator it does not; under srun it needs all.
    needed=$([ $launcher = srun ] && echo 1 || echo 0)
    submit --export=ALL,SWEEP_LAUNCHER=$launcher slurm/sweep.sbatch sweeps/tiny.yaml "$folder/$launcher.h5"
    check "$launcher: the signal before the limit ends the study behind checkpoints, and it is queued again" \
        signalled 1 "$folder/$launcher.h5"
    check "$launcher: a rank is killed in its second life" loses_rank "$needed" "$folder/$launcher.h5"
    check "$launcher: its third life completes the same archive" completes 3 "$folder/$launcher.h5"
done

sed 's/archive: .*/archive: two.h5/; s/batch: 8/&\n  seed: 2/' sweeps/tiny.yaml >sweeps/two.yaml
sed -i 's/archive: .*/archive: one.h5/' sweeps/tiny.yaml
array() {
    job=$(sbatch --parsable --array=1-2 --nodes=1 --ntasks-per-node=1 --cpus-per-task=1 --time=10 \
        slurm/sweep-array.sbatch sweeps/tiny.yaml sweeps/two.yaml)
    until_true array_has_ended
    tail -n 2 sweep-"$job"-[12].out
    h5diff -q --exclude-path /execution --exclude-path /study/file alone.h5 sweeps/one.h5 &&
        [ "$(bin/sweep export sweeps/two.h5 --table runs | grep -c ',done,.*,2,$')" -eq 12 ]
}
array_has_ended() { [ -z "$(squeue -h -j "$job" -t PENDING,RUNNING,COMPLETING 2>/dev/null)" ]; }
check "an array does a study a task" array

# Ten times the learning rate times the weight decay: weights grow ninefold at each step.
sed 's/learning_rate: .*/learning_rate: 10\n  weight_decay: 1/; s/archive: .*/archive: broken.h5/' sweeps/tiny.yaml \
    >sweeps/broken.yaml
fails() {
    submit slurm/sweep.sbatch sweeps/broken.yaml && until_true has_ended
    cat sweep-"$job".out
    [ "$(of_job JobState) $(of_job Restarts)" = "FAILED 0" ] && grep '12 of 12 runs failed' sweep-"$job".out
}
check "a study whose runs fail is not queued again" fails
cancelled() {
    submit slurm/sweep.sbatch sweeps/tiny.yaml "$folder/cancelled.h5" && until_true trains 1 "$folder/cancelled.h5" &&
        scancel "$job" && until_true has_ended && sleep 1
    cat sweep-"$job".out
    [ "$(of_job JobState) $(of_job Restarts)" = "CANCELLED 0" ] && [ ! -e cancelled.h5.lives ]
}
check "nor one that is cancelled" cancelled
no_progress() { # a life that finds two before it that told nothing new
    points=$(bin/sweep export sweeps/one.h5.journal --table curves | wc -l)
    echo "$points 2" >sweeps/one.h5.lives
    SLURM_RESTART_COUNT=3 bash slurm/sweep.sbatch sweeps/tiny.yaml >out 2>&1
    [ $? -eq 1 ] && grep 'no run came further in three lives' out && [ ! -e sweeps/one.h5.lives ]
}
check "nor one that comes no further" no_progress
echo "1..$number"
