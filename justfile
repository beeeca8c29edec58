# Everyday commands. CI runs `.ci/run`, which is the authority on what must pass.

# List the recipes.
default:
    @just --list

# All that CI checks.
check:
    .ci/run

# Unit, integration and documentation tests.
test *args:
    cargo test --workspace {{ args }}

# Each test in its own process, which shows hidden globals the other way round.
nextest *args:
    cargo nextest run --workspace {{ args }}

# Result records and locks, exchanged with Prefect. Needs CONTEXT_TEST_PYTHON, which `.ci/run` sets up.
exchange:
    CI=true cargo test -p context-core --test prefect_results

# The server for tests, and the proxy. Needs CONTEXT_TEST_PYTHON, as above.
server:
    CI=true cargo test -p prefect-server

# Format everything.
fmt:
    cargo fmt --all

# Lints, with warnings as errors.
lint:
    cargo clippy --workspace --all-targets -- -D warnings

# Documentation, with warnings as errors.
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

# The features that are not in the default build.
clouds:
    cargo check -p context --features s3,gcs,azure

# Licences, duplicate crates, sources.
deny:
    cargo deny check bans licenses sources

# Run one example.
example name *args:
    cargo run --example {{ name }} -- {{ args }}

# A thousand tasks on a Prefect server, by Prefect and by us. Needs CONTEXT_TEST_PYTHON.
bench-server *args:
    cargo bench --bench server -- {{ args }}

# Run all benchmarks.
bench *args:
    cargo bench --workspace {{ args }}
