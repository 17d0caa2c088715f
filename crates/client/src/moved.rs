//! Follows servers that have moved: keeps the notices that this client was given and has checked,
//! in a file. From then on it dials the new address when it is given the old one.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use tokio::task::JoinSet;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::{Dial, DialError, ServerUrl};
use ephemeral_e2e::authority::Authority;
use ephemeral_e2e::servers::Moves;
use ephemeral_tor::private_file::{self, FileError};
use ephemeral_tor::{MovedError, Notice};

/// Notices that are kept, at most.
pub const MOST: usize = 1000;
/// Bytes of the file, at most.
const MOST_BYTES: usize = 1024 * 1024;
/// For a server's answer, once there is a connection.
pub const ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// Why the notices cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BookError {
    /// One of them is not to be believed.
    #[error(transparent)]
    Notice(#[from] MovedError),
    /// The same address has moved to two places.
    #[error(
        "{from} has moved to {known}, as another notice says: if you know better, forget that one first \
             (`ephemeral moved forget {from}`)"
    )]
    Contradiction {
        /// The old address.
        from: String,
        /// Where it has moved to, as is known.
        known: String,
    },
    /// So many servers do not move.
    #[error("more than {MOST} notices")]
    TooMany,
    /// The file.
    #[error(transparent)]
    File(#[from] FileError),
}

/// The notices that this client follows.
#[derive(Debug, Default)]
pub struct Book {
    path: PathBuf,
    notices: Vec<Notice>,
}

impl Book {
    /// Reads the file, and checks each signature again. Without a file there are none.
    ///
    /// # Errors
    /// [`BookError`] if somebody else has written in it.
    pub fn open(path: &Path) -> Result<Self, BookError> {
        let text = match private_file::read_text(path, MOST_BYTES) {
            Err(error) if error.kind() == ErrorKind::NotFound => Zeroizing::default(),
            text => text?,
        };
        // One a line, so that there may be more of them than in a text from outside.
        let lines = text.lines().filter(|line| !line.is_empty()).map(Notice::read);
        let notices = lines.collect::<Result<Vec<_>, _>>()?.concat();
        Ok(Self { path: path.to_owned(), notices })
    }

