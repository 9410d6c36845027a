//! What a reason of a vendor's or a mail server's must not tell: at which address somebody is
//! reached. Whoever sent an alert sees why it did not arrive, and has no business with that.

/// So many digits are a phone number: the shortest has eight, and error codes have fewer.
const DIGITS_MIN: usize = 7;
/// So many of its last digits stay, for whoever looks after the addresses.
const DIGITS_KEPT: usize = 2;

/// The text without e-mail addresses, and with only the end of phone numbers.
pub(super) fn masked(text: &str) -> String {
    let words = text.split_inclusive(char::is_whitespace);
    numbers(&words.map(address).collect::<String>())
}

/// A word, or `…@…` in the place of an e-mail address.
fn address(word: &str) -> String {
    let Some(at) = word.find('@') else { return word.to_owned() };
    let inner = |c: char| c.is_alphanumeric() || "._%+-='!#$&*/?^`{|}~".contains(c);
    let before = word[..at].trim_end_matches(inner);
    let after = word[at + 1..].trim_start_matches(inner);
    format!("{before}…@…{}", address(after))
}

/// The text in which every long row of digits, also one with spaces and hyphens, has lost all but
/// its end.
fn numbers(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit() || c == '+') {
        masked += &rest[..start];
        let row = &rest[start..];
        let between = |c: char| c.is_ascii_digit() || "+-. ()".contains(c);
        let row = &row[..row.find(|c| !between(c)).unwrap_or(row.len())];
        // What stands after the last digit is no part of it.
        let row = &row[..row.rfind(|c: char| c.is_ascii_digit()).map_or(1, |last| last + 1)];
        let digits: Vec<char> = row.chars().filter(char::is_ascii_digit).collect();
        match digits.len() >= DIGITS_MIN {
            true => {
                masked.push('…');
                masked.extend(&digits[digits.len() - DIGITS_KEPT..]);
            }
            false => masked += row,
        }
        rest = &rest[start + row.len()..];
    }
    masked + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_names_nobody_s_address() {
        for (said, shown) in [
            (
                "21211 Invalid 'To' Phone Number: +85291234567",
                "21211 Invalid 'To' Phone Number: …67",
            ),
            ("no route to (852) 9123-4567.", "no route to (…67."),
            ("550 5.1.1 <amy.chan@harbour.example>: unknown", "550 5.1.1 <…@…>: unknown"),
            ("to=a+b@c.example,d@e.example", "…@…,…@…"),
            ("30003", "30003"),
            ("503 5.7.1 try later", "503 5.7.1 try later"),
            ("whoever carries it took no more", "whoever carries it took no more"),
            ("", ""),
            ("+", "+"),
            ("@", "…@…"),
        ] {
            assert_eq!(masked(said), shown, "{said}");
        }
    }
}
