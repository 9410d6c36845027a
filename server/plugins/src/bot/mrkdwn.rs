//! Slack's way to write (`*bold*`, `<url|label>`, `&amp;`) as Markdown. What is Markdown already,
//! as Mattermost's, stays as it is.

use super::links::{in_markdown, link};

/// A text as Markdown, and whom it calls.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) text: String,
    pub(super) people: Vec<String>,
    pub(super) everybody: bool,
}

/// Reads a text.
pub(super) fn read(text: &str) -> Written {
    let mut written = Written::default();
    for (number, part) in text.split('`').enumerate() {
        if number > 0 {
            written.text.push('`');
        }
        // Between two marks stands code, where stars are stars.
        if number % 2 == 1 {
            written.text.push_str(&unescaped(part));
        } else {
            written.prose(part);
        }
    }
    written
}

impl Written {
    fn prose(&mut self, text: &str) {
        let mut rest = text;
        while let Some(start) = rest.find('<') {
            let (before, tag) = rest.split_at(start);
            self.text.push_str(&unescaped(&strong(before)));
            let Some(end) = tag.find('>') else {
                rest = tag;
                break;
            };
            self.tag(&tag[1..end]);
            rest = &tag[end + 1..];
        }
        self.text.push_str(&unescaped(&strong(rest)));
    }

    /// What stands between `<` and `>`.
    fn tag(&mut self, tag: &str) {
        let (target, name) = tag.split_once('|').map_or((tag, ""), |(target, name)| (target, name));
        match target.split_at_checked(1) {
            Some(("!", whom)) if ["channel", "here", "everyone"].contains(&whom) => {
                self.everybody = true;
                self.text.push_str("@all");
            }
            Some(("@", whom)) => {
                self.people.push(whom.to_owned());
                self.text.push('@');
                self.text.push_str(whom);
            }
            Some(("#" | "!", whom)) => {
                self.text.push('#');
                self.text.push_str(if name.is_empty() { whom } else { name });
            }
            _ => self.link(tag, &unescaped(target), &unescaped(name)),
        }
    }

    fn link(&mut self, tag: &str, target: &str, name: &str) {
        let name = if name.is_empty() { target } else { name };
        match link(target) {
            Some(url) => {
                let name = name.replace('[', "\\[").replace(']', "\\]");
                self.text.push_str(&format!("[{name}]({})", in_markdown(url)));
            }
            // Not a link: what looks like a tag is text.
            None => self.text.push_str(&format!("\\<{}>", unescaped(tag))),
        }
    }
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// `*bold*` as `**bold**` and `~gone~` as `~~gone~~`, where a single mark stands around words.
fn strong(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < letters.len() {
        let mark = letters[at];
        match pair_end(&letters, at) {
            Some(end) => {
                let inner: String = letters[at + 1..end].iter().collect();
                out.extend([mark, mark]);
                out.push_str(&inner);
                out.extend([mark, mark]);
                at = end + 1;
            }
            None => {
                out.push(mark);
                at += 1;
            }
        }
    }
    out
}

/// Where the mark that begins here ends, in the same line.
fn pair_end(letters: &[char], at: usize) -> Option<usize> {
    if !opens(letters, at) {
        return None;
    }
    let (mark, end) = (letters[at], looked_until(letters, at));
    let is_inside = |c: &char| *c == mark || c.is_alphanumeric();
    let closes = letters.get(end) == Some(&mark) && !letters[end - 1].is_whitespace();
    (closes && !letters.get(end + 1).is_some_and(is_inside)).then_some(end)
}

/// Whether a mark stands here, before a word.
fn opens(letters: &[char], at: usize) -> bool {
    let mark = letters[at];
    let is_inside = |c: &char| *c == mark || *c == '\\' || c.is_alphanumeric();
    let is_word = |c: &char| *c != mark && !c.is_whitespace();
    "*~".contains(mark)
        && letters.get(at + 1).is_some_and(is_word)
        && !at.checked_sub(1).is_some_and(|before| is_inside(&letters[before]))
}

/// Where the next mark of the same kind stands, or the line ends: no mark looks beyond the next
/// one, so that all of them together look through a text once for each kind.
fn looked_until(letters: &[char], at: usize) -> usize {
    let mut rest = letters[at + 2..].iter();
    let ends = rest.position(|&c| c == letters[at] || c == '\n');
    ends.map_or(letters.len(), |ends| at + 2 + ends)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_slack_means_is_written_as_markdown() {
        for (slack, markdown) in [
            ("*bold* and _it_ ~no~", "**bold** and _it_ ~~no~~"),
            ("**bold** * item", "**bold** * item"),
            ("2*3*4 and a*b", "2*3*4 and a*b"),
            ("*two\nlines*", "*two\nlines*"),
            ("<http://a.example/?a=1&amp;b=2|the [x]>", "[the \\[x\\]](http://a.example/?a=1&b=2)"),
            ("<http://a.example>", "[http://a.example](http://a.example)"),
            ("<javascript:alert(1)|x>", "\\<javascript:alert(1)|x>"),
            ("`*a* &lt;b&gt;` *c*", "`*a* <b>` **c**"),
            ("1 &lt; 2 &amp;&amp; 3", "1 < 2 && 3"),
            ("<#C1|general> <!date^1^x|now> < open", "#general #now < open"),
        ] {
            assert_eq!(read(slack).text, markdown, "{slack}");
        }
    }

    #[test]
    fn people_and_everybody_are_called() {
        let written = read("<!channel> <@amy> <@bob|Bob>");
        assert_eq!(written.text, "@all @amy @bob");
        assert!(written.everybody);
        assert_eq!(written.people, ["amy", "bob"]);
    }

    proptest! {
        #[test]
        fn however_many_marks_there_are_each_letter_is_looked_at_a_few_times(
            text in "[-.*~ a\n]{0,200}", long in "[*~]?[-.a~*]{0,9}",
        ) {
            let letters: Vec<char> = format!("{text}{}", long.repeat(20)).chars().collect();
            let opening = (0..letters.len()).filter(|&at| opens(&letters, at));
            let looked: usize = opening.map(|at| looked_until(&letters, at) - at).sum();
            prop_assert!(looked <= 2 * letters.len(), "{} of {}", looked, letters.len());
        }

        #[test]
        fn no_text_is_too_strange(text in "[ *~`<>|!@#&a-z港\n]{0,60}") {
            let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect();
            let before_tags: String = letters(text.split('<').next().unwrap_or_default());
            let written: String = letters(&read(&text).text);
            prop_assert!(written.starts_with(&before_tags), "{} of {}", written, text);
        }
    }
}
