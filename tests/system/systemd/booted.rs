//! A machine of its own for the shipped unit: a real systemd, booted as PID 1 of namespaces, with
//! the files that a package would install. Nothing outside of its folder changes.
//!
//! It needs root, for the namespaces and for a cgroup of its own.

use std::fs::{self, File, Permissions};
use std::os::fd::AsFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::memory::MemoryGroup;
use crate::SERVER;

pub(super) const UNIT: &str = "ephemeral-server.service";
/// No step takes longer, unless something is broken.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);

/// What is done before systemd is PID 1. The cgroup is one of its own; `/etc` and `/usr/bin` have a
/// layer of their own.
const BOOT: &str = r#"
set -e
mount --make-rprivate /
mount -t tmpfs box /run
mkdir -p /run/lock /run/systemd/system /run/box/units "$FOLDER/layers"
umount -l /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount --bind /proc/sys /proc/sys
mount -o remount,ro,bind /proc/sys
for folder in /var/lib /var/cache /var/tmp; do mount -t tmpfs box $folder; done
mkdir -p /var/lib/systemd
mount -t tmpfs box "$FOLDER/layers"
for folder in /etc /usr/bin; do
    own="$FOLDER/layers$folder"
    mkdir -p "$own/upper" "$own/work"
    mount -t overlay box -o "lowerdir=$folder,upperdir=$own/upper,workdir=$own/work" $folder
done
touch /usr/bin/ephemeral-server
mount --bind "$BINARY" /usr/bin/ephemeral-server
mkdir -p /etc/ephemeral-server
cp "$FOLDER/ephemeral-server.toml" /etc/ephemeral-server/
systemd-sysusers "$SHIPPED/ephemeral-server.sysusers"
cp "$SHIPPED/ephemeral-server.service" /run/box/units/
mkdir /run/box/units/ephemeral-server.service.d
printf '[Service]\nStandardOutput=append:%s\nStandardError=append:%s\n' "$FOLDER/out" "$FOLDER/log" \
    > /run/box/units/ephemeral-server.service.d/log.conf
for target in default sysinit basic network shutdown umount; do
    printf '[Unit]\nDescription=%s, with nothing in it\nDefaultDependencies=no\n' $target > /run/box/units/$target.target
done
# As PID 1 does where there is no container: it mounts credentials in a namespace of their own.
mount --make-rshared /
export container=box SYSTEMD_UNIT_PATH=/run/box/units SYSTEMD_GENERATOR_PATH=/nonexistent
exec /lib/systemd/systemd --system --unit=default.target --log-target=console --show-status=0
"#;

/// A booted one. It ends with this value.
pub(super) struct SystemdBox {
    folder: tempfile::TempDir,
    cgroup: PathBuf,
    memory: Option<MemoryGroup>,
    namespaces: Child,
    systemd: u32,
}

impl SystemdBox {
    /// Boots one with this configuration of the server, which is not started yet.
    pub(super) fn boot(configuration: &str) -> Self {
        assert!(rustix::process::geteuid().is_root(), "this test needs root: it boots a systemd of its own");
        for (path, package) in [
            ("/lib/systemd/systemd", "systemd"),
            ("/usr/bin/systemd-analyze", "systemd"),
            ("/usr/bin/systemd-sysusers", "systemd"),
            ("/usr/bin/unshare", "util-linux"),
            ("/usr/bin/nsenter", "util-linux"),
            ("/usr/bin/setpriv", "util-linux"),
            ("/bin/kill", "procps"),
        ] {
            assert!(Path::new(path).exists(), "{path} is missing: install the package {package}");
        }
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let cgroup = cgroups().join(format!("ephemeral-box-{}-{number}", std::process::id()));
        fs::create_dir(&cgroup).expect("a cgroup of its own");
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("ephemeral-server.toml"), configuration).unwrap();
        let console = File::create(folder.path().join("console")).unwrap();
        let memory = MemoryGroup::make(&cgroup);
        let counted = memory.as_ref().map_or_else(|| cgroup.join("cgroup.procs"), MemoryGroup::processes);
        let script = "echo $$ > \"$CGROUP/cgroup.procs\"; echo $$ > \"$MEMORY\"; exec setpriv --pdeathsig KILL unshare --mount --pid --fork \
                      --kill-child --mount-proc --uts --ipc --net --cgroup bash -c \"$BOOT\"";
        let namespaces = Command::new("/bin/bash")
            .args(["-c", script])
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("CGROUP", &cgroup)
            .env("MEMORY", counted)
            .env("BOOT", BOOT)
            .env("FOLDER", folder.path())
            .env("BINARY", SERVER)
            .env("SHIPPED", Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd"))
            .stdin(Stdio::null())
            .stdout(console.try_clone().unwrap())
            .stderr(console)
            .spawn()
            .unwrap();
        let mut booted = Self { folder, cgroup, memory, namespaces, systemd: 0 };
        booted.systemd = booted.until("a systemd", |booted| {
            let unshare = booted.namespaces.id();
            let children = fs::read_to_string(format!("/proc/{unshare}/task/{unshare}/children")).ok()?;
            let child = children.split_whitespace().next()?.parse().ok()?;
            Path::new(&format!("/proc/{child}/root/run/systemd/private")).exists().then_some(child)
        });
        booted.until("the manager's answer", |booted| {
            let state = booted.run(&["systemctl", "is-system-running"]);
            matches!(String::from_utf8_lossy(&state.stdout).trim(), "running" | "degraded").then_some(())
        });
        booted
    }

