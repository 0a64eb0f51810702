//! The pace of a run.

/// Share of the steps in which the learning rate rises.
const WARM_UP: f64 = 0.05;
/// What is left of the learning rate at the end.
const FINAL: f64 = 0.1;

/// Learning rate of step `step` (from 1): linear warm-up, then a cosine to a tenth.
pub fn learning_rate(peak: f64, step: u32, steps: u32) -> f64 {
    let warm_up = (f64::from(steps) * WARM_UP).ceil();
    let step = f64::from(step);
    if step <= warm_up {
        return peak * step / warm_up;
    }
    let progress = (step - warm_up) / (f64::from(steps) - warm_up);
    let cosine = 0.5 * (1.0 + (std::f64::consts::PI * progress).cos());
    peak * (FINAL + (1.0 - FINAL) * cosine)
}

#[cfg(test)]
mod tests {
    use super::learning_rate;

    #[test]
    fn rises_then_falls_to_a_tenth() {
        assert_eq!(learning_rate(1.0, 1, 100), 0.2);
        assert_eq!(learning_rate(1.0, 5, 100), 1.0);
        assert!((learning_rate(1.0, 100, 100) - 0.1).abs() < 1e-12);
        assert_eq!(learning_rate(1.0, 1, 1), 1.0);
    }
}
