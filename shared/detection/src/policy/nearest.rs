//! The word a person meant: the nearest of those known.

/// The longest word compared, which bounds the work.
const WORD_MAX_CHARS: usize = 64;

/// The known word nearest to `word`, unless none is near: at most a third of it may differ.
pub(super) fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let word: Vec<char> = word.to_lowercase().replace('_', "-").chars().collect();
    if word.len() > WORD_MAX_CHARS {
        return None;
    }
    known
        .into_iter()
        .map(|known| (distance(&word, &known.to_lowercase().replace('_', "-")), known))
        .min()
        .filter(|(distance, _)| *distance <= (word.len() / 3).max(1))
        .map(|(_, known)| known)
}

/// How many letters must be inserted, deleted or replaced (Levenshtein).
fn distance(from: &[char], to: &str) -> usize {
    let mut row: Vec<usize> = (0..=from.len()).collect();
    for (above, wanted) in to.chars().enumerate() {
        let mut diagonal = above;
        let mut left = above + 1;
        let Some((first, rest)) = row.split_first_mut() else { return 0 };
        *first = left;
        for (cell, letter) in rest.iter_mut().zip(from) {
            let replaced = diagonal + usize::from(*letter != wanted);
            diagonal = *cell;
            left = replaced.min(diagonal + 1).min(left + 1);
            *cell = left;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words() {
        let known = ["login-failures", "password-spray", "allow", "deny"];
        for (word, expected) in [
            ("login-failure", Some("login-failures")),
            ("Login_Failures", Some("login-failures")),
            ("pasword-sprey", Some("password-spray")),
            ("allowed", Some("allow")),
            ("x", None),
            ("thresholds", None),
            (&"a".repeat(1_000_000), None),
        ] {
            assert_eq!(nearest(word, known), expected, "{word:.20}");
        }
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        for (from, to, expected) in
            [("", "", 0), ("abc", "", 3), ("", "abc", 3), ("kitten", "sitting", 3), ("ab", "ba", 2)]
        {
            assert_eq!(distance(&chars(from), to), expected, "{from} {to}");
        }
    }
}
