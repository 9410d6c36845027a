//! What the directory accepts. Pure: values in, values or refusals out.

use std::{collections::HashSet, hash::Hash};

use carillon_plugin::{Error, Result};
use carillon_protocol::{limits::NAME_LEN_MAX, org::Member, role::PERMISSIONS};

use crate::plain::plain;

/// The fewest characters of a password: what the protocol promises.
const PASSWORD_LEN_MIN: usize = 8;
/// The most bytes of a password: room for any sentence, not for a file.
const PASSWORD_LEN_MAX: usize = 1_024;
/// How long a sign-in name may be.
const LOGIN_LEN: std::ops::RangeInclusive<usize> = 2..=64;
/// A language tag is short (RFC 5646, 4.4.1), a time zone's name too.
const TAG_LEN_MAX: usize = 64;
/// The longest life of an issued token: 10 years, leap days included.
const TTL_MAX_MS: i64 = 10 * 366 * 24 * 3_600_000;

/// The languages that there are texts in.
const LOCALES: [&str; 3] = ["zh-HK", "zh-CN", "en"];
/// The most departments of a person, and the most roles.
pub(super) const DEPARTMENTS_MAX: usize = 10;
pub(super) const ROLES_MAX: usize = 20;

/// All scopes, in the order in which they are shown.
pub(super) const SCOPES: [&str; 3] = ["read", "write", "admin"];

/// A name that people see.
pub(super) fn name(field: &str, text: &str) -> Result<String> {
    let text = plain(text);
    let fits = (1..=NAME_LEN_MAX).contains(&text.chars().count());
    if !fits || text.chars().any(char::is_control) {
        let msg = format!("`{field}` has 1 to {NAME_LEN_MAX} characters, without line breaks");
        return Err(Error::bad_arg(field, msg));
    }
    Ok(text)
}

/// A name that may be absent or empty.
pub(super) fn name_if_any(field: &str, text: Option<&str>) -> Result<Option<String>> {
    text.map(plain).filter(|text| !text.is_empty()).map(|text| name(field, &text)).transpose()
}

/// A name to sign in by, in lower case.
pub(super) fn login(field: &str, text: &str) -> Result<String> {
    let text = text.to_ascii_lowercase();
    let allowed = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"._@-".contains(&c);
    if !LOGIN_LEN.contains(&text.len()) || !text.bytes().all(allowed) {
        let msg = format!("`{field}` has 2 to 64 letters a-z, digits, `.`, `-`, `_` or `@`");
        return Err(Error::bad_arg(field, msg));
    }
    Ok(text)
}

/// A new password of the person with this sign-in name.
pub(super) fn new_password(password: &str, login: &str) -> Result<()> {
    let refuse = |msg: &str| Err(Error::bad_arg("password", msg));
    if password.chars().count() < PASSWORD_LEN_MIN {
        return refuse("a password has at least 8 characters");
    }
    if password.len() > PASSWORD_LEN_MAX {
        return refuse("a password has at most 1024 bytes");
    }
    if password.eq_ignore_ascii_case(login) {
        return refuse("the password must differ from the sign-in name");
    }
    Ok(())
}

/// A language or a time zone, as `zh-HK` or `Asia/Hong_Kong`.
pub(super) fn tag(field: &str, text: Option<String>, default: &str) -> Result<String> {
    let Some(text) = text else { return Ok(default.to_owned()) };
    let allowed = |c: u8| c.is_ascii_alphanumeric() || b"-_/+".contains(&c);
    if !(1..=TAG_LEN_MAX).contains(&text.len()) || !text.bytes().all(allowed) {
        let msg = format!("`{field}` is written like `{default}`");
        return Err(Error::bad_arg(field, msg));
    }
    Ok(text)
}

/// A language that there are texts in.
pub(super) fn locale(text: Option<String>, default: &str) -> Result<String> {
    let Some(text) = text else { return Ok(default.to_owned()) };
    if !LOCALES.contains(&text.as_str()) {
        let msg = format!("`locale` is one of {}", LOCALES.join(", "));
        return Err(Error::bad_arg("locale", msg));
    }
    Ok(text)
}

