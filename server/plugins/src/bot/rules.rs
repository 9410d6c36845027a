//! What a robot may be told to accept. Pure.

use carillon_plugin::{Error, Result};
use carillon_protocol::{
    bot::Rules,
    limits::{ROBOT_KEYWORD_LEN_MAX, ROBOT_KEYWORDS_MAX, ROBOT_NETWORKS_MAX, ROBOT_PER_MINUTE_MAX},
};

use super::network::Network;

/// The most messages in a minute if nothing is said, as DingTalk's.
pub(super) const PER_MINUTE: u32 = 20;

/// The rules as they are kept.
pub(super) fn checked(rules: Rules) -> Result<Rules> {
    let keywords: Vec<String> = rules.keywords.iter().map(|word| word.trim().to_owned()).collect();
    if keywords.len() > ROBOT_KEYWORDS_MAX {
        let msg = format!("a robot has at most {ROBOT_KEYWORDS_MAX} keywords");
        return Err(Error::too_large("rules.keywords", msg));
    }
    let bad = |word: &String| word.is_empty() || word.chars().count() > ROBOT_KEYWORD_LEN_MAX;
    if let Some(at) = keywords.iter().position(bad) {
        let msg = format!("a keyword has 1 to {ROBOT_KEYWORD_LEN_MAX} characters");
        return Err(Error::bad_arg(&format!("rules.keywords[{at}]"), msg));
    }
    if rules.networks.len() > ROBOT_NETWORKS_MAX {
        let msg = format!("a robot has at most {ROBOT_NETWORKS_MAX} networks");
        return Err(Error::too_large("rules.networks", msg));
    }
    let bad = |text: &String| Network::parse(text).is_none();
    if let Some(at) = rules.networks.iter().position(bad) {
        let msg = "write an address as `192.0.2.7`, or a network as `192.0.2.0/24`";
        return Err(Error::bad_arg(&format!("rules.networks[{at}]"), msg));
    }
    let per_minute = rules.per_minute.unwrap_or(PER_MINUTE);
    if !(1..=ROBOT_PER_MINUTE_MAX).contains(&per_minute) {
        let msg = format!("a robot posts 1 to {ROBOT_PER_MINUTE_MAX} messages a minute");
        return Err(Error::bad_arg("rules.per_minute", msg));
    }
    let networks = rules.networks.iter().map(|text| text.trim().to_owned()).collect();
    Ok(Rules { keywords, networks, per_minute: Some(per_minute), ..rules })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_robot_cannot_be_told_is_refused_by_its_place() {
        let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
        let field = |rules: Rules| checked(rules).unwrap_err().body().field.clone().unwrap();
        let keywords = |keywords| Rules { keywords, ..Rules::default() };
        let networks = |networks| Rules { networks, ..Rules::default() };
        assert_eq!(field(keywords(words(&["a", " "]))), "rules.keywords[1]");
        assert_eq!(field(keywords(words(&["x"; 11]))), "rules.keywords");
        assert_eq!(field(networks(words(&["10.0.0.0/8", "x"]))), "rules.networks[1]");
        assert_eq!(field(networks(words(&["::1"; 21]))), "rules.networks");
        for per_minute in [0, 601, u32::MAX] {
            let rules = Rules { per_minute: Some(per_minute), ..Rules::default() };
            assert_eq!(field(rules), "rules.per_minute");
        }
        let kept = checked(keywords(words(&[" alarm "]))).unwrap();
        assert_eq!((kept.keywords, kept.per_minute), (words(&["alarm"]), Some(PER_MINUTE)));
    }
}
