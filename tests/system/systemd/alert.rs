//! The example that tells a person of a failed unit, installed by the very commands of its README,
//! under a real systemd.

use std::path::Path;

use super::LOCAL;
use super::booted::SystemdBox;
use crate::CLIENT;

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/clients");
/// A unit that fails, and is watched.
const WATCHED: &str = "[Unit]\nOnFailure=alert@%n.service\n[Service]\nType=oneshot\nExecStart=/bin/false\n";

/// Returns the commands that the README has for an installation, for this machine.
fn commands(invite: &str) -> String {
    let readme = std::fs::read_to_string(Path::new(EXAMPLES).join("README.md")).unwrap();
    let (_, section) = readme.split_once("## The alert").expect("its section");
    let (_, block) = section.split_once("```sh\n").expect("its commands");
    let (block, _) = block.split_once("```").unwrap();
    assert!(block.contains("NAME.onion") && block.contains("INVITE"), "{block}");
    let block = block.replace("NAME.onion", "http://127.0.0.1:8443").replace("INVITE", invite);
    // The box reads its units elsewhere.
    block.replace("/etc/systemd/system/", "/run/box/units/")
}

/// Runs a script of root's in the folder of the examples.
fn run(machine: &SystemdBox, script: &str) -> String {
    let script = format!("set -eu; export EPHEMERAL_AT_ONCE=1; cd '{EXAMPLES}'\n{script}");
    let output = machine.run(&["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "sh", "-c", &script]);
    assert!(output.status.success(), "{script}: {output:?}\n{}", machine.told());
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a command of the person who is told.
fn oncall(machine: &SystemdBox, command: &str) -> String {
    let surroundings = "export HOME=/var/lib/oncall EPHEMERAL_PASSPHRASE_FILE=/var/lib/oncall/passphrase";
    run(machine, &format!("{surroundings}; ephemeral {command}"))
}

#[test]
fn installed_as_its_readme_says_the_alert_tells_a_person_of_a_unit_that_fails() {
    let machine = SystemdBox::boot(LOCAL);
    machine.systemctl(&["start"]);
    run(&machine, &format!("touch /usr/bin/ephemeral; mount --bind '{CLIENT}' /usr/bin/ephemeral"));
    run(&machine, "mkdir -m 700 /var/lib/oncall; umask 077; echo 'correct horse' > /var/lib/oncall/passphrase");
    oncall(&machine, "init --server http://127.0.0.1:8443 --name oncall");
    let invite = oncall(&machine, "invite alerts");
    let commands = commands(invite.trim());
    // Their program runs, which answers, until the machine's takes the answer.
    let (before, behind) = commands.split_once("ephemeral recv --once").expect("the answer is taken");
    run(&machine, before);
    oncall(&machine, "recv --once");
    let exports: String =
        before.lines().filter(|line| line.starts_with("export")).map(|line| format!("{line}\n")).collect();
    run(&machine, &format!("{exports}ephemeral recv --once{behind}"));
    machine.write("/run/box/units/backup.service", WATCHED, 0o644);
    let failed = machine.run(&["sh", "-c", "systemctl daemon-reload; systemctl start backup.service"]);
    assert!(!failed.status.success(), "the unit fails, as it shall");
    let told = machine.until("the alert", |machine| {
        let came = oncall(machine, "recv --once --no-linger");
        came.contains("has failed").then_some(came)
    });
    assert!(told.contains("alerts: backup.service on ") && told.contains("Result=exit-code"), "{told}");
}
