//! diffusers' beta schedules, with and without zero terminal SNR.

use crate::support::*;

#[test]
fn every_entry() {
    let golden = fixture("a_schedules");
    let times = indices(&golden["indices"]);
    let mut checked = 0;
    for entry in list(&golden, "entries") {
        let schedule = schedule(entry);
        let (alphas_cumprod, betas) = (schedule.alphas_cumprod(), schedule.betas());
        let what = format!("{} {}", entry["beta_schedule"], entry["rescale_betas_zero_snr"]);
        // f64 entries to 12 digits; but diffusers forms betas as 1 - ratio, which is good to a
        // rounding of 1 only. f32 entries are products of up to 1000 f32 roundings of 6e-8, seldom
        // all to one side, then differences.
        let (relative, absolute) = match text(entry, "dtype") {
            "float64" => (1e-12, 2.0 * f64::EPSILON),
            "float32" => (1e-5, 1e-5),
            other => panic!("unknown dtype {other}"),
        };
        let (golden_alphas, golden_betas) =
            (numbers(&entry["alphas_cumprod"]), numbers(&entry["betas"]));
        assert_eq!((golden_alphas.len(), golden_betas.len()), (times.len(), times.len()));
        for (i, &t) in times.iter().enumerate() {
            for (got, want, name) in [
                (alphas_cumprod[t], golden_alphas[i], "alpha_bar"),
                (schedule.at(t).alpha_bar(), golden_alphas[i], "level"),
                (betas[t], golden_betas[i], "beta"),
            ] {
                let bound = relative * want + absolute;
                assert_within(&[got], &[want], bound, format!("{what} {name} t={t}"));
                checked += 1;
            }
        }
        for (got, key) in [
            (alphas_cumprod.iter().sum::<f64>(), "alphas_cumprod_sum"),
            (alphas_cumprod.iter().map(|x| x * x).sum(), "alphas_cumprod_sumsq"),
            (betas.iter().sum(), "betas_sum"),
        ] {
            assert_relative(got, number(entry, key), relative, format!("{what} {key}"));
            checked += 1;
        }
    }
    assert_eq!(checked, 12 * (3 * 20 + 3));
}
