//! Thousands of seeds. `ROUSE_SEED=123 cargo test -p rouse-chaos --test seeds -- one_seed --nocapture` tells what happens in one.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use rouse_chaos::{Bug, Options, Outcome, run};

/// In every test run; with `ROUSE_TEST_LONG` so many times more.
const SEEDS: u64 = 2_000;
const LONG: u64 = 50;

fn seeds() -> u64 {
    let told = std::env::var("ROUSE_SEEDS").ok();
    let told = told.and_then(|told| told.parse().ok());
    let long = std::env::var_os("ROUSE_TEST_LONG").is_some();
    told.unwrap_or(if long { SEEDS * LONG } else { SEEDS })
}

/// On every core; stops at the first seed that `stop` says.
fn each(seeds: u64, bug: Option<Bug>, look: impl Fn(u64, &Outcome) -> bool + Sync) {
    let next = AtomicU64::new(0);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds {
                        return;
                    }
                    let outcome = run(Options {
                        seed,
                        bug,
                        trace: false,
                    });
                    if look(seed, &outcome) {
                        next.store(seeds, Ordering::Relaxed);
                    }
                }
            });
        }
    });
}

#[test]
fn one_seed() {
    let Some(seed) = std::env::var("ROUSE_SEED").ok() else {
        return;
    };
    let seed = seed.parse().expect("ROUSE_SEED is a number");
    let outcome = run(Options {
        seed,
        bug: None,
        trace: true,
    });
    for line in &outcome.trace {
        println!("{line}");
    }
    println!("{outcome}");
    assert_eq!(outcome.violation, None, "seed {seed}");
}

#[test]
fn nothing_breaks_the_invariants() {
    let violations = Mutex::new(Vec::new());
    let total = Mutex::new(Outcome::default());
    each(seeds(), None, |seed, outcome| {
        let mut total = total.lock().unwrap();
        total.events += outcome.events;
        total.answered += outcome.answered;
        total.refused += outcome.refused;
        total.slept += outcome.slept;
        total.woken += outcome.woken;
        total.terms += outcome.terms;
        total.quiesced += outcome.quiesced;
        let mut violations = violations.lock().unwrap();
        violations.extend(outcome.violation.clone().map(|what| (seed, what)));
        violations.len() > 20
    });
    let mut violations = violations.into_inner().unwrap();
    violations.sort();
    let total = total.into_inner().unwrap();
    println!("{total}");
    let seed = violations.first().map_or(0, |(seed, _)| *seed);
    assert!(
        violations.is_empty(),
        "replay with ROUSE_SEED={seed} cargo test -p rouse-chaos --test seeds -- one_seed --nocapture\n{violations:#?}"
    );
}

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in 0..20 {
        let options = Options {
            seed,
            bug: None,
            trace: true,
        };
        let (first, second) = (run(options), run(options));
        for (one, other) in first.trace.iter().zip(&second.trace) {
            assert_eq!(one, other, "seed {seed}");
        }
        assert_eq!(first.hash, second.hash, "seed {seed}");
        assert_eq!(first.events, second.events);
    }
}

/// A check that can't fail proves nothing: each of these mistakes is found within some seeds, by the check that is for it.
#[test]
fn mistakes_are_found() {
    let known = [
        (Bug::SilenceIsDeath, "limit"),
        (Bug::BusyIsQuiet, "quiesce"),
        (Bug::DeafToItsEnd, "one writer"),
        (Bug::HostsAreUnknown, "missing data"),
        (Bug::ResumesAreLost, "wake"),
        (Bug::PermitsAreDoubled, "limit"),
    ];
    for (bug, check) in known {
        let found = Mutex::new(Vec::new());
        each(1_000, Some(bug), |seed, outcome| {
            let violation = outcome.violation.clone();
            let mut found = found.lock().unwrap();
            found.extend(violation.map(|what| (seed, what)));
            found.iter().any(|(_, what)| what.contains(check))
        });
        let found = found.into_inner().unwrap();
        println!("{bug:?}: {found:?}");
        let caught = found.iter().any(|(_, what)| what.contains(check));
        assert!(caught, "{bug:?} is not found as {check}: {found:?}");
    }
}