    /// Returns the notices that are followed.
    #[must_use]
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }

    /// Returns where the server with this host is now: the last of the moves that lead on from it.
    /// A subdomain moves along.
    #[must_use]
    pub fn follow(&self, url: &ServerUrl) -> Option<ServerUrl> {
        self.way(url).pop()
    }

    /// Returns each address that the server with this host has had since, the present one last.
    /// Empty if it has not moved.
    #[must_use]
    pub fn way(&self, url: &ServerUrl) -> Vec<ServerUrl> {
        let mut labels = url.host().rsplitn(3, '.');
        let (Some(onion), Some(name)) = (labels.next(), labels.next()) else { return Vec::new() };
        let subdomain = labels.next();
        let way = Notice::way(&self.notices, &format!("{name}.{onion}"));
        let addresses = way.into_iter().map(|notice| {
            let to = notice.to();
            let host = subdomain.map_or_else(|| to.to_owned(), |subdomain| format!("{subdomain}.{to}"));
            format!("http://{host}:{}", url.port()).parse().ok()
        });
        // One that cannot be dialled ends the way: nothing behind it can be relied on.
        addresses.map_while(|address| address).collect()
    }

    /// Returns which names stand for which servers now, for the end-to-end encryption.
    #[must_use]
    pub fn moves(&self) -> Moves {
        let named = |host: &str| Authority::onion(host).ok();
        let present = |notice: &Notice| {
            let from = format!("http://{}", notice.from()).parse::<ServerUrl>().ok()?;
            Some((named(notice.from())?, named(self.follow(&from)?.host())?))
        };
        Moves::new(self.notices.iter().filter_map(present))
    }

    /// Returns the addresses from which notices lead to this one, the latest first.
    #[must_use]
    pub fn before(&self, url: &ServerUrl) -> Vec<ServerUrl> {
        let named = |notice: &Notice| format!("http://{}:{}", notice.from(), url.port()).parse::<ServerUrl>().ok();
        let leads = |old: &ServerUrl| self.way(old).iter().any(|new| new == url);
        let mut before: Vec<ServerUrl> = self.notices.iter().filter_map(named).filter(leads).collect();
        before.sort_by_key(|old| self.way(old).len());
        before
    }

    /// Follows these from now on, and writes the file. The first notice of an address counts:
    /// somebody who has found the old key later cannot lead anybody elsewhere.
    ///
    /// # Errors
    /// [`BookError::Contradiction`], and what is wrong with the file. Nothing has changed then.
    pub fn add(&mut self, notices: Vec<Notice>) -> Result<(), BookError> {
        let mut all = self.notices.clone();
        for notice in notices {
            match all.iter().find(|known| known.from() == notice.from()) {
                Some(known) if known.to() == notice.to() => {}
                Some(known) => {
                    let from = notice.from().to_owned();
                    let known = known.to().to_owned();
                    return Err(BookError::Contradiction { from, known });
                }
                None => all.push(notice),
            }
        }
        if all.len() > MOST {
            return Err(BookError::TooMany);
        }
        self.write(all)
    }

    /// Follows the notice of this address no more. Returns whether there was one.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn forget(&mut self, address: &str) -> Result<bool, BookError> {
        let left: Vec<_> = self.notices.iter().filter(|notice| notice.from() != address).cloned().collect();
        let was_there = left.len() < self.notices.len();
        if was_there {
            self.write(left)?;
        }
        Ok(was_there)
    }

    /// Writes the notices, with mode 0600: which onion services somebody uses is private. Replaces
    /// the file as a whole.
    fn write(&mut self, notices: Vec<Notice>) -> Result<(), BookError> {
        if let Some(parent) = self.path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            private_file::create_directory(parent)?;
        }
        let mut text = String::new();
        for notice in &notices {
            let line = serde_json::to_string(notice).map_err(std::io::Error::other);
            text.push_str(&line.map_err(FileError::of("write", &self.path))?);
            text.push('\n');
        }
        private_file::replace(&self.path, text.as_bytes())?;
        self.notices = notices;
        Ok(())
    }
}

