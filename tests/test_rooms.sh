#!/bin/sh
# Who may know whom: each room includes only what its floor allows, and outside libraries only where they belong. TAP.
count=0
ok() { # ok OFFENCES NAME: passes when there are none
    count=$((count + 1))
    if [ -z "$1" ]; then echo "ok $count - $2"; else echo "not ok $count - $2"; echo "$1" | sed 's/^/# /'; fi
}
room() { # room ROOM ALLOWED: regular expression of rooms that it may include
    found=$(grep -HnE '^#include "[a-z0-9_]+/' "$1"/*.c "$1"/*.h "$1"/*.cc 2>/dev/null | grep -vE "#include \"($2)/")
    ok "$found" "$1 includes nothing but $2"
}
only() { # only HEADER WHERE: the header is included nowhere else
    found=$(grep -nE "^#include <$1>" -r base model corpus laws hdf5_schema worker report bench orchestrator tests | grep -vE "^($2)")
    ok "$found" "$1 is included in $2 alone"
}
room base 'base'
room model 'base|model'
room corpus 'base|corpus'
room laws 'base|laws'
room hdf5_schema 'base|hdf5_schema'
room report 'base|hdf5_schema|laws|report'
room worker 'base|model|corpus|worker'
room bench 'base|model|corpus|worker|bench'
only 'hdf5\.h' 'hdf5_schema/|tests/test_archive.c'
only 'yaml\.h' 'orchestrator/study_yaml.c'
only 'mpi\.h' 'worker/|orchestrator/|tests/test_memory.c|tests/group_run.c'
only 'sentencepiece_.*\.h' 'corpus/vocabulary.cc'
ok "$(git ls-files '*.c' '*.h' '*.cc' 2>/dev/null | xargs wc -l 2>/dev/null | awk '$2 != "total" && $1 > 700')" \
    "no file has more than 700 lines"
echo "1..$count"
