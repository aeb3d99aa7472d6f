# Sourced by the test scripts that check commands one by one: a folder of their own and lines of TAP.
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
number=0

check() { # check NAME COMMAND...: one line of TAP
    name=$1
    shift
    number=$((number + 1))
    if "$@" >"$folder/log" 2>&1; then
        echo "ok $number - $name"
    else
        echo "not ok $number - $name"
        sed 's/^/# /' "$folder/log"
    fi
}
