//! The Unix socket of a profile that runs: where it is, who may use it, and how it is found.
//!
//! A profile that is kept has it in its own folder, which nobody else can enter and every command
//! knows; one in memory, in the user's folder for such things. The socket is its owner's, and each
//! peer is asked for its user: there is no other password.

use std::io::ErrorKind;
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::geteuid;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;

use super::exit::{Exit, Failure};
use super::words::{self, files, fl};
use ephemeral_client::service::ServiceHandle;

/// What the socket is called in the profile's folder.
const NAME: &str = "socket";
/// How long a path the kernel takes (`sun_path` of unix(7), with its NUL).
const MAX_PATH: usize = 107;
/// How long a line may take to come or to be read.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long it waits when no connection can be accepted.
const PAUSE: Duration = Duration::from_secs(1);
/// What somebody else's process is told.
const NOT_YOURS: &[u8] =
    b"{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":3,\"message\":\"this engine is another user's\"}}\n";

/// Returns where the socket of a profile in this folder is.
pub(super) fn of_directory(directory: &Path) -> PathBuf {
    directory.join(NAME)
}

/// Returns where the socket of a profile in memory is.
pub(super) fn of_memory(profile: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|folder| folder.is_absolute())?;
    Some(folder.join("ephemeral").join(format!("{profile}.socket")))
}

/// A path by which the kernel finds a socket: one that is too long goes by way of its folder.
struct Reachable {
    path: PathBuf,
    /// Is open as long as the path is used.
    _folder: Option<std::fs::File>,
}

impl Reachable {
    fn new(path: &Path) -> std::io::Result<Self> {
        if path.as_os_str().as_bytes().len() <= MAX_PATH {
            return Ok(Self { path: path.to_owned(), _folder: None });
        }
        let folder = std::fs::File::open(path.parent().unwrap_or(Path::new("/")))?;
        let short = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd()));
        Ok(Self { path: short.join(path.file_name().unwrap_or_default()), _folder: Some(folder) })
    }
}

/// Connects with the engine that has opened a socket, if there is one.
pub(super) async fn connect(path: &Path) -> Result<Option<UnixStream>, Failure> {
    let failed = |error: std::io::Error| {
        Failure::local(fl!("socket-cannot-connect", path = words::path(path), why = files::system(&error)))
    };
    let reachable = match Reachable::new(path) {
        Ok(reachable) => reachable,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    match UnixStream::connect(&reachable.path).await {
        Ok(stream) if is_mine(&stream) => Ok(Some(stream)),
        Ok(_) => Err(Failure::new(Exit::Refused, fl!("socket-other-user", path = words::path(path)))),
        // Left behind by a process that was killed, or none at all.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

fn is_mine(stream: &UnixStream) -> bool {
    stream.peer_cred().is_ok_and(|peer| peer.uid() == geteuid().as_raw())
}

/// A socket that is open. It is closed and removed with this value.
pub(super) struct SocketDoor {
    path: PathBuf,
    /// Which file it is: a later process may have put another one there.
    inode: u64,
    _task: JoinSet<()>,
}

impl SocketDoor {
    /// Opens a socket for a service. The caller has the profile to itself, so that what is there is
    /// left behind; a profile in memory asks before.
    pub(super) fn open(path: &Path, service: ServiceHandle) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| {
            Failure::local(fl!("socket-cannot-open", path = words::path(path), why = files::system(&error)))
        };
        let reachable = Reachable::new(path).map_err(failed)?;
        match path.symlink_metadata() {
            Ok(metadata) if metadata.file_type().is_socket() => std::fs::remove_file(path).map_err(failed)?,
            Ok(_) => return Err(failed(std::io::Error::other(fl!("socket-something-else")))),
            Err(_) => {}
        }
        let listener = UnixListener::bind(&reachable.path).map_err(failed)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
        let inode = path.symlink_metadata().map_err(failed)?.ino();
        let mut task = JoinSet::new();
        task.spawn(accept(listener, service));
        Ok(Self { path: path.to_owned(), inode, _task: task })
    }
}

impl Drop for SocketDoor {
    fn drop(&mut self) {
        if self.path.symlink_metadata().is_ok_and(|metadata| metadata.ino() == self.inode) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Makes the folder of a socket of a profile in memory, which has to be the user's alone.
pub(super) fn make_folder(socket: &Path) -> Result<(), Failure> {
    let folder = socket.parent().unwrap_or(Path::new("/"));
    let failed = |error: std::io::Error| {
        Failure::local(fl!("socket-cannot-make", path = words::path(folder), why = files::system(&error)))
    };
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    let metadata = folder.symlink_metadata().map_err(failed)?;
    if metadata.uid() != geteuid().as_raw() || metadata.mode() & 0o077 != 0 {
        return Err(Failure::new(Exit::Refused, fl!("socket-not-own", path = words::path(folder))));
    }
    Ok(())
}

async fn accept(listener: UnixListener, service: ServiceHandle) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) if is_mine(&stream) => drop(service.connect(stream, Some(PATIENCE)).await),
            Ok((mut stream, _)) => drop(tokio::time::timeout(PAUSE, stream.write_all(NOT_YOURS)).await),
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}
