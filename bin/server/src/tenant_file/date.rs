//! Dates in the file: RFC 3339, to the millisecond.

use domain::Timestamp;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::document::DateDoc;

/// 9999-12-31T23:59:59.999Z.
const LAST_MILLIS: i64 = 253_402_300_799_999;

/// Reads a date; `None` when it is no RFC 3339 date-time with an offset, or lies before 1970 or after 9999.
pub(super) fn read(date: &DateDoc) -> Option<Timestamp> {
    match date {
        DateDoc::Text(text) => parse(text),
        DateDoc::Native(native) => parse(&native.to_string()),
    }
}

/// Reads RFC 3339 text; `None` for anything else, before 1970, and after the year 9999 in UTC: an offset can lead
/// there, and no text leads back.
pub fn parse(text: &str) -> Option<Timestamp> {
    let date = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    let millis = i64::try_from(date.unix_timestamp_nanos() / 1_000_000).ok()?;
    (0..=LAST_MILLIS).contains(&millis).then(|| Timestamp::from_millis(millis))
}

/// Writes RFC 3339 text in UTC. Instants that the form does not hold (after the year 9999) become its last.
pub fn text(at: Timestamp) -> String {
    const LAST: &str = "9999-12-31T23:59:59Z";
    let nanos = i128::from(at.millis()).saturating_mul(1_000_000);
    let date = OffsetDateTime::from_unix_timestamp_nanos(nanos).ok();
    date.and_then(|date| date.format(&Rfc3339).ok()).unwrap_or_else(|| LAST.to_owned())
}

/// Writes a date for the file.
pub(super) fn write(at: Timestamp) -> DateDoc {
    DateDoc::Text(text(at))
}
