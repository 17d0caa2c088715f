//! Points in time: on the line that decides, by the clock that people read, and as they go over the
//! wire.
//!
//! [`Millis`] counts on a clock that nobody can set; it is what lives, rates and blocks are
//! reckoned in. [`WallTime`] is what the protocol writes and reads. Only a [`ClockReading`], which
//! knows both at one moment, leads from one to the other: to mix them does not compile.

mod written;

use jiff::Timestamp;
use jiff::fmt::temporal::Pieces;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// A point in time on a clock that cannot be set: milliseconds since the machine was started,
/// suspension included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Millis(pub u64);

/// A point in time by the wall clock: milliseconds since the Unix epoch. Written as RFC 3339 in UTC
/// with milliseconds and `Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct WallTime(pub u64);

/// The time of both clocks at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockReading {
    /// The clock that cannot be set.
    pub steady: Millis,
    /// The wall clock.
    pub wall: WallTime,
    /// The precision in milliseconds to which the server's own times are written: [`MINUTE_MS`],
    /// but in tests of something else.
    pub resolution_ms: u64,
}

/// A point in time as it goes over the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WireTime {
    /// The time as the sender wrote it: it tells the sender nothing new.
    Given(WallTime),
    /// The server's own, to the minute, so that nobody reads this machine's clock from it.
    Own {
        /// The time itself.
        at: Millis,
        /// A random number that decides between the minute before and the minute after. One time
        /// has always the same, or asking for it often enough would tell more.
        draw: u32,
    },
}

/// A minute, in milliseconds: to which the server's own times are written.
pub const MINUTE_MS: u64 = 60_000;
/// Where the fraction of a second begins in RFC 3339, behind the point.
const FRACTION: usize = 20;
/// Digits of a fraction that are read: a nanosecond.
const FRACTION_DIGITS: usize = 9;

impl Millis {
    /// Returns the time this many milliseconds later.
    #[must_use]
    pub const fn plus(self, milliseconds: u64) -> Self {
        Self(self.0.saturating_add(milliseconds))
    }

    /// Returns the milliseconds from `earlier` to here; 0 if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl ClockReading {
    /// Returns what the wall clock shows at `time`, if nobody sets it until then.
    #[must_use]
    pub fn wall_at(&self, time: Millis) -> WallTime {
        let at_start = i128::from(self.wall.0) - i128::from(self.steady.0);
        WallTime(u64::try_from(i128::from(time.0) + at_start).unwrap_or(0)).min(WallTime::MAX)
    }

    /// Returns when the wall clock will show `time`, if nobody sets it until then; the machine's
    /// start if it was before.
    #[must_use]
    pub fn steady_at(&self, time: WallTime) -> Millis {
        let later = i128::from(time.0) - i128::from(self.wall.0);
        Millis(u64::try_from(i128::from(self.steady.0) + later).unwrap_or(0))
    }

    /// Returns what is written for `time`.
    #[must_use]
    pub fn on_wire(&self, time: WireTime) -> WallTime {
        match time {
            WireTime::Given(wall) => wall,
            WireTime::Own { at, draw } => self.wall_at(at).rounded(draw, self.resolution_ms.max(1)),
        }
    }
}

impl WallTime {
    /// The end of the year 9999 in every offset: the last second that RFC 3339 can always write.
    pub const MAX: Self = Self(253_402_207_200_000);