/// Why a server did not say whether it has moved.
#[derive(Debug, thiserror::Error)]
pub enum NoticeRequestError {
    /// There is no connection to it.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The connection ended before the answer did.
    #[error("the connection broke off before the server had answered")]
    Interrupted,
    /// No answer came in time.
    #[error("no answer from the server within {} s", ANSWER_LIMIT.as_secs())]
    Timeout,
    /// It does not answer as it should.
    #[error("the server does not answer as it should")]
    Answer,
    /// It has no notice.
    #[error("the server has no notice of a move (status {0})")]
    None(u16),
    /// What it answered is not to be believed.
    #[error(transparent)]
    Notice(#[from] MovedError),
}

/// Asks a server for its notices (`GET /moved`). It takes as long as the dialer, and a minute.
///
/// # Errors
/// [`NoticeRequestError`].
pub async fn ask(dialer: &dyn Dial, url: &ServerUrl) -> Result<Vec<Notice>, NoticeRequestError> {
    let stream = dialer.dial(url).await?;
    timeout(ANSWER_LIMIT, fetch(TokioIo::new(stream), url)).await.unwrap_or(Err(NoticeRequestError::Timeout))
}

impl From<hyper::Error> for NoticeRequestError {
    /// Sorts what an end of the connection looks like from what no HTTP server would send.
    fn from(error: hyper::Error) -> Self {
        if error.is_parse() || error.is_user() { Self::Answer } else { Self::Interrupted }
    }
}

async fn fetch(io: TokioIo<Box<dyn super::ByteStream>>, url: &ServerUrl) -> Result<Vec<Notice>, NoticeRequestError> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await?;
    // It ends with this set.
    let mut tasks = JoinSet::new();
    tasks.spawn(connection);
    let request = http::Request::builder().uri("/moved").header("Host", url.authority());
    let request = request.body(Empty::<Bytes>::new()).map_err(|_| NoticeRequestError::Answer)?;
    let response = sender.send_request(request).await?;
    if response.status() != http::StatusCode::OK {
        return Err(NoticeRequestError::None(response.status().as_u16()));
    }
    let body = Limited::new(response.into_body(), Notice::MOST_BYTES).collect().await.map_err(|error| {
        match error.downcast::<hyper::Error>() {
            Ok(error) => (*error).into(),
            // It is longer than a notice may be.
            Err(_) => NoticeRequestError::Answer,
        }
    })?;
    let text = String::from_utf8(body.to_bytes().to_vec()).map_err(|_| NoticeRequestError::Answer)?;
    Ok(Notice::read(&text)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use ephemeral_core::protocol::WallTime;
    use ephemeral_tor::ServiceKey;

    fn moved(from: &ServiceKey, to: &ServiceKey, at: u64) -> Notice {
        Notice::sign(from, to.address(), WallTime(at)).unwrap()
    }

    fn url(host: &str) -> ServerUrl {
        format!("http://{host}:81").parse().unwrap()
    }

    #[test]
    fn a_notice_that_was_added_is_followed_also_after_a_restart() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("new/moved");
        let a = ServiceKey::generate().unwrap();
        let b = ServiceKey::generate().unwrap();
        let c = ServiceKey::generate().unwrap();
        let mut book = Book::open(&path).unwrap();
        assert!(book.follow(&url(a.address())).is_none());
        book.add(vec![moved(&a, &b, 1), moved(&b, &c, 2)]).unwrap();
        let book = Book::open(&path).unwrap();
        assert_eq!(book.follow(&url(a.address())), Some(url(c.address())));
        assert_eq!(book.follow(&url(&format!("www.{}", b.address()))), Some(url(&format!("www.{}", c.address()))));
        assert_eq!(book.way(&url(a.address())), [url(b.address()), url(c.address())]);
        assert_eq!(book.follow(&url(c.address())), None);
        let named = |key: &ServiceKey| Authority::onion(&format!("{}:81", key.address())).unwrap();
        assert_eq!(book.moves().present(&named(&a)), named(&c));
        assert!(book.moves().same(&named(&b), &named(&c)));
        assert_eq!(book.follow(&url("localhost")), None);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn the_first_notice_counts_until_it_is_forgotten() {
        let directory = tempfile::tempdir().unwrap();
        let a = ServiceKey::generate().unwrap();
        let b = ServiceKey::generate().unwrap();
        let c = ServiceKey::generate().unwrap();
        let mut book = Book::open(&directory.path().join("moved")).unwrap();
        book.add(vec![moved(&a, &b, 1)]).unwrap();
        book.add(vec![moved(&a, &b, 2)]).unwrap();
        let refused = book.add(vec![moved(&a, &c, 3)]);
        assert!(matches!(refused, Err(BookError::Contradiction { known, .. }) if known == b.address()));
        assert_eq!(book.follow(&url(a.address())), Some(url(b.address())));
        assert!(book.forget(a.address()).unwrap());
        assert!(!book.forget(a.address()).unwrap());
        book.add(vec![moved(&a, &c, 3)]).unwrap();
        assert_eq!(book.follow(&url(a.address())), Some(url(c.address())));
    }

    #[test]
    fn a_file_that_somebody_else_has_written_in_is_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("moved");
        let a = ServiceKey::generate().unwrap();
        let b = ServiceKey::generate().unwrap();
        let thief = ServiceKey::generate().unwrap();
        Book::open(&path).unwrap().add(vec![moved(&a, &b, 1)]).unwrap();
        let text = fs::read_to_string(&path).unwrap().replace(b.address(), thief.address());
        fs::write(&path, text).unwrap();
        assert!(matches!(Book::open(&path), Err(BookError::Notice(MovedError::Signature))));
    }
}
