#!/bin/sh
# man.sh SWEEP: the man page on standard output, made of what the program says of itself with --help.
set -eu
sweep=$1
roff() { sed 's/\\/\\e/g; s/-/\\-/g; s/^\./\\\&./'; }

commands() { "$sweep" --help | sed -n 's/^  \([a-z][a-z]*\( [a-z][a-z]*\)\{0,1\}\)  .*/\1/p'; }

# The help of a command: usage, what it does, and below "options:" a line each, which may go on in indented ones.
section() {
    "$sweep" "$@" --help | roff | awk '
        NR == 1 { usage = substr($0, index($0, "sweep")); if (sub(/ \[\\-.*/, "", usage)) usage = usage " [options]"
                  print ".SS " usage; next }
        /^[a-z ]+:$/ || /^$/ { options = /^options/; next }
        /^    / { if (options) { sub(/^ */, ""); print } next }
        /^  / && options {
            line = substr($0, 3)
            gap = match(line, /   *[^ ]/)
            if (!gap && NF > 2) match(line, /^[^ ]+ [^ ]+ /) # a name and a value that leave no room
            else if (!gap) RLENGTH = length(line) + 1
            print ".TP\n.B " substr(line, 1, gap ? gap - 1 : RLENGTH - 1)
            if (gap || NF > 2) print substr(line, gap ? gap + RLENGTH - 1 : RLENGTH + 1)
            next
        }
        !/^  / { print }'
}

echo ".TH SWEEP 1 \"\" \"$("$sweep" --version)\" \"User Commands\""
echo ".SH NAME"
echo "sweep \\- multilingual scaling\\-law studies on CPU clusters"
echo ".SH SYNOPSIS"
echo ".nf"
"$sweep" --help | sed -n 's/^\(usage:\|      \) \(.*\)/\2/p' | roff
echo ".fi"
echo ".SH COMMANDS"
section STUDY.yaml
commands | while read -r name; do
    section $name </dev/null
done
cat <<'ROFF'
.SH EXIT STATUS
0: done. 1: the work failed, was stopped, or something is missing. 2: the command line, a study file or other input
is wrong. What is wrong stands on standard error.
.SH FILES
.TP
.I ARCHIVE
the HDF5 archive of a study, which every language with HDF5 reads
.TP
.I ARCHIVE.journal
what was told so far; the archive is made of it
.TP
.I ARCHIVE.checkpoints/
from where runs that were interrupted go on
.SH SIGNALS
On SIGTERM, SIGUSR1 or SIGINT a study ends behind checkpoints and says how to go on; mpirun hands on SIGUSR1 alone.
.SH SEE ALSO
mpirun(1), h5dump(1)
ROFF
