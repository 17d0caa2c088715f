//! Times, by the thread's CPU clock and by the wall's.

use std::fmt;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// Returns the CPU time that this thread has used.
pub(crate) fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Many short spans of time.
#[derive(Default)]
pub(crate) struct Spans {
    cpu: Vec<Duration>,
    wall: Vec<Duration>,
}

impl Spans {
    /// Does something, and notes how long that took.
    pub(crate) fn time<T>(&mut self, what: impl FnOnce() -> T) -> T {
        let wall = Instant::now();
        let cpu = thread_cpu();
        let done = what();
        self.cpu.push(thread_cpu() - cpu);
        self.wall.push(wall.elapsed());
        done
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.cpu.is_empty()
    }
}

impl fmt::Display for Spans {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} × ", self.cpu.len())?;
        for (name, spans) in [("CPU", &self.cpu), ("; wall", &self.wall)] {
            let mut spans = spans.clone();
            spans.sort();
            let at = |percent: usize| spans.get((spans.len() * percent / 100).min(spans.len() - 1)).copied();
            let millis = |span: Option<Duration>| span.unwrap_or_default().as_secs_f64() * 1000.0;
            let median = millis(at(50));
            let p99 = millis(at(99));
            let most = millis(spans.last().copied());
            let over = spans.iter().filter(|span| **span > Duration::from_millis(1)).count();
            write!(formatter, "{name} median {median:.2}, p99 {p99:.2}, most {most:.2} ms ({over} over 1 ms)")?;
        }
        Ok(())
    }
}
