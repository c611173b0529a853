//! A `gamma.json` that is accepted gives a variance within bounds at every time, and is written as an equal one.
#![no_main]

use halfstep_core::DiscreteSchedule;
use halfstep_fuzz::file;
use halfstep_sample::GammaTable;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let path = file("gamma.json", bytes);
    let dir = path.parent().expect("a folder");
    let Ok(table) = GammaTable::read(dir) else { return };
    let schedule = DiscreteSchedule::linear(4, 1e-4, 0.02).expect("a schedule");
    for t in 0..schedule.len() {
        let variance = table.posterior_data_variance(schedule.point(t));
        assert!((0.0..=table.data_variance).contains(&variance), "{variance} at {t}");
        let _ = table.gamma(&schedule, t);
    }
    assert!(table.divided() <= table.eps_norm2.len());
    let _ = table.largest_relative_error();
    table.save(dir).expect("a table can be written");
    assert_eq!(GammaTable::read(dir).expect("and read"), table);
});
