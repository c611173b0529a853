//! The mixture oracle against its closed forms, and its velocity against the ODE's end by DOP853.
//!
//! Not checked here: the convergence rows of Heun and DPM-Solver++ (samplers, not in this crate),
//! and `dop853_vs_radau`, a remark about how the file was made.

use halfstep_core::{CosineSchedule, Denoiser, MixtureOracle, NoiseLevel, NoiseSchedule};
use serde_json::Value;

use crate::support::*;

fn oracle(golden: &Value) -> MixtureOracle {
    let means = list(golden, "means").iter().map(numbers).collect();
    MixtureOracle::new(numbers(&golden["weights"]), means, numbers(&golden["tau2"])).unwrap()
}

#[test]
fn points() {
    let golden = fixture("x_exact_mixture");
    let oracle = oracle(&golden);
    let mut checked = 0;
    for entry in list(&golden, "points") {
        let level = CosineSchedule::unclipped().level(number(entry, "t"));
        let x = numbers(&entry["x"]);
        let [x0, eps, v] = ["x0", "eps", "v"].map(|key| numbers(&entry[key]));
        let what = format!("u = {}, x = {}", entry["t"], entry["x"]);
        assert_close(&oracle.x0_hat(&x, level), &x0, 1e-12, &what);
        assert_close(&oracle.eps_hat(&x, level), &eps, 1e-12, &what);
        assert_close(&oracle.v_hat(&x, level), &v, 1e-12, &what);
        let responsibilities = oracle.responsibilities(&x, level);
        for (got, want) in responsibilities.iter().zip(numbers(&entry["responsibilities"])) {
            // exp of numbers down to -120 amplifies their rounding as much.
            assert_relative(*got, want, 1e-12, format!("{what} responsibility"));
        }
        let log_density = oracle.log_density(&x, level);
        assert_relative(log_density, number(entry, "log_p_t"), 1e-12, &what);
        let variance = oracle.mean_posterior_var(&x, level);
        assert_relative(variance, number(entry, "mean_posterior_var"), 1e-12, &what);
        for (dtype, tolerance) in FLOATS {
            let p = oracle.predict(tensor(&x, dtype), &[at(level)]);
            assert_close(&values(p.x0()), &x0, tolerance, format!("{what} x0 {dtype:?}"));
            assert_close(&values(p.eps()), &eps, tolerance, format!("{what} eps {dtype:?}"));
            assert_close(&values(p.v()), &v, tolerance, format!("{what} v {dtype:?}"));
        }
        checked += 1;
    }
    assert_eq!(checked, 15);
}

/// `dz/dphi = v`: the probability-flow ODE by the classical Runge-Kutta method, in equal steps of
/// the angle.
fn runge_kutta(oracle: &MixtureOracle, z: &[f64], from: f64, to: f64, steps: usize) -> Vec<f64> {
    let h = (to - from) / steps as f64;
    let add = |z: &[f64], k: &[f64], h: f64| -> Vec<f64> {
        z.iter().zip(k).map(|(z, k)| z + h * k).collect()
    };
    let mut z = z.to_vec();
    for i in 0..steps {
        let phi = from + h * i as f64;
        let v = |z: &[f64], phi| oracle.v_hat(z, NoiseLevel::from_phi(phi));
        let k1 = v(&z, phi);
        let k2 = v(&add(&z, &k1, h / 2.0), phi + h / 2.0);
        let k3 = v(&add(&z, &k2, h / 2.0), phi + h / 2.0);
        let k4 = v(&add(&z, &k3, h), phi + h);
        for (k, weight) in [(k1, 1.0), (k2, 2.0), (k3, 2.0), (k4, 1.0)] {
            z = add(&z, &k, weight * h / 6.0);
        }
    }
    z
}

#[test]
fn ode_end_and_ddim_convergence() {
    let golden = fixture("x_exact_mixture");
    let oracle = oracle(&golden);
    let exact = numbers(&golden["ode_reference_end"]);
    let schedule = CosineSchedule::unclipped();
    let phi = |key| schedule.level(number(&golden, key)).phi();
    let x = numbers(&golden["x_T"]);
    let end = runge_kutta(&oracle, &x, phi("t_start"), phi("t_end"), 8000);
    // Fourth order: at 8000 steps the method's own error is below the reference's.
    assert_close(&end, &exact, 1e-12, "ODE");
    assert_eq!(check_ddim_convergence(&golden, &oracle, &exact), 14);
}
