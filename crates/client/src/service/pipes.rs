//! The two tasks of a connection: one reads its lines, the other one writes.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::line::{LineFault, LineReader};
use super::patiently;
use super::refusal::MethodRefusal;
use super::wire::MAX_REQUEST;

/// A stream of whatever kind.
pub(super) trait Pipe: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Pipe for T {}

/// Is had by a request until it is answered.
pub(super) type RequestPermit = OwnedSemaphorePermit;

/// Says what is known once a line was written.
#[derive(Clone, Copy, Debug)]
pub(super) enum WriteReceipt {
    Nothing,
    Event(u64),
    Invite(u64),
}

/// Something that the service is told by connections and whoever runs it.
pub(super) enum Knock {
    /// Somebody comes.
    Come { stream: Box<dyn Pipe>, patience: Option<Duration>, over: oneshot::Sender<()> },
    /// A line came.
    Asked { caller: u64, line: Vec<u8>, permit: RequestPermit },
    /// What comes is not to be read any further.
    Fault { caller: u64, refusal: MethodRefusal },
    /// Nothing more comes.
    Silent { caller: u64 },
    /// A line was written.
    Written { caller: u64, receipt: WriteReceipt },
    /// It cannot be read or written any more.
    Lost { caller: u64 },
    /// The service is to end.
    Stop,
}

/// A line to be written.
pub(super) struct OutLine {
    pub(super) line: Arc<str>,
    pub(super) receipt: WriteReceipt,
    /// Lets the connection ask again.
    pub(super) permit: Option<RequestPermit>,
    /// Whether the connection ends with it.
    pub(super) last: bool,
}

/// One connection's.
pub(super) struct Ends {
    pub(super) caller: u64,
    pub(super) knocks: mpsc::Sender<Knock>,
    pub(super) patience: Option<Duration>,
}

/// Reads lines as long as there is a permit for each.
pub(super) async fn read(ends: Ends, reader: ReadHalf<Box<dyn Pipe>>, permits: Arc<Semaphore>) {
    let Ends { caller, knocks, patience } = ends;
    let mut lines = LineReader::new(reader, MAX_REQUEST, patience);
    loop {
        // It is never closed.
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
        let fault = match lines.next().await {
            Ok(Some(line)) => {
                if knocks.send(Knock::Asked { caller, line, permit }).await.is_err() {
                    return;
                }
                continue;
            }
            Ok(None) => Knock::Silent { caller },
            Err(LineFault::Long) => Knock::Fault { caller, refusal: MethodRefusal::LongLine },
            Err(LineFault::Half) => Knock::Fault { caller, refusal: MethodRefusal::HalfALine },
            Err(LineFault::Read(_)) => Knock::Lost { caller },
        };
        // Before it is said: the connection is over when it has all its permits again.
        drop(permit);
        let _ = knocks.send(fault).await;
        return;
    }
}

/// Writes lines, and gives the receipts.
pub(super) async fn write(ends: Ends, mut writer: WriteHalf<Box<dyn Pipe>>, mut lines: mpsc::Receiver<OutLine>) {
    let Ends { caller, knocks, patience } = ends;
    while let Some(OutLine { line, receipt, permit, last }) = lines.recv().await {
        let writing = async {
            writer.write_all(line.as_bytes()).await?;
            writer.flush().await
        };
        let is_written = matches!(patiently(patience, writing).await, Some(Ok(())));
        drop(permit);
        if last {
            let _ = patiently(Some(Duration::from_secs(1)), writer.shutdown()).await;
        }
        let knock = if is_written && !last { Knock::Written { caller, receipt } } else { Knock::Lost { caller } };
        if knocks.send(knock).await.is_err() || !is_written || last {
            return;
        }
    }
}
