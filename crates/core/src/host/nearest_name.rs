//! "Did you mean".

/// Names less alike than this are no help.
const ALIKE: f64 = 0.7;

/// The name of `known` most like `asked` (Jaro-Winkler similarity, case ignored); `None` if no name is similar.
pub fn nearest_name<'a>(asked: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let asked = asked.to_lowercase();
    let likeness = |name: &str| strsim::jaro_winkler(&asked, &name.to_lowercase());
    known
        .map(|name| (likeness(name), name))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(likeness, _)| *likeness > ALIKE)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_alike_is_found_or_nothing() {
        let known = ["airplane", "automobile", "bird"];
        let nearest = |asked| nearest_name(asked, known.into_iter());
        assert_eq!(nearest("aeroplane"), Some("airplane"));
        assert_eq!(nearest("BIRD"), Some("bird"));
        assert_eq!(nearest("xyz"), None);
    }
}
