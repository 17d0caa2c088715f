//! People who use `ephemeral`, each with a profile of their own; and a server on a free port for
//! them.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use age::secrecy::{ExposeSecret as _, SecretString};
use ephemeral_e2e::authority::Authority;
use ephemeral_e2e::core::Core;
use ephemeral_e2e::vault::encode;
use serde_json::Value;

/// Opens every profile of a test.
pub const PASSPHRASE: &str = "correct horse battery staple";

/// The real server on loopback, killed with this value.
pub struct LocalServer {
    process: Child,
    /// Its address.
    pub url: String,
}

impl LocalServer {
    /// Starts this program. `listen`: an address, with port 0 for a free one.
    pub fn start(program: &str, state: &Path, listen: &str) -> Self {
        Self::start_with(program, state, listen, &[])
    }

    /// Starts this program with further arguments.
    pub fn start_with(program: &str, state: &Path, listen: &str, arguments: &[&str]) -> Self {
        let mut process = Command::new(program)
            .args(["--no-tor", "--clearnet", listen, "--state-dir"])
            .arg(state)
            .args(arguments)
            .env_clear()
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("clearnet ").expect("its address").to_owned();
        Self { process, url }
    }
}

impl Drop for LocalServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Somebody with a profile.
pub struct Client {
    program: &'static str,
    home: PathBuf,
    /// The name of the person and of the profile.
    pub name: &'static str,
    /// What each of the person's commands finds in its environment, besides the rest.
    pub variables: Vec<(&'static str, String)>,
}

impl Client {
    /// Makes a profile below `home`, as [`make_profile`] does.
    pub fn new(program: &'static str, home: &Path, name: &'static str, server: &str) -> Self {
        let client = Self::without_a_profile(program, home, name);
        let address = server.strip_prefix("http://").unwrap_or(server);
        let authority = Authority::onion(address).or_else(|_| Authority::loopback(address)).unwrap();
        make_profile(&client.directory(), authority, name);
        client
    }

    /// Makes the passphrase of a profile that the program made worth as little work as that of
    /// [`make_profile`]: each command that opens it would compute for a second.
    pub fn ease(&self) {
        let path = self.directory().join("key.age");
        let identity = age::scrypt::Identity::new(SecretString::from(PASSPHRASE));
        let key = age::decrypt(&identity, &std::fs::read(&path).unwrap()).unwrap();
        private(&path, &sealed(&key));
    }

    /// Makes a home, and leaves it to a test to make the profile.
    pub fn without_a_profile(program: &'static str, home: &Path, name: &'static str) -> Self {
        let _ = std::fs::create_dir_all(home);
        private(&home.join("passphrase"), PASSPHRASE.as_bytes());
        Self { program, home: home.to_owned(), name, variables: Vec::new() }
    }

    /// Returns somebody whose profile is there already, with another program.
    pub fn at_home(program: &'static str, home: &Path, name: &'static str) -> Self {
        Self { program, home: home.to_owned(), name, variables: Vec::new() }
    }

    /// Returns the directory of the profile.
    pub fn directory(&self) -> PathBuf {
        self.home.join(".local/share/ephemeral/profiles").join(self.name)
    }

    /// Returns a command of this person's, which hides nothing in time.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.program);
        command.args(arguments).env_clear().stdin(Stdio::null());
        command.env("HOME", &self.home).env("TZ", "UTC").env("EPHEMERAL_AT_ONCE", "1");
        command.env("EPHEMERAL_PROFILE", self.name).env("EPHEMERAL_PASSPHRASE_FILE", self.home.join("passphrase"));
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a command, and returns how it ended.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs a command that has to end well, and returns what it prints.
    pub fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(0), "{}: {arguments:?}: {output:?}", self.name);
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a command that has to end with this code and to print nothing. Returns what it says.
    pub fn fails(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(code), 0), "{arguments:?}: {output:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// Runs a command, and returns the objects that it prints.
    pub fn json(&self, arguments: &[&str]) -> Vec<Value> {
        let printed = self.ok(&[arguments, &["--json"]].concat());
        printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Fetches what waits, and returns the texts of it.
    pub fn texts(&self) -> Vec<String> {
        let events = self.json(&["recv", "--once", "--quiet"]);
        let texts = events.iter().filter(|event| event["event"] == "text");
        texts.map(|event| event["text"].as_str().unwrap().to_owned()).collect()
    }

    /// Makes a contact of somebody, who finds a first text. Returns the invite, which is used now.
    pub fn meet(&self, other: &Self) -> String {
        let invite = self.ok(&["invite", other.name]);
        other.ok(&["accept", invite.trim(), "--as", self.name, "--text", "it is me", "--quiet"]);
        assert_eq!(self.texts(), ["it is me"]);
        assert!(other.ok(&["recv", "--once", "--quiet"]).contains("has answered"));
        invite.trim().to_owned()
    }
}

/// Makes a profile, as `init` does but for the work that its passphrase, [`PASSPHRASE`], is worth:
/// that would be a second each time it is opened.
pub fn make_profile(directory: &Path, server: Authority, name: &str) {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let mut core = Core::create(server, name, u64::try_from(now.as_millis()).unwrap()).unwrap();
    let write = |state: &[u8]| {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        let key = age::x25519::Identity::generate();
        let line = format!("{}\n", key.to_string().expose_secret());
        private(&directory.join("key.age"), &sealed(line.as_bytes()));
        let padded = encode(state).unwrap();
        private(&directory.join("state.age"), &age::encrypt(&key.to_public(), &padded).unwrap());
        std::io::Result::Ok(())
    };
    drop(core.commit(write).unwrap());
}

/// Encrypts with [`PASSPHRASE`], for next to no work.
fn sealed(plain: &[u8]) -> Vec<u8> {
    let mut recipient = age::scrypt::Recipient::new(SecretString::from(PASSPHRASE));
    recipient.set_work_factor(2);
    age::encrypt(&recipient, plain).unwrap()
}

/// Writes a file that only its owner may read.
pub fn private(path: &Path, bytes: &[u8]) {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path).unwrap();
    file.write_all(bytes).unwrap();
}