    /// Waits until there is something. Nothing tells when: it is another machine's business.
    pub(super) fn until<T>(&self, what: &str, mut there: impl FnMut(&Self) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = there(self) {
                return found;
            }
            assert!(Instant::now() < deadline, "{what}: not in time\n{}", self.told());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Runs a command inside.
    pub(super) fn run(&self, command: &[&str]) -> Output {
        let target = self.systemd.to_string();
        let inside = ["--target", &target, "--mount", "--pid", "--net", "--uts", "--ipc", "--"];
        Command::new("/usr/bin/nsenter").args(inside).args(command).stdin(Stdio::null()).output().unwrap()
    }

    /// Runs `systemctl` with the unit, which has to succeed.
    pub(super) fn systemctl(&self, arguments: &[&str]) {
        let ran = self.run(&[&["systemctl"], arguments, &[UNIT]].concat());
        assert!(ran.status.success(), "{arguments:?}: {}\n{}", String::from_utf8_lossy(&ran.stderr), self.told());
    }

    /// Returns a property of the unit.
    pub(super) fn property(&self, name: &str) -> String {
        let shown = self.run(&["systemctl", "show", "--value", "--property", name, UNIT]);
        assert!(shown.status.success(), "{}", String::from_utf8_lossy(&shown.stderr));
        String::from_utf8(shown.stdout).unwrap().trim().to_owned()
    }

    /// Waits until it is active as another process than `before`; returns which.
    pub(super) fn restarted(&self, before: &str) -> String {
        self.until("another process", |booted| {
            let pid = booted.property("MainPID");
            (pid != before && pid != "0" && booted.property("ActiveState") == "active").then_some(pid)
        })
    }

    /// Returns a line of the server's `/proc/…/status`.
    pub(super) fn process(&self, field: &str) -> String {
        let status = self.run(&["cat", &format!("/proc/{}/status", self.property("MainPID"))]);
        let status = String::from_utf8(status.stdout).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        line.unwrap_or_else(|| panic!("{field} in {status}")).trim().to_owned()
    }

    pub(super) fn configure(&self, configuration: &str) {
        self.write("/etc/ephemeral-server/ephemeral-server.toml", configuration, 0o644);
    }

    /// Writes a file inside, root's, with this mode.
    pub(super) fn write(&self, path: &str, text: &str, mode: u32) {
        let path = PathBuf::from(format!("/proc/{}/root{path}", self.systemd));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    }

    fn memory(&self) -> &MemoryGroup {
        self.memory.as_ref().expect("a control group for memory: this kernel has none, or it is not mounted")
    }

    /// Lets all that is in it, the manager included, have so much memory from now on.
    pub(super) fn limit_memory(&self, bytes: u64) {
        self.memory().limit(bytes);
    }

    /// Returns what all that is in it has of memory, but for what was read from files.
    pub(super) fn memory_in_use(&self) -> u64 {
        self.memory().in_use()
    }

    /// Returns the most that it had.
    pub(super) fn most_memory(&self) -> u64 {
        self.memory().most()
    }

    /// Counts the processes that the kernel has killed for want of memory.
    pub(super) fn killed_for_memory(&self) -> u64 {
        self.memory().killed()
    }

    /// Returns what the server has logged.
    pub(super) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Waits until the log contains these words, and returns it: a line may come after the state
    /// that it speaks of.
    pub(super) fn logs(&self, words: &str) -> String {
        self.until(words, |machine| Some(machine.log()).filter(|log| log.contains(words)))
    }

    /// Returns what it has written to stdout.
    pub(super) fn said(&self) -> String {
        fs::read_to_string(self.folder.path().join("out")).unwrap_or_default()
    }

    /// Returns everything that there is to read, for finding a fault.
    pub(super) fn told(&self) -> String {
        let console = fs::read_to_string(self.folder.path().join("console")).unwrap_or_default();
        format!("its systemd:\n{console}\nthe server:\n{}", self.log())
    }

    /// Runs a future on a thread of its own, whose network is that of the box.
    pub(super) fn inside<T: Send + 'static, F: Future<Output = T>>(
        &self,
        future: impl FnOnce() -> F + Send + 'static,
    ) -> JoinHandle<T> {
        let network = Arc::new(File::open(format!("/proc/{}/ns/net", self.systemd)).unwrap());
        std::thread::spawn(move || {
            move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(future())
        })
    }
}

impl Drop for SystemdBox {
    fn drop(&mut self) {
        // With `--kill-child` its PID 1 goes, and with that everything. So it does when this thread
        // dies.
        let _ = self.namespaces.kill();
        let _ = self.namespaces.wait();
        let deadline = Instant::now() + Duration::from_secs(10);
        while self.cgroup.exists() && Instant::now() < deadline {
            self.memory.iter().for_each(MemoryGroup::remove);
            remove(&self.cgroup);
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Removes an empty tree of cgroups. What still has a process in it stays.
fn remove(cgroup: &Path) {
    for entry in fs::read_dir(cgroup).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove(&entry.path());
        }
    }
    let _ = fs::remove_dir(cgroup);
}

/// Finds where this machine has its tree of cgroups.
pub(super) fn cgroups() -> PathBuf {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let mounted = mounts.lines().find(|line| line.contains(" - cgroup2 "));
    PathBuf::from(mounted.and_then(|line| line.split(' ').nth(4)).expect("cgroup2 is not mounted"))
}
