//! Names as people read them.

/// Without the spaces around it, and without the characters that turn the direction of writing:
/// in a name they would turn the sentence that it stands in, and where they are left open nothing
/// that a page puts around a name holds them (Unicode Annex 9, 2.1 to 2.5).
pub(crate) fn plain(text: &str) -> String {
    let text: String = text.chars().filter(|&c| !turns(c)).collect();
    text.trim().to_owned()
}

/// An embedding, an override or an isolate begins or ends. Marks turn nothing but themselves.
fn turns(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_turns_nothing_that_stands_beside_it() {
        assert_eq!(plain(" \u{202e}gnp.egami\u{2067}\u{202e} "), "gnp.egami");
        assert_eq!(plain("\u{202a} +852 1234 5678 \u{202c}"), "+852 1234 5678");
        assert_eq!(plain("\u{2068}\u{2069}"), "");
        for kept in ["مرحبا", "שלום \u{200f}", "陳大文 Amy", "👩\u{200d}👧"] {
            assert_eq!(plain(kept), kept);
        }
    }
}