    /// Reads RFC 3339 with any offset; what lies before 1970 becomes 1970, fractions of a
    /// millisecond are cut. `None` if it is not RFC 3339 (section 5.6; a leap second counts as the
    /// second before it).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        // jiff reads the wider grammar of RFC 9557 and ISO 8601; what a client may send is the
        // narrower one.
        let bytes = text.as_bytes();
        let separated = matches!(bytes.get(10), Some(b'T' | b't' | b' '));
        let extended = bytes.get(4) == Some(&b'-') && bytes.get(13) == Some(&b':') && bytes.get(16) == Some(&b':');
        if !separated || !extended || !ends_with_offset(bytes) || text.contains(['[', ',']) {
            return None;
        }
        let finest = without_finer_digits(text);
        let text = finest.as_deref().unwrap_or(text);
        let Ok(timestamp) = text.parse::<Timestamp>() else {
            // jiff's time ends 26 hours before the end of the year 9999, which is what many a
            // client calls "never".
            let pieces = Pieces::parse(text).ok()?;
            let is_beyond = pieces.date().year() == 9999 && pieces.to_numeric_offset().is_some();
            return is_beyond.then_some(Self::MAX);
        };
        Some(Self(u64::try_from(timestamp.as_millisecond()).unwrap_or(0)).min(Self::MAX))
    }

    /// Returns the time this many milliseconds later.
    #[must_use]
    pub fn plus(self, milliseconds: u64) -> Self {
        Self(self.0.saturating_add(milliseconds)).min(Self::MAX)
    }

    /// Returns the milliseconds from `earlier` to here; 0 if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Returns the multiple of `step_ms` before or after. `draw`, if it is uniformly random, makes
    /// each as probable as it is near: on average nothing is added, and at no moment does the one
    /// turn into the other.
    fn rounded(self, draw: u32, step_ms: u64) -> Self {
        let past = self.0 % step_ms;
        let threshold = u64::try_from((u128::from(draw) * u128::from(step_ms)) >> 32).unwrap_or(0);
        Self(self.0 - past).plus(if threshold < past { step_ms } else { 0 })
    }
}

/// Tells whether a time ends as RFC 3339 has it: `Z`, or an offset of hours and minutes with a
/// colon.
fn ends_with_offset(time: &[u8]) -> bool {
    if time.last().is_some_and(|last| last.eq_ignore_ascii_case(&b'Z')) {
        return true;
    }
    let Some([sign, h, hh, colon, m, mm]) = time.last_chunk() else { return false };
    let digits = [h, hh, m, mm].into_iter().all(u8::is_ascii_digit);
    matches!(sign, b'+' | b'-') && *colon == b':' && digits && [*h, *hh] < *b"24" && *m < b'6'
}

/// Returns a time without the digits of its fraction that say less than a nanosecond, which RFC
/// 3339 allows any number of; `None` if there are none such.
fn without_finer_digits(text: &str) -> Option<String> {
    let fraction = text.get(FRACTION..).filter(|_| text.as_bytes().get(FRACTION - 1) == Some(&b'.'))?;
    let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
    let kept = fraction.get(..FRACTION_DIGITS)?;
    let rest = fraction.get(digits..)?;
    (digits > FRACTION_DIGITS).then(|| [text.get(..FRACTION).unwrap_or_default(), kept, rest].concat())
}

