//! Who is the active one, and what that one does: it goes on with the journal, and writes it.

mod announcing;
mod answering;
mod belonging;
mod error;
mod following;
mod inviting;
mod lease;
mod linking;
mod operator;
mod promotion;
mod requirements;
mod rotation;
mod waiting;
mod wiping;
mod writing;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::copy::JournalCopy;
use super::fence::FenceMark;
use super::jet::{Jet, JetError};
use super::joining::JoinDoor;
use super::joining::parcel::ServiceHome;
use super::kept::KeptKeys;
use super::keys::{KeyExchange, Keyring};
use super::nats::{self, Nats, tls};
use super::wipe::WipeSeal;
use super::{ClusterRole, Config, machine_name};
use crate::clock::Clock;
use crate::hub::Hub;
use announcing::Announcing;
pub use belonging::ClusterRefusal;
use ephemeral_tor::private_file;
pub use error::ClusterError;
pub use inviting::{Invited, NotInvited};
pub use operator::DrainError;
use promotion::Promoted;
pub use wiping::{ClusterWipe, WIPE_PATIENCE, WipeLeft};

/// Where nodes ask each other for the keys, and for a wipe, and say that they are there.
const KEYS: &str = "ephemeral.ask.keys";
const WIPE: &str = "ephemeral.ask.wipe";
const PRESENCE: &str = "ephemeral.ask.presence";
/// Where a new machine asks for the service's key.
pub(super) const JOIN: &str = "ephemeral.ask.join";
const QUESTION: &str = "ephemeral.ask.*";
/// Questions of other nodes that wait, at most.
const QUESTIONS: usize = 64;
/// How long the journal may take to be read, at most.
const REPLAY: Duration = Duration::from_secs(120);
/// Until something that failed is tried again.
const AGAIN: Duration = Duration::from_millis(500);
/// How long what is still to be written may take when the server ends.
const FLUSH: Duration = Duration::from_secs(3);
/// Bytes of the cluster's secret.
pub const SECRET: usize = 32;

/// One machine of a cluster.
pub struct ClusterNode {
    hub: Arc<Hub>,
    clock: Clock,
    nats: Arc<Nats>,
    keys: Arc<Keyring>,
    exchange: KeyExchange,
    /// What it has read of the journal while it stands by.
    copy: parking_lot::Mutex<JournalCopy>,
    /// Its fence while it takes over: where that fails, the next attempt goes on behind it.
    fenced: parking_lot::Mutex<Option<FenceMark>>,
    /// Its name, and something that no other process has.
    holder: String,
    standing: watch::Sender<ClusterRole>,
    /// The active machine, as it was seen last.
    active: watch::Sender<Option<String>>,
    /// Since when it is what it is.
    since: parking_lot::Mutex<Instant>,
    operator: operator::OperatorState,
    /// The NATS servers, and how they are reached.
    addresses: Vec<super::NatsAddress>,
    connector: Option<tokio_rustls::TlsConnector>,
    /// The term for which it holds the lease; `None`: it does not.
    lease: watch::Sender<Option<u64>>,
    announcing: Announcing,
    wipe_seal: WipeSeal,
    /// Whether it is of the cluster that is there.
    membership: belonging::Membership,
    /// Where the others reach it, if that is not where it listens.
    advertised: Option<SocketAddr>,
    /// The term in which it serves; 0: it stands by.
    serving: watch::Sender<u64>,
    /// Where a new machine is let in, and what it is given; `None`: there is no onion service.
    door: JoinDoor,
    home: Option<ServiceHome>,
    /// Where the last wipe is that was asked for here.
    progress: watch::Sender<wiping::WipeProgress>,
    /// How many messages another machine's wipe erased here.
    erased: AtomicU64,
    has_tls: bool,
    /// Bytes of a message as it is written down, at most.
    largest: usize,
}

/// Why a node is the active one no longer.
enum Over {
    /// Another one is, or might be.
    Replaced,
    /// The server ends.
    Ends,
    /// It does, and a batch is not answered.
    Cut,
    /// It is not of the cluster that is there.
    Outcast,
}

impl ClusterNode {
    /// Makes one, and the tasks that it needs: its connection, and its answers to other nodes.
    /// `kept`: where its keys are for the next process. `home`: where it has its onion service.
    ///
    /// # Errors
    /// [`ClusterError`].
    pub fn new(
        config: &Config,
        (hub, clock, largest): (Arc<Hub>, Clock, usize),
        (kept, home): (Option<KeptKeys>, Option<ServiceHome>),
    ) -> Result<(Arc<Self>, impl Future<Output = ()> + Send + use<>), ClusterError> {
        let secret = private_file::read_own(&config.secret_file, SECRET)?;
        if secret.len() != SECRET {
            return Err(ClusterError::NoSecret(secret.len()));
        }
        let connector = config.tls.as_ref().map(tls::connector).transpose()?;
        let (nats, outgoing) = Nats::new()?;
        let holder = format!("{}/{}", config.node, super::jet::batch_id()?);
        let keys = Arc::new(kept.map(Keyring::kept_in).unwrap_or_default());
        let wipe_seal = WipeSeal::new(&secret);
        let announcing = Announcing::new(&secret, &holder, clock.wall());
        let node = Arc::new(Self {
            hub,
            clock,
            nats,
            keys,
            door: JoinDoor::new(secret.clone()),
            home,
            exchange: KeyExchange::new(secret),
            copy: parking_lot::Mutex::default(),
            fenced: parking_lot::Mutex::default(),
            holder,
            standing: watch::Sender::new(ClusterRole::StandsBy),
            active: watch::Sender::new(None),
            since: parking_lot::Mutex::new(Instant::now()),
            operator: operator::OperatorState::new(),
            addresses: config.nats.clone(),
            connector: connector.clone(),
            lease: watch::Sender::new(None),
            announcing,
            wipe_seal,
            membership: belonging::Membership::new(),
            advertised: config.link_announced,
            serving: watch::Sender::new(0),
            progress: wiping::progress(),
            erased: AtomicU64::new(0),
            has_tls: connector.is_some(),
            largest,
        });
        let connection = Arc::clone(&node).connection(outgoing, config.nats.clone(), connector);
        Ok((node, connection))
    }

