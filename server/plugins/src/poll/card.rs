//! The card of a poll: how the votes stand, and a form to vote with while it is open.

use carillon_plugin::{Error, Result};
use carillon_protocol::card::{Button, Card, Input, InputKind, State, Style};
use jiff::{Timestamp, tz::TimeZone};

use super::{CLOSE, VOTE, question::Question};

impl Question {
    /// The card, of so many voters and so many votes an option.
    pub(super) fn card(&self, voters: u64, counts: &[u64]) -> Result<Card> {
        let words = Words::of(&self.locale);
        let mut card = Card::titled(&self.question);
        if self.shows_counts() {
            for (option, count) in self.options.iter().zip(counts) {
                let share = (count * 100 + voters / 2).checked_div(voters).unwrap_or(0);
                card = card.fact(option, format!("**{count}** · {share}%"), false);
            }
        }
        let mut lines = vec![words.voted.replace("{n}", &voters.to_string())];
        if self.closed_at.is_some() {
            return Ok(card.text(lines.concat()).state(State::Done, words.closed));
        }
        lines.push(words.closes.replace("{at}", &self.closing_time()?));
        if self.anonymous {
            lines.push(words.secret.into());
        }
        let (kind, label) = match self.multiple {
            true => (InputKind::Choices, words.some),
            false => (InputKind::Choice, words.one),
        };
        let mut input = Input::new(kind, VOTE, label).required();
        for (place, option) in self.options.iter().enumerate() {
            input = input.option(place.to_string(), option);
        }
        let submit = Button::act(words.vote, VOTE).style(Style::Primary);
        let close = Button::act(words.close, CLOSE).confirm(words.sure);
        Ok(card.text(lines.join("\n\n")).form(vec![input], submit).button(close))
    }

    /// When it closes, on the clock of whoever opened it.
    fn closing_time(&self) -> Result<String> {
        let at = Timestamp::from_millisecond(self.closes_at).map_err(Error::internal)?;
        let at = at.to_zoned(TimeZone::get(&self.tz).unwrap_or(TimeZone::UTC));
        Ok(at.strftime("%Y-%m-%d %H:%M (UTC%:z)").to_string())
    }
}

/// The words of a card, which is one for everybody: in the language of whoever opened the poll.
struct Words {
    vote: &'static str,
    one: &'static str,
    some: &'static str,
    voted: &'static str,
    closes: &'static str,
    close: &'static str,
    sure: &'static str,
    closed: &'static str,
    secret: &'static str,
}

impl Words {
    fn of(locale: &str) -> &'static Words {
        match locale {
            "zh-HK" => &Words {
                vote: "投票",
                one: "揀一項",
                some: "揀一項或者多項",
                voted: "{n} 人投咗票",
                closes: "{at} 截止",
                close: "結束投票",
                sure: "為所有人結束投票？只有開投票嘅人可以。",
                closed: "投票結束咗",
                secret: "唔記名投票：冇人會見到邊個投咗乜，投咗唔改得，結束先有結果。",
            },
            "zh-CN" => &Words {
                vote: "投票",
                one: "选一项",
                some: "选一项或多项",
                voted: "{n} 人已投票",
                closes: "{at} 截止",
                close: "结束投票",
                sure: "为所有人结束投票？只有发起人可以。",
                closed: "投票已结束",
                secret: "匿名投票：没有人会看到谁投了什么，投票后不能更改，结束时才显示结果。",
            },
            _ => &Words {
                vote: "Vote",
                one: "Choose one",
                some: "Choose one or more",
                voted: "Voted: {n}",
                closes: "Closes {at}",
                close: "Close the poll",
                sure: "Close it for everybody? Only who opened it can.",
                closed: "The poll is closed",
                secret: "A secret poll: nobody sees who voted for what, a vote is final, and the \
                         result is shown at the end.",
            },
        }
    }
}
