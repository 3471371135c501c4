//! Traces from a seed: arrivals as a Poisson process whose rate changes over time, exponential durations.

use std::f64::consts::TAU;
use std::time::Duration;

use fastrand::Rng;

use super::Request;

/// A rate that changes steadily is taken as constant for this long, in seconds.
const STEP: f64 = 5.0;

/// A request takes at most this many times the mean: exponential durations have no end.
const LONGEST: f64 = 20.0;

/// How demand goes over time. `rate` is a workload's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Always `rate`.
    Steady,
    /// A twentieth of `rate`, and every 20 minutes in the mean for 10 to 60 s a burst of 10 to 50 times `rate`.
    Bursty,
    /// A sine from nothing at night to twice `rate` at noon; each workload's noon is up to 2 h off.
    Diurnal,
    /// Three times `rate` for 10 minutes in the mean, then nothing for 50 minutes in the mean.
    OnOff,
    /// A tenth of `rate`; once in the trace it rises within 30 s to 100 times `rate` and falls by half every 3 minutes.
    FlashCrowd,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Steady,
        Self::Bursty,
        Self::Diurnal,
        Self::OnOff,
        Self::FlashCrowd,
    ];

    /// As it is written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Steady => "steady",
            Self::Bursty => "bursty",
            Self::Diurnal => "diurnal",
            Self::OnOff => "on-off",
            Self::FlashCrowd => "flash-crowd",
        }
    }
}

/// A trace by its seed.
#[derive(Debug, Clone, PartialEq)]
pub struct Generated {
    /// How demand goes over time.
    pub kind: Kind,
    /// The same seed, the same trace.
    pub seed: u64,
    /// How many workloads. Each has its own rate, from a tenth of `rate` to ten times it, logarithmically uniform.
    pub workloads: usize,
    /// How long.
    pub length: Duration,
    /// The rates' middle, requests per second.
    pub rate: f64,
    /// A request's mean duration.
    pub duration: Duration,
}

/// A time of constant rate, in seconds.
struct Piece {
    from: f64,
    to: f64,
    rate: f64,
}

impl Generated {
    /// One workload's requests, by time.
    #[must_use]
    pub fn requests(&self, workload: usize) -> Vec<Request> {
        // Each workload's own stream, so that it doesn't depend on how many there are.
        let number = u64::try_from(workload).unwrap_or(u64::MAX);
        let mut rng = Rng::with_seed(self.seed ^ number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let rate = self.rate * 10_f64.powf(2.0 * rng.f64() - 1.0);
        let length = self.length.as_secs_f64();
        let pieces = match self.kind {
            Kind::Steady => vec![Piece {
                from: 0.0,
                to: length,
                rate,
            }],
            Kind::Bursty => bursty(&mut rng, rate, length),
            Kind::Diurnal => diurnal(&mut rng, rate, length),
            Kind::OnOff => on_off(&mut rng, rate, length),
            Kind::FlashCrowd => flash_crowd(&mut rng, rate, length),
        };
        let mut requests = Vec::new();
        for piece in pieces {
            self.fill(&piece, &mut rng, &mut requests);
        }
        requests
    }

    fn fill(&self, piece: &Piece, rng: &mut Rng, requests: &mut Vec<Request>) {
        if piece.rate <= 0.0 {
            return;
        }
        let mean = self.duration.as_secs_f64();
        let mut at = piece.from + exponential(rng, 1.0 / piece.rate);
        while at < piece.to {
            let duration = exponential(rng, mean).min(LONGEST * mean);
            requests.push(Request {
                at: micros(at),
                duration: micros(duration),
            });
            at += exponential(rng, 1.0 / piece.rate);
        }
    }
}

fn bursty(rng: &mut Rng, rate: f64, length: f64) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut now = 0.0;
    while now < length {
        let quiet = exponential(rng, 1200.0);
        let burst = 10.0 + 50.0 * rng.f64();
        let height = rate * (10.0 + 40.0 * rng.f64());
        push(&mut pieces, now, now + quiet, rate / 20.0, length);
        push(
            &mut pieces,
            now + quiet,
            now + quiet + burst,
            height,
            length,
        );
        now += quiet + burst;
    }
    pieces
}

fn on_off(rng: &mut Rng, rate: f64, length: f64) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut now = 0.0;
    while now < length {
        let off = exponential(rng, 3000.0);
        let on = exponential(rng, 600.0);
        push(&mut pieces, now + off, now + off + on, 3.0 * rate, length);
        now += off + on;
    }
    pieces
}

fn diurnal(rng: &mut Rng, rate: f64, length: f64) -> Vec<Piece> {
    let shift = (rng.f64() - 0.5) * 4.0 * 3600.0;
    steps(length, |at| {
        rate * (1.0 - (TAU * (at + shift) / 86_400.0).cos())
    })
}

fn flash_crowd(rng: &mut Rng, rate: f64, length: f64) -> Vec<Piece> {
    let start = length * (0.1 + 0.7 * rng.f64());
    steps(length, |at| {
        let crowd = match at - start {
            before if before < 0.0 => 0.0,
            rising if rising < 30.0 => rising / 30.0,
            falling => 0.5_f64.powf((falling - 30.0) / 180.0),
        };
        rate * (0.1 + 100.0 * crowd)
    })
}

/// A rate that changes steadily, in steps.
fn steps(length: f64, rate: impl Fn(f64) -> f64) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut from = 0.0;
    while from < length {
        push(
            &mut pieces,
            from,
            from + STEP,
            rate(from + STEP / 2.0),
            length,
        );
        from += STEP;
    }
    pieces
}

fn push(pieces: &mut Vec<Piece>, from: f64, to: f64, rate: f64, length: f64) {
    if from < length {
        pieces.push(Piece {
            from,
            to: to.min(length),
            rate,
        });
    }
}

fn exponential(rng: &mut Rng, mean: f64) -> f64 {
    -mean * (1.0 - rng.f64()).ln()
}

/// Whole microseconds: finer would only make files longer.
fn micros(seconds: f64) -> Duration {
    let rounded = (seconds.max(0.0) * 1e6).round() / 1e6;
    Duration::try_from_secs_f64(rounded).unwrap_or(Duration::ZERO)
}
