//! Normalize, Azure: what an error code of an Entra sign-in says of the password.
//!
//! The codes are data (`codes.txt`), since Microsoft may change them. Knows nothing of records, nor
//! of what a class means for one manner of signing in.

use std::collections::HashMap;
use std::sync::LazyLock;

/// What a code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Signed in.
    Success,
    /// The password, or the account it was tried on, is wrong.
    WrongPassword,
    /// The secret or certificate of an application is wrong.
    WrongSecret,
    /// The password was right, and something else stopped the sign-in.
    PasswordCorrect,
    /// No failure: the sign-in goes on, or a token has ended.
    Interrupt,
    /// Nothing of the password.
    Other,
}

/// The class of a code, given as `50126`, `AADSTS50126` or by its name in any case of letters.
pub(super) fn class(code: &str) -> Class {
    let code = code.trim();
    let digits = match code.get(..6) {
        Some(prefix) if prefix.eq_ignore_ascii_case("AADSTS") => code.get(6..).unwrap_or_default(),
        _ => code,
    };
    if let Ok(number) = digits.parse::<u32>() {
        if number == 0 {
            return Class::Success;
        }
        return TABLE.by_number.get(&number).copied().unwrap_or(Class::Other);
    }
    TABLE.by_name.get(code.to_ascii_lowercase().as_str()).copied().unwrap_or(Class::Other)
}

#[derive(Default)]
struct Table {
    by_number: HashMap<u32, Class>,
    by_name: HashMap<String, Class>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut table = Table::default();
    for (number, class, name) in lines().filter_map(row) {
        table.by_number.insert(number, class);
        table.by_name.insert(name.to_ascii_lowercase(), class);
    }
    table
});

/// The lines of the table that are neither blank nor comments.
fn lines() -> impl Iterator<Item = &'static str> {
    include_str!("codes.txt")
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// `50126 wrong-password InvalidUserNameOrPassword`.
fn row(line: &str) -> Option<(u32, Class, &str)> {
    let mut words = line.split_whitespace();
    let number = words.next()?.parse().ok()?;
    let class = match words.next()? {
        "wrong-password" => Class::WrongPassword,
        "wrong-secret" => Class::WrongSecret,
        "password-correct" => Class::PasswordCorrect,
        "interrupt" => Class::Interrupt,
        _ => return None,
    };
    let name = words.next()?;
    words.next().is_none().then_some((number, class, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_parses_and_no_code_or_name_comes_twice() {
        for line in lines() {
            assert!(row(line).is_some(), "{line}");
        }
        assert_eq!(TABLE.by_number.len(), lines().count());
        assert_eq!(TABLE.by_name.len(), lines().count());
    }

    #[test]
    fn classes() {
        for (code, expected) in [
            ("0", Class::Success),
            (" 50126 ", Class::WrongPassword),
            ("AADSTS50126", Class::WrongPassword),
            ("aadsts50034", Class::WrongPassword),
            ("invalidusernameorpassword", Class::WrongPassword),
            ("50053", Class::WrongPassword),
            ("7000215", Class::WrongSecret),
            ("50074", Class::PasswordCorrect),
            ("500121", Class::PasswordCorrect),
            ("53003", Class::PasswordCorrect),
            ("50140", Class::Interrupt),
            ("50173", Class::Interrupt),
            ("90072", Class::Other),
            ("-1", Class::Other),
            ("99999999999999999999", Class::Other),
            ("Failure", Class::Other),
            ("", Class::Other),
            ("ÄÄÄ", Class::Other),
        ] {
            assert_eq!(class(code), expected, "{code}");
        }
    }
}
