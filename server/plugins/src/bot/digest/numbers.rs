//! Numbers as people read them. Pure.

/// A share, from 0 to 1.
pub(super) const SHARE: &str = "share";
/// A duration in milliseconds.
pub(super) const MS: &str = "ms";

const MINUTE_S: u64 = 60;
const HOUR_S: u64 = 3_600;
const DAY_S: u64 = 86_400;

/// A value of a unit, as it stands in a text.
pub(super) fn shown(value: f64, unit: &str) -> String {
    match unit {
        SHARE => format!("{:.0} %", value * 100.0),
        MS => duration(value),
        _ => counted(value),
    }
}

/// The same on an axis: at most five characters, for six digits and more, and of ASCII alone.
pub(super) fn tick(value: f64, unit: &str) -> String {
    // From which value on, how much a mark is worth, and what it is called.
    let steps: &[(f64, f64, &str)] = match unit {
        SHARE => return format!("{:.0}%", value * 100.0),
        MS => &[(864e5, 864e5, "d"), (36e5, 36e5, "h"), (6e4, 6e4, "m"), (0.0, 1e3, "s")],
        _ => &[(1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e4, 1e3, "k"), (0.0, 1.0, "")],
    };
    let step = steps.iter().find(|(from, ..)| value.abs() >= *from);
    step.map_or_else(String::new, |(_, size, name)| format!("{}{name}", counted(value / size)))
}

/// By how much a value differs from the one before it; none if there is nothing to compare.
pub(super) fn change(value: f64, before: f64, unit: &str) -> Option<String> {
    if unit == SHARE {
        return Some(format!("{:+.0}", (value - before) * 100.0));
    }
    (before > 0.0).then(|| format!("{:+.0} %", (value - before) / before * 100.0))
}

/// With a comma at the thousands, and one digit of what is no whole number.
fn counted(value: f64) -> String {
    let text = format!("{value:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    let (whole, rest) = digits.find('.').map_or((digits, ""), |dot| digits.split_at(dot));
    let mut grouped = String::with_capacity(whole.len() + whole.len() / 3);
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{sign}{grouped}{rest}")
}

/// The two largest units of a duration.
fn duration(ms: f64) -> String {
    // Saturates; what is negative is nothing.
    let s = (ms / 1_000.0).round() as u64;
    let two = |(large, name): (u64, &str), (small, smaller): (u64, &str)| match small {
        0 => format!("{large} {name}"),
        _ => format!("{large} {name} {small} {smaller}"),
    };
    match s {
        0..MINUTE_S => format!("{s} s"),
        MINUTE_S..HOUR_S => two((s / MINUTE_S, "min"), (s % MINUTE_S, "s")),
        HOUR_S..DAY_S => two((s / HOUR_S, "h"), (s % HOUR_S / MINUTE_S, "min")),
        _ => two((s / DAY_S, "d"), (s % DAY_S / HOUR_S, "h")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_people_read_them() {
        let said: [(f64, &str, &str); 10] = [
            (0.0, "messages", "0"),
            (1_234_567.0, "messages", "1,234,567"),
            (-1_234.5, "messages", "-1,234.5"),
            (999.96, "messages", "1,000"),
            (0.834, SHARE, "83 %"),
            (59_400.0, MS, "59 s"),
            (200_000.0, MS, "3 min 20 s"),
            (7_200_000.0, MS, "2 h"),
            (90_000_000.0, MS, "1 d 1 h"),
            (-1.0, MS, "0 s"),
        ];
        for (value, unit, text) in said {
            assert_eq!(shown(value, unit), text);
        }
        assert_eq!(tick(25_000.0, "messages"), "25k");
        assert_eq!(tick(5_400_000.0, MS), "1.5h");
        assert_eq!(tick(30_000.0, MS), "30s");
        assert_eq!(tick(2_500_000.0, "messages"), "2.5M");
    }

    #[test]
    fn a_change_is_relative_unless_it_is_of_shares() {
        assert_eq!(change(128.0, 100.0, "messages").as_deref(), Some("+28 %"));
        assert_eq!(change(0.5, 0.75, SHARE).as_deref(), Some("-25"));
        assert_eq!(change(5.0, 0.0, "messages"), None);
    }
}
