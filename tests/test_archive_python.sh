#!/bin/sh
# The Python of docs/archive.md reads an archive, and so do the tools of HDF5.
. tests/check.sh

read_with_page() {
    sed -n '/^```python$/,/^```$/{/^```/d;p;}' docs/archive.md >"$folder/page.py"
    [ "$(wc -l <"$folder/page.py")" -le 10 ] || return 1
    /usr/bin/python3 "$folder/page.py" "$folder/a.h5" >"$folder/out" || return 1
    cat "$folder/out"
    [ "$(sed -n 1p "$folder/out")" = "study sample" ] &&
        sed -n 2p "$folder/out" | grep -q '^0 en done \[1024000\] \[8\.' &&
        sed -n 3p "$folder/out" | grep -q '^1 en+fr failed \[1024000\] \[8\.' &&
        [ "$(sed -n 5p "$folder/out")" = "3 en waiting [] []" ]
}

read_frame_and_scales() {
    /usr/bin/python3 - "$folder/a.h5" <<'PYTHON'
import sys, h5py
with h5py.File(sys.argv[1]) as f:
    assert set(f) == {"study", "runs", "execution", "mixtures", "tokens", "curves", "losses", "transfer",
                      "adaptation", "crossovers", "laws", "law_parameters"}
    frame = {k: f["curves"][k][:] for k in f["curves"]}
    assert list(frame) == ["run", "step", "tokens", "learning_rate", "loss"]
    assert {len(column) for column in frame.values()} == {60}
    assert list(f["curves/loss"].dims[0].keys()) == ["run", "step"]
    assert f["curves/loss"].attrs["units"] == b"nats/token"
    assert f["runs/size"].asstr()[2] == "klein, größer"
    assert f["study/file"].asstr()[()].startswith("study: sample\n")
    for group in f.values():
        for name, column in group.items():
            assert column.attrs["long_name"], name
PYTHON
}

echo 1..4
check "an archive is written" build/release/test_archive "$folder/a.h5" "$folder/a.h5.journal"
check "ten lines of Python read runs and curves" read_with_page
check "groups, data frames, scales and texts are there" read_frame_and_scales
check "h5dump reads all of it" h5dump "$folder/a.h5"
