//! DingTalk's signature: `base64(HMAC-SHA256(secret, timestamp + "\n" + secret))`.
//!
//! Programs in use send it twice encoded, with spaces for pluses, or append a new pair to an
//! address that holds older ones already. All of them are told from a forgery by trying what they
//! can have meant; nothing is accepted that is not the signature.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use carillon_protocol::bot::{Reason, Signature};
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::percent_decode_str;
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// How far the time that was signed may be from the server's: programs sign once and send for an
/// hour.
const APART_MAX_MS: i64 = 3_600_000;
/// So many pairs are tried, beginning with the last: each costs a hash.
const PAIRS_MAX: usize = 32;

/// Whether one of these was made with the secret, for a time near now.
pub(super) fn check(secret: &str, signatures: &[Signature], now: i64) -> Result<(), Reason> {
    let mut refused = Reason::Signature;
    for Signature { timestamp, sign } in signatures.iter().rev().take(PAIRS_MAX) {
        if !meant(sign).iter().any(|meant| is_of(secret, timestamp, meant)) {
            continue;
        }
        // Signed, so it is a number that whoever knows the secret wrote.
        let at: Option<i64> = timestamp.parse().ok();
        if at.is_some_and(|at| now.saturating_sub(at).saturating_abs() <= APART_MAX_MS) {
            return Ok(());
        }
        refused = Reason::Timestamp;
    }
    Err(refused)
}

/// What a sign that was decoded once can have been.
fn meant(sign: &str) -> [String; 4] {
    let again = percent_decode_str(sign).decode_utf8_lossy().into_owned();
    [sign.to_owned(), sign.replace(' ', "+"), again.replace(' ', "+"), again]
}

fn is_of(secret: &str, timestamp: &str, sign: &str) -> bool {
    let Ok(sign) = BASE64.decode(sign) else { return false };
    sign.ct_eq(&mac(secret, timestamp)).into()
}

fn mac(secret: &str, timestamp: &str) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length is a key");
    for part in [timestamp, "\n", secret] {
        mac.update(part.as_bytes());
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use proptest::prelude::*;

    use super::*;

    const SECRET: &str = "SEC0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    const NOW: i64 = 1_795_291_234_553;

    fn sign(secret: &str, timestamp: &str) -> String {
        BASE64.encode(mac(secret, timestamp))
    }

    fn pair(timestamp: &str, sign: &str) -> Signature {
        Signature { timestamp: timestamp.to_owned(), sign: sign.to_owned() }
    }

    fn good(at: i64) -> Signature {
        pair(&at.to_string(), &sign(SECRET, &at.to_string()))
    }

    #[test]
    fn it_is_what_the_programs_in_use_compute() {
        let known = "knfZIyRD3jebMsWQphRq8cR5GD2+B0vwFCq4YBUXo/4=";
        assert_eq!(sign(SECRET, "1795291234553"), known);
    }

    #[test]
    fn what_happened_to_it_on_its_way_does_not_spoil_it() {
        let at = NOW.to_string();
        let sign = sign(SECRET, &at);
        assert!(sign.contains('+') && sign.contains('/'), "it has what is encoded");
        let encoded = utf8_percent_encode(&sign, NON_ALPHANUMERIC).to_string();
        for sent in [&sign, &sign.replace('+', " "), &encoded, &encoded.replace("%2F", "/")] {
            assert_eq!(check(SECRET, &[pair(&at, sent)], NOW), Ok(()), "{sent}");
        }
    }

    #[test]
    fn the_last_pair_counts_first_and_an_earlier_one_still_counts() {
        let bad = pair(&NOW.to_string(), "bm8=");
        let old = good(NOW - 2 * APART_MAX_MS);
        assert_eq!(check(SECRET, &[old.clone(), good(NOW)], NOW), Ok(()));
        assert_eq!(check(SECRET, &[good(NOW), bad.clone()], NOW), Ok(()));
        assert_eq!(check(SECRET, &[old.clone(), bad], NOW), Err(Reason::Timestamp));
        let mut many = vec![good(NOW)];
        many.resize(PAIRS_MAX + 1, old);
        assert_eq!(check(SECRET, &many, NOW), Err(Reason::Timestamp), "the first is too far back");
    }

    #[test]
    fn an_hour_is_the_limit_both_ways() {
        for (at, result) in [
            (NOW, Ok(())),
            (NOW - APART_MAX_MS, Ok(())),
            (NOW + APART_MAX_MS, Ok(())),
            (NOW - APART_MAX_MS - 1, Err(Reason::Timestamp)),
            (NOW + APART_MAX_MS + 1, Err(Reason::Timestamp)),
            (i64::MIN, Err(Reason::Timestamp)),
            (i64::MAX, Err(Reason::Timestamp)),
        ] {
            assert_eq!(check(SECRET, &[good(at)], NOW), result, "{at}");
        }
        let words = pair("now", &sign(SECRET, "now"));
        assert_eq!(check(SECRET, &[words], NOW), Err(Reason::Timestamp));
        assert_eq!(check(SECRET, &[], NOW), Err(Reason::Signature));
    }

    proptest! {
        #[test]
        fn what_was_signed_with_another_secret_is_refused(
            other in "SEC[0-9a-f]{64}", at in NOW - APART_MAX_MS..NOW, junk in ".{0,80}",
        ) {
            prop_assume!(other != SECRET);
            let at = at.to_string();
            let forged = pair(&at, &sign(&other, &at));
            prop_assert_eq!(check(SECRET, &[forged], NOW), Err(Reason::Signature));
            prop_assert_eq!(check(SECRET, &[pair(&at, &junk)], NOW), Err(Reason::Signature));
        }

        #[test]
        fn one_letter_that_differs_is_a_forgery(
            at in NOW - APART_MAX_MS..NOW, place in 0_usize..42,
        ) {
            let Signature { timestamp, sign } = good(at);
            let mut letters: Vec<char> = sign.chars().collect();
            letters[place] = if letters[place] == 'A' { 'B' } else { 'A' };
            let forged = pair(&timestamp, &letters.into_iter().collect::<String>());
            prop_assert_eq!(check(SECRET, &[forged], NOW), Err(Reason::Signature));
        }
    }
}
