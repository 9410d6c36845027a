//! What the vendors' signatures are made of.

use std::fmt::Write;

use aws_lc_rs::{
    constant_time::verify_slices_are_equal,
    digest::{SHA256, digest},
    hmac,
};
use http::Request;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::Forged;

/// What RFC 3986 leaves as it is: letters, digits and these.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Bytes as lowercase hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a text takes whatever is written");
        text
    })
}

/// SHA-256 in hexadecimal digits.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(digest(&SHA256, bytes).as_ref())
}

/// HMAC with SHA-256.
pub(super) fn hmac_sha256(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

/// As RFC 3986 writes what is not reserved.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

/// Pairs sorted by name, and written as a query.
pub(super) fn sorted_query(pairs: &[(&str, &str)]) -> String {
    let mut pairs: Vec<_> = pairs.iter().map(|(k, v)| (encoded(k), encoded(v))).collect();
    pairs.sort();
    let pairs: Vec<String> =
        pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

/// A time as `2023-10-26T10:22:32Z`.
pub(super) fn rfc3339(now: i64) -> String {
    let at = OffsetDateTime::from_unix_timestamp(now.div_euclid(1000));
    at.ok().and_then(|at| at.format(&Rfc3339).ok()).expect("the clock is in this age")
}

/// Whether two texts are the same, without telling how far.
pub(super) fn same(one: &str, other: &str) -> bool {
    verify_slices_are_equal(one.as_bytes(), other.as_bytes()).is_ok()
}

/// Whether a request came to the address that only the vendor knows: it ends as ours does.
pub(super) fn check_secret(request: &Request<bytes::Bytes>, callback: &str) -> Result<(), Forged> {
    let last = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let right = same(&last(request.uri().path()), &last(callback));
    if right { Ok(()) } else { Err(Forged::Signature) }
}

/// The value of a name in a query or a form.
pub(super) fn value(form: &[u8], name: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(form);
    pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// The host of an address.
pub(super) fn host(base: &str) -> &str {
    let rest = base.split_once("://").map_or(base, |(_, rest)| rest);
    rest.split('/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_texts_are_written_as_the_vendors_do() {
        assert_eq!(rfc3339(1_698_315_752_999), "2023-10-26T10:22:32Z");
        assert_eq!(encoded("a b*c~d/e=收"), "a%20b%2Ac~d%2Fe%3D%E6%94%B6");
        assert_eq!(sorted_query(&[("b", "2"), ("a", "1 "), ("B", "3")]), "B=3&a=1%20&b=2");
        assert_eq!(host("https://sms.example:8443/x"), "sms.example:8443");
    }
}
