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

/// An input of the service, from a connection or from the program that runs it.
pub(super) enum ServiceInput {
    /// Somebody comes.
    Connected { stream: Box<dyn Pipe>, patience: Option<Duration>, over: oneshot::Sender<()> },
    /// A line came.
    Request { connection: u64, line: Vec<u8>, permit: RequestPermit },
    /// What comes is not to be read any further.
    Fault { connection: u64, refusal: MethodRefusal },
    /// Nothing more comes.
    ReadClosed { connection: u64 },
    /// A line was written.
    Written { connection: u64, receipt: WriteReceipt },
    /// It cannot be read or written any more.
    Lost { connection: u64 },
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

/// The service's ends of a connection's channels.
pub(super) struct Ends {
    pub(super) connection: u64,
    pub(super) inputs: mpsc::Sender<ServiceInput>,
    pub(super) patience: Option<Duration>,
}

/// Reads lines as long as there is a permit for each.
pub(super) async fn read(ends: Ends, reader: ReadHalf<Box<dyn Pipe>>, permits: Arc<Semaphore>) {
    let Ends { connection, inputs, patience } = ends;
    let mut lines = LineReader::new(reader, MAX_REQUEST, patience);
    loop {
        // It is never closed.
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
        let fault = match lines.next().await {
            Ok(Some(line)) => {
                if inputs.send(ServiceInput::Request { connection, line, permit }).await.is_err() {
                    return;
                }
                continue;
            }
            Ok(None) => ServiceInput::ReadClosed { connection },
            Err(LineFault::Long) => ServiceInput::Fault { connection, refusal: MethodRefusal::LongLine },
            Err(LineFault::Half) => ServiceInput::Fault { connection, refusal: MethodRefusal::HalfALine },
            Err(LineFault::Read(_)) => ServiceInput::Lost { connection },
        };
        // Before it is said: the connection is over when it has all its permits again.
        drop(permit);
        let _ = inputs.send(fault).await;
        return;
    }
}

/// Writes lines, and gives the receipts.
pub(super) async fn write(ends: Ends, mut writer: WriteHalf<Box<dyn Pipe>>, mut lines: mpsc::Receiver<OutLine>) {
    let Ends { connection, inputs, patience } = ends;
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
        let input = if is_written && !last {
            ServiceInput::Written { connection, receipt }
        } else {
            ServiceInput::Lost { connection }
        };
        if inputs.send(input).await.is_err() || !is_written || last {
            return;
        }
    }
}
