//! What is too large for a message, made to fit. Programs that watch others say the most when the
//! most is wrong, and few of them ask again: part of an alarm is better than none of it. Pure.

use carillon_protocol::{
    Json,
    card::Card,
    limits::{CARD_BUTTONS_MAX, CARD_FIELDS_MAX, CARD_ITEMS_MAX, CARD_LEN_MAX, TEXT_LEN_MAX},
};

/// What says that something is missing, in bytes of JSON: `+ 18446744073709551615` after an empty
/// line.
const MORE_LEN: usize = 26;
/// The shortest that a text of a card is cut to, in bytes, before whole parts are left out.
const CUT_LEN_MIN: usize = 256;

/// A text that fits into a message.
pub(super) fn text(text: String) -> String {
    cut(text, TEXT_LEN_MAX)
}

/// A card that fits into a message, of which so many parts are missing already. It says how many
/// are in the end.
pub(super) fn card(mut card: Card, missing: u64) -> Card {
    let before = parts(&card);
    card.items.truncate(CARD_ITEMS_MAX);
    card.fields.truncate(CARD_FIELDS_MAX);
    card.buttons.truncate(CARD_BUTTONS_MAX);
    let mut len = TEXT_LEN_MAX - MORE_LEN;
    cut_texts(&mut card, len);
    while is_too_large(&card) && len > CUT_LEN_MIN {
        len /= 2;
        cut_texts(&mut card, len);
    }
    while is_too_large(&card) && parts(&card) > 0 {
        leave_out_one(&mut card);
    }
    let missing = missing.saturating_add((before - parts(&card)) as u64);
    if missing > 0 {
        let said = card.text.take().into_iter();
        card.text = Some(said.chain([format!("+ {missing}")]).collect::<Vec<_>>().join("\n\n"));
    }
    card
}

fn parts(card: &Card) -> usize {
    card.items.len() + card.fields.len() + card.buttons.len()
}

fn is_too_large(card: &Card) -> bool {
    Json::of(card).as_str().len() + MORE_LEN + "\"text\":\"\",".len() > CARD_LEN_MAX
}

/// The last of whatever takes most.
fn leave_out_one(card: &mut Card) {
    let len = [
        Json::of(&card.items).as_str().len(),
        Json::of(&card.fields).as_str().len(),
        Json::of(&card.buttons).as_str().len(),
    ];
    let most = len.into_iter().max();
    if most == Some(len[0]) {
        card.items.pop();
    } else if most == Some(len[1]) {
        card.fields.pop();
    } else {
        card.buttons.pop();
    }
}

fn cut_texts(card: &mut Card, len: usize) {
    let cut = |text: &mut String| *text = cut(std::mem::take(text), len);
    card.text.iter_mut().for_each(cut);
    card.fields.iter_mut().for_each(|fact| cut(&mut fact.value));
    card.items.iter_mut().flat_map(|item| &mut item.text).for_each(cut);
}

fn cut(mut text: String, len: usize) -> String {
    if text.len() > len {
        text.truncate(text.floor_char_boundary(len - '…'.len_utf8()));
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use carillon_protocol::card::{Button, Fact, Item};
    use proptest::prelude::*;

    use super::{card as fit, *};

    fn item(text: &str) -> Item {
        Item { title: "t".into(), text: Some(text.into()), image: None, url: None }
    }

    #[test]
    fn what_fits_stays_as_it_is() {
        let small = Card { items: vec![item("x"); CARD_ITEMS_MAX], ..Card::default() };
        assert_eq!(fit(small.clone(), 0), small);
        assert_eq!(text("x".repeat(TEXT_LEN_MAX)).len(), TEXT_LEN_MAX);
        let cut = text("港".repeat(TEXT_LEN_MAX));
        assert!(cut.len() <= TEXT_LEN_MAX && cut.ends_with("港…"));
    }

    #[test]
    fn texts_are_cut_before_parts_are_left_out_and_what_is_missing_is_counted() {
        let large = Card { items: vec![item(&"x".repeat(4_000)); 20], ..Card::default() };
        let found = fit(large.clone(), 0);
        assert_eq!((found.items.len(), found.text), (20, None));
        assert!(found.items[0].text.as_ref().is_some_and(|text| text.ends_with("x…")));
        let more = Card { items: vec![item("x"); 25], ..large };
        assert_eq!(fit(more.clone(), 7).text.as_deref(), Some("+ 12"));
        let lost = format!("+ {}", u64::MAX);
        assert_eq!(fit(more, u64::MAX).text, Some(lost));
    }

    proptest! {
        // Each of them is large.
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn every_card_fits(
            text in "[a\n\"港]{0,40}", times in 1_usize..2_000, url in "http://[a\"]{0,40}",
            counts in (0_usize..40, 0_usize..40, 0_usize..40), missing in any::<u64>(),
        ) {
            let text = text.repeat(times);
            let url = Some(url.repeat(40));
            let fact = Fact { label: "l".into(), value: text.clone(), short: false };
            let button = Button { label: "b".into(), url: url.clone(), ..Button::default() };
            let items = vec![Item { url: url.clone(), ..item(&text) }; counts.0];
            let (fields, buttons) = (vec![fact; counts.1], vec![button; counts.2]);
            let text = Some(text);
            let card = Card { text, url, items, fields, buttons, ..Card::default() };
            let found = fit(card, missing);
            prop_assert!(Json::of(&found).as_str().len() <= CARD_LEN_MAX);
            prop_assert!(found.items.len() <= CARD_ITEMS_MAX);
            prop_assert!(found.fields.len() <= CARD_FIELDS_MAX);
            prop_assert!(found.buttons.len() <= CARD_BUTTONS_MAX);
        }
    }
}
