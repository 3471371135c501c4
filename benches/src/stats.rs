//! Medians and percentiles.

/// The value that this share (0 to 1) of the values is at or below; 0 without values.
pub(crate) fn percentile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted
        .get(rank.saturating_sub(1))
        .copied()
        .unwrap_or_default()
}

/// Of an even number of values the middle of the two in the middle.
pub(crate) fn median(values: &[f64]) -> f64 {
    let negated: Vec<_> = values.iter().map(|value| -value).collect();
    (percentile(values, 0.5) - percentile(&negated, 0.5)) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_nearest_rank() {
        let values = [5.0, 1.0, 3.0, 2.0, 4.0];
        assert_eq!(
            (
                median(&values),
                percentile(&values, 0.99),
                percentile(&values, 0.2)
            ),
            (3.0, 5.0, 1.0)
        );
        assert_eq!((median(&[]), median(&[4.0, 1.0, 3.0, 2.0])), (0.0, 2.5));
    }
}
