# What is often run, from the root of the repository.

# Runs what needs neither Tor nor systemd: in under a minute, once it is built.
test-fast *arguments:
    RUST_TEST_THREADS=$(($(nproc) + 6)) cargo test --lib --test layering --test logging --test server --test process {{ arguments }}

# Runs every test, and installs what they need and what is missing.
test *arguments:
    tests/run {{ arguments }}
