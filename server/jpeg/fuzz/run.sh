#!/bin/sh
# Fuzzes the decoder: run.sh [SECONDS]. Needs no cargo-fuzz and no nightly Rust. What it finds is kept in target/fuzz/corpus, and
# files that fail in target/fuzz; `sweep files target/fuzz/corpus` compares all of them with libjpeg-turbo.
set -e
cd "$(dirname "$0")/../../.."
folder=$PWD/${CARGO_TARGET_DIR:-target}/fuzz
case ${CARGO_TARGET_DIR:-} in /*) folder=$CARGO_TARGET_DIR/fuzz ;; esac
mkdir -p "$folder/corpus"
flags="-Zsanitizer=address -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4"
flags="$flags -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table"
flags="$flags -Cllvm-args=-sanitizer-coverage-trace-compares"
host=$(rustc -vV | sed -n 's/^host: //p')
RUSTC_BOOTSTRAP=1 RUSTFLAGS="$flags" cargo build --manifest-path server/jpeg/fuzz/Cargo.toml --target "$host" \
    --target-dir "$folder/target"
for file in server/jpeg/tests/golden/*.jpg server/decode/tests/golden/files/4*.jpg; do
    cp "$file" "$folder/corpus/$(basename "$file").jpg"
done
exec "$folder/target/$host/debug/ways" "$folder/corpus" -artifact_prefix="$folder/" -max_len=4096 \
    -max_total_time="${1:-1200}" -print_final_stats=1
