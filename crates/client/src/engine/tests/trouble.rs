//! What an engine does when connections are lost together, when somebody else uses the profile, and
//! when a server has too little to give.

use super::super::dispatch::Report;
use super::super::mailboxes::Step;
use super::*;

const SECOND: Duration = Duration::from_secs(1);
const REPLACED: u16 = 4409;

fn id(number: u8) -> LaneId {
    LaneId { pseudonym: Key([number; 32]), authority: "localhost".to_owned() }
}

/// An engine with eight mailboxes that are connected.
async fn connected(wire: &Arc<Wire>) -> Engine {
    let mut engine = engine(wire);
    for number in 0..8 {
        let LaneId { pseudonym: key, .. } = id(number);
        let seed = Secret::new([number; 32]);
        let active_at = number.into();
        let access =
            MailboxAccess { key, seed, authority: server(), after_ms: 0, active_at, door: false, awaited_ms: 0 };
        engine.mailboxes.insert(access, Instant::now());
        engine.lanes.start(plan(&id(number), wire));
    }
    tokio::time::advance(60 * SECOND).await;
    assert_eq!(engine.mailboxes.steps(Instant::now()).len(), 8);
    engine
}

fn lost(code: Option<u16>) -> Report {
    Report::Lost { why: Explanation { text: String::new(), cause: None }, close_code: code, retry_in: Duration::ZERO }
}

/// Returns after how many seconds each of those that are not connected now may be again.
fn waits(engine: &mut Engine) -> Vec<u64> {
    let now = Instant::now();
    let mut waits = Vec::new();
    for second in 0..=3_600 {
        let back = engine.mailboxes.steps(now + SECOND * second).into_iter();
        waits.extend(back.filter(|step| matches!(step, Step::Stay(_))).map(|_| u64::from(second)));
    }
    waits
}

#[tokio::test(start_paused = true)]
async fn after_two_mailboxes_lost_their_connections_within_ten_seconds_each_waits_anew() {
    let (wire, _arrivals) = testing::wire();
    for (gap, all) in [(9, true), (11, false)] {
        let mut engine = connected(&wire).await;
        engine.handle(&id(0), lost(None)).unwrap();
        engine.handle(&id(0), lost(None)).unwrap();
        assert_eq!(waits(&mut engine), [0; 0], "it alone tries again by itself");
        tokio::time::advance(SECOND * gap).await;
        engine.handle(&id(1), lost(None)).unwrap();
        let waits = waits(&mut engine);
        let mut distinct = waits.clone();
        distinct.dedup();
        let spread = waits.len() == 8 && distinct.len() > 3 && waits.iter().all(|wait| *wait <= 60);
        assert!(if all { spread } else { waits.is_empty() }, "{gap} s: {waits:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_slept_does_not_bring_all_mailboxes_back_at_one_moment() {
    let (wire, _arrivals) = testing::wire();
    let mut engine = connected(&wire).await;
    engine.notice_sleep(Instant::now());
    assert_eq!(waits(&mut engine), [0; 0]);
    // As if the machine's clock had been two hours behind when it was looked at last.
    engine.clocks.0 -= 7_200_000;
    engine.notice_sleep(Instant::now());
    assert_eq!(waits(&mut engine).len(), 8);
}

#[tokio::test(start_paused = true)]
async fn where_somebody_else_fetches_a_mailbox_rests_for_an_hour_and_the_second_time_is_the_end() {
    let (wire, _arrivals) = testing::wire();
    let mut engine = connected(&wire).await;
    engine.handle(&id(3), lost(Some(REPLACED))).unwrap();
    assert!(matches!(engine.news.pop_front(), Some(EngineEvent::Elsewhere)));
    assert_eq!(waits(&mut engine), [3_600]);
    let second = engine.handle(&id(4), lost(Some(REPLACED)));
    assert!(matches!(second, Err(EngineError::Elsewhere)), "{second:?}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_takes_or_keeps_too_little_is_not_used_and_one_that_forgets_within_a_day_is_named_once() {
    let (wire, _arrivals) = testing::wire();
    let mut engine = connected(&wire).await;
    for (number, limits, used) in [
        (0, (16_383, 604_800), false),
        (1, (65_536, 3_599), false),
        (2, (16_384, 3_600), true),
        (3, (16_384, 86_399), true),
    ] {
        engine.online(&id(number), "epoch", None, limits).unwrap();
        assert_eq!(engine.lanes.has(&id(number)), used, "{limits:?}");
    }
    let news: Vec<EngineEvent> = engine.news.drain(..).collect();
    assert_eq!(news.iter().filter(|news| matches!(news, EngineEvent::Unusable { .. })).count(), 2);
    assert_eq!(news.iter().filter(|news| matches!(news, EngineEvent::ShortMemory(_))).count(), 1);
    assert_eq!(news.iter().filter(|news| matches!(news, EngineEvent::Online(_))).count(), 2);
}
