#!/bin/sh
# The Python of docs/checkpoints.md reads a checkpoint, and sweep check knows a sound one from a damaged one.
. tests/check.sh

# Weight i of the sample is i, so the means are those of whole numbers.
read_with_page() {
    sed -n '/^```python$/,/^```$/{/^```/d;p;}' docs/checkpoints.md >"$folder/page.py"
    [ "$(grep -c . "$folder/page.py")" -le 10 ] || return 1
    /usr/bin/python3 "$folder/page.py" "$folder/a.safetensors" >"$folder/out" || return 1
    cat "$folder/out"
    [ "$(wc -l <"$folder/out")" -eq 28 ] && sed -n 1p "$folder/out" | grep -q "'identity': 'run 7', 'step': '12'" &&
        grep -qx 'embedding \[17, 6\] 50.5' "$folder/out" && grep -qx 'layers.0.norm \[6\] 104.5' "$folder/out" &&
        grep -qx 'layers.1.down \[10, 6\] 1019.5' "$folder/out" &&
        grep -qx 'optimizer.mean.layers.0.norm \[6\] 104.75' "$folder/out" &&
        grep -qx 'optimizer.variance.layers.1.down \[10, 6\] 1020.0' "$folder/out"
}

# What the safetensors library asks of a file: https://huggingface.co/docs/safetensors, section "Format".
keep_the_format() {
    /usr/bin/python3 - "$folder/a.safetensors" <<'PYTHON'
import json, math, struct, sys
data = open(sys.argv[1], "rb").read()
size, = struct.unpack("<Q", data[:8])
text = data[8:8 + size]
assert text[:1] == b"{" and size % 8 == 0
def once(pairs):
    assert len({name for name, value in pairs}) == len(pairs)
    return dict(pairs)
header = json.loads(text, object_pairs_hook=once)
assert all(type(value) is str for value in header.pop("__metadata__").values())
at = 0
for name, tensor in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
    assert set(tensor) == {"dtype", "shape", "data_offsets"} and tensor["dtype"] == "F32", name
    begin, end = tensor["data_offsets"]
    assert begin == at and end == begin + 4 * math.prod(tensor["shape"]), name
    at = end
assert 8 + size + at == len(data)
PYTHON
}

check_sound() {
    bin/sweep check "$folder/a.safetensors" >"$folder/out" || return 1
    cat "$folder/out"
    grep -qx "$folder/a.safetensors: sound checkpoint; run: run 7, step: 12, parameters: 1050" "$folder/out"
}

check_damaged() {
    head -c 5000 "$folder/a.safetensors" >"$folder/b.safetensors"
    bin/sweep check "$folder/b.safetensors" 2>"$folder/out"
    status=$?
    cat "$folder/out"
    [ "$status" -eq 2 ] && [ "$(wc -l <"$folder/out")" -eq 1 ] && grep -q "^sweep: $folder/b.safetensors: " "$folder/out"
}

echo 1..5
check "a checkpoint is written" build/release/test_checkpoint "$folder/a.safetensors"
check "ten lines of Python read it" read_with_page
check "it keeps the safetensors format" keep_the_format
check "sweep check finds it sound" check_sound
check "sweep check refuses a part of it in one line" check_damaged