impl<'de> Deserialize<'de> for WallTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("not a time of RFC 3339"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_offset_and_any_precision_is_read() {
        let expected = Some(WallTime(1_767_355_200_000));
        for text in [
            "2026-01-02T12:00:00Z",
            "2026-01-02T14:00:00+02:00",
            "2026-01-02t12:00:00z",
            "2026-01-02T06:30:00.000-05:30",
            "2026-01-02T12:00:00.000999Z",
        ] {
            assert_eq!(WallTime::parse(text), expected, "{text}");
        }
        assert_eq!(WallTime::parse("1969-01-01T00:00:00Z"), Some(WallTime(0)));
    }

    #[test]
    fn the_last_hours_of_the_year_9999_are_the_latest_time_there_is() {
        for text in ["9999-12-30T22:00:01Z", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59.999999999-23:59"] {
            assert_eq!(WallTime::parse(text), Some(WallTime::MAX), "{text}");
        }
    }

    #[test]
    fn what_is_not_rfc_3339_is_refused() {
        for text in [
            "",
            "tomorrow",
            "1767355200",
            "2026-01-02",
            "2026-01-02T12:00:00",
            "20260102T120000Z",
            "2026-01-02T12Z",
            "2026-13-02T12:00:00Z",
            "2026-02-30T12:00:00Z",
            "2026-01-02T25:00:00Z",
            "2026-01-02T12:00:00Z[UTC]",
            "2026-01-02T12:00:00,5Z",
            "2026-01-02T12:00:00+24:60",
            "2026-01-02T12:00:00Zjunk",
            "9999-12-31T23:59:59",
            "9999-12-32T23:59:59Z",
            "9999-12-31T25:59:59Z",
            "9999-12-31T23:59:59Zjunk",
            "🦀🦀🦀🦀🦀",
        ] {
            assert_eq!(WallTime::parse(text), None, "{text}");
        }
    }

    #[test]
    fn more_digits_than_a_nanosecond_has_are_read_and_cut() {
        for text in [
            "2026-01-02T12:00:00.0000000000Z",
            "2026-01-02T14:00:00.000999999999999999+02:00",
            &format!("2026-01-02T12:00:00.{}Z", "0".repeat(100)),
        ] {
            assert_eq!(WallTime::parse(text), Some(WallTime(1_767_355_200_000)), "{text}");
        }
        let last = format!("9999-12-31T23:59:59.{}Z", "9".repeat(30));
        assert_eq!(WallTime::parse(&last), Some(WallTime::MAX));
        for text in ["2026-01-02T12:00:00.Z", "2026-01-02T12:00:00.0000000000", "2026-01-02T12:00:00.0000000000 Z"] {
            assert_eq!(WallTime::parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_offset_is_written_as_rfc_3339_has_it() {
        assert_eq!(WallTime::parse("2026-01-02T12:00:00-00:00"), Some(WallTime(1_767_355_200_000)));
        for offset in ["+0200", "+02", "+02:00:30", "+2:00", "+24:00", "-24:30", "+02:60", "Z+02:00", " Z"] {
            assert_eq!(WallTime::parse(&format!("2026-01-02T12:00:00{offset}")), None, "{offset}");
        }
    }

    #[test]
    fn a_minute_is_rounded_up_as_often_as_it_is_past() {
        let minute = WallTime(1_767_355_200_000);
        for (past, ups) in [(0, 0), (1, 0), (15_000, 250), (30_000, 500), (59_999, 1000)] {
            let draws = (0..1000_u32).map(|draw| draw * (u32::MAX / 1000) + u32::MAX / 2000);
            let rounded: Vec<_> = draws.map(|draw| minute.plus(past).rounded(draw, MINUTE_MS)).collect();
            assert!(rounded.iter().all(|time| *time == minute || *time == minute.plus(60_000)));
            assert_eq!(rounded.iter().filter(|time| **time != minute).count(), ups, "{past} ms past");
        }
        assert_eq!(minute.rounded(0, MINUTE_MS), minute);
        assert_eq!(minute.plus(1).rounded(0, MINUTE_MS), minute.plus(60_000));
        assert_eq!(minute.plus(59_999).rounded(u32::MAX, MINUTE_MS), minute);
        assert_eq!(WallTime::MAX.rounded(0, MINUTE_MS), WallTime::MAX);
    }

    #[test]
    fn one_clock_leads_to_the_other_as_they_stand_now() {
        let reading =
            ClockReading { steady: Millis(5000), wall: WallTime(1_767_355_200_000), resolution_ms: MINUTE_MS };
        assert_eq!(reading.wall_at(Millis(6000)), WallTime(1_767_355_201_000));
        assert_eq!(reading.wall_at(Millis(0)), WallTime(1_767_355_195_000));
        assert_eq!(reading.steady_at(WallTime(1_767_355_199_000)), Millis(4000));
        assert_eq!(reading.steady_at(WallTime(0)), Millis(0), "before the machine was started");
        let unset = ClockReading { steady: Millis(10_000), wall: WallTime(3000), resolution_ms: MINUTE_MS };
        assert_eq!(unset.wall_at(Millis(1000)), WallTime(0), "before 1970");
        assert_eq!(unset.wall_at(Millis(u64::MAX)), WallTime::MAX);
    }
}
