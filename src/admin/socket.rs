//! The admin socket: HTTP over a Unix socket, for the one user who runs the daemon (and root).

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::UnixListener;
use tokio_util::sync::CancellationToken;

use super::{Plane, routes, serving};

/// The socket's name in the runtime directory.
pub const NAME: &str = "admin.sock";
/// Bytes of a socket's path, at most (unix(7), `sun_path`).
const PATH_BYTES: usize = 107;

/// The socket cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// A daemon answers on it.
    #[error(
        "another ephemeral-server answers on {}: stop that one, or give this one another --state-dir or --admin-socket",
        .0.display()
    )]
    InUse(PathBuf),
    /// Something else has that name.
    #[error("{} is there and is not a socket: move it away, or give another --admin-socket", .0.display())]
    NotASocket(PathBuf),
    /// The kernel has no room for such a name.
    #[error("{} is longer than the {PATH_BYTES} bytes that a socket's path may have: give a shorter --admin-socket", .0.display())]
    TooLong(PathBuf),
    /// Anything else.
    #[error("the administrator's socket {} cannot be made: {source}", path.display())]
    Other {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The socket; its file is removed when this is dropped.
#[derive(Debug)]
pub struct AdminSocket {
    socket: UnixListener,
    path: PathBuf,
}

/// Makes the socket, for its owner only (0600). What a daemon that was killed has left there is
/// replaced.
///
/// # Errors
/// [`AdminError`]: a sentence for the operator.
pub fn bind(path: &Path) -> Result<AdminSocket, AdminError> {
    let failed = |source| AdminError::Other { path: path.to_owned(), source };
    if path.as_os_str().len() > PATH_BYTES {
        return Err(AdminError::TooLong(path.to_owned()));
    }
    if let Some(folder) = path.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    }
    match fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => return Err(AdminError::NotASocket(path.to_owned())),
        Ok(_) if std::os::unix::net::UnixStream::connect(path).is_ok() => {
            return Err(AdminError::InUse(path.to_owned()));
        }
        Ok(_) => fs::remove_file(path).map_err(failed)?,
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    let socket = UnixListener::bind(path).map_err(failed)?;
    let bound = AdminSocket { socket, path: path.to_owned() };
    fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(failed)?;
    Ok(bound)
}

/// Answers requests until `cancel`, and then those that have begun.
pub async fn run(bound: AdminSocket, plane: Arc<Plane>, cancel: CancellationToken) {
    let answer = move |asked: &serving::Asked| routes::answer(&asked.method, &asked.uri, &asked.body, &plane);
    serving::run(&bound.socket, answer, cancel).await;
}

impl Drop for AdminSocket {
    fn drop(&mut self) {
        // If it is gone already, it is gone.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_socket_is_its_owners_alone_and_goes_with_the_daemon() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run").join(NAME);
        let bound = bind(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
        assert!(matches!(bind(&path), Err(AdminError::InUse(_))));
        drop(bound);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn what_a_killed_daemon_left_is_replaced_and_what_is_somebody_elses_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists() && bind(&path).is_ok());
        fs::write(&path, "a file").unwrap();
        assert!(matches!(bind(&path), Err(AdminError::NotASocket(_))));
        assert_eq!(fs::read_to_string(&path).unwrap(), "a file");
        assert!(matches!(bind(&folder.path().join("x".repeat(120))), Err(AdminError::TooLong(_))));
    }
}
