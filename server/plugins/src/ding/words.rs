//! What people are told outside of the app, in their language.

/// The longest name among several, in characters.
const NAME_LEN_MAX: usize = 40;

/// The words of a language.
pub(super) struct Words {
    /// Its name.
    pub(super) lang: &'static str,
    /// The title: `{by}` is who sent the alert.
    title: &'static str,
    /// What comes first for whoever is called instead of `{name}`.
    instead: &'static str,
    /// The same for more people: `{people}` are as many, `{names}` some of them.
    instead_many: &'static str,
    /// How a text message is answered.
    answer: &'static str,
    /// The same where a reply is needed.
    reply: &'static str,
    /// How a call is answered.
    pub(super) ask: &'static str,
}

const ENGLISH: Words = Words {
    lang: "en",
    title: "{by} alerts you",
    instead: "{name} has not answered this alert.",
    instead_many: "{people} people have not answered this alert: {names}",
    answer: "Reply 1 to confirm.",
    reply: "Answer with a reply to confirm.",
    ask: "Press 1 to confirm.",
};

const TRADITIONAL: Words = Words {
    lang: "zh-HK",
    title: "{by} DING 你",
    instead: "{name} 未回覆呢個 DING。",
    instead_many: "{people} 人未回覆呢個 DING：{names}",
    answer: "回覆 1 確認。",
    reply: "請寫字回覆確認。",
    ask: "請撳 1 確認。",
};

const SIMPLIFIED: Words = Words {
    lang: "zh-CN",
    title: "{by} DING 你",
    instead: "{name} 尚未回应此 DING。",
    instead_many: "{people} 人尚未回应此 DING：{names}",
    answer: "回复 1 以确认。",
    reply: "请回复内容以确认。",
    ask: "请按 1 确认。",
};

impl Words {
    /// The words for somebody with this language.
    pub(super) fn of(locale: &str) -> &'static Words {
        match locale {
            "zh-CN" | "zh-Hans" | "zh-SG" | "zh" => &SIMPLIFIED,
            other if other.starts_with("zh") => &TRADITIONAL,
            _ => &ENGLISH,
        }
    }

    /// The title, in so many characters at most.
    pub(super) fn title(&self, by: &str, max: usize) -> String {
        let rest = self.title.chars().count();
        self.title.replace("{by}", &cut(by, max.saturating_sub(rest)))
    }

    /// That so many people have not answered, with some of their names.
    pub(super) fn instead(&self, names: &[&str], people: u32) -> String {
        if let ([name], 1) = (names, people) {
            return self.instead.replace("{name}", name);
        }
        let names: Vec<String> = names.iter().map(|name| cut(name, NAME_LEN_MAX)).collect();
        let more = if names.len() < people as usize { " …" } else { "" };
        let names = names.join(", ") + more;
        self.instead_many.replace("{people}", &people.to_string()).replace("{names}", &names)
    }

    /// What is written: the alert, for whom if somebody is called instead, and how to answer if
    /// that is to be said. What does not fit is cut from the alert.
    pub(super) fn body(
        &self,
        text: &str,
        first: Option<&str>,
        (answers, needs_reply): (bool, bool),
        max: usize,
    ) -> String {
        let last = answers.then_some(if needs_reply { self.reply } else { self.answer });
        let around = first.into_iter().chain(last);
        let taken: usize = around.map(|line| line.chars().count() + 1).sum();
        let text = cut(text, max.saturating_sub(taken));
        let lines = [first, Some(&*text), last];
        lines.into_iter().flatten().collect::<Vec<_>>().join("\n")
    }
}

/// So many characters at most, the last one saying that there was more.
fn cut(text: &str, max: usize) -> String {
    match text.chars().count() <= max {
        true => text.to_owned(),
        false => text.chars().take(max.saturating_sub(1)).chain(['…']).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_cut_from_the_alert_and_never_from_how_to_answer() {
        let words = Words::of("zh-HK");
        let first = words.instead(&["陳大文"], 1);
        let body = words.body(&"字".repeat(2_000), Some(&first), (true, false), 2_000);
        assert_eq!(body.chars().count(), 2_000);
        assert!(body.starts_with("陳大文 未回覆"));
        assert!(body.ends_with("字…\n回覆 1 確認。"));
        assert!(words.title(&"名".repeat(200), 100).chars().count() <= 100);
        assert_eq!(Words::of("en").body("Fire", None, (false, true), 2_000), "Fire");
    }

    #[test]
    fn who_is_called_for_many_reads_how_many_and_some_names() {
        let words = Words::of("en");
        assert_eq!(words.instead(&["Bob"], 1), "Bob has not answered this alert.");
        let many = words.instead(&["Bob", "Dan"], 17);
        assert_eq!(many, "17 people have not answered this alert: Bob, Dan …");
        let long = words.instead(&[&*"x".repeat(100); 5], 5);
        assert!(long.chars().count() < 260, "{long}");
    }

    #[test]
    fn everybody_is_told_in_a_language_that_they_read() {
        for (locale, lang) in [
            ("en", "en"),
            ("de", "en"),
            ("zh-HK", "zh-HK"),
            ("zh-TW", "zh-HK"),
            ("zh-Hant", "zh-HK"),
            ("zh-CN", "zh-CN"),
            ("zh", "zh-CN"),
        ] {
            assert_eq!(Words::of(locale).lang, lang, "{locale}");
        }
    }
}
