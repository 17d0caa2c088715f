# The commands of everyday work. `just` lists them; each also runs by hand as it stands here.

# Warnings in the documentation are errors.
export RUSTDOCFLAGS := "-D warnings"

_list:
    @just --list --unsorted

# Installs the tools that lint and deb need
setup:
    cargo install --locked cargo-deny
    cargo install --locked cargo-deb@3.8.0

# Runs the server; with arguments: `just run --no-tor --clearnet`
run *ARGUMENTS:
    cargo run --release --locked -- {{ ARGUMENTS }}

# Every test, over a private Tor network and under a real systemd
test *ARGUMENTS:
    tests/run --locked {{ ARGUMENTS }}

# The tests that need neither Tor, systemd nor NATS, but for attacks, months and large pictures, which compute for long
test-fast *FILTER:
    cargo test --locked --workspace --lib {{ FILTER }} \
        -- --skip simulator::nothing_is_lost --skip simulator::groups::a_group_grows --skip simulator::timing::the_moments \
        --skip slots::table::tests::a_newcomer_stays --skip slots::table::tests::where_too_many_come \
        --skip picture::tests::what_was_drawn --skip picture::tests::a_long_invite
    RUST_TEST_THREADS=24 cargo test --locked --workspace \
        --test layering --test logging --test server --test process {{ FILTER }} \
        -- --skip attacks:: --skip abuse:: --skip cluster::

# Format, lints, documentation, licences and sources
lint:
    cargo fmt --all --check
    cargo clippy --locked --workspace --all-targets -- -D warnings
    cargo doc --locked --workspace --no-deps
    cargo deny check

# The server's own code without its sockets
bench *ARGUMENTS:
    cargo bench --locked {{ ARGUMENTS }}

# What a message costs here and at another commit, in instructions: fails where it is more
bench-check *ARGUMENTS:
    benches/check {{ ARGUMENTS }}

# One fuzz target (`ls fuzz/fuzz_targets`) for some seconds, from its seeds
fuzz TARGET SECONDS="600":
    fuzz/run {{ TARGET }} {{ SECONDS }}

# The Debian package; prints its path
deb *ARGUMENTS:
    packaging/deb {{ ARGUMENTS }}

# The documentation of the code, in the browser
docs:
    cargo doc --locked --workspace --no-deps --open
