//! The client's unit under a real manager of a user's services: it serves, hardened, and commands
//! use it.

use std::process::Command;

use super::LOCAL;
use super::booted::SystemdBox;
use crate::CLIENT;

const UNIT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/systemd/user/ephemeral.service");
const USER: &str = "60999";

/// A manager of a user's services, as `user@.service` starts one, with this client.
const MANAGER: &str = r#"
set -e
touch /usr/bin/ephemeral
mount --bind "$1" /usr/bin/ephemeral
echo "person:x:60999:60999::/var/lib/person:/bin/sh" >> /etc/passwd
mkdir -p /run/box/user-units /var/lib/person/.config/ephemeral /var/lib/person/.local/share/ephemeral
mkdir -p /run/box/user-units/ephemeral.service.d
cp "$2" /run/box/user-units/
printf '[Service]\nStandardError=append:/var/lib/person/log\n' > /run/box/user-units/ephemeral.service.d/log.conf
for target in default basic shutdown; do
    printf '[Unit]\nDescription=%s, with nothing in it\nDefaultDependencies=no\n' $target > /run/box/user-units/$target.target
done
echo "correct horse battery staple" > /var/lib/person/.config/ephemeral/passphrase
chown -R 60999:60999 /var/lib/person
chmod -R go= /var/lib/person
cat > /run/box/units/person.service <<'UNIT'
[Service]
User=60999
Type=notify
Delegate=yes
KillMode=mixed
RuntimeDirectory=person
RuntimeDirectoryMode=0700
Environment=XDG_RUNTIME_DIR=/run/person HOME=/var/lib/person SYSTEMD_UNIT_PATH=/run/box/user-units SYSTEMD_GENERATOR_PATH=/nonexistent
ExecStart=/lib/systemd/systemd --user --unit=default.target --log-target=console
StandardOutput=append:/run/box/manager
StandardError=append:/run/box/manager
UNIT
systemctl daemon-reload
systemctl start person
"#;

/// Runs a command as the user.
fn as_person(machine: &SystemdBox, command: &[&str]) -> String {
    let surroundings = ["env", "-i", "PATH=/usr/bin:/bin", "HOME=/var/lib/person", "XDG_RUNTIME_DIR=/run/person"];
    let user = format!("--reuid={USER}");
    let group = format!("--regid={USER}");
    let person = ["setpriv", &user, &group, "--clear-groups"];
    let output = machine.run(&[&person[..], &surroundings, command].concat());
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&output.stderr);
    let told = || {
        let logs = machine.run(&["cat", "/run/box/manager", "/var/lib/person/log"]);
        let show = "XDG_RUNTIME_DIR=/run/person setpriv --reuid=60999 --clear-groups systemctl --user show ephemeral \
                    -p Result,ExecMainCode,ExecMainStatus";
        let result = machine.run(&["sh", "-c", show]);
        format!("{}{}", String::from_utf8_lossy(&logs.stdout), String::from_utf8_lossy(&result.stdout))
    };
    assert!(output.status.success(), "{command:?}: {said}{complaint}\n{}\n{}", told(), machine.told());
    said
}

fn property(machine: &SystemdBox, name: &str) -> String {
    let show = ["systemctl", "--user", "show", "--value", "--property", name, "ephemeral.service"];
    as_person(machine, &show).trim().to_owned()
}

#[test]
fn the_clients_unit_is_what_systemd_understands() {
    let runtime = tempfile::tempdir().unwrap();
    let mut verify = Command::new("systemd-analyze");
    verify.args(["--user", "--man=no", "verify", UNIT]).env("XDG_RUNTIME_DIR", runtime.path());
    let output = verify.output().expect("systemd-analyze is missing: install the package systemd");
    let complaints = String::from_utf8(output.stderr).unwrap();
    // The program is not installed here.
    let complaints: Vec<_> = complaints.lines().filter(|line| !line.contains("not executable")).collect();
    assert!(complaints.is_empty(), "{complaints:?}");
}

#[test]
fn the_clients_unit_serves_hardened_and_commands_use_it_and_a_person_has_to_mend_a_wrong_passphrase() {
    let machine = SystemdBox::boot(LOCAL);
    let made = machine.run(&["bash", "-c", MANAGER, "manager", CLIENT, UNIT]);
    assert!(made.status.success(), "{made:?}\n{}", machine.told());
    let passphrase = "--passphrase-file=/var/lib/person/.config/ephemeral/passphrase";
    as_person(&machine, &["ephemeral", "init", "--server", "http://127.0.0.1:8443", passphrase]);
    as_person(&machine, &["systemctl", "--user", "start", "ephemeral"]);
    assert_eq!(property(&machine, "ActiveState"), "active", "started means ready");
    // Nobody is asked for a passphrase: it is the unit's engine that answers.
    as_person(&machine, &["ephemeral", "group", "new", "friends"]);
    assert_eq!(as_person(&machine, &["ephemeral", "group", "list"]), "friends (admin, 1 member)\n");

    let process = property(&machine, "MainPID");
    let read = |file: &str| {
        let output = machine.run(&["cat", &format!("/proc/{process}/{file}")]);
        String::from_utf8(output.stdout).unwrap()
    };
    let status = read("status");
    for line in ["NoNewPrivs:\t1", "Seccomp:\t2"] {
        assert!(status.contains(line), "{line}: {status}");
    }

    as_person(&machine, &["systemctl", "--user", "stop", "ephemeral"]);
    assert_eq!(property(&machine, "Result"), "success");
    machine.write("/var/lib/person/.config/ephemeral/passphrase", "wrong\n", 0o644);
    machine.run(&[
        "setpriv",
        "--reuid=60999",
        "--clear-groups",
        "env",
        "XDG_RUNTIME_DIR=/run/person",
        "systemctl",
        "--user",
        "start",
        "ephemeral",
    ]);
    machine.until("a failure that is left to a person", |machine| {
        let failed = property(machine, "ActiveState") == "failed" && property(machine, "ExecMainStatus") == "77";
        failed.then_some(())
    });
}
