//! Where links lead. DingTalk's clients wrap an address to say how it is opened, and would lead
//! nowhere here; and nothing is kept that a browser could take for anything but a page.

use std::borrow::Cow;

use carillon_protocol::limits::URL_LEN_MAX;

/// What a wrapped address begins with.
const WRAPPED: &str = "dingtalk://dingtalkclient/page/link?";
/// How often an address may be wrapped in itself.
const WRAPPINGS_MAX: usize = 3;
/// What ends an address in a text.
const ENDS: [char; 8] = [')', '"', '\'', '<', '>', ']', '`', '|'];

/// Where a link leads, if anywhere: an address of http, https or mailto.
pub(super) fn link(text: &str) -> Option<String> {
    page(text, &["http://", "https://", "mailto:"])
}

/// Where a picture is, if anywhere: an address of http or https.
pub(super) fn picture(text: &str) -> Option<String> {
    page(text, &["http://", "https://"])
}

fn page(text: &str, schemes: &[&str]) -> Option<String> {
    let mut url = text.trim().to_owned();
    for _ in 0..WRAPPINGS_MAX {
        match unwrapped(&url) {
            Some(inner) => url = inner,
            None => break,
        }
    }
    let url = url.trim().replace(' ', "%20");
    let leads = |scheme: &&str| {
        let begins = url.get(..scheme.len()).is_some_and(|it| it.eq_ignore_ascii_case(scheme));
        begins && url.len() > scheme.len()
    };
    let fits =
        url.len() <= URL_LEN_MAX && !url.chars().any(|c| c.is_control() || c.is_whitespace());
    (fits && schemes.iter().any(leads)).then_some(url)
}

/// The address that another one is wrapped around.
fn unwrapped(url: &str) -> Option<String> {
    let begins = url.get(..WRAPPED.len())?.eq_ignore_ascii_case(WRAPPED);
    let mut pairs = form_urlencoded::parse(&url.as_bytes()[WRAPPED.len()..]);
    let (_, inner) = pairs.find(|(name, _)| begins && name == "url")?;
    Some(inner.into_owned())
}

/// The same text with its wrapped addresses unwrapped.
pub(super) fn unwrap_in(text: &str) -> Cow<'_, str> {
    if !text.contains(WRAPPED) {
        return Cow::Borrowed(text);
    }
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(start) = rest.find(WRAPPED) {
        let (before, wrapped) = rest.split_at(start);
        let end = wrapped.find(|c: char| c.is_whitespace() || ENDS.contains(&c));
        let (wrapped, after) = wrapped.split_at(end.unwrap_or(wrapped.len()));
        out.push_str(before);
        // What leads nowhere leads to nothing: a link with an empty address is text.
        out.push_str(&link(wrapped).map(in_markdown).unwrap_or_default());
        rest = after;
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// An address that ends where it ends, also between the brackets of Markdown.
pub(super) fn in_markdown(url: String) -> String {
    url.replace('(', "%28").replace(')', "%29").replace('<', "%3C").replace('>', "%3E")
}

#[cfg(test)]
mod tests {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use proptest::prelude::*;

    use super::*;

    fn wrap(url: &str, order: bool) -> String {
        let url = utf8_percent_encode(url, NON_ALPHANUMERIC);
        if order {
            format!("{WRAPPED}url={url}&pc_slide=false")
        } else {
            format!("{WRAPPED}pc_slide=true&url={url}")
        }
    }

    #[test]
    fn a_wrapped_link_leads_where_it_was_meant_to() {
        let url = "http://a.example/?q=1&r=港#x";
        for wrapped in [wrap(url, true), wrap(url, false), wrap(&wrap(url, true), false)] {
            assert_eq!(link(&wrapped).as_deref(), Some(url), "{wrapped}");
        }
        assert_eq!(link(" HTTPS://A.example/x y ").as_deref(), Some("HTTPS://A.example/x%20y"));
        assert_eq!(
            link("mailto:amy@harbour.example").as_deref(),
            Some("mailto:amy@harbour.example")
        );
    }

    #[test]
    fn nothing_but_pages_and_mail_is_led_to() {
        for bad in [
            "",
            "http://",
            "javascript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "//a.example",
            "dingtalk://other",
            "ftp://a.example",
            "ht\ntps://a.example",
            "a.example",
        ] {
            assert_eq!(link(bad), None, "{bad}");
            assert_eq!(link(&wrap(bad, true)), None, "{bad}");
        }
        assert_eq!(picture("mailto:amy@harbour.example"), None);
        assert_eq!(link(&format!("http://a.example/{}", "x".repeat(URL_LEN_MAX))), None);
    }

    #[test]
    fn links_in_a_text_are_unwrapped_where_they_stand() {
        let text =
            format!("[l]({}) and {} end", wrap("http://a.example/(1)", true), wrap("x:y", true));
        assert_eq!(unwrap_in(&text), "[l](http://a.example/%281%29) and  end");
        assert_eq!(unwrap_in("no link"), "no link");
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange_and_no_wrapping_stays(
            before in ".{0,20}",
            url in "https?://[a-z]{1,9}\\.example/[a-z0-9?&=%]{0,20}",
            after in "[ )\n].{0,20}",
        ) {
            prop_assume!(!after.contains(WRAPPED) && !before.contains("dingtalk"));
            let text = format!("{before}{}{after}", wrap(&url, true));
            let found = unwrap_in(&text);
            prop_assert!(found.contains(&url), "{}", found);
            prop_assert!(!found.contains(WRAPPED), "{}", found);
        }

        #[test]
        fn whatever_leads_somewhere_begins_like_a_page(
            text in ".{0,60}", wrapped in any::<bool>(),
        ) {
            let text = if wrapped { wrap(&text, true) } else { text };
            if let Some(url) = link(&text) {
                let lower = url.to_ascii_lowercase();
                let known = ["http://", "https://", "mailto:"];
                prop_assert!(known.iter().any(|it| lower.starts_with(it)));
            }
        }
    }
}
