//! How a time is written: RFC 3339 in UTC, without a library, since every message has some.

use std::fmt;

use serde::{Serialize, Serializer};

use super::WallTime;

/// A day, in milliseconds.
const DAY_MS: u64 = 86_400_000;

impl WallTime {
    /// Bytes of a time as it is written.
    pub const LENGTH: usize = 24;

    /// Returns the time as it is written, in the buffer: every message has some.
    #[must_use]
    pub fn text(self, buffer: &mut [u8; Self::LENGTH]) -> &str {
        let milliseconds = self.0.min(Self::MAX.0);
        // Both are small, and 32 bits are divided faster.
        let day = u32::try_from(milliseconds / DAY_MS).unwrap_or(0);
        let of_day = u32::try_from(milliseconds % DAY_MS).unwrap_or(0);
        let (year, month, day) = date(day);
        let seconds = of_day / 1000;
        *buffer = *b"0000-00-00T00:00:00.000Z";
        put_pair(buffer, 0, year / 100);
        put_pair(buffer, 2, year % 100);
        put_pair(buffer, 5, month);
        put_pair(buffer, 8, day);
        put_pair(buffer, 11, seconds / 3600);
        put_pair(buffer, 14, seconds / 60 % 60);
        put_pair(buffer, 17, seconds % 60);
        put_pair(buffer, 20, of_day % 1000 / 10);
        buffer[22] = digit(of_day % 10);
        std::str::from_utf8(buffer).unwrap_or_default()
    }
}

/// Writes a number below a hundred.
fn put_pair(buffer: &mut [u8; WallTime::LENGTH], place: usize, number: u32) {
    buffer[place] = digit(number / 10);
    buffer[place + 1] = digit(number % 10);
}

/// Returns the digit of a number below ten.
fn digit(number: u32) -> u8 {
    b'0' + number.to_le_bytes()[0]
}

/// Returns year, month and day of a day since 1970, in the Gregorian calendar. It counts in years
/// that begin in March, so that a leap day is the last of one.
const fn date(day: u32) -> (u32, u32, u32) {
    const DAYS_IN_400_YEARS: u32 = 146_097;
    /// From 1 March of the year 0 to 1970.
    const BEFORE: u32 = 719_468;
    let since = day + BEFORE;
    let within = since % DAYS_IN_400_YEARS;
    let year = (within - within / 1460 + within / 36_524 - within / 146_096) / 365;
    let day_of_year = within - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let year = year + since / DAYS_IN_400_YEARS * 400;
    if month < 10 { (year, month + 3, day) } else { (year + 1, month - 9, day) }
}

impl fmt::Display for WallTime {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.text(&mut [0; Self::LENGTH]))
    }
}

impl Serialize for WallTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text(&mut [0; Self::LENGTH]))
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn a_time_is_written_in_utc_with_milliseconds() {
        assert_eq!(WallTime(1_767_355_200_000).to_string(), "2026-01-02T12:00:00.000Z");
        assert_eq!(WallTime(7).to_string(), "1970-01-01T00:00:00.007Z");
        assert_eq!(WallTime::MAX.to_string(), "9999-12-30T22:00:00.000Z");
    }

    #[test]
    fn every_day_of_the_calendar_is_written_as_it_is_called() {
        for day in 0..WallTime::MAX.0 / DAY_MS {
            let time = WallTime(day * DAY_MS + day * 7919 % DAY_MS);
            let expected = Timestamp::from_millisecond(i64::try_from(time.0).unwrap()).unwrap();
            // Some days of each year, and all around the ends of years and centuries.
            if day % 97 == 0 || day % 36_525 < 400 {
                assert_eq!(time.to_string(), format!("{expected:.3}"));
            }
        }
    }
}
