//! What makes a Gamma table on disk unusable.

use halfstep_sample::{GammaSource, GammaTable};

use crate::support::tiny_model;

#[test]
fn every_table_that_cannot_be_used_is_refused_with_the_command_that_makes_one() {
    let dir = tempfile::tempdir().unwrap();
    let model = tiny_model(None, None);
    let path = dir.path().join("model");
    model.save(&path).unwrap();
    let fails = |words: &[&str]| {
        let error = GammaTable::load(&path, &model.schedule).unwrap_err();
        let message = halfstep_sample::cli::advised_sentence(error);
        let command = format!("sample --model {} --estimate-gamma DATASET", path.display());
        assert!(message.contains(&command), "{message}");
        assert!(message.contains("gamma.json"), "{message}");
        assert!(words.iter().all(|words| message.contains(words)), "{message}");
    };
    fails(&["is missing", "--gamma-samples 256", "cifar10"]);

    let source = GammaSource {
        samples: 33,
        seed: 0,
        dataset: "digits".into(),
        dataset_sha256: "d".into(),
        model_sha256: halfstep_sample::model_sha256(&path).unwrap(),
    };
    let table = GammaTable {
        source: source.clone(),
        data_variance: 0.5,
        eps_norm2: vec![0.5; 64],
        standard_error: vec![0.01; 64],
        program: "test".into(),
    };
    table.save(&path).unwrap();
    assert_eq!(GammaTable::load(&path, &model.schedule).unwrap(), table);

    let save = |table: GammaTable| table.save(&path).unwrap();
    let shorter = vec![0.5; 63];
    save(GammaTable {
        eps_norm2: shorter.clone(),
        standard_error: shorter.clone(),
        ..table.clone()
    });
    fails(&["`eps_norm2` has 63 entries", "64 times", "--gamma-samples 33"]);
    save(GammaTable { standard_error: shorter, ..table.clone() });
    fails(&["`standard_error` has 63 entries", "`eps_norm2` has 64"]);
    save(GammaTable { data_variance: -0.5, ..table.clone() });
    fails(&["`data_variance` holds -0.5"]);
    save(GammaTable { eps_norm2: Vec::new(), ..table.clone() });
    fails(&["`eps_norm2` is empty"]);
    let other = GammaSource { model_sha256: "w".into(), ..source };
    save(GammaTable { source: other, ..table.clone() });
    fails(&[
        "was estimated for other weights or another scheduler config; measure it again",
        "--gamma-samples 33",
    ]);

    save(table);
    let file = path.join("gamma.json");
    let text = std::fs::read_to_string(&file).unwrap();
    for (from, to, words) in [
        ("\"data_variance\": 0.5,", "", "missing field `data_variance`"),
        ("\"data_variance\"", "\"data_varience\"", "unknown field `data_varience`"),
        ("\"seed\": 0", "\"seed\": -1", "line"),
        ("{", "", "not a Gamma table"),
    ] {
        std::fs::write(&file, text.replacen(from, to, 1)).unwrap();
        fails(&[words, "not a Gamma table"]);
    }
}
