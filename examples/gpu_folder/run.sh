#!/bin/sh
# quarter on a Hopper GPU:  ./run tests|benches|record [FOLDER FOR RESULTS, ./results if not given]
set -u
here=$(cd "$(dirname "$0")" && pwd)
out=${2:-$here/results}
mkdir -p "$out" || exit 1
# Without a GPU nothing here makes sense.
export QUARTER_REQUIRE_GPU=1

# Programs of this folder, unpacked at their first start and when there are newer ones.
unpack() {
    for program in "$@"; do
        if [ ! -x "$here/$program" ] || [ "$here/$program.gz" -nt "$here/$program" ]; then
            gzip -dc "$here/$program.gz" >"$here/$program" || exit 1
            chmod +x "$here/$program" || exit 1
        fi
    done
}

case ${1:-} in
tests)
    unpack gpu
    "$here/gpu" >"$out/tests.txt" 2>&1
    status=$?
    tail -n 40 "$out/tests.txt"
    exit $status
    ;;
benches)
    unpack quantize adamw_on gemm_on
    "$here/quantize" --json "$out/quantize.json" || exit 1
    "$here/adamw_on" --json "$out/adamw.json" || exit 1
    "$here/gemm_on" --json "$out/gemm.json" || exit 1
    if python3 -c 'import torch' 2>/dev/null; then
        python3 "$here/quantize.py" --json "$out/quantize_torch.json" || exit 1
        python3 "$here/adamw.py" --json "$out/adamw_torch.json" || exit 1
        python3 "$here/gemm.py" --json "$out/gemm_torch.json" || exit 1
    else
        echo "PyTorch is not installed here: it is not beside these numbers"
    fi
    ;;
record)
    unpack record
    QUARTER_RECORD=$out "$here/record" --ignored --exact record --nocapture || exit 1
    ;;
*)
    sed -n 2p "$0"
    exit 2
    ;;
esac
