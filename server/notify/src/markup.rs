//! Texts of people where only some texts can stand: between elements, in few characters.

/// A text that stands for itself between elements and inside of quotes. What cannot stand there is
/// left out.
pub(crate) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&apos;"),
            '\n' => safe.push(' '),
            c if c.is_control() => {}
            c => safe.push(c),
        }
    }
    safe
}

/// A text of at most so many characters; a cut one ends with an ellipsis.
pub(crate) fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(cut("收到", 2), "收到");
        assert_eq!(cut("收到了", 2), "收…");
        assert_eq!(cut(&"字".repeat(2000), 1000).chars().count(), 1000);
    }

    #[test]
    fn what_is_read_aloud_cannot_leave_its_element() {
        let hostile = "</Say><Dial>+1900</Dial>&\"'\u{0}\n";
        assert_eq!(
            escaped(hostile),
            "&lt;/Say&gt;&lt;Dial&gt;+1900&lt;/Dial&gt;&amp;&quot;&apos; "
        );
    }
}
