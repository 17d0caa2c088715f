//! `ephemeral-server`: the daemon.

fn main() -> std::process::ExitCode {
    ephemeral::cli::main()
}