/// What people look for, as a pattern of `LIKE` with `!` as its escape; empty if they look for
/// nothing. What has a meaning there means itself.
pub(super) fn pattern(query: &str) -> Result<String> {
    let query = query.trim();
    if query.chars().count() > NAME_LEN_MAX {
        let msg = format!("`query` has at most {NAME_LEN_MAX} characters");
        return Err(Error::bad_arg("query", msg));
    }
    if query.is_empty() {
        return Ok(String::new());
    }
    let mut pattern = String::from("%");
    for c in query.chars() {
        if matches!(c, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern.push('%');
    Ok(pattern)
}

/// At most so many things, each once.
pub(super) fn distinct<T: Eq + Hash>(field: &str, list: &[T], max: usize) -> Result<()> {
    if list.len() > max {
        return Err(Error::bad_arg(field, format!("`{field}` has at most {max} entries")));
    }
    if list.iter().collect::<HashSet<_>>().len() < list.len() {
        return Err(Error::bad_arg(field, format!("`{field}` names something twice")));
    }
    Ok(())
}

/// Refuses a program, and who left, where somebody must be there to be asked.
pub(super) fn answerable(field: &str, person: &Member) -> Result<()> {
    match person {
        Member { app: true, .. } => Err(Error::bad_arg(field, "a program cannot do that")),
        Member { active: false, .. } => {
            Err(Error::bad_arg(field, "this person has left; name somebody who is there"))
        }
        _ => Ok(()),
    }
}

/// The permissions of a role, in one order and each once, as its column holds them.
pub(super) fn permissions(asked: &[String]) -> Result<String> {
    if !asked.iter().all(|name| PERMISSIONS.contains(&name.as_str())) {
        let msg = format!("permissions are `{}`", PERMISSIONS.join("`, `"));
        return Err(Error::bad_arg("permissions", msg));
    }
    let given = PERMISSIONS.into_iter().filter(|name| asked.iter().any(|asked| asked == name));
    Ok(given.collect::<Vec<_>>().join(" "))
}

/// The scopes of a token, in one order and each once.
pub(super) fn scopes(asked: Option<&[String]>) -> Result<Vec<&'static str>> {
    let Some(asked) = asked else { return Ok(vec!["read", "write"]) };
    let known = |scope: &String| SCOPES.contains(&scope.as_str());
    if asked.is_empty() || !asked.iter().all(known) {
        return Err(Error::bad_arg("scopes", "scopes are `read`, `write` and `admin`"));
    }
    Ok(SCOPES.into_iter().filter(|scope| asked.iter().any(|a| a == scope)).collect())
}

/// The life of an issued token.
pub(super) fn ttl(asked: Option<i64>, default: i64) -> Result<i64> {
    let ttl = asked.unwrap_or(default);
    if !(1..=TTL_MAX_MS).contains(&ttl) {
        let msg = "`ttl_ms` is more than 0 and at most 10 years, in milliseconds";
        return Err(Error::bad_arg("ttl_ms", msg));
    }
    Ok(ttl)
}

/// The size of a page.
pub(super) fn limit(asked: Option<u32>, default: u32, max: u32) -> Result<u32> {
    let limit = asked.unwrap_or(default);
    if !(1..=max).contains(&limit) {
        return Err(Error::bad_arg("limit", format!("`limit` is 1 to {max}")));
    }
    Ok(limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field<T: std::fmt::Debug>(result: Result<T>) -> String {
        result.unwrap_err().body().field.clone().unwrap()
    }

    #[test]
    fn a_name_has_1_to_100_characters_and_no_line_breaks() {
        assert_eq!(name("name", " 陳大文 Amy ").unwrap(), "陳大文 Amy");
        assert_eq!(name("name", &"文".repeat(100)).unwrap().chars().count(), 100);
        for bad in ["", "  ", "a\nb", "a\u{0}b", &"文".repeat(101)] {
            assert_eq!(field(name("title", bad)), "title", "{bad:?}");
        }
    }

    #[test]
    fn a_sign_in_name_is_lower_cased_and_narrow() {
        assert_eq!(login("login", "Amy.Chan@HK-1_x").unwrap(), "amy.chan@hk-1_x");
        for bad in ["", "a", "a b", "app:x", "陳大", "a\0b", &"a".repeat(65)] {
            assert_eq!(field(login("login", bad)), "login", "{bad:?}");
        }
    }

    #[test]
    fn a_password_is_neither_short_nor_the_sign_in_name() {
        assert!(new_password("一二三四五六七八", "amy").is_ok());
        for bad in ["", "1234567", "AMY.CHAN", &"x".repeat(1_025)] {
            assert_eq!(field(new_password(bad, "amy.chan")), "password", "{bad:?}");
        }
    }

    #[test]
    fn scopes_are_known_and_come_in_one_order() {
        let texts = |list: &[&str]| list.iter().map(|&s| s.to_owned()).collect::<Vec<_>>();
        assert_eq!(scopes(None).unwrap(), ["read", "write"]);
        let asked = texts(&["admin", "read", "admin"]);
        assert_eq!(scopes(Some(&asked)).unwrap(), ["read", "admin"]);
        for bad in [&[][..], &["root"], &["read", "Write"]] {
            assert_eq!(field(scopes(Some(&texts(bad)))), "scopes", "{bad:?}");
        }
    }

    #[test]
    fn a_life_is_positive_and_at_most_10_years() {
        assert_eq!(ttl(None, 7).unwrap(), 7);
        assert_eq!(ttl(Some(10 * 365 * 86_400_000), 7).unwrap(), 10 * 365 * 86_400_000);
        for bad in [0, -1, i64::MIN, i64::MAX, TTL_MAX_MS + 1] {
            assert_eq!(field(ttl(Some(bad), 7)), "ttl_ms", "{bad}");
        }
    }

    #[test]
    fn what_has_a_meaning_in_a_pattern_means_itself() {
        assert_eq!(pattern(" 陳 ").unwrap(), "%陳%");
        assert_eq!(pattern("50%_off!").unwrap(), "%50!%!_off!!%");
        assert_eq!(pattern("  ").unwrap(), "", "who looks for nothing finds everybody");
        assert_eq!(field(pattern(&"x".repeat(101))), "query");
    }

    #[test]
    fn a_list_names_nothing_twice() {
        assert!(distinct("roles", &[1, 2, 3], 3).is_ok());
        assert_eq!(field(distinct("roles", &[1, 2, 3, 4], 3)), "roles");
        assert_eq!(field(distinct("roles", &[1, 2, 1], 3)), "roles");
    }

    #[test]
    fn permissions_are_known_and_come_in_one_order() {
        let texts = |list: &[&str]| list.iter().map(|&s| s.to_owned()).collect::<Vec<_>>();
        assert_eq!(permissions(&texts(&["roles", "people", "roles"])).unwrap(), "people roles");
        assert_eq!(permissions(&[]).unwrap(), "");
        for bad in ["", "admin", "People", "people roles"] {
            assert_eq!(field(permissions(&texts(&[bad]))), "permissions", "{bad:?}");
        }
    }

    #[test]
    fn a_language_is_one_that_there_are_texts_in() {
        assert_eq!(locale(None, "zh-HK").unwrap(), "zh-HK");
        assert_eq!(locale(Some("en".into()), "zh-HK").unwrap(), "en");
        for bad in ["", "en-GB", "zh", "../../etc"] {
            assert_eq!(field(locale(Some(bad.into()), "zh-HK")), "locale", "{bad:?}");
        }
    }

    #[test]
    fn a_tag_is_plain_ascii() {
        assert_eq!(tag("tz", None, "Asia/Hong_Kong").unwrap(), "Asia/Hong_Kong");
        assert_eq!(tag("locale", Some("en-GB".into()), "zh-HK").unwrap(), "en-GB");
        for bad in ["", "zh HK", "香港", "../../etc;"] {
            assert_eq!(field(tag("tz", Some(bad.into()), "UTC")), "tz", "{bad:?}");
        }
    }
}
