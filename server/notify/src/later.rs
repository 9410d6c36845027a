//! When to come back.

use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderMap, header};

/// The longest that anybody is left alone for at the other end's wish, in milliseconds: an hour.
/// What is sent here is about something that happens now.
const LATER_MAX_MS: i64 = 60 * 60 * 1000;

/// When the other end wants to be asked again: the header `Retry-After` (RFC 9110 10.2.3), in
/// seconds or as a date, in milliseconds since 1970.
pub(crate) fn retry_at(headers: &HeaderMap, now: i64) -> Option<i64> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse::<i64>() {
        Ok(seconds) => seconds.saturating_mul(1000),
        Err(_) => {
            let at = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH);
            let at = i64::try_from(at.unwrap_or(Duration::ZERO).as_millis()).ok()?;
            at.saturating_sub(now)
        }
    };
    Some(now + wait.clamp(0, LATER_MAX_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 784_111_777_000;

    #[test]
    fn the_other_end_says_when_in_seconds_or_as_a_date() {
        let at = |text: &str| {
            let headers = HeaderMap::from_iter([(header::RETRY_AFTER, text.parse().unwrap())]);
            retry_at(&headers, NOW)
        };
        assert_eq!(at("120"), Some(NOW + 120_000));
        assert_eq!(at("Sun, 06 Nov 1994 08:50:37 GMT"), Some(NOW + 60_000));
        // Not before now, and not for ever.
        assert_eq!(at("Sun, 06 Nov 1994 08:00:00 GMT"), Some(NOW));
        assert_eq!(at("-5"), Some(NOW));
        assert_eq!(at("99999999999999"), Some(NOW + LATER_MAX_MS));
        assert_eq!(at("soon"), None);
        assert_eq!(retry_at(&HeaderMap::new(), NOW), None);
    }
}
