//! A front's end of a control connection: connects again and again, and hears what the hub is.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use ephemeral_core::backoff::{Backoff, Jitter};
use tokio::io::{AsyncRead, AsyncWrite, split};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use super::super::wire::{FirstFrame, LinkNotice};
use super::super::{BEAT, HANDSHAKE, LOG, SILENCE};
use super::Way;
use super::hub_link::HubLink;
use super::hubs::Hubs;
use crate::causes::of_connection;

/// The first pause between two attempts, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How long seats may take to end by themselves when the hub has ended the control connection: a
/// hub that stops answers first what it can.
const FAREWELL: Duration = Duration::from_secs(15);

/// Keeps a control connection to one machine, for ever.
pub(super) async fn keep(hubs: Arc<Hubs>, way: Way) {
    let way = Arc::new(way);
    let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE).with_jitter(Jitter::Half);
    let mut farewells = JoinSet::new();
    let mut complained = false;
    loop {
        let attempt = Instant::now();
        let error = match timeout(HANDSHAKE, begin(&way)).await {
            Ok(Ok((reader, writer, hub))) => {
                complained = false;
                let over = hub.over.clone().drop_guard();
                let entered = hubs.enter(Arc::clone(&hub));
                let error = serve(reader, writer, &hub, &hubs).await;
                drop(entered);
                let patience = if error.kind() == io::ErrorKind::TimedOut { Duration::ZERO } else { FAREWELL };
                farewells.spawn(async move {
                    sleep(patience).await;
                    drop(over);
                });
                error
            }
            Ok(Err(error)) => error,
            Err(_) => io::ErrorKind::TimedOut.into(),
        };
        if !std::mem::replace(&mut complained, true) {
            complain(&way, &error);
        }
        if attempt.elapsed() >= SILENCE {
            backoff.reset();
        }
        while farewells.try_join_next().is_some() {}
        sleep(backoff.next_wait()).await;
    }
}

fn complain(way: &Way, error: &io::Error) {
    let machine = way.machine.name.as_str();
    let error = of_connection(error);
    if machine.is_empty() {
        tracing::warn!(target: LOG, error, "the hub is not reached: clients are told so, until it is");
    } else {
        tracing::warn!(target: LOG, machine, error, "this machine of the cluster is not reached: it is tried again");
    }
}

async fn begin(
    way: &Arc<Way>,
) -> io::Result<(impl AsyncRead + Unpin + use<>, impl AsyncWrite + Unpin + use<>, Arc<HubLink>)> {
    let (mut reader, writer) = split(way.connect(&FirstFrame::Control).await?);
    match LinkNotice::read(&mut reader).await? {
        LinkNotice::Name { name, in_cluster } => Ok((reader, writer, HubLink::new(Arc::clone(way), name, in_cluster))),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "the hub does not say what it is asked")),
    }
}

/// Hears the hub until it says nothing any more. Returns why it is gone.
async fn serve(
    mut reader: impl AsyncRead + Unpin,
    mut writer: impl AsyncWrite + Unpin,
    hub: &HubLink,
    hubs: &Hubs,
) -> io::Error {
    let hearing = async {
        loop {
            match timeout(SILENCE, LinkNotice::read(&mut reader)).await {
                Ok(Ok(notice)) => {
                    hub.heard(notice);
                    if let LinkNotice::Standing(_) = notice {
                        hubs.choose();
                    }
                }
                Ok(Err(error)) => return error,
                Err(_) => return io::ErrorKind::TimedOut.into(),
            }
        }
    };
    let beating = async {
        let mut beat = interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            beat.tick().await;
            match timeout(SILENCE, LinkNotice::Beat.write(&mut writer)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return error,
                Err(_) => return io::ErrorKind::TimedOut.into(),
            }
        }
    };
    tokio::select! {
        error = hearing => error,
        error = beating => error,
        () = hub.over.cancelled() => io::Error::other("another machine is the hub"),
    }
}
