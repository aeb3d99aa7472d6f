#!/bin/bash
# What `make install`, `make dist` and `make deb` make: man page, completion, source and a package that runs. TAP.
root=$PWD
. tests/check.sh

package_runs() {
    make -s deb && dpkg-deb -x build/sweep_"$(cat VERSION)"_*.deb "$folder/deb" &&
        dpkg-deb -f build/sweep_"$(cat VERSION)"_*.deb Depends | grep 'libopenmpi3.*openmpi-bin' &&
        (cd "$folder" && deb/usr/bin/sweep plan deb/usr/share/sweep/sweeps/bilingual.yaml | grep '55 runs' &&
            deb/usr/bin/sweep corpus fetch --help)
}

# Every command has a section, every option its line, and nothing is left over or too wide.
has_a_man_page() {
    gzip -dc "$folder/deb/usr/share/man/man1/sweep.1.gz" >"$folder/sweep.1" || return 1
    bin/sweep --help | sed -n '/^commands:/,/^$/s/^  \([a-z ]*[a-z]\)  .*/\1/p' >"$folder/commands"
    [ -s "$folder/commands" ] || return 1
    while read -r command; do
        grep -q "^\.SS sweep $command" "$folder/sweep.1" || { echo "no section: $command"; return 1; }
        bin/sweep $command --help </dev/null | sed -n 's/^  \(-[^ ]*\).*/\1/p' | sed 's/-/\\\\-/g' >"$folder/options"
        while read -r option; do
            sed -n "/^\.SS sweep $command/,/^\.SS/p" "$folder/sweep.1" | grep -q "^\.B $option" ||
                { echo "no option: $command $option"; return 1; }
        done <"$folder/options"
    done <"$folder/commands"
}

completes() { # completes WANTED WORDS...: the last word becomes these
    wanted=$1
    shift
    got=$(PATH=$root/bin:$PATH bash -c '. "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _sweep; echo "${COMPREPLY[*]}"' \
        "$folder/deb/usr/share/bash-completion/completions/sweep" "$@")
    echo "got: $got"
    [ "$got" = "$wanted" ]
}

completes_words() {
    completes "plan" sweep pl && completes "encode" sweep corpus enc && completes "--json" sweep plan --j &&
        completes "--table" sweep export a.h5 --ta &&
        completes "--quiet" sweep study.yaml --q && completes "" sweep plan study
}

packs_the_source() {
    git rev-parse HEAD >/dev/null 2>&1 || { echo "no repository"; return 0; }
    make -s dist && tar -tzf build/sweep-"$(cat VERSION)".tar.gz >"$folder/source" &&
        [ "$(wc -l <"$folder/source")" -gt 200 ] && grep "^sweep-$(cat VERSION)/Makefile$" "$folder/source" &&
        ! grep -v /examples/ "$folder/source" | grep '\.o$\|\.h5$'
}

says_its_version_everywhere() {
    version=$(cat VERSION)
    grep -q "^version: $version$" CITATION.cff && grep -q "version(\"$version\")" packaging/package.py &&
        grep -q "^set version $version$" packaging/modulefile && grep -q "^## $version" CHANGELOG.md &&
        python3 -m py_compile packaging/package.py && rm -r packaging/__pycache__ && bash -n packaging/sweep.bash
}

echo 1..5
check "make deb makes a package whose program runs" package_runs
check "the man page has every command and option" has_a_man_page
check "bash completes commands and options" completes_words
check "make dist packs the source" packs_the_source
check "all say the same version" says_its_version_everywhere
