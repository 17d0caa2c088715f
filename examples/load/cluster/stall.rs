//! How long nobody is told `accepted` when a part of a cluster dies, at the machine that was active
//! and at those that passed on.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::json;
use tokio::task::{JoinSet, block_in_place};
use tokio::time::{Instant, sleep, timeout};

use super::machines::Machines;
use crate::peer::{LoadClient, Target, fingerprint};

/// How long a machine may take with a session's beginning before the next one is tried.
const BEGINNING: Duration = Duration::from_secs(1);
/// How long it may take with an answer: longer than a cluster without a NATS leader.
const ANSWER: Duration = Duration::from_secs(15);
/// Between an answer and the next message, and between two attempts.
const PAUSE: Duration = Duration::from_millis(5);
/// So long after the event, something may still begin to stall.
const LATER: Duration = Duration::from_secs(4);
/// So long, all of them were answered again and again.
const STEADY: Duration = Duration::from_secs(1);
/// Longer than anything that is measured.
const PATIENCE: Duration = Duration::from_secs(60);

/// Who dies.
#[derive(Clone, Copy)]
enum Death {
    Killed,
    Stopped,
    Leader,
    Follower,
}

impl Death {
    const ALL: [Self; 4] = [Self::Killed, Self::Stopped, Self::Leader, Self::Follower];

    fn name(self) -> &'static str {
        match self {
            Self::Killed => "the active machine, by kill -9",
            Self::Stopped => "the active machine, by SIGTERM",
            Self::Leader => "the NATS server that leads, by kill -9",
            Self::Follower => "one that does not lead, by kill -9",
        }
    }
}

/// Prints each stall.
pub(crate) async fn run(machines: &mut Machines, rounds: usize) -> Result<()> {
    for death in Death::ALL {
        let mut there = Vec::new();
        let mut elsewhere = Vec::new();
        for _ in 0..rounds {
            let active = machines.active();
            for (number, stall) in measure(machines, death).await?.into_iter().enumerate() {
                if number == active { &mut there } else { &mut elsewhere }.push(stall);
            }
            machines.are_whole().await?;
        }
        println!("  {}: {}; elsewhere {}", death.name(), in_seconds(&there), in_seconds(&elsewhere));
    }
    Ok(())
}

fn in_seconds(stalls: &[Duration]) -> String {
    let each: Vec<_> = stalls.iter().map(|stall| format!("{:.2}", stall.as_secs_f64())).collect();
    format!("{} s", each.join(", "))
}

/// Has a part die, and start again. Returns the longest time without an answer, by the machine at
/// which somebody began.
async fn measure(machines: &mut Machines, death: Death) -> Result<Vec<Duration>> {
    let mut people = JoinSet::new();
    let doors = machines.doors();
    let mut heard = Vec::new();
    for number in 0..doors.len() {
        let answers = Answers::default();
        heard.push(answers.clone());
        people.spawn(write(doors.clone(), number, answers));
    }
    are_answered(&heard, Instant::now()).await?;
    let begun = Instant::now();
    match death {
        Death::Killed => {
            let number = machines.kill_active()?;
            are_answered(&heard, begun + LATER).await?;
            machines.begin(number)?;
        }
        Death::Stopped => {
            let number = machines.stop_active().await?;
            are_answered(&heard, Instant::now() + LATER).await?;
            machines.begin(number)?;
        }
        Death::Leader | Death::Follower => {
            let leader = block_in_place(|| machines.nats.leader()).context("no NATS server leads")?;
            let number = if matches!(death, Death::Leader) { leader } else { (leader + 1) % 3 };
            block_in_place(|| machines.nats.kill(number));
            are_answered(&heard, begun + LATER).await?;
            block_in_place(|| machines.nats.begin(number));
        }
    }
    if let Some(ended) = people.try_join_next() {
        bail!("somebody gave up: {:?}", ended?);
    }
    Ok(heard.iter().map(|answers| answers.longest_wait(begun)).collect())
}

/// Waits until that time, and until everybody was answered all the time of late.
async fn are_answered(heard: &[Answers], earliest: Instant) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < earliest + STEADY || !heard.iter().all(Answers::are_steady) {
        ensure!(Instant::now() < deadline, "somebody is not answered any more");
        sleep(PAUSE).await;
    }
    Ok(())
}

/// When somebody was told `accepted`.
#[derive(Clone, Default)]
struct Answers(Arc<Mutex<Vec<Instant>>>);

impl Answers {
    fn note(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now());
    }

    /// Returns whether there was no second of late without one.
    fn are_steady(&self) -> bool {
        let times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let late: Vec<_> = times.iter().rev().take_while(|time| now - **time < STEADY).collect();
        let last = late.first().is_some_and(|time| now - **time < STEADY / 4);
        last && late.windows(2).all(|pair| *pair[0] - *pair[1] < STEADY / 4)
    }

    /// Returns the longest time between two of them of which the later one came after `begun`.
    fn longest_wait(&self, begun: Instant) -> Duration {
        let times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = times.windows(2).filter(|pair| pair[1] >= begun).map(|pair| pair[1] - pair[0]);
        waits.max().unwrap_or_default()
    }
}

/// Writes one message after the other, for somebody who is not online; at the next machine, where
/// one has ended the session or takes too long.
async fn write(doors: Vec<Target>, first: usize, answers: Answers) -> Result<()> {
    let to = fingerprint(2_000_000 + first);
    let content = "x".repeat(super::SIZE);
    for door in doors.iter().cycle().skip(first) {
        let beginning = LoadClient::connect(door, 3_000_000 + first, true);
        let Ok(Ok(mut client)) = timeout(BEGINNING, beginning).await else {
            sleep(PAUSE).await;
            continue;
        };
        loop {
            let id = format!("{:016x}", fastrand::u64(..));
            client.feed(json!({"id": id, "to": to, "content": content}).to_string())?;
            let told = async {
                std::future::poll_fn(|cx| client.poll_flush(cx)).await?;
                client.next().await
            };
            match timeout(ANSWER, told).await {
                Ok(Ok(answer)) if answer["type"] == "accepted" => answers.note(),
                Ok(Ok(answer)) if answer["type"] == "error" => bail!("a message was refused: {answer}"),
                _ => break,
            }
            sleep(PAUSE).await;
        }
    }
    Ok(())
}
