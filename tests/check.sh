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

refuses() { # refuses TEXT COMMAND...: it ends with status 2 and one line that holds the text
    text=$1
    shift
    "$@" >out 2>err
    got=$?
    cat err
    [ "$got" -eq 2 ] && [ ! -s out ] && [ "$(wc -l <err)" -eq 1 ] && grep -qF -e "$text" err
}
