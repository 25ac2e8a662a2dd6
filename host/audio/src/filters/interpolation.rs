//! Third-order Hermite interpolation between samples, used by vibrato and the rate changer.

/// Value at `fraction` (0..1) between `y1` and `y2`, with `y0` and `y3` as the outer neighbours.
///
/// The 4-point, 3rd-order Hermite (Catmull-Rom) polynomial: it passes through `y1` and `y2` with
/// the slopes of their neighbours' chords.
pub(super) fn hermite(fraction: f32, [y0, y1, y2, y3]: [f32; 4]) -> f32 {
    let c1 = 0.5 * (y2 - y0);
    let c2 = y0 - 2.5 * y1 + 2.0 * y2 - 0.5 * y3;
    let c3 = 0.5 * (y3 - y0) + 1.5 * (y1 - y2);
    ((c3 * fraction + c2) * fraction + c1) * fraction + y1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passes_through_its_points() {
        let points = [0.3, -0.5, 0.75, 0.1];
        assert_eq!(hermite(0.0, points), points[1]);
        assert!((hermite(1.0, points) - points[2]).abs() < 1e-6);
    }

    #[test]
    fn reproduces_parabolas() {
        let parabola = |x: f32| 0.2 * x * x - 0.7 * x + 0.1;
        let points = [parabola(-1.0), parabola(0.0), parabola(1.0), parabola(2.0)];
        for step in 0..=10 {
            let x = step as f32 / 10.0;
            assert!((hermite(x, points) - parabola(x)).abs() < 1e-6);
        }
    }
}
