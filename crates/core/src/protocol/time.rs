//! Points in time as the protocol writes and reads them.

use std::fmt;

use jiff::Timestamp;
use jiff::fmt::temporal::{DateTimePrinter, Pieces};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in time: milliseconds since the Unix epoch. Written as RFC 3339 in UTC with milliseconds and `Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Millis(pub u64);

/// Three digits of a second, always.
const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(3));

impl Millis {
    /// The end of the year 9999 in every offset: the last second that RFC 3339 can always write.
    pub const MAX: Self = Self(253_402_207_200_000);

    /// Reads RFC 3339 with any offset; what lies before 1970 becomes 1970, fractions of a millisecond are cut.
    /// `None` if it is not RFC 3339 (section 5.6; a leap second counts as the second before it).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        // jiff reads the wider grammar of RFC 9557 and ISO 8601; what a client may send is the narrower one.
        let bytes = text.as_bytes();
        let separated = matches!(bytes.get(10), Some(b'T' | b't' | b' '));
        let extended = bytes.get(4) == Some(&b'-') && bytes.get(13) == Some(&b':') && bytes.get(16) == Some(&b':');
        if !separated || !extended || text.contains(['[', ',']) {
            return None;
        }
        let Ok(timestamp) = text.parse::<Timestamp>() else {
            // jiff's time ends 26 hours before the end of the year 9999, which is what many a client calls "never".
            let pieces = Pieces::parse(text).ok()?;
            let is_beyond = pieces.date().year() == 9999 && pieces.to_numeric_offset().is_some();
            return is_beyond.then_some(Self::MAX);
        };
        Some(Self(u64::try_from(timestamp.as_millisecond()).unwrap_or(0)).min(Self::MAX))
    }

    /// This many milliseconds later.
    #[must_use]
    pub fn plus(self, milliseconds: u64) -> Self {
        Self(self.0.saturating_add(milliseconds)).min(Self::MAX)
    }

    /// Milliseconds from `earlier` to here; 0 if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = i64::try_from(self.0.min(Self::MAX.0)).map_err(|_| fmt::Error)?;
        let timestamp = Timestamp::from_millisecond(milliseconds).map_err(|_| fmt::Error)?;
        PRINTER.print_timestamp(&timestamp, jiff::fmt::StdFmtWrite(formatter)).map_err(|_| fmt::Error)
    }
}

impl<'de> Deserialize<'de> for Millis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("not a time of RFC 3339"))
    }
}

impl Serialize for Millis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_in_utc_with_milliseconds() {
        assert_eq!(Millis(1_767_355_200_000).to_string(), "2026-01-02T12:00:00.000Z");
        assert_eq!(Millis(7).to_string(), "1970-01-01T00:00:00.007Z");
        assert_eq!(Millis::MAX.to_string(), "9999-12-30T22:00:00.000Z");
    }

    #[test]
    fn any_offset_and_any_precision_is_read() {
        let expected = Some(Millis(1_767_355_200_000));
        for text in [
            "2026-01-02T12:00:00Z",
            "2026-01-02T14:00:00+02:00",
            "2026-01-02t12:00:00z",
            "2026-01-02T06:30:00.000-05:30",
            "2026-01-02T12:00:00.000999Z",
        ] {
            assert_eq!(Millis::parse(text), expected, "{text}");
        }
        assert_eq!(Millis::parse("1969-01-01T00:00:00Z"), Some(Millis(0)));
    }

    #[test]
    fn the_last_hours_of_the_year_9999_are_the_latest_time_there_is() {
        for text in ["9999-12-30T22:00:01Z", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59.999999999-23:59"] {
            assert_eq!(Millis::parse(text), Some(Millis::MAX), "{text}");
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
            assert_eq!(Millis::parse(text), None, "{text}");
        }
    }
}
