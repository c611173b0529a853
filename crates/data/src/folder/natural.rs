//! The order in which people count: `2` comes before `10`. It numbers the classes of a folder and so is part of a
//! dataset's identity: no release of a library may change it.

use std::cmp::Ordering;

/// Compares two names. Adjacent digits are one number; everything else is compared byte by byte. Names that
/// differ in leading zeros alone are in the order of their bytes.
///
/// Names whose numbers have equal lengths are in the order of their bytes.
pub(crate) fn compare(a: &[u8], b: &[u8]) -> Ordering {
    by_parts(a, b).then_with(|| a.cmp(b))
}

fn by_parts(mut a: &[u8], mut b: &[u8]) -> Ordering {
    loop {
        let (order, rest) = match (number(a), number(b)) {
            // Without leading zeros the longer number is the larger one, of any length.
            (Some((x, a)), Some((y, b))) => (x.len().cmp(&y.len()).then(x.cmp(y)), (a, b)),
            _ => match (a.split_first(), b.split_first()) {
                (Some((x, a)), Some((y, b))) => (x.cmp(y), (a, b)),
                _ => return a.len().cmp(&b.len()),
            },
        };
        if order.is_ne() {
            return order;
        }
        (a, b) = rest;
    }
}

/// The digits at the front, without leading zeros, and what comes after them; `None` without any.
fn number(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let len = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at(len);
    let zeros = digits.iter().take_while(|&&byte| byte == b'0').count();
    (len > 0).then_some((&digits[zeros..], rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(names: &[&'static str]) -> Vec<&'static str> {
        let mut names = names.to_vec();
        names.sort_by(|a, b| compare(a.as_bytes(), b.as_bytes()));
        names
    }

    #[test]
    fn numbers_count() {
        let twelve = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"];
        let mut mixed = twelve;
        mixed.sort_unstable();
        assert_eq!(mixed[..4], ["0", "1", "10", "11"]);
        assert_eq!(sorted(&mixed), twelve);
        let named = ["a1b2", "a1b10", "a2", "a10", "class 9", "class 10", "x"];
        assert_eq!(sorted(&["a10", "x", "class 10", "a1b10", "class 9", "a2", "a1b2"]), named);
        let (huge, larger) = ("99999999999999999999999999", "100000000000000000000000000");
        assert_eq!(sorted(&[larger, huge]), [huge, larger]);
    }

    #[test]
    fn leading_zeros_do_not_count_and_yet_every_two_names_have_an_order() {
        assert_eq!(sorted(&["010", "9", "1", "01", "00", "0"]), ["0", "00", "01", "1", "9", "010"]);
        assert_eq!(compare(b"7", b"7"), Ordering::Equal);
    }

    #[test]
    fn names_whose_numbers_have_one_length_are_in_the_order_of_their_bytes() {
        let names =
            ["Z", "a", "a-1", "a1", "aa", "cats", "dogs", "n01440764", "n02102040", "\u{e9}"];
        let mut reversed = names;
        reversed.reverse();
        let mut by_bytes = names.to_vec();
        by_bytes.sort_unstable();
        assert_eq!(sorted(&reversed), by_bytes);
    }
}
