//! Metric families made from figures that are read at the scrape.

use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType};

/// Name and value of a label.
pub type Label = (&'static str, &'static str);

/// A gauge with one sample.
pub fn gauge(name: &str, help: &str, value: f64) -> MetricFamily {
    gauges(name, help, [(&[][..], value)])
}

/// A gauge with a sample for each set of labels.
pub fn gauges<'a>(
    name: &str,
    help: &str,
    samples: impl IntoIterator<Item = (&'a [Label], f64)>,
) -> MetricFamily {
    let metrics = samples.into_iter().map(|(labels, value)| {
        let mut gauge = Gauge::default();
        gauge.set_value(value);
        let mut metric = Metric::from_label(pairs(labels));
        metric.set_gauge(gauge);
        metric
    });
    family(name, help, MetricType::GAUGE, metrics.collect())
}

/// A counter with a sample for each set of labels.
pub fn counters<'a>(
    name: &str,
    help: &str,
    samples: impl IntoIterator<Item = (&'a [Label], u64)>,
) -> MetricFamily {
    let metrics = samples.into_iter().map(|(labels, value)| {
        let mut counter = Counter::default();
        counter.set_value(value as f64);
        let mut metric = Metric::from_label(pairs(labels));
        metric.set_counter(counter);
        metric
    });
    family(name, help, MetricType::COUNTER, metrics.collect())
}

/// A counter with a sample for each value of one label, such as the name of a plugin.
pub fn counters_by(name: &str, help: &str, label: &str, samples: Vec<(String, u64)>) -> MetricFamily {
    let metrics = samples.into_iter().map(|(named, value)| {
        let mut counter = Counter::default();
        counter.set_value(value as f64);
        let mut pair = LabelPair::default();
        pair.set_name(label.to_owned());
        pair.set_value(named);
        let mut metric = Metric::from_label(vec![pair]);
        metric.set_counter(counter);
        metric
    });
    family(name, help, MetricType::COUNTER, metrics.collect())
}

/// A gauge with a sample for each value of one label.
pub fn gauges_by(name: &str, help: &str, label: &str, samples: Vec<(String, f64)>) -> MetricFamily {
    let metrics = samples.into_iter().map(|(named, value)| {
        let mut gauge = Gauge::default();
        gauge.set_value(value);
        let mut pair = LabelPair::default();
        pair.set_name(label.to_owned());
        pair.set_value(named);
        let mut metric = Metric::from_label(vec![pair]);
        metric.set_gauge(gauge);
        metric
    });
    family(name, help, MetricType::GAUGE, metrics.collect())
}

/// A histogram: `counts` has one entry per bound and one for what lies beyond, none of them cumulative.
pub fn histogram(name: &str, help: &str, bounds: &[f64], counts: &[u64], sum: f64) -> MetricFamily {
    let mut total = 0;
    let mut buckets = Vec::with_capacity(bounds.len());
    for (count, bound) in counts.iter().zip(bounds) {
        total += count;
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(*bound);
        bucket.set_cumulative_count(total);
        buckets.push(bucket);
    }
    // The bucket without bound is written from the total.
    total += counts.iter().skip(bounds.len()).sum::<u64>();
    let mut histogram = Histogram::default();
    histogram.set_bucket(buckets);
    histogram.set_sample_count(total);
    histogram.set_sample_sum(sum);
    let mut metric = Metric::default();
    metric.set_histogram(histogram);
    family(name, help, MetricType::HISTOGRAM, vec![metric])
}

fn family(name: &str, help: &str, kind: MetricType, metrics: Vec<Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(name.to_owned());
    family.set_help(help.to_owned());
    family.set_field_type(kind);
    family.set_metric(metrics);
    family
}

fn pairs(labels: &[Label]) -> Vec<LabelPair> {
    let pair = |(name, value): &Label| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value((*value).to_owned());
        pair
    };
    labels.iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(family: MetricFamily) -> String {
        prometheus::TextEncoder::new()
            .encode_to_string(&[family])
            .expect("a valid family")
    }

    #[test]
    fn families_are_written_in_the_text_format() {
        assert_eq!(
            text(gauge("a", "Help.", 0.25)),
            "# HELP a Help.\n# TYPE a gauge\na 0.25\n"
        );
        assert_eq!(
            text(counters("b_total", "Help.", [(&[("k", "v")][..], 7)])),
            "# HELP b_total Help.\n# TYPE b_total counter\nb_total{k=\"v\"} 7\n"
        );
    }

    #[test]
    fn buckets_are_cumulative_and_end_with_infinity() {
        assert_eq!(
            text(histogram("h", "Help.", &[0.5, 1.0], &[1, 2, 3], 9.5)),
            "# HELP h Help.\n# TYPE h histogram\nh_bucket{le=\"0.5\"} 1\nh_bucket{le=\"1\"} 3\nh_bucket{le=\"+Inf\"} 6\n\
             h_sum 9.5\nh_count 6\n"
        );
    }
}
