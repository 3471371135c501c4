//! The annotations `autoscaling.knative.dev/*`.

use std::collections::BTreeMap;
use std::time::Duration;

use rouse_api::load::FieldPath;

use super::of_networking;
use crate::note::Notes;
use crate::scalar::{go_duration, number};

pub(super) const PREFIX: &str = "autoscaling.knative.dev/";

/// What scales it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Metric {
    Concurrency,
    Rps,
    /// Percent of the requested processor time.
    Cpu,
    /// MiB of each Pod.
    Memory,
}

/// Knative's settings of one revision, with its defaults where it has none.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Settings {
    /// Where they stand.
    pub(super) at: FieldPath,
    pub(super) metric: Metric,
    pub(super) target: Option<f64>,
    pub(super) utilization: f64,
    pub(super) window: Duration,
    /// In percent of the window.
    pub(super) panic_window: f64,
    pub(super) panic_threshold: f64,
    pub(super) down_delay: Duration,
    pub(super) min: u32,
    /// 0: no limit.
    pub(super) max: u32,
    pub(super) initial: u32,
    pub(super) activation: Option<u32>,
    pub(super) retention: Duration,
}

struct Annotations<'a> {
    at: FieldPath,
    /// By their names without the prefix, in the form with dashes.
    left: BTreeMap<String, (String, String)>,
    notes: &'a mut Notes,
}

impl Settings {
    /// With the annotations that belong to the Pods.
    pub(super) fn read(
        (at, all): (FieldPath, BTreeMap<String, String>),
        notes: &mut Notes,
    ) -> (Self, BTreeMap<String, String>) {
        let (mut left, mut others) = (BTreeMap::new(), BTreeMap::new());
        for (key, value) in all {
            if let Some(name) = key.strip_prefix(PREFIX) {
                left.insert(with_dashes(name), (key.clone(), value));
            } else if let Some(why) = own(&key) {
                notes.lost(&at.key(&key), why);
            } else {
                others.insert(key, value);
            }
        }
        let mut all = Annotations { at, left, notes };
        let read = all.settings();
        all.rest();
        (read, others)
    }
}

/// Why an annotation that is about Knative is not carried over.
fn own(key: &str) -> Option<&'static str> {
    if key.starts_with("queue.sidecar.serving.knative.dev/") {
        return Some("has no counterpart: Rouse puts no sidecar into Pods");
    }
    if key == "serving.knative.dev/progress-deadline" {
        return Some("is not carried over: write progressDeadlineSeconds into the Deployment");
    }
    if key.starts_with("features.knative.dev/") {
        return Some("has no counterpart: in a Deployment it needs no permission");
    }
    of_networking(key)
}

/// Older manifests write `minScale`.
fn with_dashes(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            out.push('-');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

impl Annotations<'_> {
    fn settings(&mut self) -> Settings {
        let class = self.text("class");
        if let Some((_, class)) = &class
            && class != "kpa.autoscaling.knative.dev"
            && class != "hpa.autoscaling.knative.dev"
        {
            let message = format!("{class} is unknown here; Rouse scales by its own");
            self.notes
                .lost(&self.at.key(&format!("{PREFIX}class")), message);
        }
        let of_hpa = class.is_some_and(|(_, class)| class == "hpa.autoscaling.knative.dev");
        let metric = match self.text("metric") {
            None if of_hpa => Metric::Cpu,
            None => Metric::Concurrency,
            Some((key, metric)) => match metric.as_str() {
                "concurrency" => Metric::Concurrency,
                "rps" => Metric::Rps,
                "cpu" => Metric::Cpu,
                "memory" => Metric::Memory,
                _ => {
                    let message = format!(
                        "{metric} has no counterpart by itself: write it as a prometheus trigger; concurrency was taken"
                    );
                    self.notes.lost(&self.at.key(&key), message);
                    Metric::Concurrency
                }
            },
        };
        if let Some((key, value)) = self.text("target-burst-capacity")
            && value != "-1"
        {
            let message = "has no counterpart: Rouse is always in the path, as with -1";
            self.notes.lost(&self.at.key(&key), message);
        }
        if let Some((key, value)) = self.text("metric-aggregation-algorithm")
            && value != "linear"
        {
            let message = format!("{value} has no counterpart: averages are linear");
            self.notes.lost(&self.at.key(&key), message);
        }
        Settings {
            at: self.at.clone(),
            metric,
            target: self.number("target", 0.01, f64::MAX),
            utilization: self
                .number("target-utilization-percentage", 1.0, 100.0)
                .unwrap_or(70.0),
            window: self.duration("window", (6, 3600), 60),
            panic_window: self
                .number("panic-window-percentage", 1.0, 100.0)
                .unwrap_or(10.0),
            panic_threshold: self
                .number("panic-threshold-percentage", 110.0, 1000.0)
                .unwrap_or(200.0),
            down_delay: self.duration("scale-down-delay", (0, 3600), 0),
            min: self.whole("min-scale").unwrap_or(0),
            max: self.whole("max-scale").unwrap_or(0),
            initial: self.whole("initial-scale").unwrap_or(1),
            activation: self.whole("activation-scale"),
            retention: self.duration("scale-to-zero-pod-retention-period", (0, 3600), 0),
        }
    }

    /// The annotation as it was written, with its value.
    fn text(&mut self, name: &str) -> Option<(String, String)> {
        let (key, value) = self.left.remove(name)?;
        Some((key, value.trim().to_owned()))
    }

    fn number(&mut self, name: &str, least: f64, most: f64) -> Option<f64> {
        let (key, value) = self.text(name)?;
        let number = number(value.trim_end_matches('%'));
        let number = number.filter(|number| (least..=most).contains(number));
        if number.is_none() {
            let wanted = match most {
                f64::MAX => format!("a number of at least {least}"),
                most => format!("a number from {least} to {most}"),
            };
            let message =
                format!("is {value:?}; {wanted} is wanted, and Knative's default was taken");
            self.notes.mistake(&self.at.key(&key), message);
        }
        number
    }

    fn whole(&mut self, name: &str) -> Option<u32> {
        let (key, value) = self.text(name)?;
        let number = value.parse().ok();
        if number.is_none() {
            let message =
                format!("is {value:?}; a whole number is wanted, and Knative's default was taken");
            self.notes.mistake(&self.at.key(&key), message);
        }
        number
    }

    /// `within` and `default` in seconds.
    fn duration(&mut self, name: &str, (least, most): (u64, u64), default: u64) -> Duration {
        let default = Duration::from_secs(default);
        let Some((key, value)) = self.text(name) else {
            return default;
        };
        let range = Duration::from_secs(least)..=Duration::from_secs(most);
        let duration = go_duration(&value).filter(|duration| range.contains(duration));
        if duration.is_none() {
            let message = format!(
                "is {value:?}; a duration from {least}s to {most}s is wanted, and Knative's default was taken"
            );
            self.notes.mistake(&self.at.key(&key), message);
        }
        duration.unwrap_or(default)
    }

    fn rest(self) {
        for (key, _) in self.left.values() {
            let message = "is not known here, and not carried over";
            self.notes.lost(&self.at.key(key), message);
        }
    }
}