    /// Returns what it is, and will be.
    #[must_use]
    pub fn standing(&self) -> watch::Receiver<ClusterRole> {
        self.standing.subscribe()
    }

    /// Stands by and leads by turns, until `stop`. Then it writes what there still is, and gives
    /// the lease up.
    pub async fn run(&self, stop: CancellationToken) {
        let lease = &self.lease;
        let released = CancellationToken::new();
        let resting = watch::Sender::new(false);
        let rests = resting.subscribe();
        let keeping = lease::keep(Jet(&self.nats), &self.holder, (lease, rests), &released);
        let leading = async {
            let mut held = lease.subscribe();
            let mut said = String::new();
            loop {
                let is_to_rest = self.is_to_rest();
                resting.send_replace(is_to_rest);
                if self.wait_for_lease(&mut held, is_to_rest, &stop).await {
                    break;
                }
                if self.is_to_rest() {
                    resting.send_replace(true);
                    let _ = held.wait_for(Option::is_none).await;
                    continue;
                }
                let Some(term) = *held.borrow_and_update() else { continue };
                match self.lead_until_drained(term, &mut held, &stop).await {
                    Ok(Over::Ends | Over::Cut) if stop.is_cancelled() => break,
                    Ok(Over::Ends | Over::Cut) => tracing::info!("this machine hands the lease over, and stands by"),
                    Ok(Over::Outcast) => {
                        tracing::warn!("this machine is not of the cluster that is there: it takes nothing over")
                    }
                    Ok(Over::Replaced) => {
                        tracing::warn!("another machine is the active one: this one stands by");
                        // That it holds the lease may be what it knew before it stood still.
                        resting.send_replace(true);
                    }
                    Err(error) => {
                        let error = error.to_string();
                        // One that was active until now is not told of by what was said before.
                        if error != said || *self.standing.borrow() == ClusterRole::Active {
                            tracing::error!(
                                "the journal cannot be used, and this machine is not the active one: {error}; it is tried again"
                            );
                            said = error;
                        }
                    }
                }
                self.be(ClusterRole::StandsBy);
                self.serving.send_replace(0);
                self.hub.stand_by();
                sleep(AGAIN).await;
                if *resting.borrow() {
                    // It ends only with its sender, which outlives this.
                    let _ = held.wait_for(Option::is_none).await;
                }
            }
            released.cancel();
        };
        tokio::select! {
            _ = async { tokio::join!(keeping, leading) } => {}
            () = self.keep_looking() => {}
        }
    }

    /// Goes on with the journal, and writes it, for as long as this node holds the lease.
    async fn lead(
        &self,
        lease_term: u64,
        held: &mut watch::Receiver<Option<u64>>,
        stop: &CancellationToken,
    ) -> Result<Over, JetError> {
        let jet = Jet(&self.nats);
        self.check_server()?;
        jet.prepare().await?;
        if !self.joins_charter().await? {
            return Ok(Over::Outcast);
        }
        // Who has it leads: whoever only believes so would take over from that one.
        let lease = jet.lease().await?;
        if lease.revision != 0 && lease.node != self.holder {
            return Ok(Over::Replaced);
        }
        let fence = self.begin_to_write(lease_term).await?;
        let term = fence.term;
        if self.keys.is_empty() {
            self.ask_for_keys().await;
        }
        let read = timeout(REPLAY, self.take_over(&fence)).await;
        let Promoted { queue, epoch, store, wiped, last } = read.map_err(|_| nats::Unanswered::Late)??;
        self.fenced.lock().take();
        let figures = store.figures();
        self.hub.lead(&epoch, store, term);
        self.be(ClusterRole::Active);
        self.serving.send_replace(term);
        if self.keys.wiped() != wiped {
            // It was asked for while the journal was read.
            self.hub.wipe().map_err(random)?;
        }
        tracing::info!(
            "this machine is the active one: {} waiting messages, {} ids of delivered ones",
            figures.messages,
            figures.records - figures.messages
        );
        let mut writer = writing::Writer::new(self, jet, &queue, (term, last));
        let over = writer.run(held, stop).await?;
        if !matches!(over, Over::Replaced) {
            let flushed = matches!(over, Over::Ends) && matches!(timeout(FLUSH, writer.flush()).await, Ok(Ok(())));
            if !flushed {
                tracing::warn!(
                    "not everything could be written into the journal: what was acknowledged last may come again"
                );
            }
        }
        Ok(over)
    }
}

fn random(error: getrandom::Error) -> JetError {
    JetError::Refused { code: 0, what: format!("the system has no random numbers: {error}") }
}
