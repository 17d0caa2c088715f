//! What is said, and when nothing is.

use super::*;
use crate::clock::Clock;
use crate::hub;
use crate::transport::onion_service::Reason;
use ephemeral_core::limits::Rate;
use ephemeral_core::store;

fn hub() -> Arc<Hub> {
    let settings = hub::Config { bounds: store::Config::default(), rate: Rate::new(60, 60), sessions: 10 };
    Hub::new(settings, Clock::System).unwrap()
}

fn no_switch() -> watch::Receiver<Option<dead_man::DeadManStats>> {
    watch::channel(None).1
}

fn notifier(status: OnionStatus) -> (watch::Sender<OnionStatus>, Arc<ManagerNotifier>) {
    let (sender, status) = watch::channel(status);
    (sender, ManagerNotifier::new(hub(), Some(status), no_switch()))
}

#[test]
fn the_words_say_how_far_it_is_whether_it_is_reachable_and_why_not() {
    let (sender, notifier) = notifier(OnionStatus { bootstrap_percent: 40, ..OnionStatus::default() });
    assert_eq!(notifier.words(), "starting: Tor 40 %; 0 sessions");
    sender.send_modify(|status| status.bootstrap_percent = 100);
    assert_eq!(notifier.words(), "starting: publishing the onion service; 0 sessions");
    sender.send_modify(|status| status.phase = Phase::Reachable);
    assert_eq!(notifier.words(), "reachable; 0 sessions");
    sender.send_modify(|status| status.phase = Phase::Degraded(Reason::Offline));
    assert_eq!(notifier.words(), "not reachable, it goes on trying: there is no network connection; 0 sessions");
    notifier.reloaded(Reloaded::Refused { problems: 2 });
    assert!(notifier.words().ends_with("the configuration has 2 problems, see the log: the one before stays in force"));
    assert_eq!(ManagerNotifier::new(hub(), None, no_switch()).words(), "listening on TCP; 0 sessions");
}

#[test]
fn it_serves_once_it_is_reachable_and_not_while_it_starts() {
    let (sender, notifier) = notifier(OnionStatus { bootstrap_percent: 100, ..OnionStatus::default() });
    assert!(!notifier.serves());
    sender.send_modify(|status| status.phase = Phase::Reachable);
    assert!(notifier.serves());
    assert!(ManagerNotifier::new(hub(), None, no_switch()).serves(), "TCP alone serves at once");
}

#[tokio::test]
async fn a_store_whose_lock_is_held_for_ever_and_a_watch_that_has_stopped_are_no_life() {
    let mut pulse = LivenessCheck::default();
    let hub = hub();
    assert_eq!(pulse.take(&hub, Some(HEARTBEAT_TIMEOUT), LOOK).await, Ok(()));
    let late = Some(HEARTBEAT_TIMEOUT + Duration::from_secs(1));
    assert_eq!(pulse.take(&hub, late, LOOK).await, Err("the watch over the onion service has stopped"));
    let (hold, held) = std::sync::mpsc::channel::<()>();
    pulse.store = Some(tokio::task::spawn_blocking(move || {
        let _ = held.recv();
    }));
    let soon = Duration::from_millis(20);
    assert_eq!(pulse.take(&hub, None, soon).await, Err("the store does not answer"));
    assert_eq!(pulse.take(&hub, None, soon).await, Err("the store does not answer"), "no second thread is sent");
    drop(hold);
    assert_eq!(pulse.take(&hub, None, LOOK).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn being_offline_is_life_as_long_as_it_goes_on_trying() {
    let tried = OnionStatus {
        phase: Phase::Degraded(Reason::Offline),
        heartbeat_at: Some(Instant::now()),
        ..OnionStatus::default()
    };
    let (_sender, notifier) = notifier(tried);
    tokio::time::advance(Duration::from_secs(420)).await;
    assert!(notifier.serves());
    assert!(notifier.heartbeat_at().is_some_and(|heartbeat_at| heartbeat_at <= HEARTBEAT_TIMEOUT));
    tokio::time::advance(Duration::from_secs(420)).await;
    assert!(notifier.heartbeat_at().is_some_and(|heartbeat_at| heartbeat_at > HEARTBEAT_TIMEOUT));
}
