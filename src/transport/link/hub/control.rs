//! The hub's end of a control connection: what a front is told, and whether it is there.

use std::io;
use std::sync::Arc;

use tokio::io::AsyncRead;
use tokio::net::TcpStream;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

use super::super::wire::LinkNotice;
use super::super::{BEAT, NodeKey, SILENCE, TermWatch};

/// A front that is connected.
pub(super) struct ControlLink {
    /// What this side calls the connection: one name for each run of a front.
    pub(super) name: u64,
    /// The front's key.
    pub(super) front: NodeKey,
    /// Cancelled when the front is gone: its seats end.
    pub(super) over: CancellationToken,
}

impl ControlLink {
    pub(super) fn new(name: u64, front: NodeKey) -> Arc<Self> {
        Arc::new(Self { name, front, over: CancellationToken::new() })
    }

    /// Serves the connection until it ends, or the front says nothing any more.
    pub(super) async fn serve(
        &self,
        io: TlsStream<TcpStream>,
        mut standing: Option<TermWatch>,
        cancel: &CancellationToken,
    ) {
        let (reader, mut writer) = tokio::io::split(io);
        // The front is told at once, and then each time.
        standing.iter_mut().for_each(TermWatch::mark_changed);
        let telling = async {
            let mut beat = interval(BEAT);
            beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let mut next = LinkNotice::Name { name: self.name, in_cluster: standing.is_some() };
            loop {
                match timeout(SILENCE, next.write(&mut writer)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) | Err(_) => return,
                }
                next = tokio::select! {
                    term = changed(&mut standing) => LinkNotice::Standing(term),
                    _ = beat.tick() => LinkNotice::Beat,
                };
            }
        };
        tokio::select! {
            () = cancel.cancelled() => {}
            () = self.over.cancelled() => {}
            _ = listen(reader) => {}
            () = telling => {}
        }
    }
}

/// Waits until what this machine is has changed, and returns the term in which it serves.
async fn changed(standing: &mut Option<TermWatch>) -> u64 {
    if let Some(standing) = standing
        && standing.changed().await.is_ok()
    {
        return *standing.borrow_and_update();
    }
    // It is the only one, or the process ends.
    std::future::pending().await
}

/// Reads what a front says, which is only that it is there.
async fn listen(mut reader: impl AsyncRead + Unpin) -> io::Result<()> {
    loop {
        match timeout(SILENCE, LinkNotice::read(&mut reader)).await {
            Ok(notice) => drop(notice?),
            Err(_) => return Err(io::ErrorKind::TimedOut.into()),
        }
    }
}
